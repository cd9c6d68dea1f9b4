"""Closing runs whose process died: as ABORT, marked as concluded. Nothing else is concluded here, and no run is ever reopened.

Only runs that their own process ends are closed, and only where this host can tell that the process is gone. What the process wrote
before it died is collected first; an end that is reported later supersedes the concluded one, and both are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrail.model import State
from orchestrail.operations.collect import collect
from orchestrail.operations.conclusions import concluded_end
from orchestrail.owner import Owner, is_alive, this_process
from orchestrail.projections.apply import apply
from orchestrail.projections.open_runs import open_runs
from orchestrail.projections.rows import RunRow
from orchestrail.settings import Settings
from orchestrail.store.base import Incoming, Progress, Store

SOURCE = "sweep"


@dataclass(frozen=True, slots=True)
class Swept:
    """What one sweep did.

    Attributes:
        closed: ids of the runs that were closed.
        left_open: ids of running runs of which this host cannot tell, or that their orchestrator ends.
    """

    closed: tuple[str, ...]
    left_open: tuple[str, ...]


def sweep(settings: Settings, store: Store, progress: Progress | None = None) -> Swept:
    """Close the runs whose process is dead.

    Args:
        settings: name the home and the spool.
        store: where the runs are.
        progress: called while the spool is collected.

    Raises:
        SpoolError: the spool cannot be read.
        StoreError: the store cannot be written.
    """
    collect(settings, store, progress=progress)
    dead = {row.run_id for row in abandoned(store)}
    if dead:
        # A process may have ended its run and died between the collecting and the question whether it lives.
        collect(settings, store, progress=progress)
    closing = [row for row in abandoned(store) if row.run_id in dead]
    if closing:
        store.append([_end(row) for row in closing])
        apply(store)
    with store.read() as connection:
        left = [row.run_id for by in ("process", "host") for row in open_runs(connection, by)]
    return Swept(tuple(row.run_id for row in closing), tuple(left))


def abandoned(store: Store) -> list[RunRow]:
    """List the running runs whose process is dead, as far as this host can tell."""
    apply(store)
    with store.read() as connection:
        rows = open_runs(connection, "process")
    return [row for row in rows if (owner := _owner(row.owner)) is not None and is_alive(owner) is False]


def _owner(stated: Mapping[str, Any] | None) -> Owner | None:
    """Read an owner from its facet; None where it does not name a process."""
    facts = stated or {}
    host, boot, namespace = (facts.get(name) for name in ("host", "bootId", "pidNamespace"))
    pid, ticks = facts.get("pid"), facts.get("startTicks")
    if not (isinstance(host, str) and isinstance(boot, str) and isinstance(namespace, str)):
        return None
    if not isinstance(pid, int) or pid <= 0 or not (ticks is None or isinstance(ticks, int)):
        return None
    return Owner(host, boot, namespace, pid, ticks)


def _end(row: RunRow) -> Incoming:
    owner: Mapping[str, Any] = row.owner or {}
    same_boot = owner.get("bootId") == this_process().bootId
    gone = f"its process {owner.get('pid')} on {owner.get('host')} is gone" if same_boot else "its host was restarted"
    return concluded_end(row, State.ABORT, gone, SOURCE)
