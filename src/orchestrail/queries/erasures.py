"""What was taken out of the log, as the log itself says."""

from __future__ import annotations

from sqlalchemy import Connection, select

from orchestrail.projections import tables
from orchestrail.projections.rows import ErasureRow


def erasure_of(connection: Connection, seq: int) -> ErasureRow | None:
    """Give the record by which the event at a place in the log was erased; None where there is none."""
    rows = connection.execute(select(tables.erasure).order_by(tables.erasure.c.seq)).mappings()
    return next((row for row in map(tables.erasure_row, rows) if seq in row.places), None)
