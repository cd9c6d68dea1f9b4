"""Reports that stand ready for those who may see some systems alone: of now or not by what is seen, and nobody else's."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import made
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from orchestrail.errors import NotRecorded
from orchestrail.operations import standing_in_part
from orchestrail.operations.checking import Question, check
from orchestrail.operations.standing_in_part import StandingInPart
from orchestrail.projections.apply import apply, rebuild
from orchestrail.queries.runs import runs
from orchestrail.queries.seen import is_little
from orchestrail.queries.snapshot import snapshot
from orchestrail.requirements.catalogue import load_catalogue
from orchestrail.requirements.report import report_document
from orchestrail.store.base import Incoming
from orchestrail.web.judging import Judge

DAY = date(2026, 3, 2)
CATALOGUE = load_catalogue()
ASKED = Question(profile="build", day=DAY, afar=True, systems=frozenset({"ours"}))
THEIRS = replace(ASKED, systems=frozenset({"theirs"}))
BOTH = replace(ASKED, systems=frozenset({"ours", "theirs"}))


def of(system: str | None, number: int, **more: Any) -> dict[str, Any]:
    """A run of a system."""
    return made.event("COMPLETE", number, **{"ours": {"system": system}} | more)


@pytest.fixture
def log() -> Any:
    """Two systems that each wrote a model of their own from the same table."""
    found = made.MemoryLog()
    for number, system in enumerate(("ours", "theirs"), 1):
        model = made.dataset(f"/models/{system}", system, kind="model")
        found.add(of(system, number, inputs=[made.dataset("/data", "x")], outputs=[model]))
    return found


def kept(log: Any, *questions: Question) -> StandingInPart:
    """Answers to some questions."""
    found = StandingInPart(log, CATALOGUE)
    for asked in questions:
        found.answer(asked)
    return found


def test_what_was_answered_is_answered_again_without_judging(log, monkeypatch):
    """The same document, to the byte; no head of the log is in it."""
    judged = kept(log, ASKED)
    due = report_document(check(log, CATALOGUE, ASKED))
    monkeypatch.setattr(standing_in_part, "check", None)
    found = judged.standing(ASKED)
    assert (found.current, report_document(found.report)) == (True, due)
    assert due["head"] is None
    assert any(verdict["results"] for verdict in due["verdicts"])


def test_an_answer_is_of_the_systems_that_it_was_judged_by(log):
    """Neither those of another system are given it, nor those of more; nor one of another question."""
    judged = kept(log, ASKED)
    assert judged.standing(ASKED).current
    for other in (THEIRS, BOTH, replace(ASKED, profile="release"), replace(ASKED, system="ours")):
        assert judged.standing(other).report is None
    judged.answer(THEIRS)
    said = [str(report_document(judged.standing(asked).report)) for asked in (ASKED, THEIRS)]
    assert [made.run_id(1) in text for text in said] == [True, False]
    assert [made.run_id(2) in text for text in said] == [False, True]


def test_what_others_send_makes_no_answer_an_older_one(log):
    """Runs of another system and of none, what it withdraws and what is refused; for whoever sees that system too it is older."""
    judged = kept(log, ASKED, THEIRS, BOTH)
    facts = {"namespace": "file", "version": None, "withdrawnAt": made.at(3), "reason": "It is old.", "by": None}
    log.add(of(None, 3), of("theirs", 4, parent=1), made.record("orchestrail_withdrawal", name="/theirs", **facts))
    log.add(made.reconciliation("prefect"))
    assert [judged.standing(asked).current for asked in (ASKED, THEIRS, BOTH)] == [True, False, False]
    assert report_document(judged.standing(ASKED).report) == report_document(check(log, CATALOGUE, ASKED))


WITHDRAWN = {"namespace": "file", "version": None, "withdrawnAt": made.at(3), "reason": "It is old.", "by": None}
CHANGES = {
    "a run": [of("ours", 5)],
    "a run that names none below one of it": [of(None, 5, parent=1)],
    "an event of a run": [made.event("FAIL", 1, ours={"system": "ours"})],
    "a run that another one takes away": [of(None, 5, parent=8, root=1), of("theirs", 8)],
    "a withdrawal of what it read": [made.record("orchestrail_withdrawal", name="/data", digest=None, **WITHDRAWN)],
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_seen_makes_an_answer_an_older_one(log, change):
    """It is shown, and said to be older, until it is judged again."""
    *before, last = CHANGES[change]
    log.add(*before)
    judged = kept(log, ASKED)
    assert judged.standing(ASKED).current
    log.add(last)
    older = judged.standing(ASKED)
    assert (older.current, older.report.kind) == (False, "everything")
    judged.answer(ASKED)
    assert judged.standing(ASKED).current


def test_tables_made_anew_make_an_answer_an_older_one(log):
    """Out of less, as after an erasure, they may be others by the same log; and an answer for another day is none."""
    judged = kept(log, ASKED)
    assert judged.standing(replace(ASKED, day=DAY + timedelta(days=1))).report is None
    rebuild(log)
    assert not judged.standing(ASKED).current


def test_what_is_kept_is_bounded(log, monkeypatch):
    """What was not asked for goes first."""
    monkeypatch.setattr(standing_in_part, "KEPT", 2)
    judged = kept(log, ASKED, THEIRS)
    judged.standing(ASKED)
    judged.answer(BOTH)
    assert [judged.standing(asked).current for asked in (ASKED, THEIRS, BOTH)] == [True, False, True]


def test_little_is_what_belongs_to_the_systems(log):
    """Counted in events, runs that name no system with them; how much there is of others makes no difference."""
    log.add(of(None, 5, parent=1), *(of("theirs", number) for number in range(10, 15)))
    log.add(made.event("START", 5), of("ours", 1))
    with snapshot(log) as record:
        assert [is_little(record, {"ours"}, most) for most in (3, 4)] == [False, True]
        assert [is_little(record, {"ours", "theirs"}, most) for most in (9, 10)] == [False, True]
        assert is_little(record, {"nobody"}, 0)


def settled(judge: Judge, asked: Question) -> Any:
    """Wait for an answer of now."""
    while not (found := judge.standing(asked)).current:
        time.sleep(0.01)
    return found.report


def test_much_is_judged_beside_the_request(store):
    """A page has no verdicts first, then those of now; what is not seen is told as what is not there, whoever writes meanwhile."""

    def add(event: dict[str, Any]) -> None:
        store.append([Incoming(made.body(event), "test")])

    add(of("ours", 1))
    add(of("theirs", 2))
    judge = Judge(store, CATALOGUE, at_once=0)
    lost = replace(ASKED, target=made.run_id(2))
    assert judge.standing(ASKED).report is judge.standing(lost).report is None
    working = threading.Thread(target=judge.work)
    working.start()
    try:
        assert report_document(settled(judge, ASKED)) == report_document(check(store, CATALOGUE, ASKED))
        with pytest.raises(NotRecorded):
            settled(judge, lost)
        add(of("theirs", 9))
        assert judge.standing(ASKED).current
        with pytest.raises(NotRecorded):
            judge.standing(lost)
    finally:
        judge.end()
        working.join()
    assert Judge(store, CATALOGUE).standing(ASKED).current


def test_a_check_is_answered_by_what_is_kept_of_now_alone(log, monkeypatch):
    """It judges first, and again when something changed that is seen."""
    judge, judging = Judge(log, CATALOGUE, at_once=0), []

    def counted(*given: Any) -> Any:
        judging.append(given)
        return check(*given)

    monkeypatch.setattr(standing_in_part, "check", counted)
    for system, times in ((None, 1), ("theirs", 1), ("ours", 2)):
        log.add(of(system, 9 + times, job=str(system)))
        assert report_document(judge.report(ASKED)) == report_document(check(log, CATALOGUE, ASKED))
        assert len(judging) == times, system


@st.composite
def records(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Events of few runs, each of one of two systems or of none, none of which took a result: see decision 0021."""
    events = draw(made.event_lists())
    of = {event["run"]["runId"]: draw(st.sampled_from(["ours", "ours", "theirs", None])) for event in events}
    for event in events:
        event["run"]["facets"]["orchestrail_run"]["system"] = of[event["run"]["runId"]]
        event["run"]["facets"]["orchestrail_run"].pop("cacheKey", None)
    return events


