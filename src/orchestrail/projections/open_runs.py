"""Runs that nobody ended: for those who close them. Read through the tables; whether a process lives is asked elsewhere."""

from __future__ import annotations

from sqlalchemy import Connection, select

from orchestrail.model import State
from orchestrail.projections import tables
from orchestrail.projections.rows import RunRow


def open_runs(connection: Connection, closed_by: str) -> list[RunRow]:
    """List the running runs whose end is reported by `process` or by `host`, by place in the log, without their data."""
    run = tables.run.c
    query = (
        select(tables.run).where(run.state == State.RUNNING.value, run.closed_by == closed_by).order_by(run.first_seq)
    )
    return [tables.run_row(row) for row in connection.execute(query).mappings()]
