"""The attempts that one orchestrator's adapter recorded, for those who hold them against its own. Nothing is judged here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlalchemy import ColumnElement, Connection, func, select

from orchestrail.projections import tables
from orchestrail.projections.chunks import chunks
from orchestrail.projections.rows import RunRow

_run = tables.run.c
_began = func.coalesce(_run.started_at, _run.seen_at)


def first_recorded(connection: Connection, orchestrator: str) -> str | None:
    """Say since when an orchestrator is on the record; None where it is not."""
    earliest = select(func.min(_run.seen_at)).where(_run.orchestrator == orchestrator)
    moment: str | None = connection.execute(earliest).scalar()
    return moment


def attempts_since(connection: Connection, orchestrator: str, moment: str) -> list[RunRow]:
    """List the attempts that began at a moment or after it, by place in the log, without their data."""
    return list(_rows(connection, *_of(orchestrator), _began >= moment))


def attempts_of(connection: Connection, orchestrator: str, native_ids: Iterable[str]) -> list[RunRow]:
    """List the attempts of some runs by the orchestrator's ids, likewise."""
    return [
        row for chunk in chunks(native_ids) for row in _rows(connection, *_of(orchestrator), _run.native_id.in_(chunk))
    ]


def with_all_above(connection: Connection, rows: Iterable[RunRow]) -> dict[str, RunRow]:
    """Give runs and whatever stands above them, as far as it is recorded, by run id, likewise."""
    found: dict[str, RunRow] = {}
    level = {row.run_id: row for row in rows}
    while level:
        found |= level
        parents = {row.parent_run_id for row in level.values() if row.parent_run_id} - found.keys()
        level = {row.run_id: row for chunk in chunks(parents) for row in _rows(connection, _run.run_id.in_(chunk))}
    return found


def _of(orchestrator: str) -> tuple[ColumnElement[bool], ...]:
    # A producer other than our adapter tells no id of the orchestrator's.
    return _run.orchestrator == orchestrator, _run.native_id.is_not(None)


def _rows(connection: Connection, *conditions: ColumnElement[bool]) -> Iterator[RunRow]:
    query = select(tables.run).where(*conditions).order_by(_run.first_seq, _run.run_id)
    return (tables.run_row(row) for row in connection.execute(query).mappings())
