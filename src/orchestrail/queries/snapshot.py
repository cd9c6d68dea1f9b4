"""The record as it stands, ready to be asked: the tables are brought up to date with the log, then held still."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from orchestrail.projections.apply import STEP, applied, apply, behind
from orchestrail.queries.restriction import restrict, systems_seen
from orchestrail.queries.targets import AFAR
from orchestrail.store.base import Checkpoint, Progress, Store

__all__ = [
    "STEP",
    "Checkpoint",
    "Progress",
    "Snapshot",
    "Store",
    "applied",
    "apply",
    "is_behind",
    "is_whole",
    "snapshot",
    "systems_seen",
]

Snapshot = Connection
"""What the questions of this package are put to."""

_AT_ONCE = 200
"""Log entries that whoever cannot wait applies before an answer; more are applied beside it."""
_BEHIND = "orchestrail_behind"


@contextmanager
def snapshot(
    store: Store,
    progress: Progress | None = None,
    *,
    systems: Collection[str] | None = None,
    afar: bool = False,
    waits: bool = True,
) -> Iterator[Snapshot]:
    """Hold the record still for as many questions as it takes.

    Args:
        store: the store.
        progress: called with the events applied and those to apply.
        systems: whoever asks may see the rows of these AI systems alone; None for all.
        afar: whoever asks sits at another machine: nothing that is asked for is looked up among the files of this one.
        waits: whoever asks waits until all that is in the log can be asked about; else `is_behind` tells where it cannot.

    Raises:
        StoreError: the store cannot be read, or its tables cannot be brought up to date.
    """
    left = _catch_up(store, progress, waits=waits)
    with store.read() as connection:
        if systems is not None:
            restrict(connection, systems)
        yield connection.execution_options(**{AFAR: afar, _BEHIND: left})


def is_behind(record: Snapshot) -> bool:
    """Say whether the log holds more than can be asked about here: whoever asked did not wait."""
    return bool(record.get_execution_options().get(_BEHIND))


def is_whole(record: Snapshot) -> bool:
    """Say whether whoever asks may see all systems: others are not told places in the log, which would count the rest."""
    return systems_seen(record) is None


def _catch_up(store: Store, progress: Progress | None, *, waits: bool) -> bool:
    lag = behind(store)
    if waits or (lag is not None and lag <= _AT_ONCE):
        apply(store, progress)
        return False
    if lag is None:
        apply(store, progress, most=STEP)
        lag = behind(store)
    return lag != 0
