"""What the end of a DAG run tells of task instances that no hook told of: by Airflow's table, the ledger, and what people did."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow_home import IS_2, ends, facts
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrail.adapter import Owner, Recorder, State, this_process
from orchestrail.settings import load_settings
from orchestrail.testing import spooled_events
from orchestrail_airflow import plugin, translate
from orchestrail_airflow.ledger import Ledger
from orchestrail_airflow.manual import Change
from orchestrail_airflow.reconcile import Instance, Reconciling, untried

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DAG_RUN = SimpleNamespace(dag_id="dag", run_id="manual__1", logical_date=NOW, run_after=NOW, clear_number=0, conf=None)
REF = translate.dag_run_ref("bank", DAG_RUN, None)
ELSEWHERE = Owner("other-host", "another-boot", "pid:[1]", 7, 7)
GONE = Owner(*(getattr(this_process(), name) for name in ("host", "bootId", "pidNamespace")), 2**22 + 1, 7)
MARKED = Change("marked", "task", "success", NOW, "sha256:somebody", "looked at it")


def instance(state: str | None, **more: Any) -> Instance:
    """One try of the task, as Airflow's table has it."""
    said = {"task_id": "task", "map_index": -1, "try_number": 1, "started": NOW, "ended": NOW, "host": "here"}
    return Instance(**said | {"state": state} | more)


def told_of(
    home: Path,
    *instances: Instance,
    begun_by: Owner | None = None,
    ended: State | None = None,
    changes: tuple[Change, ...] = (),
    cut_off: bool = False,
    known_since: datetime | None = None,
) -> list[dict[str, Any]]:
    """Give the events that the end of the DAG run tells, where the ledger holds what is said.

    The ledger begins with the beginning of the DAG run, where `known_since` says when that was told.
    """
    home.mkdir(exist_ok=True)
    found = load_settings(home=home, spool=home / "spool")
    info = plugin.adapter_info()
    assert info is not None
    ledger = Ledger.of(found.spool, "dag", "manual__1")
    run_id = translate.task_run_id("bank", DAG_RUN, "task", 1, -1)
    if begun_by is not None:
        noted(ledger, run_id, "task", -1, 1, owner=begun_by.as_dict())
    if known_since is not None:
        noted(ledger, REF.run_id, at=known_since.timestamp())
    if ended is not None:
        ledger.ended(run_id, "task", -1, 1, state=ended)
    recorder = Recorder(info, found)
    reconciling = Reconciling(recorder, "bank", DAG_RUN, None, REF, ledger, changes, cut_off, "host")
    reconciling.tell_of(instances)
    first = spooled_events(found.spool)
    reconciling.tell_of(instances)
    recorder.close()
    assert spooled_events(found.spool) == first  # what was told once is not told again
    return first


def noted(ledger: Ledger, *what: Any, **otherwise: object) -> None:
    """Note a beginning as another process, or one at another time, would have noted it."""
    ledger.begun(*what)
    *before, last = ledger.path.read_text().splitlines()
    said = json.dumps(json.loads(last) | otherwise, separators=(",", ":"))
    ledger.path.write_text("".join(f"{line}\n" for line in (*before, said)))


def only(events: list[dict[str, Any]]) -> dict[str, Any]:
    """Give the only event."""
    (event,) = events
    return event


def test_a_task_killed_here_ends_as_airflow_has_it(tmp_path: Path) -> None:
    """Its process is gone; the scheduler tells, and nothing is concluded."""
    event = only(told_of(tmp_path, instance("failed"), begun_by=GONE))
    assert (event["eventType"], facts(event)["toldBy"]) == ("FAIL", "scheduler")
    assert "orchestrail_inferred" not in event["run"]["facets"]


def test_a_task_killed_on_another_host_ends_by_conclusion(tmp_path: Path) -> None:
    """Whether it is gone cannot be seen from here: an end that its own host reports later goes before this one."""
    event = only(told_of(tmp_path, instance("failed"), begun_by=ELSEWHERE))
    assert event["eventType"] == "FAIL"
    assert event["run"]["facets"]["orchestrail_inferred"]["fields"] == ["state", "ended_at"]


