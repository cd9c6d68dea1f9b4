"""The door for adapters: a plugin is asked who it is, attached once, asked which run a thread belongs to, and let go."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import orchestrail
from orchestrail.adapter import (
    AdapterInfo,
    Marking,
    Recorder,
    RequirementNotMet,
    RunRef,
    RunStart,
    State,
    activate,
    active,
    deactivate,
    leave_out,
    new_run_id,
    refuse_unrecorded,
)
from orchestrail.hookspecs import hookimpl
from orchestrail.testing import spooled_events


class Host:
    """An adapter whose host is not there: it notes what is asked of it."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.version = "1.0"
        self.running: RunRef | None = None

    @hookimpl
    def adapter_info(self) -> AdapterInfo | None:
        """Describe it."""
        return AdapterInfo("hostless", "none", self.version, "0.0", ">=1,<2", frozenset())

    @hookimpl
    def adapter_install(self, recorder: Recorder, settings: Any) -> None:
        """Note that it was attached."""
        self.calls.append(f"install {recorder.info.name} {settings.namespace}")

    @hookimpl
    def adapter_uninstall(self) -> None:
        """Note that it was let go."""
        self.calls.append("uninstall")

    @hookimpl
    def adapter_current_run(self) -> RunRef | None:
        """Say which run a thread belongs to."""
        return self.running


@pytest.fixture
def host() -> Iterator[Host]:
    plugin = Host()
    yield plugin
    deactivate("hostless")


def test_an_adapter_is_attached_once_and_let_go(host: Host) -> None:
    """The second activation gives the recorder of the first; letting go leaves nothing."""
    recorder = activate("hostless", host)
    assert recorder is not None
    assert activate("hostless", host) is recorder
    assert recorder in active()
    deactivate("hostless")
    assert recorder not in active()
    assert host.calls == ["install hostless default", "uninstall"]


def test_what_is_stated_after_an_adapter_was_let_go_is_nobody_s(host: Host) -> None:
    """A host may have entered the run in a context that the adapter cannot reach when it goes: no trouble comes of it."""
    recorder = activate("hostless", host)
    assert recorder is not None
    run_id = new_run_id()
    recorder.start(RunStart(run_id=run_id, job_name="job", job_type="TASK"))
    entered = recorder.enter(run_id)
    recorder.release(run_id)
    deactivate("hostless")
    orchestrail.record_input("s3://bucket/key")
    recorder.leave(entered)
    (start,) = spooled_events(recorder.settings.spool)
    assert start["eventType"] == "START"


def test_nothing_is_attached_where_recording_is_switched_off(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even the hooks are called."""
    monkeypatch.setenv("ORCHESTRAIL_DISABLED", "true")
    assert activate("hostless", host) is None
    assert host.calls == []


@pytest.mark.swallows
def test_an_adapter_without_its_host_does_not_record(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says so by giving no description; the process goes on."""
    monkeypatch.setattr(host, "adapter_info", lambda: None)
    assert activate("hostless", host) is None
    assert host.calls == []


@pytest.mark.parametrize(("version", "records"), [("0.9", False), ("2.1", True)])
def test_a_host_outside_the_range_is_told_of_once(
    host: Host, version: str, records: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """One line in the host's own log; an older host has not what we attach to, a newer one is tried."""
    host.version = version
    for _ in range(3):
        assert (activate("hostless", host) is not None) is records
    (line,) = caplog.messages
    assert "adapter hostless is made for none >=1,<2, here is " + version in line
    assert ("records nothing" in line) is not records
    assert ("install hostless default" in host.calls) is records


def test_a_host_within_the_range_is_not_told_of(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is logged where all is well."""
    assert activate("hostless", host) is not None
    assert caplog.messages == []


def test_where_an_older_host_is_not_recorded_enforce_refuses(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """The adapter asks before user code runs; in record mode, or switched off, it hears nothing."""
    host.version = "0.9"
    assert activate("hostless", host) is None
    refuse_unrecorded("hostless", "job")
    with pytest.raises(RequirementNotMet, match=r"job was refused before it ran\. RUN-LC-01"):
        refuse_unrecorded("hostless", "job", "enforce")
    deactivate("hostless")
    refuse_unrecorded("hostless", "job", "enforce")
    monkeypatch.setenv("ORCHESTRAIL_DISABLED", "true")
    assert activate("hostless", host) is None
    refuse_unrecorded("hostless", "job", "enforce")


@pytest.mark.parametrize("known", [True, False], ids=["run told of afterwards", "run of a new process"])
def test_what_cannot_be_refused_is_not(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    """A run that is told of afterwards has findings, and goes on the record as it was."""
    monkeypatch.setenv("ORCHESTRAIL_MODE", "enforce")
    recorder = activate("hostless", host)
    assert recorder is not None
    start = RunStart(new_run_id(), "job", "TASK", marking=Marking("preprocess"))
    if known:
        ref = recorder.start(start, may_refuse=False)
        recorder.finish(ref.run_id, State.COMPLETE)
    else:
        with pytest.raises(RequirementNotMet):
            recorder.start(start)
        assert not recorder.is_open(start.run_id)
    begun, ended = spooled_events(recorder.settings.spool)
    assert begun["run"]["facets"]["orchestrail_requirements"]["findings"]
    assert ended["eventType"] == ("COMPLETE" if known else "FAIL")


def test_the_adapter_knows_the_run_of_a_bare_thread(host: Host) -> None:
    """A thread of the host's has no context of ours: the adapter is asked."""
    recorder = activate("hostless", host)
    assert recorder is not None
    ref = recorder.start(RunStart(run_id=new_run_id(), job_name="job", job_type="TASK"))
    seen: list[RunRef | None] = []

    def look() -> None:
        thread = threading.Thread(target=lambda: seen.append(orchestrail.current_run()))
        thread.start()
        thread.join()

    look()
    host.running = ref
    look()
    recorder.finish(ref.run_id, State.COMPLETE)
    look()
    assert seen == [None, ref, None]


def test_what_one_adapter_leaves_out_stays_out_for_the_next(host: Host, tmp_path: Path) -> None:
    """Two adapters may work in one process, each with folders of its own host's."""
    recorder = activate("hostless", host)
    assert recorder is not None
    for name in ("one", "other", "data"):
        (tmp_path / name).mkdir()
    leave_out(str(tmp_path / "one"))
    leave_out(str(tmp_path / "other"))
    ref = recorder.start(RunStart(new_run_id(), "job", "TASK"))
    entered = recorder.enter(ref.run_id)
    for name in ("one", "other", "data"):
        (tmp_path / name / "file.txt").write_text(name)
    recorder.leave(entered)
    recorder.finish(ref.run_id, State.COMPLETE)
    written = [one["name"] for one in spooled_events(recorder.settings.spool)[-1]["outputs"]]
    assert written == [str(tmp_path / "data" / "file.txt")]
