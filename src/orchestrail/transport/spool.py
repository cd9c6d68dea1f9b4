"""The writing side of the spool: one append-only segment file per process, locked by its owner while it lives.

A segment begins with a heading and holds one record a line, with an empty line before each, so that one that a full disk cuts off
cannot swallow the next:

    orchestrail-spool 1 <emitter> <owner as JSON>

    <counter> <time in ns> <nonce, 64 hex digits> <event as JSON without line breaks>

The counter rises with every record, a failed one too, so that a gap shows a loss; threads may append out of its order. A segment
that is deleted while it is written is written once more, as long as its process has it open. Otherwise nothing here reads a
segment back (`orchestrail.transport.segments` does), and nothing opens a network connection or a database.

An append takes no lock: the file is open for appending, so that the kernel keeps lines apart. With a lock, hundreds of threads
that record at once would stand in line for it, and for the interpreter each time (docs/decisions/0013).
"""

from __future__ import annotations

import atexit
import errno
import importlib
import itertools
import json
import os
import secrets
import stat
import threading
import time
import weakref
from binascii import hexlify
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from types import ModuleType

from orchestrail.errors import SpoolError
from orchestrail.guard import note
from orchestrail.owner import this_process


def _locks() -> ModuleType | None:
    try:
        return importlib.import_module("fcntl")
    except ImportError:
        return None  # Windows: recording works, `doctor` names the platform as untested


fcntl = _locks()

FORMAT = 1
HEADING = "orchestrail-spool"
SUFFIX = ".seg"
LINE_END = b"\n"
MAX_BYTES = 8 * 2**20
MAX_AGE = 300.0
MAX_UNSYNCED = 0.2
"""Seconds that an event may lie in the page cache only: a crash of the process loses nothing, one of the machine this much."""
MAX_HALT = 1.0
"""Seconds that a fork or an end waits for what the disk is just given."""

_NONCE = 64
_NONCES = 64
"""Digits of a nonce; nonces drawn at once, because in a system call other threads take the interpreter from the one we hold up."""

_spools: weakref.WeakSet[Spool] = weakref.WeakSet()


class _Emitter:
    """Whose counter it is: one segment's, and that of the segments that go on where it was deleted."""

    __slots__ = ("files", "identity", "numbers")

    def __init__(self) -> None:
        self.identity = secrets.token_hex(16)
        self.numbers = itertools.count(1)
        self.files = 0


class _Segment:
    """An open segment file.

    It is closed when the last thread that writes to it has let go of it. A thread that was held up between taking the descriptor
    and writing would else write to whatever the host has opened under that number since.
    """

    __slots__ = ("emitter", "fd", "has_links", "opened_at", "size")

    def __init__(self, fd: int, emitter: _Emitter, size: int) -> None:
        self.fd = fd
        self.emitter = emitter
        self.size = size  # about: threads that write at once may count one less
        self.opened_at = time.monotonic()
        self.has_links = os.fstat(fd).st_nlink > 0  # there are file systems that count none

    def is_over(self) -> bool:
        return self.size >= MAX_BYTES or time.monotonic() - self.opened_at >= MAX_AGE

    def is_deleted(self) -> bool:
        return self.has_links and os.fstat(self.fd).st_nlink == 0

    def write(self, data: bytes) -> None:
        written = os.write(self.fd, data)
        self.size += written
        if written < len(data):
            raise OSError(errno.ENOSPC, "The disk took only part of the line")

    def whole_lines(self, begin: int) -> bytes:
        """Give what was appended from an offset on, to the last line break."""
        lines, end, _ = os.pread(self.fd, os.fstat(self.fd).st_size - begin, begin).rpartition(LINE_END)
        return lines + end

    def close(self, close: Callable[[int], None] = os.close) -> None:
        fd, self.fd = self.fd, -1
        if fd >= 0:
            close(fd)

    __del__ = close


