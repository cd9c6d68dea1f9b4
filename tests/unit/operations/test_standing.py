"""Reports that stand ready: what they rest on, and that nothing older is taken for what is now."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from datetime import date

import made
import pytest

from orchestrail.errors import NotRecorded
from orchestrail.operations import judging
from orchestrail.operations.checking import Question, check
from orchestrail.operations.standing import Standing, answer, standing
from orchestrail.projections.apply import apply
from orchestrail.queries.snapshot import is_behind, snapshot
from orchestrail.requirements.catalogue import load_catalogue
from orchestrail.requirements.report import report_document
from orchestrail.store.base import Incoming, Store
from orchestrail.web.judging import Judge

DAY = date(2026, 3, 2)
ASKED = Question(profile="build", day=DAY)

CATALOGUE = load_catalogue()


def add(store: Store, *events: dict[str, object]) -> None:
    """Put events into the log."""
    store.append([Incoming(made.body(event), "test") for event in events])


def asked_in_vain(judge: Judge, asked: Question) -> NotRecorded | None:
    """Ask for what is not on the record; give the error, None while nobody knows yet."""
    try:
        judge.standing(asked)
    except NotRecorded as error:
        return error
    return None


@pytest.fixture
def recorded(store: Store) -> Store:
    """A store with a run that contradicts itself."""
    add(store, made.event("START", 1, job="train"), made.event("COMPLETE", 1, job="other"))
    apply(store)
    return store


def test_what_was_answered_is_answered_again_without_judging(recorded, monkeypatch):
    """The same document, to the byte, as long as the log, the day and the catalogue are the same."""
    assert standing(recorded, CATALOGUE, ASKED) == Standing(None, current=False)
    document = report_document(answer(recorded, CATALOGUE, ASKED))
    monkeypatch.setattr("orchestrail.operations.standing.check", None)
    found = standing(recorded, CATALOGUE, ASKED)
    assert (found.current, report_document(found.report)) == (True, document)
    assert any(verdict["witnesses"] for verdict in document["verdicts"])


@pytest.mark.parametrize("target", [None, made.run_id(1)])
def test_a_kept_report_is_that_of_check(recorded, target):
    """For all that is on the record, and for a run."""
    asked = replace(ASKED, target=target)
    answer(recorded, CATALOGUE, asked)
    kept = standing(recorded, CATALOGUE, asked).report
    assert report_document(kept) == report_document(check(recorded, CATALOGUE, asked))


def test_what_came_since_makes_a_report_an_older_one(recorded):
    """An event, something that was refused, or another day: it says what it rests on, and is not of now."""
    answer(recorded, CATALOGUE, ASKED)
    tomorrow = standing(recorded, CATALOGUE, replace(ASKED, day=date(2026, 3, 3)))
    assert (tomorrow.current, tomorrow.report.day) == (False, DAY)
    recorded.quarantine(b"{", "not_json", "it is no JSON", "test")
    assert not standing(recorded, CATALOGUE, ASKED).current
    answer(recorded, CATALOGUE, ASKED)
    assert standing(recorded, CATALOGUE, ASKED).current
    add(recorded, made.event("START", 2))
    older = standing(recorded, CATALOGUE, ASKED)
    assert (older.current, older.report.size) == (False, 2)


def test_a_report_by_another_catalogue_answers_nothing(recorded):
    """Nor one of another question."""
    answer(recorded, CATALOGUE, ASKED)
    assert standing(recorded, replace(CATALOGUE, digest="sha256:other"), ASKED).report is None
    assert standing(recorded, CATALOGUE, replace(ASKED, profile="release")).report is None


def test_a_report_of_less_does_not_replace_one_of_more(recorded):
    """As a server that took long to judge would do to another one."""
    add(recorded, made.event("START", 2))
    answer(recorded, CATALOGUE, ASKED)
    with recorded.project() as connection:
        connection.exec_driver_sql("UPDATE proj_report SET size = size + 10")
    answer(recorded, CATALOGUE, ASKED)
    assert standing(recorded, CATALOGUE, ASKED).report.size == 13


def test_a_long_record_is_judged_beside_the_request(recorded):
    """A page has no verdicts first, then those of now; a target that is not there is told, too."""
    judge = Judge(recorded, CATALOGUE, at_once=0)
    lost = replace(ASKED, target="nothing")
    assert judge.standing(ASKED) == judge.standing(lost) == Standing(None, current=False)
    working = threading.Thread(target=judge.work)
    working.start()
    while not judge.standing(ASKED).current:
        time.sleep(0.01)
    while asked_in_vain(judge, lost) is None:
        time.sleep(0.01)
    judge.end()
    working.join()
    assert asked_in_vain(judge, lost).do


def test_a_short_record_is_judged_at_once(recorded):
    """Nobody waits for another look."""
    assert Judge(recorded, CATALOGUE).standing(ASKED).current


def test_two_who_judge_all_at_once_count_nothing_twice(recorded, monkeypatch):
    """The second to be ready sees that the first was faster, and judges what changed since."""
    alone = report_document(check(recorded, CATALOGUE, ASKED))
    with recorded.project() as connection:
        connection.exec_driver_sql("DELETE FROM proj_meta WHERE key = 'judged'")
    judge_once, others = judging._Everything.judge, []

    def overtaken(self, connection):
        judge_once(self, connection)
        if not others:
            others.append(None)
            others[0] = report_document(check(recorded, CATALOGUE, ASKED))

    monkeypatch.setattr(judging._Everything, "judge", overtaken)
    assert report_document(check(recorded, CATALOGUE, ASKED)) == others[0] == alone


def test_who_does_not_wait_is_told_that_there_is_more(store):
    """What was applied before can be asked about; a little more is applied at once."""
    add(store, *(made.event("START", number) for number in range(300)))
    with snapshot(store, waits=False) as record:
        assert not is_behind(record)  # there were no tables: the first entries of the log are waited for
    add(store, made.event("START", 300))
    with snapshot(store, waits=False) as record:
        assert not is_behind(record)
        assert record.exec_driver_sql("SELECT count(*) FROM proj_run").scalar() == 301
    add(store, *(made.event("START", number) for number in range(301, 600)))
    with snapshot(store, waits=False) as record:
        assert is_behind(record)
        assert record.exec_driver_sql("SELECT count(*) FROM proj_run").scalar() == 301