@given(records())
@settings(max_examples=25, deadline=None)
def test_what_stands_ready_is_what_stands_ready_where_nothing_else_was_written(events):
    """After each event: of now in a mixed record where it is in one of its own, and in the same words."""
    mixed, alone, own = made.MemoryLog(), made.MemoryLog(), set()
    both = made.MemoryLog()
    both.add(*events)
    with snapshot(both, systems=ASKED.systems) as record:
        own = {row.run_id for row in runs(record, every=True)}
    here, there = StandingInPart(mixed, CATALOGUE), StandingInPart(alone, CATALOGUE)
    for event in events:
        mixed.add(event)
        if event["run"]["runId"] in own:
            alone.add(event)
        apply(mixed)
        with snapshot(mixed, systems=ASKED.systems) as one, snapshot(alone, systems=ASKED.systems) as other:
            # One that names none is of its root's system, whoever stands between: without those it may be of none.
            assume([row.run_id for row in runs(one, every=True)] == [row.run_id for row in runs(other, every=True)])
        ready = [each.standing(ASKED) for each in (here, there)]
        assert ready[0].current == ready[1].current
        for each in (here, there):
            each.answer(ASKED)
        found = [_without_places(report_document(each.standing(ASKED).report)) for each in (here, there)]
        assert found[0] == found[1] == _without_places(report_document(check(mixed, CATALOGUE, ASKED)))


def _without_places(document: Any) -> Any:
    if isinstance(document, dict):
        return {key: _without_places(value) for key, value in document.items() if key != "sequence"}
    return [_without_places(each) for each in document] if isinstance(document, list) else document