class Spool:
    """Appends events to this process's segment in `folder`.

    Safe to use from threads; a forked child opens a segment of its own. Errors are raised to the caller, who is under
    `orchestrail.guard` on a host's path.

    Args:
        folder: the spool; made with mode 0700 when it is missing. A folder with the setgid bit is taken as shared by a
            group, and segments in it are readable and deletable by that group.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._forget()
        _spools.add(self)

    def _forget(self) -> None:
        # For all but appending. Re-entrant: a signal handler may record while its own thread is in here.
        self._lock = threading.RLock()
        self._segment: _Segment | None = None
        self._emitter = _Emitter()
        self._nonces: list[bytes] = []  # not the parent's: two records must not have the same
        self._left: list[_Segment] = []
        self._deleted: list[tuple[_Segment, int]] = []
        self._unsynced = False
        self._syncing = False
        self._syncer: threading.Thread | None = None
        self._stop = threading.Event()

    def append(self, body: bytes) -> None:
        """Write one event to the segment; returns when the kernel has it.

        Args:
            body: the event as it shall be kept, without line breaks.

        Raises:
            SpoolError: the folder cannot be written or the disk is full.
        """
        if LINE_END in body:
            raise SpoolError("An event was not spooled.", "It holds a line break.", "Serialise it on one line.")
        try:
            segment = self._segment
            if segment is None or segment.is_over():
                segment = self._next(segment)
            segment.write(b"\n%d %d %s %s\n" % (next(segment.emitter.numbers), time.time_ns(), self._nonce(), body))
        except OSError as error:
            raise SpoolError(
                "An event was not spooled.",
                f"{error.strerror or type(error).__name__} ({self.folder}).",
                "Free space or make the folder writable; the gap in the record's counter stays visible.",
            ) from error
        self._unsynced = True
        if not self._syncing:
            self._start_syncer()

    def sync(self) -> None:
        """Bring what was appended to the disk now."""
        with self._lock:
            self._sync()

    def close(self) -> None:
        """Sync and close the segment. A later append opens a new one."""
        self._halt_syncer()
        with self._lock:
            self._leave()
            self._finish(self._taken())

    def _nonce(self) -> bytes:
        try:
            return self._nonces.pop()
        except IndexError:
            drawn = hexlify(secrets.token_bytes(_NONCES * _NONCE // 2))
            nonce, *self._nonces = (drawn[at : at + _NONCE] for at in range(0, len(drawn), _NONCE))
            return nonce

    def _next(self, segment: _Segment | None) -> _Segment:
        """Give the segment after this one, which another thread may have opened already."""
        with self._lock:
            if self._segment is None or self._segment is segment:
                self._leave()
                try:
                    self._segment = self._open()
                except OSError:
                    next(self._emitter.numbers)  # that of the event which is lost with it
                    raise
            return self._segment

    def _open(self, events: bytes = b"") -> _Segment:
        emitter = self._emitter
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        shared = bool(self.folder.stat().st_mode & stat.S_ISGID)
        # After a deletion not the name that was there: the file may be put back.
        name = f"{emitter.identity}-{emitter.files}" if emitter.files else emitter.identity
        temporary = self.folder / f".{name}.new"
        fd = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            if shared:
                os.fchmod(fd, 0o660)
            if fcntl is not None:
                fcntl.flock(fd, fcntl.LOCK_EX)
            owner = this_process().as_dict() | {"createdAt": time.time_ns()}
            owned = json.dumps(owner, separators=(",", ":"))
            content = f"{HEADING} {FORMAT} {emitter.identity} {owned}\n".encode() + events
            if os.write(fd, content) != len(content):
                raise OSError(errno.ENOSPC, "The disk took only part of it")
            # Only a segment that is locked and headed gets its name: a collector can never take it for an abandoned one.
            temporary.rename(self.folder / f"{name}{SUFFIX}")
        except BaseException:
            os.close(fd)
            temporary.unlink(missing_ok=True)
            raise
        emitter.files += 1
        self._unsynced = True
        return _Segment(fd, emitter, len(content))

    def _rescue(self) -> bool:
        """Write a segment once more that somebody deleted while it was written to: as long as it is open, its events can be read.

        This is looked after when the disk gets what was appended, and not at each event: a system call more is one more moment at
        which the host's other threads take the interpreter.

        Returns:
            False where the segment is deleted still.
        """
        segment = self._segment
        if segment is None or not segment.is_deleted():
            self._bring_over()
            return True
        whole = segment.whole_lines(0)
        events = whole.partition(LINE_END)[2]
        try:
            self._segment = self._open(events)
        except OSError as error:
            outcome = f"What was in it cannot be written again: {error.strerror or type(error).__name__}"
        else:
            self._deleted.append((segment, len(whole)))
            outcome = f"Its {sum(map(bool, events.split(LINE_END)))} events were written again"
        what = "A segment of the spool was deleted while its process was writing to it."
        note(
            "append to the spool",
            SpoolError(what, f"{outcome} ({self.folder}).", "Find out what cleans that folder up."),
        )
        return self._segment is not segment

    def _bring_over(self) -> None:
        """Write again what threads still appended to a deleted segment while it was being written again."""
        for at, (segment, copied) in enumerate(self._deleted):
            late = segment.whole_lines(copied)
            if late and self._segment is not None:
                self._segment.write(late)
                self._deleted[at] = (segment, copied + len(late))

    def _leave(self) -> None:
        """Have the next event open a segment of its own. The disk gets this one from the syncer: the host does not wait for it."""
        if self._segment is None:
            return
        kept = False
        with suppress(OSError):  # what it holds is with the kernel; the next event must not be lost with it
            kept = self._rescue()
        self._left.append(self._segment)
        self._segment = None
        self._deleted.clear()
        if kept:  # else the next segment goes on with the counter: what was lost is a gap in it
            self._emitter = _Emitter()

    def _taken(self) -> list[_Segment]:
        left, self._left = self._left, []
        return left

    @staticmethod
    def _finish(written: Iterable[_Segment]) -> None:
        for segment in written:
            with suppress(OSError):
                os.fsync(segment.fd)

    def _sync(self) -> None:
        if self._unsynced and self._segment is not None:
            self._unsynced = False
            os.fsync(self._segment.fd)

    def _start_syncer(self) -> None:
        # A thread for a burst of events instead of a lasting one: most of the time there is none to survive a fork or to hold up an
        # exit. Not one for each 0.2 s of it, because to start a thread is to wait for its turn among the host's.
        with self._lock:
            if self._syncing:
                return
            self._stop = threading.Event()
            self._syncer = threading.Thread(
                target=self._sync_later, args=(self._stop,), name="orchestrail-sync", daemon=True
            )
            try:
                self._syncer.start()
                self._syncing = True
            except RuntimeError:  # the interpreter is shutting down and starts no threads any more
                self._sync()

    def _sync_later(self, stop: threading.Event) -> None:
        goes_on = True
        while goes_on:
            stopped = stop.wait(MAX_UNSYNCED)
            with self._lock:
                unsynced, self._unsynced = self._unsynced, False
                written = self._taken()
                if unsynced and self._segment is not None:
                    with suppress(OSError):
                        self._rescue()
                    written.append(self._segment)
                # In this order: who appends meanwhile either is seen here, or sees that there is no syncer.
                self._syncing = False
                goes_on = self._syncing = not stopped and (bool(written) or self._unsynced)
            self._finish(written)  # outside the lock: the disk may take its time
            written.clear()

    def _halt_syncer(self) -> None:
        syncer = self._syncer
        if syncer is not None and syncer.is_alive() and syncer is not threading.current_thread():
            self._stop.set()
            syncer.join(MAX_HALT)

    def _before_fork(self) -> None:
        self._halt_syncer()
        self._lock.acquire()

    def _after_fork_in_parent(self) -> None:
        self._lock.release()

    def _after_fork_in_child(self) -> None:
        # Closing the inherited descriptor leaves the parent's lock in place: flock belongs to the open file, not to us. It is
        # closed now and not when nobody holds it: threads of the parent that do are not here to let it go.
        inherited = [*self._left, *(segment for segment, _ in self._deleted)]
        if self._segment is not None:
            inherited.append(self._segment)
        self._forget()
        for segment in inherited:
            segment.close()


def _each(method: str) -> None:
    for spool in list(_spools):
        getattr(spool, method)()


def _close_all() -> None:
    for spool in list(_spools):
        with suppress(OSError):
            spool.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=lambda: _each("_before_fork"),
        after_in_parent=lambda: _each("_after_fork_in_parent"),
        after_in_child=lambda: _each("_after_fork_in_child"),
    )
atexit.register(_close_all)
