"""Runs that more than one process tells of: taken up, let go of, ended by somebody else, ended again."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrail.adapter import AdapterInfo, Carrier, Job, Recorder, RunStart, State, load_settings, new_run_id
from orchestrail.errors import SpoolError
from orchestrail.recorder import _PLACES
from orchestrail.testing import schema_problems, spooled_events
from orchestrail.transport.spool import Spool


@pytest.fixture
def recorder() -> Recorder:
    """A recorder that writes into the test's own home."""
    return Recorder(AdapterInfo("script", "python", "3.11", "0.1.0", ">=3.11", frozenset()), load_settings())


def told(recorder: Recorder) -> list[tuple[str, list[str], str | None]]:
    """Give type, written files and state of each event."""
    events = spooled_events(recorder.settings.spool)
    assert [problem for event in events for problem in schema_problems(event)] == []
    return [
        (
            event["eventType"],
            [Path(one["name"]).name for one in event["outputs"]],
            event["run"]["facets"]["orchestrail_run"]["state"],
        )
        for event in events
    ]


def write(recorder: Recorder, run_id: str, path: Path) -> None:
    """Write a file as the run's."""
    entered = recorder.enter(run_id)
    path.write_text("text")
    recorder.leave(entered)


def test_a_run_that_waits_elsewhere_is_let_go_of_and_taken_up(recorder: Recorder, tmp_path: Path) -> None:
    """One START, one end; what each part wrote is told with that part."""
    start = RunStart(new_run_id(), "waits", "TASK")
    recorder.start(start)
    write(recorder, start.run_id, tmp_path / "first.txt")
    recorder.release(start.run_id)
    assert not recorder.is_open(start.run_id)
    recorder.resume(start)
    write(recorder, start.run_id, tmp_path / "second.txt")
    recorder.finish(start.run_id, State.COMPLETE)
    assert told(recorder) == [
        ("START", [], None),
        ("RUNNING", ["first.txt"], None),
        ("RUNNING", [], None),
        ("COMPLETE", ["second.txt"], None),
    ]


def test_letting_go_of_a_run_that_did_nothing_is_silent(recorder: Recorder) -> None:
    """An event that says nothing is none; nor is one about a run that is not open."""
    start = RunStart(new_run_id(), "waits", "TASK")
    recorder.start(start)
    recorder.release(start.run_id)
    recorder.release(start.run_id)
    assert told(recorder) == [("START", [], None)]


def test_a_run_may_skip_itself(recorder: Recorder) -> None:
    """It began, so it has an end, which says that it was skipped."""
    start = RunStart(new_run_id(), "skips", "TASK")
    recorder.start(start)
    recorder.finish(start.run_id, State.SKIPPED)
    assert told(recorder) == [("START", [], None), ("COMPLETE", [], "SKIPPED")]


def test_an_end_that_could_not_be_written_can_be_told_again(
    recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read and written by then is told with it, and a third time is one too many."""
    start = RunStart(new_run_id(), "unlucky", "TASK")
    recorder.start(start)
    write(recorder, start.run_id, tmp_path / "first.txt")
    real = os.write

    def full(fd: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(SpoolError):
        recorder.finish(start.run_id, State.COMPLETE)
    assert recorder.is_open(start.run_id)
    monkeypatch.setattr(os, "write", real)
    recorder.finish(start.run_id, State.COMPLETE)
    recorder.finish(start.run_id, State.COMPLETE)
    assert told(recorder) == [("START", [], None), ("COMPLETE", ["first.txt"], None)]


def test_what_a_run_let_go_of_did_is_not_lost_with_an_event_that_could_not_be_written(
    recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stays open, and whoever tells of it next tells of that too."""
    start = RunStart(new_run_id(), "waits", "TASK")
    recorder.start(start)
    write(recorder, start.run_id, tmp_path / "first.txt")
    with monkeypatch.context() as patch:
        patch.setattr(Spool, "append", lambda *_: (_ for _ in ()).throw(SpoolError("full")))
        with pytest.raises(SpoolError):
            recorder.release(start.run_id)
    recorder.finish(start.run_id, State.COMPLETE)
    assert told(recorder) == [("START", [], None), ("COMPLETE", ["first.txt"], None)]


def test_a_worker_that_never_sees_a_root_end_remembers_a_bounded_number_of_places(recorder: Recorder) -> None:
    """Each task of a Dask or Celery worker may belong to another root: where its code lies is not kept for ever."""
    for number in range(_PLACES + 10):
        carrier = Carrier(new_run_id(), Job("default", "flow"))
        start = RunStart(new_run_id(), "task", "TASK", carrier=carrier, function=told)
        recorder.start(start)
        recorder.finish(start.run_id, State.COMPLETE)
        assert len(recorder._where) == min(number + 1, _PLACES)


def test_a_second_end_counts_only_where_somebody_changed_it(recorder: Recorder) -> None:
    """Hosts call twice by mistake; people mark states on purpose."""
    start = RunStart(new_run_id(), "marked", "TASK")
    recorder.start(start)
    recorder.finish(start.run_id, State.FAIL)
    recorder.finish(start.run_id, State.COMPLETE, start=start)
    recorder.finish(start.run_id, State.COMPLETE, start=start, changed=True)
    assert [kind for kind, _, _ in told(recorder)] == ["START", "FAIL", "COMPLETE"]


def test_git_is_not_asked_below_a_run_of_another_process(
    recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The path is within the repository all the same."""
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "steps.py").write_text("def step():\n    return 1\n")
    for command in (["init", "-q"], ["add", "."], ["-c", "user.name=x", "-c", "user.email=x@y", "commit", "-qm", "x"]):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    space: dict[str, Callable[[], int]] = {}
    source = tmp_path / "dags" / "steps.py"
    exec(compile(source.read_text(), str(source), "exec"), space)
    elsewhere = Recorder(recorder.info, recorder.settings).start(RunStart(new_run_id(), "dag", "DAG"))
    recorder.start(RunStart(new_run_id(), "dag.step", "TASK", parent=elsewhere, function=space["step"]))
    recorder.start(RunStart(new_run_id(), "alone", "TASK", function=space["step"]))
    below, alone = [
        event["run"]["facets"]["orchestrail_code"]
        for event in spooled_events(recorder.settings.spool)
        if "step" in str(event)
    ]
    assert (below["path"], below["commit"], below["dirty"]) == ("dags/steps.py", None, None)
    assert (alone["path"], alone["dirty"]) == ("dags/steps.py", False)
    assert len(alone["commit"]) == 40


def test_a_whole_file_is_code_too(recorder: Recorder, tmp_path: Path) -> None:
    """Its digest does not move with comments, and moves with the rest."""
    digests = []
    for number, text in enumerate(("x = 1\n", "# said differently\nx = 1\n", "x = 2\n")):
        file = tmp_path / f"dag{number}.py"
        file.write_text(text)
        recorder.start(RunStart(new_run_id(), "dag", "DAG", file=file))
        digests.append(spooled_events(recorder.settings.spool)[-1]["run"]["facets"]["orchestrail_code"]["digest"])
    assert digests[0] == digests[1] != digests[2]
    assert digests[0].startswith("py-tokens-2:sha256:")
