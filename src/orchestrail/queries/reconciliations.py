"""What came of comparing each orchestrator's own records with the store, the last time that somebody did."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select, true

from orchestrail.histories import READERS
from orchestrail.projections import tables
from orchestrail.projections.chunks import chunks
from orchestrail.projections.rows import ReconciliationRow

UNORCHESTRATED = "python"
"""What runs without an orchestrator: nobody else has records of it."""


def way_to_compare(orchestrator: str) -> str:
    """Say what it takes to hold an orchestrator's own records against this one."""
    return "`orchestrail reconcile`" if orchestrator in READERS else "this version cannot read them"


def last_reconciliations(connection: Connection) -> dict[str, ReconciliationRow]:
    """Give the latest result by orchestrator, in the order of their names."""
    query = select(tables.reconciliation).order_by(tables.reconciliation.c.orchestrator)
    rows = map(tables.reconciliation_row, connection.execute(query).mappings())
    return {row.orchestrator: row for row in rows}


@dataclass(frozen=True, slots=True)
class Compared:
    """An orchestrator of recorded runs, held against its own records.

    Attributes:
        orchestrator: its name.
        row: what came of the last time; None where nobody compared them.
        different: of the runs that are looked at, those that it has in another state without a reason, as the row lists them.
    """

    orchestrator: str
    row: ReconciliationRow | None
    different: tuple[Mapping[str, Any], ...]


def compared(connection: Connection, roots: Collection[str] | None) -> Iterator[Compared]:
    """Give the orchestrators of processes, by name. Runs whose state on the record is another one by now are left out.

    Args:
        connection: a snapshot of the store.
        roots: root run ids of the processes; None for all.
    """
    run = tables.run.c
    wanted = [run.root_run_id.in_(chunk) for chunk in chunks(roots)] if roots is not None else [true()]
    names = {
        name
        for condition in wanted
        for name in connection.execute(select(run.orchestrator).where(condition).distinct()).scalars()
    }
    known = last_reconciliations(connection)
    for name in sorted(names - {None, UNORCHESTRATED}):
        row = known.get(name)
        told = {one["run_id"]: one for one in row.result["different"] if one["reason"] is None} if row else {}
        standing = {
            run_id
            for chunk in chunks(told)
            for run_id, root, state in connection.execute(
                select(run.run_id, run.root_run_id, run.state).where(run.run_id.in_(chunk))
            )
            if (roots is None or root in roots) and state == told[run_id]["recorded_state"]
        }
        yield Compared(name, row, tuple(one for run_id, one in told.items() if run_id in standing))
