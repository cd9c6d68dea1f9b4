"""The writing side of the spool: one append-only segment file per process, locked by its owner while it lives.

A segment begins with a heading and holds one record a line:

    orchestrail-spool 1 <emitter> <owner as JSON>
    <counter> <time in ns> <nonce, 64 hex digits> <event as JSON without line breaks>

The counter rises with every record, a failed one too, so that a gap shows a loss. A segment that is deleted while it is written is
written once more, as long as its process has it open. Otherwise nothing here reads a segment back (`orchestrail.transport.segments`
does), and nothing opens a network connection or a database.
"""

from __future__ import annotations

import atexit
import errno
import importlib
import json
import os
import secrets
import stat
import threading
import time
import weakref
from binascii import hexlify
from collections.abc import Iterable
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

_NONCE = 64
_NONCES = 64
"""Digits of a nonce; nonces drawn at once, because in a system call other threads take the interpreter from the one we hold up."""

_spools: weakref.WeakSet[Spool] = weakref.WeakSet()


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
        # Re-entrant: a signal handler may record while its own thread is in here.
        self._lock = threading.RLock()
        self._fd = -1
        self._emitter = ""
        self._counter = 0
        self._nonces: list[bytes] = []  # not the parent's: two records must not have the same
        self._size = 0
        self._left: list[int] = []
        self._opened_at = 0.0
        self._has_links = False
        self._torn = False
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
        if b"\n" in body:
            raise SpoolError("An event was not spooled.", "It holds a line break.", "Serialise it on one line.")
        with self._lock:
            try:
                if self._size >= MAX_BYTES or time.monotonic() - self._opened_at >= MAX_AGE:
                    self._leave()
                self._counter += 1
                if self._fd < 0:
                    self._open()
                line = b"%d %d %s %s\n" % (self._counter, time.time_ns(), self._nonce(), body)
                self._write(line)
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

    def _write(self, line: bytes) -> None:
        # A line cut off by a full disk that could not be taken back is ended first, so that it cannot swallow the next one.
        data = b"\n" + line if self._torn else line
        try:
            written = os.write(self._fd, data)
            if written < len(data):
                raise OSError(errno.ENOSPC, "The disk took only part of the line")
        except OSError:
            self._take_back()
            raise
        self._torn = False
        self._size += written

    def _take_back(self) -> None:
        try:
            os.ftruncate(self._fd, self._size)
        except OSError:
            self._torn = True

    def _rescue(self) -> bool:
        """Write a segment once more that somebody deleted while it was written to: as long as it is open, its events can be read.

        This is looked after when the disk gets what was appended, and not at each event: a system call more is one more moment at
        which the host's other threads take the interpreter.

        Returns:
            False where the segment is deleted still.
        """
        deleted, about = self._fd, os.fstat(self._fd)
        if not self._has_links or about.st_nlink > 0:
            return True
        whole = os.pread(deleted, about.st_size, 0).rpartition(LINE_END)[0] + LINE_END
        events = whole.partition(LINE_END)[2]
        try:
            self._open(events)
        except OSError as error:
            outcome = f"What was in it cannot be written again: {error.strerror or type(error).__name__}"
        else:
            with suppress(OSError):
                os.close(deleted)
            outcome = f"Its {events.count(LINE_END)} events were written again"
        what = "A segment of the spool was deleted while its process was writing to it."
        note(
            "append to the spool",
            SpoolError(what, f"{outcome} ({self.folder}).", "Find out what cleans that folder up."),
        )
        return self._fd != deleted

    def _open(self, events: bytes = b"") -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        shared = bool(self.folder.stat().st_mode & stat.S_ISGID)
        emitter = self._emitter or secrets.token_hex(16)
        # After a deletion not the name that was there: the file may be put back.
        name = f"{emitter}-{self._counter}" if self._emitter else emitter
        temporary = self.folder / f".{name}.new"
        fd = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            if shared:
                os.fchmod(fd, 0o660)
            if fcntl is not None:
                fcntl.flock(fd, fcntl.LOCK_EX)
            owner = this_process().as_dict() | {"createdAt": time.time_ns()}
            heading = f"{HEADING} {FORMAT} {emitter} {json.dumps(owner, separators=(',', ':'))}\n".encode()
            content = heading + events
            if os.write(fd, content) != len(content):
                raise OSError(errno.ENOSPC, "The disk took only part of it")
            # Only a segment that is locked and headed gets its name: a collector can never take it for an abandoned one.
            temporary.rename(self.folder / f"{name}{SUFFIX}")
        except BaseException:
            os.close(fd)
            temporary.unlink(missing_ok=True)
            raise
        self._fd, self._emitter, self._size = fd, emitter, len(content)
        self._opened_at, self._torn, self._unsynced = time.monotonic(), False, True
        self._has_links = os.fstat(fd).st_nlink > 0  # there are file systems that count none

    def _leave(self) -> None:
        """Have the next event open a segment of its own. The disk gets this one from the syncer: the host does not wait for it."""
        if self._fd < 0:
            return
        kept = False
        with suppress(OSError):  # what it holds is with the kernel; the next event must not be lost with it
            kept = self._rescue()
        self._left.append(self._fd)
        self._fd, self._size = -1, 0
        if kept:  # else the next segment goes on with emitter and counter: what was lost is a gap in them
            self._emitter, self._counter = "", 0

    def _taken(self) -> list[int]:
        left, self._left = self._left, []
        return left

    @staticmethod
    def _finish(descriptors: Iterable[int]) -> None:
        for fd in descriptors:
            with suppress(OSError):
                os.fsync(fd)
            with suppress(OSError):
                os.close(fd)

    def _sync(self) -> None:
        if self._unsynced and self._fd >= 0:
            self._unsynced = False
            os.fsync(self._fd)

    def _start_syncer(self) -> None:
        # A thread for a burst of events instead of a lasting one: most of the time there is none to survive a fork or to hold up an
        # exit. Not one for each 0.2 s of it, because to start a thread is to wait for its turn among the host's.
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
                written = self._taken()
                if self._unsynced and self._fd >= 0:
                    with suppress(OSError):
                        self._rescue()
                        written.append(os.dup(self._fd))
                self._unsynced = False
                goes_on = self._syncing = bool(written) and not stopped
            self._finish(written)  # outside the lock: the disk may take its time, the host's next append must not

    def _halt_syncer(self) -> None:
        syncer = self._syncer
        if syncer is not None and syncer.is_alive() and syncer is not threading.current_thread():
            self._stop.set()
            syncer.join(timeout=1.0)

    def _before_fork(self) -> None:
        self._halt_syncer()
        self._lock.acquire()

    def _after_fork_in_parent(self) -> None:
        self._lock.release()

    def _after_fork_in_child(self) -> None:
        # Closing the inherited descriptor leaves the parent's lock in place: flock belongs to the open file, not to us.
        inherited = [*self._left, *([self._fd] if self._fd >= 0 else [])]
        self._forget()
        for fd in inherited:
            os.close(fd)


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
