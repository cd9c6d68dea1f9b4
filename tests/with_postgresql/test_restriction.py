"""What those see who may see some systems alone: the tables of this engine lie in a schema of their own."""

from __future__ import annotations

from datetime import date

import made
import pytest

from orchestrail.errors import Forbidden
from orchestrail.operations.checking import Question, check
from orchestrail.operations.standing_in_part import StandingInPart
from orchestrail.queries.datasets import datasets
from orchestrail.queries.runs import runs
from orchestrail.queries.scans import scanned
from orchestrail.queries.snapshot import snapshot
from orchestrail.requirements.catalogue import load_catalogue
from orchestrail.store import open_store
from orchestrail.store.base import Incoming


def test_rows_of_other_systems_are_not_there(place):
    """A run is seen with its system's token, its steps too, and nothing of a run that names another system or none."""
    events = [made.event("START", 9, job="nobody")]
    for first, system in ((1, "scoring"), (5, "fraud")):
        events.append(made.event("START", first, job=system, ours={"system": system}))
        model = made.dataset(f"/models/{system}", system, kind="model")
        events.append(made.event("START", first + 1, job=f"{system}.fit", parent=first, outputs=[model]))
    # One that the other system's run called: what hangs on it hangs on nothing that is not seen.
    events += [made.event("START", n, job=f"called-{n}", parent=n - 1, ours={"system": "scoring"}) for n in (7, 8)]
    store = open_store(place.url, home=place.home, create=True)
    store.append([Incoming(made.body(event), "test", event_time=event["eventTime"]) for event in events])

    with snapshot(store, systems=["scoring"]) as record:
        assert {row.job.name for row in runs(record, every=True)} == {"scoring", "scoring.fit", "called-7", "called-8"}
        assert {row.root_run_id for row in runs(record, every=True)} == {made.run_id(1), made.run_id(7)}
        assert check(store, load_catalogue(), Question(systems=frozenset({"scoring"}), day=date(2026, 3, 2))).verdicts
        assert [one.name for one in datasets(record, 9, kind="model")] == ["/models/scoring"]
        assert datasets(record, 9, after=("/models/scoring", "file")) == []
        with pytest.raises(Forbidden):
            scanned(record)
    with snapshot(store, systems=[]) as record:
        assert runs(record, every=True) == []
    with snapshot(store) as record:
        assert len(runs(record, every=True)) == 7


def test_an_answer_about_some_systems_grows_old_by_these(place):
    """What others send leaves it one of now; how much there is counts the events of these alone."""
    store = open_store(place.url, home=place.home, create=True)

    def add(number: int, system: str) -> None:
        store.append([Incoming(made.body(made.event("START", number, ours={"system": system})), "test")])

    add(1, "scoring")
    add(2, "fraud")
    asked = Question(systems=frozenset({"scoring"}), day=date(2026, 3, 2))
    answers = StandingInPart(store, load_catalogue())
    answers.answer(asked)
    add(3, "fraud")
    assert answers.standing(asked).current
    assert [answers.is_short(asked, most) for most in (0, 1)] == [False, True]
    add(4, "scoring")
    assert not answers.standing(asked).current
