"""A disk that is full, a folder that cannot be written, a copy on a medium that never can."""

from __future__ import annotations

import multiprocessing
import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from orchestrail.errors import StoreError
from orchestrail.operations import open_record
from orchestrail.operations.collect import collect
from orchestrail.settings import Settings
from orchestrail.store import open_store, schema
from orchestrail.store.base import Incoming
from orchestrail.store.sqlite import verify_file
from orchestrail.transport.segments import segments
from orchestrail.transport.spool import Spool

FORK = multiprocessing.get_context("fork")
NOBODY = 65534


def apart(work, *values):
    """Run something in a process of its own and return what it gives."""
    queue = FORK.SimpleQueue()
    child = FORK.Process(target=lambda: queue.put(work(*values)))
    child.start()
    child.join()
    assert child.exitcode == 0
    return queue.get()


def caught(work):
    """The error of ours that something raises, as its three parts."""
    try:
        work()
    except StoreError as error:
        return error.what, error.why, error.do
    return None


def fill(path, home, made, limit=None):
    """Append until the disk has no more, and give the events that were acknowledged and the error."""
    if limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    acknowledged = 0
    with open_store(f"sqlite:///{path}", home=home, create=True) as store:

        def work():
            nonlocal acknowledged
            for number in range(100_000):
                store.append([Incoming(made.event(number, pad="x" * 3000), "spool", made.nonce(number))])
                acknowledged += 1

        error = caught(work)
    return acknowledged, error


@pytest.fixture
def small_disk(tmp_path) -> Iterator[tuple[Path, int | None]]:
    """A disk of 3 MB where the tests may mount one, and a limit on the size of files where they may not."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = (
        os.geteuid() == 0
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", folder], capture_output=True, check=False
        ).returncode
    )
    try:
        yield folder, None if mounted else 2_000_000
    finally:
        if mounted:
            subprocess.run(["umount", folder], check=True)


def test_a_full_disk_loses_nothing_that_was_acknowledged(small_disk, made):
    """The append that no longer fits fails with a reason; all before it are there and verify, and later ones work again."""
    folder, limit = small_disk
    home = folder / "home"
    acknowledged, error = apart(fill, home / "audit.db", home, made, limit)
    assert acknowledged > 10
    assert "could not be written" in error[0]
    assert "disk" in error[2]
    with open_store(f"sqlite:///{home / 'audit.db'}", home=home) as store:
        assert sum(1 for _ in store.records()) == acknowledged
    assert verify_file(home / "audit.db", home).ok


def test_a_file_size_limit_loses_nothing_that_was_acknowledged(tmp_path, made):
    """The same with another cause: the kernel cuts a write in the middle."""
    home = tmp_path / "home"
    acknowledged, error = apart(fill, home / "audit.db", home, made, 1_000_000)
    assert acknowledged > 10
    assert "could not be written" in error[0]
    with open_store(f"sqlite:///{home / 'audit.db'}", home=home) as store:
        assert sum(1 for _ in store.records()) == acknowledged
        assert store.append([made.spooled(0)]).appended == 1
    assert verify_file(home / "audit.db", home).ok


def _collect_limited(settings, limit):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    with open_record(settings) as store:
        return caught(lambda: collect(settings, store))


def test_a_full_disk_keeps_the_spool(tmp_path, made):
    """What a failed collection did not store stays in the spool for the next one."""
    settings = Settings(home=tmp_path / "home")
    with open_record(settings, create=True) as store:
        store.append([made.spooled(0)])
    spool = Spool(settings.spool)
    for number in range(3000):
        spool.append(made.event(number, pad="x" * 500))
    spool.close()
    assert apart(_collect_limited, settings, 400_000) is not None
    assert segments(settings.spool)
    with open_record(settings) as store:
        collect(settings, store)
        assert store.size() == 3001
        assert store.gaps() == []
    assert segments(settings.spool) == []
    assert verify_file(settings.home / "audit.db", settings.home).ok


def _as_nobody(work, *values):
    """Run as somebody whom permissions stop, which the administrator is not."""
    # Whoever runs the tests may have installed the package where nobody else can read: what is imported late, is imported now.
    schema.expected_objects()
    create_engine("sqlite://").connect().close()
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    return work(*values)


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A folder that every user may pass through, unlike those that pytest makes."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    for path in (folder, *folder.glob("**/")):
        path.chmod(0o755)
    shutil.rmtree(folder)


@pytest.fixture
def read_only(reachable, made) -> Path:
    """The home of a store with one event, which may be read by all and written by nobody."""
    home = reachable / "home"
    with open_store(f"sqlite:///{home / 'audit.db'}", home=home, create=True) as store:
        store.append([made.spooled(0)])
    for path in (home, *home.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    return home


def _append(home, made):
    with open_store(f"sqlite:///{home / 'audit.db'}", home=home) as store:
        return caught(lambda: store.append([made.spooled(1)]))


def _create(home):
    return caught(lambda: open_store(f"sqlite:///{home / 'sub' / 'audit.db'}", home=home / "sub", create=True))


def _read(home):
    with open_store(f"sqlite:///{home / 'audit.db'}", home=home) as store, store.read() as connection:
        return store.size(), connection.exec_driver_sql("SELECT sum(count) FROM recent").scalar()


def _verify(home, against=None):
    found = verify_file(home / "audit.db", home, against=against)
    return found.size, [str(problem) for problem in found.problems]


def contents(home):
    return {path.name: path.read_bytes() for path in home.rglob("*") if path.is_file()}


def test_a_folder_that_cannot_be_written(read_only, made):
    """An append is refused with a reason, and so is a new store; reading and verifying work and leave no trace."""
    before = contents(read_only)
    what, why, do = apart(_as_nobody, _append, read_only, made)
    assert "audit.db" in what
    assert why
    assert do
    assert apart(_as_nobody, _create, read_only) is not None
    assert apart(_as_nobody, _read, read_only) == (1, 1)
    assert apart(_as_nobody, _verify, read_only) == (1, [])
    assert contents(read_only) == before


def test_a_copy_with_unmerged_writes_that_cannot_be_written(reachable, made):
    """A copy of a store at work, put on a medium that is read only, is read with what its write-ahead file holds."""
    home, copy = reachable / "home", reachable / "copy"
    with open_store(f"sqlite:///{home / 'audit.db'}", home=home, create=True) as store:
        store.append([made.spooled(0)])
        store.append([made.spooled(1)])
        copy.mkdir()
        for name in ("audit.db", "audit.db-wal"):
            shutil.copy(home / name, copy / name)
    for path in copy.iterdir():
        path.chmod(0o444)
    copy.chmod(0o555)
    before = contents(copy)
    assert apart(_as_nobody, _verify, copy) == (2, [])
    assert apart(_as_nobody, _read, copy) == (2, 2)
    assert contents(copy) == before
