"""Digests of files and folders: what they are, when they are not taken, when they are not trusted."""

from __future__ import annotations

import hashlib
import itertools
import os
import socket
import sqlite3
import subprocess
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrail.capture import digest
from orchestrail.capture.digest import digest_file, digest_folder
from orchestrail.datasets import dataset_of

LONG_AGO = (1_600_000_000, 1_600_000_000)


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@pytest.fixture
def unblocked():
    """Call something that might wait for ever; where it does, the test fails."""

    def call(function, *values):
        found = []
        thread = threading.Thread(target=lambda: found.append(function(*values)), daemon=True)
        thread.start()
        thread.join(120)
        assert found, f"{values} is waited for"
        return found[0]

    return call


@given(st.binary(max_size=3000))
@settings(max_examples=50, deadline=None)
def test_the_digest_is_that_of_the_bytes(tmp_path_factory, content):
    """SHA-256, as `sha256sum` gives it."""
    file = tmp_path_factory.mktemp("d") / "f"
    file.write_bytes(content)
    found = digest_file(file)
    state = file.stat()
    assert (found.digest, found.size, found.weak) == (sha256(content), len(content), None)
    assert found.identity == (state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns)


def test_a_file_of_several_blocks_is_read_to_its_end(tmp_path):
    """Larger than one read."""
    content = os.urandom(3 * (1 << 20) + 17)
    (tmp_path / "f").write_bytes(content)
    assert digest_file(tmp_path / "f").digest == sha256(content)


def test_what_is_no_file_has_no_digest_and_blocks_nothing(tmp_path, unblocked):
    """A pipe nobody writes to, a socket, a device, nothing, an impossible name."""
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        for name in (
            tmp_path / "pipe",
            tmp_path / "socket",
            "/dev/zero",
            tmp_path / "nothing",
            "a\0b",
            tmp_path / "pipe" / "x",
        ):
            assert unblocked(digest_file, name) is None, name
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    assert unblocked(digest_file, tmp_path / "loop") is None
    assert unblocked(digest_file, tmp_path / "dangling") is None


def test_a_pipe_that_takes_the_place_of_a_file_blocks_nothing(tmp_path, monkeypatch, unblocked):
    """Between the look at it and the opening."""
    file = tmp_path / "f"
    file.write_bytes(b"x")
    real = os.open

    def swapped(path: str, flags: int) -> int:
        file.unlink()
        os.mkfifo(file)
        return real(path, flags)

    monkeypatch.setattr(os, "open", swapped)
    assert unblocked(digest_file, file) is None


def test_a_large_file_is_not_read(tmp_path):
    """Its size is known, its digest is not, and it says why."""
    with (tmp_path / "f").open("wb") as stream:
        stream.truncate(digest.MAX_BYTES + 1)
    found = digest_file(tmp_path / "f")
    assert (found.digest, found.size, found.weak) == (None, digest.MAX_BYTES + 1, "larger than 256 MB")
    (tmp_path / "g").write_bytes(b"12345")
    assert digest_file(tmp_path / "g", max_bytes=4).weak == "larger than 4 bytes"
    assert digest_file(tmp_path / "g", max_bytes=5).weak is None


@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_file_that_changes_while_it_is_read_is_weak(tmp_path, monkeypatch, at):
    """Somebody appends to it before one of the reads, behind one, or behind all that is there."""
    file = tmp_path / "f"
    file.write_bytes(b"x" * (2 << 20))
    reads, real = itertools.count(), os.pread

    def appended(*where: int) -> bytes:
        if next(reads) == at:
            with file.open("ab") as stream:
                stream.write(b"y")
        return real(*where)

    monkeypatch.setattr(os, "pread", appended)
    assert digest_file(file).weak == "changed while it was read"
    assert next(reads) > at


def test_an_unreadable_file_says_so(run, tmp_path):
    """Seen by a user who may look at the folder and not into the file."""
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents[:-1]:
        if os.access(parent, os.W_OK) and parent.owner() == tmp_path.owner() and str(parent).startswith("/tmp/pytest"):
            parent.chmod(0o755)
    (tmp_path / "secret").write_bytes(b"x")
    (tmp_path / "secret").chmod(0)
    told = run(f"""
        import json, os
        from orchestrail.capture.digest import digest_file
        if os.geteuid() == 0:
            os.seteuid(65534)
        found = digest_file({str(tmp_path / "secret")!r})
        print(json.dumps([found.digest, found.size, found.weak]))
    """)
    assert told == [None, 1, "cannot be read: Permission denied"]


def test_a_digest_is_remembered_for_an_old_file_only(tmp_path, monkeypatch):
    """A file that changed just now may change again without its times moving on."""
    read: list[int] = []
    real = os.pread
    monkeypatch.setattr(os, "pread", lambda *where: read.append(1) or real(*where))
    monkeypatch.setattr(digest, "_RECENT_NS", 10**18)
    file = tmp_path / "f"
    file.write_bytes(b"new")
    digest_file(file)
    before = len(read)
    assert digest_file(file).digest == sha256(b"new")
    assert len(read) > before
    monkeypatch.setattr(digest, "_RECENT_NS", -(10**18))
    assert digest_file(file).digest == sha256(b"new")
    before = len(read)
    assert digest_file(file).digest == sha256(b"new")
    assert len(read) == before


