"""A log on its way from one engine to another: every row of it as it is. What is derived from the log is left behind."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from orchestrail.store.base import Progress
from orchestrail.store.session import Session

_AT_ONCE = 500

_TABLES = {
    "meta": "key",
    "payload": "event_id",
    "log": "seq",
    "tile": "level, number",
    "tree": "id",
    "checkpoint": "size",
    "emitter": "emitter",
    "foreign_seen": "digest",
    "quarantine": "id",
}
"""Every table whose rows are the log's, in the order in which they are written, with its key."""


def copy_log(source: Session, target: Session, progress: Progress | None = None) -> None:
    """Write every row of a log into the empty tables of another store.

    Args:
        source: the store that is read.
        target: the store that is written.
        progress: called with the rows written and those there are.
    """
    total = sum(source.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in _TABLES)  # noqa: S608
    done = 0
    for table, key in _TABLES.items():
        rows = source.stream(f"SELECT * FROM {table} ORDER BY {key}")  # noqa: S608
        for batch in _batches(rows):
            marks = ", ".join("?" * len(batch[0]))
            target.execute_many(f"INSERT INTO {table} VALUES ({marks})", batch)  # noqa: S608
            done += len(batch)
            if progress is not None:
                progress(done, total)


def _batches(rows: Iterator[tuple[object, ...]]) -> Iterator[list[tuple[object, ...]]]:
    while batch := list(islice(rows, _AT_ONCE)):
        yield batch
