"""What came of comparing each orchestrator's own records with the store, the last time that somebody did."""

from __future__ import annotations

from sqlalchemy import Connection, select

from orchestrail.projections import tables
from orchestrail.projections.rows import ReconciliationRow


def last_reconciliations(connection: Connection) -> dict[str, ReconciliationRow]:
    """Give the latest result by orchestrator, in the order of their names."""
    query = select(tables.reconciliation).order_by(tables.reconciliation.c.orchestrator)
    rows = map(tables.reconciliation_row, connection.execute(query).mappings())
    return {row.orchestrator: row for row in rows}
