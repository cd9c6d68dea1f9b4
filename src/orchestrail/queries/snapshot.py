"""The record as it stands, ready to be asked: the tables are brought up to date with the log, then held still."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from orchestrail.projections.apply import applied, apply
from orchestrail.queries.restriction import restrict
from orchestrail.queries.targets import AFAR
from orchestrail.store.base import Checkpoint, Progress, Store

__all__ = ["Checkpoint", "Snapshot", "Store", "applied", "snapshot"]

Snapshot = Connection
"""What the questions of this package are put to."""


@contextmanager
def snapshot(
    store: Store, progress: Progress | None = None, *, systems: Collection[str] | None = None, afar: bool = False
) -> Iterator[Snapshot]:
    """Hold the record still for as many questions as it takes.

    Args:
        store: the store.
        progress: called with the events applied and those to apply.
        systems: whoever asks may see the rows of these AI systems alone; None for all.
        afar: whoever asks sits at another machine: nothing that is asked for is looked up among the files of this one.

    Raises:
        StoreError: the store cannot be read, or its tables cannot be brought up to date.
    """
    apply(store, progress)
    with store.read() as connection:
        if systems is not None:
            restrict(connection, systems)
        yield connection.execution_options(**{AFAR: afar})
