"""Several users, many processes: one spool folder that a group shares, and one who collects."""

from __future__ import annotations

import json
import multiprocessing
import os
import stat
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from orchestrail.operations.collect import collect
from orchestrail.settings import load_settings
from orchestrail.store import open_store
from orchestrail.transport.segments import segments
from orchestrail.transport.spool import Spool

GROUP, WRITER, COLLECTOR, STRANGER = 12000, 12001, 12002, 12003


def event(number: int) -> bytes:
    return json.dumps(
        {
            "eventTime": "2026-11-23T10:00:00Z",
            "eventType": "OTHER",
            "producer": "urn:test",
            "schemaURL": "urn:test",
            "run": {"runId": str(uuid4())},
            "job": {"namespace": "n", "name": f"j{number}"},
        }
    ).encode()


def as_user(user: int, work: Callable[[], None], *, group: int = GROUP) -> int:
    """Do something as another user in a child process; gives its exit status."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.setgroups([])
            os.setgid(group)
            os.setuid(user)
            work()
            status = 0
        except Exception:
            traceback.print_exc()  # pytest shows it where the status is not the expected one
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A folder that other users can go through; pytest's own are private."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o711)
        yield Path(name)


@pytest.mark.skipif(os.geteuid() != 0, reason="changing the user takes root")
def test_a_group_shares_a_spool(reachable: Path) -> None:
    """Airflow's user writes, another user of the group collects, a stranger can do neither."""
    shared, home = reachable / "spool", reachable / "home"
    shared.mkdir()
    os.chown(shared, 0, GROUP)
    shared.chmod(0o2770)
    settings = load_settings(home=home, spool=shared)
    # The collector may not be able to read this interpreter's files: what is loaded on first use is loaded here.
    with open_store(settings.store, home=home, create=True) as store:
        collect(load_settings(home=home), store)
    for path in (home, *home.rglob("*")):
        os.chown(path, COLLECTOR, GROUP)

    def write() -> None:
        spool = Spool(shared)
        spool.append(event(1))
        spool.append(event(2))
        spool.close()

    def take() -> None:
        with open_store(settings.store, home=home) as store:
            assert collect(settings, store).appended == 2

    def look() -> None:
        list(shared.iterdir())

    assert as_user(WRITER, write) == 0
    assert [stat.S_IMODE(path.stat().st_mode) for path in segments(shared)] == [0o660]
    assert as_user(STRANGER, look, group=STRANGER) == 1
    assert as_user(COLLECTOR, take) == 0
    assert segments(shared) == []


def _append_many(folder: Path, number: int) -> None:
    spool = Spool(folder)
    for _ in range(50):
        spool.append(event(number))
    spool.close()


def test_twenty_processes_at_once_lose_nothing(tmp_path: Path) -> None:
    """Twenty processes write while the spool is collected again and again: each event is in the log once."""
    settings = load_settings(home=tmp_path / "home")
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_append_many, args=(settings.spool, number)) for number in range(20)]
    with open_store(settings.store, home=settings.home, create=True) as store:
        for writer in writers:
            writer.start()
        while any(writer.is_alive() for writer in writers):
            collect(settings, store)
        assert [writer.exitcode for writer in writers] == [0] * 20
        collect(settings, store)
        jobs = [json.loads(record.body or b"")["job"]["name"] for record in store.records()]
        assert sorted(jobs) == sorted(f"j{number}" for number in range(20) for _ in range(50))
        assert store.gaps() == []
        assert store.verify().ok
