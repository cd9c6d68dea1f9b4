"""The store as it is judged: what the record holds as a whole, and what the store itself knows beside the tables."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from orchestrail.projections import tables
from orchestrail.queries.beginnings import Beginning, beginnings
from orchestrail.queries.restriction import systems_seen
from orchestrail.queries.scans import Scanned, scanned
from orchestrail.store.base import Gap, Verification

__all__ = ["Beginning", "Gap", "NamedSystem", "Record", "Scanned", "StoreFacts", "Verification", "record"]


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """What the store knows of itself; who asks it hands this on to the judgement.

    Attributes:
        size: number of log entries.
        quarantined: number of events that were refused and are not in the log.
        gaps: events that emitters numbered and that never arrived.
        verification: the log as it was recomputed; None where nobody did.
    """

    size: int
    quarantined: int = 0
    gaps: tuple[Gap, ...] = ()
    verification: Verification | None = None


@dataclass(frozen=True, slots=True)
class NamedSystem:
    """A system that runs name.

    Attributes:
        name: its name.
        run_id: the first run that names it, by place in the log.
        seq: that place.
        since: earliest time that an event of that run claims, RFC 3339 in UTC; None where none tells one.
    """

    name: str
    run_id: str
    seq: int
    since: str | None


@dataclass(frozen=True, slots=True)
class Record:
    """The record as a whole.

    Attributes:
        begins: since when each orchestrator is on it.
        scanned: the second look for secrets and personal data; None where nobody took one, or where some systems alone may be seen.
        systems: the systems that runs name.
    """

    begins: tuple[Beginning, ...]
    scanned: Scanned | None
    systems: tuple[NamedSystem, ...]


def record(connection: Connection) -> Record:
    """Load what is judged of the record as a whole."""
    run, of_system = tables.run.c, tables.of_system.c
    named = (
        select(of_system.system, run.run_id, run.first_seq, run.seen_at)
        .join_from(tables.of_system, tables.run, run.first_seq == of_system.first_seq)
        .order_by(of_system.system)
    )
    return Record(
        tuple(beginnings(connection)),
        scanned(connection) if systems_seen(connection) is None else None,
        tuple(NamedSystem(*row) for row in connection.execute(named)),
    )
