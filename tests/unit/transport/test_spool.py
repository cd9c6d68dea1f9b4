"""The spool: what was appended is there after any death, once, in order, by its owner alone."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrail import trouble
from orchestrail.errors import SpoolError
from orchestrail.guard import report_to
from orchestrail.transport import segments as reading
from orchestrail.transport import spool as writing
from orchestrail.transport.segments import is_owned, read_segment, release, segments
from orchestrail.transport.spool import Spool

WRITER = """
import sys, time
from pathlib import Path
from orchestrail.transport.spool import Spool
spool = Spool(Path(sys.argv[1]))
number = 0
while True:
    spool.append(b'{"number":%d}' % number)
    number += 1
    print(number, flush=True)
"""


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a test closes a spool it is closed behind that, however long the disk takes."""
    monkeypatch.setattr(writing, "MAX_HALT", 120.0)


def bodies(folder: Path) -> list[bytes]:
    return [line.body for path in segments(folder) for line in read_segment(path).lines]


@given(st.lists(st.binary(max_size=300).filter(lambda body: b"\n" not in body and body), min_size=1, max_size=20))
@settings(max_examples=25, deadline=None)
def test_what_is_appended_is_read_back(tmp_path_factory: pytest.TempPathFactory, written: list[bytes]) -> None:
    """Any bytes without a line break come back as they were, in order, each with a nonce of its own and a rising counter."""
    folder = tmp_path_factory.mktemp("spool")
    spool = Spool(folder)
    for body in written:
        spool.append(body)
    spool.close()
    (path,) = segments(folder)
    segment = read_segment(path)
    assert [line.body for line in segment.lines] == written
    assert [line.counter for line in segment.lines] == list(range(1, len(written) + 1))
    assert len({line.nonce for line in segment.lines}) == len(written)
    assert (segment.problems, segment.torn) == ((), b"")


def test_folder_and_segment_are_private(tmp_path: Path) -> None:
    """Nobody else can read what a run left."""
    spool = Spool(tmp_path / "spool")
    spool.append(b"{}")
    (path,) = segments(tmp_path / "spool")
    assert stat.S_IMODE((tmp_path / "spool").stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    spool.close()


def test_a_setgid_folder_is_shared_by_its_group(tmp_path: Path) -> None:
    """In a folder that a group shares, another user of the group can collect."""
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o2770)
    spool = Spool(shared)
    spool.append(b"{}")
    spool.close()
    assert stat.S_IMODE(segments(shared)[0].stat().st_mode) == 0o660


def test_a_line_break_is_refused(tmp_path: Path) -> None:
    """An event is one line; anything else would become two."""
    spool = Spool(tmp_path)
    with pytest.raises(SpoolError):
        spool.append(b"{\n}")
    assert segments(tmp_path) == []


def test_the_owner_holds_its_segment(tmp_path: Path) -> None:
    """While the writer lives its segment is owned, and cannot be released by mistake."""
    spool = Spool(tmp_path)
    spool.append(b"{}")
    (path,) = segments(tmp_path)
    assert is_owned(path)
    assert release(read_segment(path)) is False
    assert path.exists()
    spool.close()
    assert not is_owned(path)
    assert release(read_segment(path)) is True
    assert segments(tmp_path) == []


def test_a_segment_that_grew_is_not_released(tmp_path: Path) -> None:
    """What was appended after the reading is not deleted."""
    spool = Spool(tmp_path)
    spool.append(b"{}")
    (path,) = segments(tmp_path)
    read = read_segment(path)
    spool.append(b"{}")
    spool.close()
    assert release(read) is False
    assert len(read_segment(path).lines) == 2