def test_a_task_that_lives_tells_its_own_end(tmp_path: Path) -> None:
    """Airflow's table is a moment ahead of the hook."""
    assert told_of(tmp_path, instance("success"), begun_by=this_process()) == []


def test_a_dag_run_that_timed_out_takes_its_tasks_along(tmp_path: Path) -> None:
    """Airflow has them as skipped, and kills them: they were cut off, and did not skip themselves."""
    event = only(told_of(tmp_path, instance("skipped"), begun_by=this_process(), cut_off=True))
    assert event["eventType"] == "ABORT"


def test_what_ran_before_we_were_there_is_not_told(tmp_path: Path) -> None:
    """It began without us: the record begins where the installation does. What never ran can still be told as skipped."""
    assert told_of(tmp_path, instance("success"), instance("failed", try_number=2)) == []
    assert facts(only(told_of(tmp_path, instance("upstream_failed", try_number=0, host=None))))["state"] == "SKIPPED"


QUEUED = NOW - timedelta(seconds=5)
KNOWN = NOW - timedelta(minutes=1)


@pytest.mark.parametrize("one", [instance("failed", queued=QUEUED), instance("failed", queued=QUEUED, is_past=True)])
def test_a_try_of_which_no_process_told_is_concluded(tmp_path: Path, one: Instance) -> None:
    """Its process was killed before any listener was called: Airflow's times, and no word that this was seen."""
    begun, ended = told_of(tmp_path, replace(one, ended=NOW + timedelta(seconds=2)), known_since=KNOWN)
    assert (begun["eventType"], ended["eventType"], facts(ended)["toldBy"]) == ("RUNNING", "FAIL", "scheduler")
    assert [one["eventTime"] for one in (begun, ended)] == [
        "2026-03-01T12:00:00.000000Z",
        "2026-03-01T12:00:02.000000Z",
    ]
    assert ended["run"]["facets"]["orchestrail_inferred"]["fields"] == ["state", "ended_at"]
    assert "told nothing" in ended["run"]["facets"]["errorMessage"]["message"]


def test_of_which_no_process_told_only_a_failed_try_is_concluded(tmp_path: Path) -> None:
    """One that succeeded, or skipped itself, did run, and was recorded where it ran or nowhere; what is not over has no end."""
    for state in ("success", "skipped", "running", "up_for_retry", "deferred", None):
        assert told_of(tmp_path / str(state), instance(state, queued=QUEUED), known_since=KNOWN) == []


def test_a_try_from_before_the_ledger_is_not_concluded(tmp_path: Path) -> None:
    """The installation was not there yet, or the ledger was lost, and what it held was told."""
    before = instance("failed", queued=QUEUED, is_past=True)
    assert told_of(tmp_path / "before", before, known_since=NOW) == []
    assert told_of(tmp_path / "unknown", replace(before, queued=None), known_since=KNOWN) == []


def test_a_state_given_by_hand_to_a_try_of_which_no_process_told(tmp_path: Path) -> None:
    """Who and why, and nothing is concluded."""
    changes = (replace(MARKED, state="failed"),)
    _, ended = told_of(tmp_path, instance("failed", queued=QUEUED), known_since=KNOWN, changes=changes)
    assert (facts(ended)["toldBy"], facts(ended)["changedBy"]) == ("person", "sha256:somebody")
    assert "orchestrail_inferred" not in ended["run"]["facets"]


