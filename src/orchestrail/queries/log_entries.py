"""Entries of the log by their place: what a document cites."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, column, select, table

from orchestrail.projections import tables
from orchestrail.projections.chunks import chunks

_log = table("log", column("seq"), column("event_id"))


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
    found: dict[int, LogEntry] = {}
    event, run = tables.event.c, tables.run.c
    query = (
        select(_log.c.seq, _log.c.event_id, event.run_id, run.job_name)
        .outerjoin_from(_log, tables.event, event.seq == _log.c.seq)
        .outerjoin(tables.run, run.run_id == event.run_id)
    )
    for chunk in chunks(sorted(set(places))):
        for seq, event_id, run_id, job in connection.execute(query.where(_log.c.seq.in_(chunk))):
            found[seq] = LogEntry(seq, bytes(event_id).hex(), run_id, job or "")
    return found