def test_killed_in_the_middle_loses_nothing(tmp_path: Path) -> None:
    """After kill -9 everything that an append returned for is there, once, and the segment is free."""
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    appended = 0
    while appended < 300:
        appended = int(writer.stdout.readline())
    writer.send_signal(signal.SIGKILL)
    appended = max([appended, *(int(line) for line in writer.stdout.read().splitlines() if line.strip())])
    writer.wait()
    numbers = [json.loads(body)["number"] for body in bodies(tmp_path)]
    assert numbers[:appended] == list(range(appended))
    assert len(numbers) <= appended + 1
    assert not is_owned(segments(tmp_path)[0])


def test_a_fork_opens_its_own_segment(tmp_path: Path) -> None:
    """Parent and child write apart; the parent's segment stays its own while it lives, and is free when it is gone."""
    spool = Spool(tmp_path)
    spool.append(b'{"by":"parent"}')
    (parents,) = segments(tmp_path)
    child = multiprocessing.get_context("fork").Process(target=spool.append, args=(b'{"by":"child"}',))
    child.start()
    child.join()
    assert child.exitcode == 0
    spool.append(b'{"by":"parent"}')
    assert sorted(bodies(tmp_path)) == [b'{"by":"child"}', b'{"by":"parent"}', b'{"by":"parent"}']
    (childs,) = set(segments(tmp_path)) - {parents}
    assert is_owned(parents)
    assert not is_owned(childs)
    assert read_segment(parents).emitter != read_segment(childs).emitter
    spool.close()