def test_a_queued_try_that_airflow_took_back_never_began(tmp_path: Path) -> None:
    """Its row has the host and the times of the try before: none of them is its own."""
    first = instance("failed", queued=QUEUED, is_past=True, ended=NOW + timedelta(seconds=1))
    again = replace(first, try_number=2, queued=NOW + timedelta(seconds=4))
    last = instance("success", try_number=3, started=NOW + timedelta(seconds=40), ended=NOW + timedelta(seconds=41))
    found = untried([first, again, last])
    assert found == [first, replace(again, host=None, started=None, ended=None), last]
    event = only(told_of(tmp_path, *found, begun_by=GONE, ended=State.FAIL, known_since=KNOWN))
    assert (event["eventType"], facts(event)["attempt"]) == ("FAIL", 2)
    assert event["eventTime"] == "2026-03-01T12:00:04.000000Z"
    assert "before it began" in event["run"]["facets"]["errorMessage"]["message"]
    assert "queued" in event["run"]["facets"]["orchestrail_inferred"]["reason"]


TAKE_BACK = """
import sys
from datetime import UTC, datetime
from airflow.jobs.job import Job
from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance, clear_task_instances
from airflow.settings import Session
from orchestrail_airflow.reconcile import _instances

session = Session()
dead = Job(job_type="SchedulerJob", state="failed")
session.add(dead)
one = session.query(TaskInstance).filter_by(dag_id="failing", task_id="fails").one()
dag_run = session.query(DagRun).filter_by(dag_id="failing").one()
clear_task_instances([one], session)
session.commit()
dag_run.state, one.state, one.try_number = "running", sys.argv[1], 2
one.queued_dttm, one.queued_by_job_id = datetime.now(UTC), dead.id
if one.state == "running":
    one.start_date, one.end_date = datetime.now(UTC), None
session.commit()
SchedulerJobRunner(Job()).adopt_or_reset_orphaned_tasks(session=session)
session.commit()
for row in _instances(dag_run):
    if row.task_id == "fails" and row.is_past:
        unknown = [name for name in ("host", "started", "ended", "queued") if getattr(row, name) is None]
        print("row", row.try_number, row.state, *unknown)
"""


