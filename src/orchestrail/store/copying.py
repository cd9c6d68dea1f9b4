"""A log on its way from one store to another: every row of it as it is. What is derived from the log is left behind."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from orchestrail.errors import StoreError
from orchestrail.store.base import Progress, Verification
from orchestrail.store.session import Examined, Session

_AT_ONCE = 500

_TABLES: dict[str, dict[str, type]] = {
    "meta": {"key": str, "value": str},
    "log": {"seq": int, "event_id": bytes, "leaf": bytes},
    "bundle": {"first": int, "count": int, "envelopes": bytes, "payloads": bytes},
    "recent": {"first": int, "count": int, "envelopes": bytes, "payloads": bytes},
    "tile": {"level": int, "number": int, "hashes": bytes},
    "tree": {"id": int, "size": int, "frontier": bytes},
    "checkpoint": {"size": int, "note": bytes},
    "emitter": {"emitter": str, "counters": str},
    "foreign_seen": {"digest": bytes, "event_id": bytes, "seen_at": str},
    "quarantine": {
        "id": int, "body": bytes, "nonce": bytes, "reason_code": str, "reason": str, "source": str, "emitter": str,
        "counter": int, "received_at": str, "digest": bytes, "event_id": bytes,
    },
}  # fmt: skip
"""Every table whose rows are the log's, in the order in which they are written, with its columns; the first ones are its key."""

_KEYS = {"tile": 2}
"""Columns that are the key, where it is more than one."""

_FEW = {"bundle": 8, "recent": 8, "quarantine": 50}
"""Rows of a table that are written at a time, where they are large."""


def copy_log(source: Session, target: Session, progress: Progress | None = None) -> None:
    """Write every row of a log into the empty tables of another store.

    Args:
        source: the store that is read.
        target: the store that is written.
        progress: called with the rows written and those there are.
    """
    total = sum(source.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in _TABLES)  # noqa: S608
    done = 0
    for table, columns in _TABLES.items():
        names, key = ", ".join(columns), ", ".join([*columns][: _KEYS.get(table, 1)])
        at_once = _FEW.get(table, _AT_ONCE)
        rows = source.stream(f"SELECT {names} FROM {table} ORDER BY {key}", at_once)  # noqa: S608
        for batch in _batches(rows, at_once):
            target.each(f"INSERT INTO {table} SELECT {names} FROM {{new}} ORDER BY {key}", columns, batch)  # noqa: S608
            done += len(batch)
            if progress is not None:
                progress(done, total)


def verified_copy(name: str, target: Examined, source: Examined, home: Path) -> Verification:
    """Recompute a copy, and require that it is the log that it was made of.

    Args:
        name: of the copy, for people.
        target: the copy.
        source: what it was made of, still at the same moment.
        home: where the key of the log is pinned.

    Raises:
        StoreError: the copy does not verify, as one of an altered log does not.
    """
    from orchestrail.store.verify import verify

    found, (size,) = verify(target, home), source.execute("SELECT max(size) FROM checkpoint").fetchone()
    if not found.ok or found.size != size:
        raise StoreError(
            f"{name} was not made.",
            f"The copy does not verify: {'; '.join(map(str, found.problems[:3])) or 'it is another log'}.",
            "Run `orchestrail verify` on what was to be copied.",
        )
    return found


def _batches(rows: Iterator[tuple[object, ...]], at_once: int) -> Iterator[list[tuple[object, ...]]]:
    while batch := list(islice(rows, at_once)):
        yield batch
