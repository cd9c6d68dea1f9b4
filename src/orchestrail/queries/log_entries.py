"""Entries of the log by their place: what a document cites."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, column, select, table

from orchestrail.projections import tables

_log = table("log", column("seq"), column("event_id"))
_CHUNK = 400


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry.

    Attributes:
        seq: its place.
        event_id: SHA-256 of nonce and body, hexadecimal.
        run_id: the run that it is about; None for a record of another kind.
        job: name of that run's job; empty for a record of another kind.
    """

    seq: int
    event_id: str
    run_id: str | None
    job: str


def log_entries(connection: Connection, places: Iterable[int]) -> dict[int, LogEntry]:
    """Load entries by place; places where nothing stands are left out."""
    listed = sorted(set(places))
    found: dict[int, LogEntry] = {}
    event, run = tables.event.c, tables.run.c
    query = (
        select(_log.c.seq, _log.c.event_id, event.run_id, run.job_name)
        .outerjoin_from(_log, tables.event, event.seq == _log.c.seq)
        .outerjoin(tables.run, run.run_id == event.run_id)
    )
    for start in range(0, len(listed), _CHUNK):
        for seq, event_id, run_id, job in connection.execute(
            query.where(_log.c.seq.in_(listed[start : start + _CHUNK]))
        ):
            found[seq] = LogEntry(seq, bytes(event_id).hex(), run_id, job or "")
    return found