@pytest.mark.parametrize(("state", "unknown"), [("queued", "host started ended"), ("running", "")])
def test_a_try_that_airflow_itself_took_back(failed, state: str, unknown: str) -> None:
    """A real scheduler's code, on a database in which a try failed and the next was begun by a scheduler that is gone.

    2.11 leaves no row of such a try.
    """
    home = failed.home.copy(f"taken-back-{state}")
    done = subprocess.run(
        [sys.executable, "-c", TAKE_BACK, state],
        env=home.environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    first, *again = [line for line in done.stdout.splitlines() if line.startswith("row ")]
    assert first.startswith("row 1 failed")
    assert "host" not in first
    assert again == ([] if IS_2 else [f"row 2 failed {unknown}".rstrip()])


def test_several_tries_that_never_began_have_nothing_of_the_one_before_them() -> None:
    """2.11 gives them an end of their own. Other tasks, and mapped ones, are not the try before."""
    first = instance("failed", is_past=True)
    second, third = replace(first, try_number=2), replace(first, try_number=3, ended=NOW + timedelta(seconds=9))
    other = replace(first, map_index=0, try_number=4)
    assert [(one.host, one.started, one.ended) for one in untried([first, second, third, other])] == [
        ("here", NOW, NOW),
        (None, None, None),
        (None, None, third.ended),
        ("here", NOW, NOW),
    ]


def test_why_a_task_never_ran_is_told_in_words(tmp_path: Path) -> None:
    """By its DAG, with a DAG run that was ended, or by a person; Airflow's own word stands beside it."""

    def told(name: str, state: str, **more: Any) -> dict[str, Any]:
        event = only(told_of(tmp_path / name, instance(state, try_number=0, host=None, started=None), **more))
        assert (event["eventType"], facts(event)["orchestratorState"]) == ("OTHER", state)
        return facts(event)

    assert told("branch", "skipped")["reason"].startswith("Airflow skipped it: a branch,")
    assert told("upstream", "upstream_failed", cut_off=True)["reason"].endswith("a task before it failed")
    assert told("removed", "removed")["reason"].startswith("Airflow removed it")
    assert "its DAG run was ended" in told("ended", "skipped", cut_off=True)["reason"]
    by_hand = told("by-hand", "skipped", changes=(replace(MARKED, state="skipped"),))
    assert (by_hand["reason"], by_hand["changedBy"]) == ("looked at it", "sha256:somebody")
    silent = told("without-a-word", "skipped", changes=(replace(MARKED, state="skipped", note=None),))
    assert "reason" not in silent  # which is for the person to give, and CHG-02 asks for it
    assert "branch" in told("another-mark", "skipped", changes=(MARKED,))["reason"]


def test_a_state_given_by_hand_afterwards_is_told_with_who_and_why(tmp_path: Path) -> None:
    """Where no hook told of it (2.11)."""
    event = only(told_of(tmp_path, instance("success"), begun_by=GONE, ended=State.FAIL, changes=(MARKED,)))
    said = facts(event)
    assert (event["eventType"], said["toldBy"], said["changedBy"], said["reason"]) == (
        "COMPLETE",
        "person",
        "sha256:somebody",
        "looked at it",
    )


def test_a_state_given_by_hand_while_the_task_ran_is_its_end(tmp_path: Path) -> None:
    """Where no hook told of it (2.11): Airflow ends the process, which tells nothing. An older mark is of something else."""
    event = only(told_of(tmp_path / "marked", instance("success"), begun_by=this_process(), changes=(MARKED,)))
    assert (event["eventType"], facts(event)["toldBy"]) == ("COMPLETE", "person")
    later = instance("success", started=NOW + timedelta(minutes=1))
    assert told_of(tmp_path / "older", later, begun_by=this_process(), changes=(MARKED,)) == []


def test_a_task_that_was_marked_and_never_ran_has_no_start(tmp_path: Path) -> None:
    """A task that does nothing (EmptyOperator) has one: Airflow itself ended it."""
    untried = instance("success", try_number=0, host=None, started=None)
    assert [one["eventType"] for one in told_of(tmp_path / "marked", untried, changes=(MARKED,))] == ["COMPLETE"]
    assert [one["eventType"] for one in told_of(tmp_path / "empty", untried)] == ["START", "COMPLETE"]


STATES = st.sampled_from(
    [
        None,
        "success",
        "failed",
        "skipped",
        "upstream_failed",
        "removed",
        "up_for_retry",
        "running",
        "deferred",
        "restarting",
    ]
)
OWNERS = st.sampled_from([None, GONE, ELSEWHERE, this_process()])


@given(
    STATES,
    OWNERS,
    st.sampled_from([None, State.COMPLETE, State.FAIL, State.SKIPPED, State.ABORT]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([None, "here"]),
    st.sampled_from([(), (MARKED,)]),
    st.sampled_from([None, KNOWN, NOW]),
)
@settings(max_examples=150, deadline=None)
def test_no_try_gets_two_ends_without_a_change(
    tmp_path_factory: pytest.TempPathFactory,
    state: str | None,
    begun_by: Owner | None,
    ended: State | None,
    cut_off: bool,
    is_past: bool,
    host: str | None,
    changes: tuple[Change, ...],
    known_since: datetime | None,
) -> None:
    """Whatever Airflow and the ledger hold: one end at most, none of what is not over, no end a second time."""
    one = instance(state, is_past=is_past, host=host, queued=QUEUED)
    home = tmp_path_factory.mktemp("any")
    events = told_of(
        home, one, begun_by=begun_by, ended=ended, changes=changes, cut_off=cut_off, known_since=known_since
    )
    told = [end for found in ends(events).values() for end in found]
    assert len(told) <= 1
    if one.end is None:
        assert told == []
    if ended is not None:
        assert told != [ended.value]
    if told == ["COMPLETE"]:
        assert state == "success"


def test_the_owner_of_these_tests_is_gone() -> None:
    """The tests above would show nothing if that process lived."""
    assert not Path(f"/proc/{GONE.pid}").exists()
    assert os.getpid() != GONE.pid
