"""The attempts that one orchestrator's adapter recorded, for those who hold them against its own. Nothing is judged here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlalchemy import ColumnElement, Connection, func, select

from orchestrail.projections import tables
from orchestrail.projections.rows import RunRow

_CHUNK = 400
_run = tables.run.c
_began = func.coalesce(_run.started_at, _run.seen_at)


def first_recorded(connection: Connection, orchestrator: str) -> str | None:
    """Say when the earliest recorded attempt of an orchestrator began; None where there is none."""
    moment: str | None = connection.execute(select(func.min(_began)).where(*_of(orchestrator))).scalar()
    return moment


def attempts_since(connection: Connection, orchestrator: str, moment: str) -> list[RunRow]:
    """List the attempts that began at a moment or after it, by place in the log, without their data."""
    return list(_rows(connection, *_of(orchestrator), _began >= moment))


def attempts_of(connection: Connection, orchestrator: str, native_ids: Iterable[str]) -> list[RunRow]:
    """List the attempts of some runs by the orchestrator's ids, likewise."""
    return [
        row for chunk in _chunks(native_ids) for row in _rows(connection, *_of(orchestrator), _run.native_id.in_(chunk))
    ]


def runs_by_id(connection: Connection, run_ids: Iterable[str]) -> list[RunRow]:
    """List runs by their ids, likewise."""
    return [row for chunk in _chunks(run_ids) for row in _rows(connection, _run.run_id.in_(chunk))]


def _of(orchestrator: str) -> tuple[ColumnElement[bool], ...]:
    # A producer other than our adapter tells no id of the orchestrator's.
    return _run.orchestrator == orchestrator, _run.native_id.is_not(None)


def _rows(connection: Connection, *conditions: ColumnElement[bool]) -> Iterator[RunRow]:
    query = select(tables.run).where(*conditions).order_by(_run.first_seq, _run.run_id)
    return (tables.run_row(row) for row in connection.execute(query).mappings())


def _chunks(values: Iterable[str]) -> Iterator[list[str]]:
    listed = sorted(set(values))
    for start in range(0, len(listed), _CHUNK):
        yield listed[start : start + _CHUNK]