def test_a_remembered_digest_is_forgotten_when_the_file_changes(tmp_path, monkeypatch):
    """Its time of change, its status, its size or its number in the file system."""
    monkeypatch.setattr(digest, "_RECENT_NS", -(10**18))
    file = tmp_path / "f"
    file.write_bytes(b"one")
    os.utime(file, LONG_AGO)
    assert digest_file(file).digest == sha256(b"one")
    file.write_bytes(b"two")
    os.utime(file, LONG_AGO)
    time.sleep(0.02)
    os.utime(file, LONG_AGO)
    assert digest_file(file).digest == sha256(b"two")
    (tmp_path / "g").write_bytes(b"six")
    os.utime(tmp_path / "g", LONG_AGO)
    (tmp_path / "g").replace(file)
    assert digest_file(file).digest == sha256(b"six")


def test_a_same_size_rewrite_within_one_tick_is_seen(tmp_path):
    """The clock of the file system stands still between two writes; the content does not."""
    file = tmp_path / "f"
    for number in range(200):
        content = b"%04d" % number
        file.write_bytes(content)
        assert digest_file(file).digest == sha256(content)


def tree(top: Path) -> Path:
    (top / "b" / "c").mkdir(parents=True)
    (top / "a").write_bytes(b"1")
    (top / "b" / "x").write_bytes(b"22")
    (top / "b" / "c" / "y\n\\z").write_bytes(b"333")
    (top / "b.txt").write_bytes(b"")
    return top


def test_a_folder_is_digested_by_its_manifest(tmp_path):
    """The documented form, computed by hand."""
    lines = [(b"a", b"1"), (b"b.txt", b""), (b"b/c/y\\n\\\\z", b"333"), (b"b/x", b"22")]
    manifest = b"orchestrail-manifest 1\n" + b"".join(b"%s %s\n" % (sha256(c)[7:].encode(), n) for n, c in lines)
    found = digest_folder(tree(tmp_path / "t"))
    assert (found.digest, found.size, found.files, found.weak) == (sha256(manifest), 6, 4, None)
    assert digest_file(tmp_path / "t") == found


def test_a_folder_does_not_depend_on_where_it_is_or_what_is_empty(tmp_path):
    """Same files, same digest."""
    one, two = tree(tmp_path / "one"), tree(tmp_path / "two")
    (two / "empty").mkdir()
    assert digest_folder(one).digest == digest_folder(two).digest


@pytest.mark.parametrize(
    "change",
    [
        lambda top: (top / "a").write_bytes(b"2"),
        lambda top: (top / "a").rename(top / "z"),
        lambda top: (top / "b" / "c" / "new").write_bytes(b""),
        lambda top: (top / "b.txt").unlink(),
        lambda top: (top / "b" / "x").rename(top / "b" / "c" / "x"),
    ],
    ids=["content", "name", "added", "removed", "moved"],
)
def test_a_change_in_a_folder_changes_its_digest(tmp_path, change):
    """Content, name, place, presence."""
    top = tree(tmp_path / "t")
    before = digest_folder(top).digest
    change(top)
    assert digest_folder(top).digest != before


def test_a_folder_with_too_much_in_it_has_no_digest(tmp_path):
    """Bounded in number and in bytes, and it says which."""
    top = tree(tmp_path / "t")
    assert digest_folder(top, max_files=3).weak == "more than 3 files"
    found = digest_folder(top, max_bytes=5)
    assert (found.digest, found.weak) == (None, "larger than 5 bytes")
    assert digest_folder(tmp_path / "t" / "a") is None
    assert digest_folder(tmp_path / "nothing") is None


def test_links_in_a_folder_lead_to_files_and_not_to_folders(tmp_path):
    """A link back up must not run in a circle."""
    top = tree(tmp_path / "t")
    before = digest_folder(top)
    (top / "up").symlink_to(top)
    assert digest_folder(top).digest == before.digest
    (top / "other").symlink_to(top / "a")
    assert digest_folder(top).files == before.files + 1


