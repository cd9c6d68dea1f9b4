"""The record as it stands, ready to be asked: the tables are brought up to date with the log, then held still."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from orchestrail.projections.apply import applied, apply
from orchestrail.store.base import Progress, Store

__all__ = ["Snapshot", "Store", "applied", "snapshot"]

Snapshot = Connection
"""What the questions of this package are put to."""


@contextmanager
def snapshot(store: Store, progress: Progress | None = None) -> Iterator[Snapshot]:
    """Hold the record still for as many questions as it takes.

    Args:
        store: the store.
        progress: called with the events applied and those to apply.

    Raises:
        StoreError: the store cannot be read, or its tables cannot be brought up to date.
    """
    apply(store, progress)
    with store.read() as connection:
        yield connection
