"""The spool into the store: every line once, in the order of time over all processes, and refused bytes into quarantine.

A segment goes only after the transaction that holds its last line. What is read twice is dropped by its event id, so that this
may be killed at any moment. Writing a spool is `orchestrail.transport`'s matter.
"""

from __future__ import annotations

import heapq
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout

from orchestrail.errors import SpoolError, StoreError
from orchestrail.operations.intake import BATCH, BATCH_BYTES, checked
from orchestrail.settings import Settings
from orchestrail.store.base import Appended, Incoming, Progress, Refused
from orchestrail.store.envelope import event_id
from orchestrail.transport.segments import Line, Segment, is_owned, read_segment, release, segments

PATIENCE = 300.0
"""Seconds to wait for another collector."""

SOURCE = "spool"

_TIME = re.compile(rb"\n?\d{1,18} (\d{1,20}) ")  # behind an empty row, in most segments


@dataclass(frozen=True, slots=True)
class CollectResult:
    """What one collection did.

    Attributes:
        appended: new log entries.
        duplicates: events that the log held already, such as those of a segment that is still being written.
        quarantined: refused lines that were not in quarantine before.
        kept: why segments that were collected whole could not be deleted.
        forbidden: events that a server does not take from here; they are kept aside.
    """

    appended: int
    duplicates: int
    quarantined: int
    kept: tuple[str, ...] = ()
    forbidden: int = 0


class Sink(Protocol):
    """Where spooled events go: a store, or a server that has one."""

    def known(self, event_ids: Iterable[str]) -> set[str]:
        """Return those of the event ids that the log holds."""
        ...

    def append(self, items: Sequence[Incoming], refused: Sequence[Refused] = ()) -> Appended:
        """Append events and quarantine refused bytes; durable when it returns."""
        ...


def collect(
    settings: Settings, store: Sink, source: Path | None = None, progress: Progress | None = None
) -> CollectResult:
    """Take what processes have spooled into the store.

    Args:
        settings: name the home, whose lock is held meanwhile, and the spool.
        store: where the events go.
        source: another spool folder.
        progress: called with segments done and segments there are.

    Raises:
        SpoolError: the folder or a segment cannot be read; what could be read was stored.
        StoreError: the store cannot be written; the spool keeps what is not in it.
        ServerError: the server cannot be reached, or refuses; likewise.
    """
    with spool_lock(settings):
        return _Collection(store, source or settings.spool, progress).run()


@contextmanager
def spool_lock(settings: Settings) -> Iterator[None]:
    """Hold the lock under which segments of this home are taken away.

    Raises:
        StoreError: the home cannot be written, or another process holds the lock for long.
    """
    path = settings.home / "collect.lock"
    lock = FileLock(path, timeout=PATIENCE, mode=0o600)
    try:
        settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise StoreError(
            f"The lock {path} is held.", "Another process collects, or was stopped in the middle.", "End it; try again."
        ) from None
    except OSError as error:
        raise StoreError(
            f"The lock {path} cannot be taken.", f"{error.strerror}.", "Make the home writable, or name another one."
        ) from error
    try:
        yield
    finally:
        lock.release()


@dataclass(slots=True)
class _Source:
    """One segment on its way, and the lines of it that are taken now."""

    segment: Segment
    lines: tuple[Line, ...]
    complete: bool

    @property
    def name(self) -> str:
        return f"{SOURCE}:{self.segment.emitter or self.segment.path.stem}"


@dataclass(slots=True)
class _Batch:
    """Lines and refusals that share a transaction, and the segments that end with it."""

    lines: list[tuple[_Source, Line]] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    ended: list[_Source] = field(default_factory=list)
    size: int = 0