def test_a_digest_survives_a_fork(tmp_path):
    """Nothing in here is locked when a process forks."""
    (tmp_path / "f").write_bytes(b"x")
    child = os.fork()
    if not child:
        os._exit(0 if digest_file(tmp_path / "f").digest == sha256(b"x") else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_digesting_a_database_leaves_its_locks_to_it(tmp_path, run):
    """POSIX locks of a process go with any descriptor of the file that it closes: an open transaction must survive a digest."""
    base = tmp_path / "base.db"
    connection = sqlite3.connect(base, isolation_level=None)
    connection.execute("create table t (x)")
    connection.execute("begin immediate")
    connection.execute("insert into t values (1)")
    program = f"""
    import json, sqlite3
    other = sqlite3.connect({str(base)!r}, timeout=0)
    try:
        other.execute("begin immediate")
    except sqlite3.OperationalError as error:
        print(json.dumps(str(error)))
    else:
        print(json.dumps("not locked"))
    """
    # Another process, since this one would lose the locks by reading the file.
    printed = subprocess.run(["sha256sum", base], capture_output=True, text=True, check=True).stdout
    for _ in range(2):
        assert digest_file(base).digest == f"sha256:{printed.split()[0]}"
    assert run(program) == "database is locked"
    connection.execute("commit")
    assert run(program) == "not locked"


def test_a_database_that_takes_the_place_of_another_is_read_itself(tmp_path):
    """What stays open is the old file, not its name."""
    for number in range(3):
        new = tmp_path / "new.db"
        sqlite3.connect(new).execute(f"create table t{number} (x)").connection.commit()
        new.replace(tmp_path / "base.db")
        assert digest_file(tmp_path / "base.db").digest == sha256((tmp_path / "base.db").read_bytes())


def test_an_empty_file_has_the_digest_of_nothing(tmp_path):
    """It need not be opened for that."""
    (tmp_path / "empty").touch()
    assert digest_file(tmp_path / "empty").digest == sha256(b"")


def test_what_is_empty_says_so(tmp_path):
    """A file without a byte, and a folder without a file or with such alone."""
    for name, file in (("a", None), ("b", ""), ("c", "x")):
        folder = tmp_path / name
        folder.mkdir()
        if file is not None:
            (folder / "file").write_text(file)
    found = [dataset_of(tmp_path / name) for name in ("a", "b", "b/file", "c", "c/file")]
    assert [one.is_empty for one in found] == [True, True, True, False, False]


def test_databases_that_nobody_uses_any_more_are_let_go(tmp_path, monkeypatch):
    """A process that reads many of them keeps few open."""
    monkeypatch.setattr(digest, "MAX_KEPT", 3)
    used = sqlite3.connect(tmp_path / "0.db")
    for number in range(10):
        made = sqlite3.connect(tmp_path / f"{number}.db")
        made.execute("create table t (x)")
        made.close()
        assert digest_file(tmp_path / f"{number}.db").digest
    kept = [name.name for name in tmp_path.iterdir() if (name.stat().st_dev, name.stat().st_ino) in digest._kept]
    assert "0.db" in kept
    assert len(kept) <= 5
    used.close()


READS = """
import json, sys
from orchestrail.capture import digest

def read():
    return int(open("/proc/self/io").read().split()[1])

digest.share(sys.argv[1])
before = read()
found = digest.digest_file(sys.argv[2])
print(json.dumps([found.digest, read() - before]))
"""


def test_processes_that_share_a_folder_read_a_file_once(tmp_path, run):
    """By the kernel's count of bytes: the second process reads a line; a change is seen; the file's name is not kept."""
    file, size = tmp_path / "secret-name", 5 << 20
    file.write_bytes(os.urandom(size))
    os.utime(file, LONG_AGO)
    time.sleep(digest._RECENT_NS / 1e9 + 0.1)

    def ask() -> tuple[str, int]:
        found, read = run("", "-c", READS, str(tmp_path / "cache"), str(file))
        assert found == sha256(file.read_bytes())
        return found, read

    assert ask()[1] >= size
    first, read = ask()
    assert read < 100_000
    kept = list((tmp_path / "cache" / "digests").iterdir())
    assert len(kept) == 1
    assert "secret-name" not in kept[0].read_text()
    with file.open("r+b") as stream:
        stream.write(b"changed")
    second, read = ask()
    assert second != first
    assert read >= size


@pytest.mark.parametrize(
    "content", [b"", b"x", b"a b c", b"\xff\xfe", b"0" * 64 + b" sha256:" + b"0" * 64, b"{identity} nothing"]
)
def test_a_damaged_memory_is_read_past(tmp_path, monkeypatch, content):
    """What is no digest of this very file is not taken for one."""
    file = tmp_path / "f"
    file.write_bytes(os.urandom(digest.MIN_SHARED))
    os.utime(file, LONG_AGO)
    monkeypatch.setattr(digest, "_shared", None)
    digest.share(tmp_path / "cache")
    place, identity = digest._place(digest._key(str(file), file.stat()))
    Path(place).parent.mkdir(parents=True)
    Path(place).write_bytes(content.replace(b"{identity}", identity.encode()))
    assert digest_file(file).digest == sha256(file.read_bytes())


def test_a_memory_that_cannot_be_written_hurts_nobody(tmp_path, monkeypatch):
    """A file stands where the folder should be."""
    file = tmp_path / "f"
    file.write_bytes(os.urandom(digest.MIN_SHARED))
    time.sleep(digest._RECENT_NS / 1e9 + 0.1)
    monkeypatch.setattr(digest, "_shared", None)
    digest.share(file)
    assert digest_file(file).digest == sha256(file.read_bytes())