def test_a_child_that_outlives_its_parent_does_not_hold_the_parents_segment(tmp_path: Path) -> None:
    """A fork that never records must not keep its dead parent's segment locked."""
    code = (
        "import os, sys, time\nfrom pathlib import Path\nfrom orchestrail.transport.spool import Spool\n"
        "spool = Spool(Path(sys.argv[1])); spool.append(b'{}')\n"
        "child = os.fork()\n"
        "if child == 0:\n    os.close(1); os.close(2); time.sleep(600); os._exit(0)\n"
        "print(child, flush=True); os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True, check=False)
    child = int(done.stdout)
    try:
        assert not is_owned(segments(tmp_path)[0])
    finally:
        os.kill(child, signal.SIGKILL)


def test_threads_lose_nothing(tmp_path: Path) -> None:
    """Eight threads append at once: every event once, every line whole."""
    spool = Spool(tmp_path)

    def work(name: int) -> None:
        for number in range(200):
            spool.append(b'{"t":%d,"n":%d}' % (name, number))

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spool.close()
    found = bodies(tmp_path)
    assert len(set(found)) == len(found) == 1600


def test_a_segment_is_open_as_long_as_a_thread_writes_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread held up just before its write meets the end of the segment: its event is in that segment all the same."""
    held, goes_on, real = threading.Event(), threading.Event(), os.write

    def slow(fd: int, data: bytes) -> int:
        if b'"late"' in data:
            held.set()
            assert goes_on.wait(60)
        return real(fd, data)

    monkeypatch.setattr(writing.os, "write", slow)
    spool = Spool(tmp_path)
    spool.append(b'"early"')
    late = threading.Thread(target=spool.append, args=(b'"late"',))
    late.start()
    assert held.wait(60)
    (path,) = segments(tmp_path)
    spool.close()
    assert is_owned(path)  # no collector deletes it
    with (tmp_path / "the host's").open("w") as other:
        goes_on.set()
        late.join()
        assert not Path(other.name).read_bytes()
    assert [line.body for line in read_segment(path).lines] == [b'"early"', b'"late"']
    spool.close()
    assert not is_owned(path)


@pytest.mark.swallows
def test_what_is_appended_while_a_deleted_segment_is_written_again_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread that still has the deleted one: its event comes after, at the next sync."""
    report_to(tmp_path / "home", "test")
    held, goes_on, real = threading.Event(), threading.Event(), os.write

    def slow(fd: int, data: bytes) -> int:
        if b'"late"' in data and not goes_on.is_set():
            held.set()
            assert goes_on.wait(60)
        return real(fd, data)

    monkeypatch.setattr(writing.os, "write", slow)
    folder = tmp_path / "spool"
    spool = Spool(folder)
    spool.append(b'"early"')
    late = threading.Thread(target=spool.append, args=(b'"late"',))
    late.start()
    assert held.wait(60)
    delete(folder, True)
    spool.append(b'"between"')
    wait_for(lambda: segments(folder))
    goes_on.set()
    late.join()
    wait_for(lambda: len(bodies(folder)) == 3)
    (path,) = segments(folder)
    assert sorted(line.counter for line in read_segment(path).lines) == [1, 2, 3]
    spool.close()
    assert len(bodies(folder)) == 3


def wait_for(holds: Callable[[], object]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def syncers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "orchestrail-sync"]


def test_no_thread_is_left_after_a_moment_or_at_a_fork(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sync is a matter of 200 ms: it neither lasts, nor stands in the way of a fork or an exit."""
    wait_for(lambda: not syncers())  # those of other tests
    spool = Spool(tmp_path)
    with monkeypatch.context() as longer:  # it does not end by itself before it is looked at
        longer.setattr(writing, "MAX_UNSYNCED", 600.0)
        spool.append(b"{}")
        assert len(syncers()) == 1
        child = os.fork()
        if child == 0:
            os._exit(len(syncers()))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        wait_for(lambda: not syncers())
    spool.append(b"{}")
    wait_for(lambda: not syncers())


def test_a_burst_is_synced_by_one_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To start a thread is to wait for its turn, so it is started once a burst, however often that is synced."""
    threads, over, real = [], threading.Event(), os.fsync

    def note(fd: int) -> None:
        real(fd)
        threads.append(threading.current_thread())
        if len(threads) < 4:
            spool.append(b"{}")  # here, so that it comes before the thread finds nothing more to do
        else:
            over.set()

    monkeypatch.setattr(writing.os, "fsync", note)
    spool = Spool(tmp_path)
    spool.append(b"{}")
    assert over.wait(120)
    assert len(set(threads)) == 1
    assert threads[0].name == "orchestrail-sync"
    spool.close()


def test_every_append_is_synced_within_the_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk gets what was appended, without another append and without a close."""
    synced, waits = threading.Event(), []
    real = os.fsync

    class Told(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waits.append(timeout)
            return super().wait(timeout)

    def note(fd: int) -> None:
        real(fd)
        synced.set()

    monkeypatch.setattr(writing.os, "fsync", note)
    monkeypatch.setattr(writing.threading, "Event", Told)
    spool = Spool(tmp_path)
    for _ in range(3):
        synced.clear()
        spool.append(b"{}")
        assert synced.wait(120)  # the disk may take its time
    assert {timeout for timeout in waits if timeout} == {writing.MAX_UNSYNCED}
    spool.close()


def test_a_segment_is_closed_at_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full segment is closed and free for the collector; the next one goes on."""
    monkeypatch.setattr(writing, "MAX_BYTES", 2000)
    spool = Spool(tmp_path)
    for _ in range(30):
        spool.append(b"x" * 100)
    paths = segments(tmp_path)
    assert len(paths) > 1
    assert len(bodies(tmp_path)) == 30
    spool.close()


def test_a_full_disk_costs_the_event_and_shows_the_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The append fails with a clear error, later ones go through, and the counter shows that one is missing."""
    spool = Spool(tmp_path)
    spool.append(b'{"n":1}')
    real = os.write

    def full(fd: int, data: bytes) -> int:
        if b'"n":2' in data:
            real(fd, data[:20])
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(fd, data)

    monkeypatch.setattr(writing.os, "write", full)
    with pytest.raises(SpoolError, match="No space left"):
        spool.append(b'{"n":2}')
    spool.append(b'{"n":3}')
    spool.close()
    segment = read_segment(segments(tmp_path)[0])
    assert [line.body for line in segment.lines] == [b'{"n":1}', b'{"n":3}']
    assert [line.counter for line in segment.lines] == [1, 3]
    assert [len(raw) for _, raw, _ in segment.problems] == [19]  # what the disk took of it, without the break before it


def test_what_fails_before_there_is_a_segment_is_a_gap_in_the_first_one(tmp_path: Path) -> None:
    """The folder could not be made for two events; the third one's number tells of them."""
    (tmp_path / "spool").write_text("in the way")
    spool = Spool(tmp_path / "spool")
    for _ in range(2):
        with pytest.raises(SpoolError):
            spool.append(b"{}")
    (tmp_path / "spool").unlink()
    spool.append(b"{}")
    spool.close()
    (path,) = segments(tmp_path / "spool")
    assert [line.counter for line in read_segment(path).lines] == [3]


def delete(folder: Path, all_of_it: bool) -> Path:
    """Delete the one segment of a spool, or the spool."""
    (deleted,) = segments(folder)
    if all_of_it:
        shutil.rmtree(folder)
    else:
        deleted.unlink()
    return deleted


@pytest.mark.swallows
@pytest.mark.parametrize("all_of_it", [True, False], ids=["folder", "segment"])
@pytest.mark.parametrize("more", [0, 2])
def test_a_segment_that_is_deleted_is_written_once_more(tmp_path: Path, all_of_it: bool, more: int) -> None:
    """With all that was appended before and after, under the same numbers; that it happened is told."""
    report_to(tmp_path / "home", "test")
    folder = tmp_path / "spool"
    spool = Spool(folder)
    for _ in range(3):
        spool.append(b"{}")
    before = read_segment(segments(folder)[0])
    deleted = delete(folder, all_of_it)
    for _ in range(more):
        spool.append(b"{}")
    spool.close()
    (path,) = segments(folder)
    segment = read_segment(path)
    assert path != deleted
    assert (segment.emitter, segment.lines[:3], segment.problems) == (before.emitter, before.lines, ())
    assert [line.counter for line in segment.lines] == [1, 2, 3, 4, 5][: 3 + more]
    (told,) = trouble.read(tmp_path / "home")
    assert "was deleted while its process was writing to it" in told["error"]
    assert f"Its {3 + more} events were written again" in told["error"]
    spool.append(b"{}")
    spool.close()
    (other,) = set(segments(folder)) - {path}
    assert [line.counter for line in read_segment(other).lines] == [1]


@pytest.mark.swallows
def test_a_deletion_is_noticed_while_the_process_goes_on(tmp_path: Path) -> None:
    """With the next event that the disk gets, not only at the end: a process may be killed."""
    report_to(tmp_path / "home", "test")
    spool = Spool(tmp_path / "spool")
    spool.append(b"{}")
    delete(tmp_path / "spool", True)
    spool.append(b"{}")
    wait_for(lambda: segments(tmp_path / "spool"))
    (path,) = segments(tmp_path / "spool")
    assert is_owned(path)
    spool.append(b"{}")
    assert [line.counter for line in read_segment(path).lines] == [1, 2, 3]
    spool.close()


@pytest.mark.swallows
def test_what_cannot_be_written_once_more_is_a_gap(tmp_path: Path) -> None:
    """The folder is gone and cannot be made: the next event that can be written has the number that tells of the loss."""
    report_to(tmp_path / "home", "test")
    folder = tmp_path / "spool"
    spool = Spool(folder)
    for _ in range(3):
        spool.append(b"{}")
    emitter = read_segment(segments(folder)[0]).emitter
    delete(folder, True)
    folder.write_text("in the way")
    spool.close()
    folder.unlink()
    spool.append(b"{}")
    spool.close()
    (path,) = segments(folder)
    segment = read_segment(path)
    assert (segment.emitter, [line.counter for line in segment.lines]) == (emitter, [4])
    assert "cannot be written again" in trouble.read(tmp_path / "home")[0]["error"]


def test_a_segment_that_cannot_be_synced_does_not_take_the_next_event_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is left all the same, and no number of its descriptor is used again."""
    monkeypatch.setattr(writing, "MAX_AGE", 0.0)

    def refuse(fd: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(writing.os, "fsync", refuse)
    spool = Spool(tmp_path)
    for number in range(3):
        spool.append(b"%d" % number)
    assert sorted(bodies(tmp_path)) == [b"0", b"1", b"2"]
    assert opened(tmp_path)
    spool.close()
    assert opened(tmp_path) == []


def opened(folder: Path) -> list[Path]:
    """List the files in a folder that this process has open."""
    found = []
    for each in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # closed since the folder was listed
            found.append(each.readlink())
    return [path for path in found if path.is_relative_to(folder)]


def test_the_host_does_not_wait_for_the_disk_where_a_segment_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full or old segment is synced and closed in another thread, soon, whether or not another event comes."""
    monkeypatch.setattr(writing, "MAX_BYTES", 2000)
    synced, real = [], os.fsync

    def note(fd: int) -> None:
        synced.append(threading.current_thread().name)
        real(fd)

    monkeypatch.setattr(writing.os, "fsync", note)
    spool = Spool(tmp_path)
    for _ in range(30):
        spool.append(b"x" * 100)
    wait_for(lambda: sum(is_owned(path) for path in segments(tmp_path)) == 1)
    assert set(synced) == {"orchestrail-sync"}
    assert len(synced) >= len(segments(tmp_path))
    spool.close()
    assert not any(is_owned(path) for path in segments(tmp_path))


def test_a_file_system_that_counts_no_links_is_no_deletion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some say zero of every file: then a deletion cannot be noticed, and one segment stays one."""
    real = os.fstat

    def without_links(fd: int) -> os.stat_result:
        return os.stat_result((*real(fd)[:3], 0, *real(fd)[4:]))

    monkeypatch.setattr(writing.os, "fstat", without_links)
    spool = Spool(tmp_path)
    for _ in range(3):
        spool.append(b"{}")
    spool.close()
    (path,) = segments(tmp_path)
    assert [line.counter for line in read_segment(path).lines] == [1, 2, 3]


def test_a_folder_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    """A file where the folder should be: the error names the folder."""
    (tmp_path / "spool").write_text("in the way")
    with pytest.raises(SpoolError, match="spool"):
        Spool(tmp_path / "spool").append(b"{}")


def test_torn_and_damaged_lines_are_shown_with_their_bytes(tmp_path: Path) -> None:
    """A line cut off by a crash, and one that is no record, are reported; the good ones are read."""
    spool = Spool(tmp_path)
    spool.append(b'{"n":1}')
    spool.append(b'{"n":2}')
    spool.close()
    (path,) = segments(tmp_path)
    rows = path.read_bytes().split(b"\n")
    assert [bool(row) for row in rows] == [True, False, True, False, True, False]
    path.write_bytes(b"\n".join([*rows[:4], b"nonsense", *rows[3:], rows[4][:-3], b"3 17"]))
    segment = read_segment(path)
    assert [line.body for line in segment.lines] == [b'{"n":1}', b'{"n":2}']
    assert [(number, raw) for number, raw, _ in segment.problems] == [(5, b"nonsense"), (9, rows[4][:-3])]
    assert segment.torn == b"3 17"


@given(st.binary(max_size=400))
@settings(max_examples=200, deadline=None)
def test_any_bytes_can_be_read(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    """Whatever lies in a file of the spool, reading it gives lines and problems, and loses no byte of the latter."""
    path = tmp_path_factory.mktemp("spool") / "x.seg"
    path.write_bytes(data)
    segment = read_segment(path)
    assert segment.size == len(data)
    assert data.endswith(segment.torn)


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    """A segment of a later version is left alone and named."""
    path = tmp_path / "x.seg"
    path.write_bytes(b"orchestrail-spool 2 " + b"0" * 32 + b" {}\n")
    with pytest.raises(SpoolError, match="format 2"):
        reading.read_segment(path)
