"""Digests of files that were too large for the step to wait: taken here, and put on the record as events of their own.

What the step recorded is never altered. A digest counts only where the file is still the one that the step used, by inode, size and
time of change; what is gone or changed is told. Each file is settled once, and at once: this may be killed at any moment.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from orchestrail import __version__
from orchestrail.capture.digest import FileDigest, digest_file, size_text
from orchestrail.events.facets import producer
from orchestrail.events.text import plain_job, run_event
from orchestrail.model import DatasetRef
from orchestrail.operations.conclusions import incoming
from orchestrail.owner import this_process
from orchestrail.projections.apply import apply
from orchestrail.projections.undigested import Undigested, known_digest, undigested
from orchestrail.redaction import MARK
from orchestrail.settings import Settings
from orchestrail.store.base import Incoming, Progress, Store

SOURCE = "collect"
_LOST = ("\\x", MARK)
"""What stands in a recorded name for bytes that are no UTF-8, and for a secret."""


@dataclass(frozen=True, slots=True)
class Digested:
    """What was done about the digests that steps left to the collector.

    Attributes:
        settled: uses of files that have their digest now, or of which the record now says why not.
        read: bytes that were read for it.
        left: uses that wait: of another machine's files, or beyond the bound.
    """

    settled: int
    read: int
    left: int


def take_digests(settings: Settings, store: Store, progress: Progress | None = None) -> Digested:
    """Take the digests that steps left to the collector, as far as the bound goes; does nothing while another process is at it.

    Args:
        settings: name the home, and how much is read at most (`collect_max_bytes`).
        store: where the runs are, and where the digests go.
        progress: called with the megabytes read and those to read.

    Raises:
        StoreError: the store cannot be written.
    """
    apply(store)
    with store.read() as connection:
        waiting = undigested(connection)
    here = [each for each in waiting if each.host == this_process().host]
    if not here:
        return Digested(0, 0, len(waiting))
    lock = FileLock(settings.home / "digests.lock", timeout=0, mode=0o600)
    try:
        with lock:
            return _Taking(settings, store, progress, here).run(len(waiting))
    except Timeout:
        return Digested(0, 0, len(waiting))


class _Taking:
    def __init__(self, settings: Settings, store: Store, progress: Progress | None, files: list[Undigested]) -> None:
        self._limit = settings.collect_max_bytes
        self._store = store
        self._progress = progress
        self._files = files
        self._total = sum(each.dataset.bytes or 0 for each in files)
        self._read = 0

    def run(self, waiting: int) -> Digested:
        settled = 0
        for each in self._files:
            size = each.dataset.bytes or 0
            if self._read and self._read + size > self._limit:
                continue
            digest, weak = self._settle(each.dataset)
            self._store.append([_event(each, digest, weak)])
            settled += 1
            if digest is not None:
                # The next use of the same file finds it there.
                apply(self._store)
        apply(self._store)
        self._show(self._total)
        return Digested(settled, self._read, waiting - settled)

    def _settle(self, dataset: DatasetRef) -> tuple[str | None, str | None]:
        """Give digest and reason: one of the two is None."""
        with self._store.read() as connection:
            known = known_digest(connection, dataset)
        if known is not None:
            return known, None
        if (dataset.bytes or 0) > self._limit:
            return None, f"larger than {size_text(self._limit)}"
        before = self._read
        found = digest_file(dataset.name, self._limit, lambda read: self._show(before + read))
        if found is not None and found.digest is not None:
            self._read += found.size
        return _judged(dataset, found)

    def _show(self, read: int) -> None:
        if self._progress is not None:
            self._progress(min(read, self._total) >> 20, self._total >> 20)


def _judged(dataset: DatasetRef, found: FileDigest | None) -> tuple[str | None, str | None]:
    if found is None:
        if any(mark in dataset.name for mark in _LOST) and not Path(dataset.name).exists():
            return None, "the record does not hold its exact name, by which the collector could find it"
        return None, "gone before the collector took its digest"
    if found.weak is not None and found.weak.startswith("cannot be read"):
        return None, f"by the collector it {found.weak}"
    if (f"{found.inode}:{found.mtime_ns}", found.size) != (dataset.seen, dataset.bytes) or found.weak is not None:
        return None, "changed before the collector took its digest"
    return found.digest, None


def _event(each: Undigested, digest: str | None, weak: str | None) -> Incoming:
    now, by = datetime.now(UTC), producer(SOURCE, __version__)
    settled = replace(each.dataset, version=None, digest=digest, observed="at_collect", weak=weak, role=None)
    read, written = ([settled], []) if each.direction == "input" else ([], [settled])
    event = run_event("OTHER", each.run_id, by, {}, plain_job(each.job), inputs=read, outputs=written, at=now)
    return incoming(event, SOURCE, now)