class _Collection:
    def __init__(self, store: Sink, folder: Path, progress: Progress | None) -> None:
        self._store = store
        self._folder = folder
        self._progress = progress
        self._errors: list[SpoolError] = []
        self._kept: list[str] = []
        self._appended = self._duplicates = self._quarantined = 0
        self._done = self._total = 0

    def run(self) -> CollectResult:
        batch = _Batch()
        for source, line in self._merged(time.time_ns()):
            if line is None:
                batch.refused += _refused_lines(source)
                batch.ended.append(source)
            else:
                batch.lines.append((source, line))
                batch.size += len(line.body)
            if len(batch.lines) >= BATCH or batch.size >= BATCH_BYTES:
                self._commit(batch)
                batch = _Batch()
        self._commit(batch)
        if self._errors:
            raise self._errors[0]
        return CollectResult(self._appended, self._duplicates, self._quarantined, tuple(self._kept))

    def _merged(self, now: int) -> Iterator[tuple[_Source, Line | None]]:
        """Yield the lines of all segments in order of time, and each segment once more, without a line, behind its last.

        Within a segment its own order holds, whatever its clock did. A segment is read only when its first line is due, so that a
        long spool needs no more memory than the processes that ran at one time.
        """
        pending = sorted(((_first_time(path), path) for path in segments(self._folder)), reverse=True)
        self._total = len(pending)
        heap: list[tuple[int, str, int, int, _Source]] = []
        while pending or heap:
            while pending and (not heap or pending[-1][0] <= heap[0][0]):
                source = self._load(pending.pop()[1], now)
                if source is not None and source.lines:
                    # The last number only keeps two snapshots of one segment from being compared further.
                    heapq.heappush(heap, (source.lines[0].time_ns, source.name, 0, len(pending), source))
                elif source is not None:
                    yield source, None
            if heap:
                _, name, index, number, source = heapq.heappop(heap)
                yield source, source.lines[index]
                if index + 1 < len(source.lines):
                    heapq.heappush(heap, (source.lines[index + 1].time_ns, name, index + 1, number, source))
                else:
                    yield source, None

    def _load(self, path: Path, now: int) -> _Source | None:
        # Asked before reading: a segment without an owner does not grow any more.
        owned = is_owned(path)
        try:
            segment = read_segment(path)
        except SpoolError as error:
            if path.exists():
                self._errors.append(error)
            return None
        return _cut(segment, now, time.time_ns(), owned)

    def _commit(self, batch: _Batch) -> None:
        identities = [event_id(line.nonce, line.body).hex() for _, line in batch.lines]
        known = self._store.known(identities)
        incoming: list[Incoming] = []
        refused = list(batch.refused)
        for identity, (source, line) in zip(identities, batch.lines, strict=True):
            if identity not in known:
                checked = _checked(source, line)
                if isinstance(checked, Incoming):
                    incoming.append(checked)
                else:
                    refused.append(checked)
        if incoming or refused:
            result = self._store.append(incoming, refused)
            self._appended += result.appended
            self._duplicates += result.duplicates
            self._quarantined += result.quarantined
        self._duplicates += sum(identity in known for identity in identities)
        for source in batch.ended:
            self._end(source)

    def _end(self, source: _Source) -> None:
        if source.complete:
            try:
                release(source.segment)
            except SpoolError as error:
                self._kept.append(str(error))
        self._done += 1
        if self._progress is not None:
            self._progress(self._done, self._total)


def _cut(segment: Segment, now: int, read_at: int, owned: bool) -> _Source:
    """Take the lines that were there when the collection began, so that what one process saw of another comes behind it.

    A time later than the reading itself can only be a clock that is ahead: such a line is taken, or it might wait for years.
    """
    late = (number for number, line in enumerate(segment.lines) if now < line.time_ns <= read_at)
    end = next(late, len(segment.lines))
    return _Source(segment, segment.lines[:end], complete=not owned and end == len(segment.lines))


def _checked(source: _Source, line: Line) -> Incoming | Refused:
    emitter = source.segment.emitter
    counter = line.counter if emitter is not None else None
    where = f"{source.name}:{line.counter}"
    if line.counter < 1:
        why = "The counter of a record begins at 1."
        return Refused(line.body, "malformed_line", why, where, line.nonce)
    return checked(Incoming(line.body, SOURCE, line.nonce, emitter, counter), where)


def _refused_lines(source: _Source) -> list[Refused]:
    """Give what is no record in a segment; a torn end only where nobody can complete it any more."""
    segment = source.segment
    found = [
        Refused(raw, "malformed_line", f"{why[:1].upper()}{why[1:]}.", f"{source.name}:line {number}")
        for number, raw, why in segment.problems
    ]
    if segment.torn and source.complete:
        why = "The process or the disk stopped in the middle of the line."
        found.append(Refused(segment.torn, "cut_off", why, f"{source.name}:end"))
    return found


def _first_time(path: Path) -> int:
    """Read when the first record of a segment was spooled; 0, so that it is read at once, where that is not plain."""
    try:
        with path.open("rb") as file:
            file.readline(4096)
            match = _TIME.match(file.read(64))
    except OSError:
        return 0
    return int(match[1]) if match else 0
