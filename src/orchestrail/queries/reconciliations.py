"""What came of comparing each orchestrator's own records with the store, the last time that somebody did."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, or_, select, true

from orchestrail.histories import READERS
from orchestrail.projections import tables
from orchestrail.projections.chunks import chunks
from orchestrail.projections.rows import ReconciliationRow

__all__ = ["UNNAMED", "Compared", "ReconciliationRow", "compared", "last_reconciliations", "way_to_compare"]

UNORCHESTRATED = "python"
"""What runs without an orchestrator: nobody else has records of it."""
UNNAMED = "an orchestrator that no event names"
"""What the runs are under of which no event tells the orchestrator."""


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
        orchestrator: its name; `UNNAMED` where their events do not tell it.
        row: what came of the last time; None where nobody compared them.
        different: of the runs that are looked at, those that it has in another state without a reason, as the row lists them.
        outside: number of the runs that are looked at of which something happened before or after what was compared.
        first_outside: the first of these by place in the log, and that place.
    """

    orchestrator: str
    row: ReconciliationRow | None
    different: tuple[Mapping[str, Any], ...]
    outside: int = 0
    first_outside: tuple[str, int] | None = None


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
    for name in sorted({name or UNNAMED for name in names} - {UNORCHESTRATED}):
        row = known.get(name)
        if row is None:
            yield Compared(name, None, ())
            continue
        told = {one["run_id"]: one for one in row.result["different"] if one["reason"] is None}
        standing = {
            run_id
            for chunk in chunks(told)
            for run_id, root, state in connection.execute(
                select(run.run_id, run.root_run_id, run.state).where(run.run_id.in_(chunk))
            )
            if (roots is None or root in roots) and state == told[run_id]["recorded_state"]
        }
        different = tuple(one for run_id, one in told.items() if run_id in standing)
        yield Compared(name, row, different, *_outside(connection, row, wanted))


def _outside(
    connection: Connection, row: ReconciliationRow, wanted: Sequence[ColumnElement[bool]]
) -> tuple[int, tuple[str, int] | None]:
    """Count the runs that began before what was compared, or of which the latest that is known is later than its end."""
    run = tables.run.c
    began = func.coalesce(run.started_at, run.seen_at)
    latest = func.coalesce(run.ended_at, began)
    beyond = or_(began < row.result["since"], latest > row.result["until"])
    count, first = 0, None
    for condition in wanted:
        of_it = (condition, run.orchestrator == row.orchestrator, beyond)
        number, place = connection.execute(select(func.count(), func.min(run.first_seq)).where(*of_it)).one()
        count += number
        if number and (first is None or place < first):
            first = place
    if first is None:
        return count, None
    named = select(run.run_id).where(run.first_seq == first, run.orchestrator == row.orchestrator, beyond).limit(1)
    return count, (connection.execute(named).scalar_one(), first)
