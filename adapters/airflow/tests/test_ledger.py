"""The notes by which Airflow's processes know what the others have told."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrail.adapter import State
from orchestrail_airflow.ledger import KEPT, Ledger

RUN, OTHER = "0192f000-0000-7000-8000-000000000001", "0192f000-0000-7000-8000-000000000002"


def test_a_run_that_was_begun_and_ended(tmp_path: Path) -> None:
    """Two lines, one entry."""
    ledger = Ledger.of(tmp_path, "dag", "run")
    ledger.begun(RUN, "task", 3, 2)
    assert not ledger.read()[RUN].ended
    ledger.ended(RUN, "task", 3, 2)
    entry = ledger.read()[RUN]
    assert (entry.task_id, entry.map_index, entry.try_number, entry.ended) == ("task", 3, 2, True)
    assert entry.owner is not None
    assert entry.owner.pid == os.getpid()


def test_a_run_that_is_begun_again_has_not_ended(tmp_path: Path) -> None:
    """`airflow dags test` with the same date names the same runs."""
    ledger = Ledger.of(tmp_path, "dag", "run")
    for tell in (ledger.begun, ledger.ended, ledger.begun):
        tell(RUN, "task")
    assert not ledger.read()[RUN].ended


def test_when_a_run_was_first_begun(tmp_path: Path) -> None:
    """Of a try that is deferred and begins again, the first time; of one that was never begun, none."""
    ledger = Ledger.of(tmp_path, "dag", "run")
    before = time.time()
    ledger.begun(RUN, "task")
    after = time.time()
    ledger.begun(RUN, "task")
    ledger.ended(RUN, "task")
    ledger.ended(OTHER, "task")
    begun_at = ledger.read()[RUN].begun_at
    assert begun_at is not None
    assert before <= begun_at <= after
    assert ledger.read()[OTHER].begun_at is None


def test_below_which_pass_a_run_was_first_told(tmp_path: Path) -> None:
    """Whatever is noted later; and who asks for the pass gets none of the tries below it."""
    ledger = Ledger.of(tmp_path, "dag", "run")
    ledger.begun("first pass")
    ledger.begun(RUN, "task", parent="first pass")
    ledger.ended(RUN, "task", parent="second pass")
    ledger.ended(OTHER, "task", parent="second pass")
    assert {run_id: entry.parent for run_id, entry in ledger.read().items()} == {
        "first pass": None,
        RUN: "first pass",
        OTHER: "second pass",
    }
    assert set(ledger.read(runs=["first pass"])) == {"first pass"}


def test_which_pass_is_open(tmp_path: Path) -> None:
    """The last one, if it was begun here and has not ended; who goes on with it is noted once."""
    ledger = Ledger.of(tmp_path, "dag", "run")
    assert ledger.open_pass() is None
    ledger.begun("first pass")
    ledger.begun(RUN, "task", parent="first pass")
    assert ledger.open_pass() == "first pass"
    ledger.begun("second pass", parent=ledger.open_pass())
    ledger.begun("second pass", parent=ledger.open_pass())
    assert ledger.open_pass() == "second pass"
    assert [*ledger.goes_on_with("second pass")] == ["first pass"]
    assert [*ledger.goes_on_with("first pass")] == []
    ledger.ended("second pass")
    assert ledger.open_pass() is None
    ledger.ended("first pass")
    assert [*ledger.goes_on_with("second pass")] == []
    ledger.begun("third pass", resumed=True)
    assert ledger.open_pass() is None


def test_only_what_is_asked_for_is_read(tmp_path: Path) -> None:
    """By run or by task: a DAG of ten thousand tasks asks for a few."""
    ledger = Ledger.of(tmp_path, "dag", "run")
    ledger.begun(RUN, "clean")
    ledger.begun(OTHER, "cleaner")
    assert set(ledger.read(runs=[RUN])) == {RUN}
    assert set(ledger.read(tasks=["cleaner"])) == {OTHER}
    assert set(ledger.read()) == {RUN, OTHER}


def test_the_process_of_a_run_lives_or_was_killed(tmp_path: Path) -> None:
    """Whether it can still tell its end."""
    program = (
        "import os, sys; from pathlib import Path; from orchestrail_airflow.ledger import Ledger\n"
        f"ledger = Ledger.of(Path(sys.argv[1]), 'dag', 'run'); ledger.begun('{RUN}', 'a')\n"
        f"ledger.begun('{OTHER}', 'b'); ledger.ended('{OTHER}', 'b'); os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False, timeout=300)
    ledger = Ledger.of(tmp_path, "dag", "run")
    ledger.begun("mine", "c")
    assert {run_id: entry.is_alive for run_id, entry in ledger.read().items()} == {
        RUN: False,
        OTHER: False,
        "mine": True,
    }


def test_only_what_came_after_is_read(tmp_path: Path) -> None:
    """A task that ends asks whether anybody has ended it since it began."""
    ledger = Ledger.of(tmp_path, "dag", "run")
    ledger.ended(OTHER, "before")
    since = ledger.begun(RUN, "task")
    assert ledger.read(since=since) == {}
    ledger.ended(RUN, "task", state=State.COMPLETE)
    assert ledger.read(since=since)[RUN].state == State.COMPLETE


@given(st.binary(max_size=200))
def test_a_damaged_ledger_gives_what_can_be_read(tmp_path_factory: pytest.TempPathFactory, garbage: bytes) -> None:
    """A line cut off by a full disk takes none of the others along."""
    ledger = Ledger.of(tmp_path_factory.mktemp("ledger"), "dag", "run")
    ledger.ended(RUN, "task")
    with ledger.path.open("ab") as file:
        file.write(b"\n" + garbage + b"\n")
    ledger.ended(OTHER, "task")
    assert {RUN, OTHER} <= set(ledger.read())


def test_no_ledger_is_an_empty_one(tmp_path: Path) -> None:
    """Nothing was told, or it cannot be read."""
    assert Ledger.of(tmp_path / "nowhere", "dag", "run").read() == {}


def test_processes_of_a_group_share_it(tmp_path: Path) -> None:
    """Beside a spool that is shared by a group, the ledger is too."""
    tmp_path.chmod(0o2770)
    ledger = Ledger.of(tmp_path, "dag", "run")
    ledger.begun(RUN)
    assert ledger.path.stat().st_mode & 0o777 == 0o660
    assert ledger.path.parent.stat().st_mode & 0o7777 == 0o2770


def test_old_ledgers_go(tmp_path: Path) -> None:
    """One small file per DAG run must not pile up."""
    old, kept = Ledger.of(tmp_path, "dag", "old"), Ledger.of(tmp_path, "dag", "kept")
    for ledger in (old, kept):
        ledger.begun(RUN)
    long_ago = time.time() - KEPT - 1
    os.utime(old.path, (long_ago, long_ago))
    Ledger.of(tmp_path, "dag", "new").begun(RUN)
    assert not old.path.exists()
    assert kept.path.exists()
