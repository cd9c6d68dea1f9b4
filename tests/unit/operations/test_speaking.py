"""Whose a run is, is asked of the log, however far the tables are."""

from __future__ import annotations

import pytest

from orchestrail.operations.speaking import of_others
from orchestrail.operations.tokens import Scope, Tokens
from orchestrail.projections.apply import apply, behind
from orchestrail.store.base import Incoming

FRAUD, SCORING = {"system": "fraud"}, {"system": "scoring"}


@pytest.mark.parametrize("applied", [True, False])
def test_runs_of_others_are_known_by_the_log(store, settings, made, applied):
    """By what the tables hold, and by what the log holds beyond them: of runs, of those above, and of those that wait below."""
    told = [
        made.event("START", 1, ours=FRAUD),
        made.event("START", 2, parent=1),
        made.event("START", 4, parent=3),
        made.event("START", 6, parent=5, root=7),
    ]
    store.append([Incoming(made.body(event), "token:of-fraud") for event in told])
    if applied:
        apply(store)
    own = [
        made.event("START", 10, ours=SCORING, parent=1),
        made.event("START", 11, parent=10, root=1),
        made.event("START", 12),
    ]
    others = [
        made.event("COMPLETE", 1, ours=SCORING),
        made.event("FAIL", 2),
        made.event("START", 8, parent=2),
        made.event("START", 9, parent=99, root=1),
        made.event("START", 3, ours=SCORING),
        made.event("START", 7, ours=SCORING),
        made.event("START", 13, ours=FRAUD),
    ]
    items = [Incoming(made.body(event), "") for event in [*own, *others]]

    found = of_others(store, items, "token:of-scoring", {"scoring"}, Tokens(settings.home))

    assert sorted(found) == list(range(len(own), len(items)))


def test_nothing_is_written_for_an_event_of_a_run_of_its_own(store, settings, made):
    """The tables stay as far as they are where what they lack cannot matter: each event would wait for a transaction of its own."""
    tokens = Tokens(settings.home)
    token, _ = tokens.create("scoring", [Scope.WRITE], ["scoring"])
    apply(store)
    for number in range(1, 4):
        item = Incoming(made.body(made.event("START", number, ours=SCORING)), token.source)
        assert of_others(store, [item], token.source, {"scoring"}, tokens) == {}
        store.append([item])
    assert behind(store) == 3
    again = Incoming(made.body(made.event("COMPLETE", 3)), "")
    assert list(of_others(store, [again], "token:of-fraud", {"fraud"}, tokens)) == [0]
    assert behind(store) == 0
