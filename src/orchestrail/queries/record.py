"""The store as it is judged: what the record holds as a whole, and what the store itself knows beside the tables."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from orchestrail.projections import tables
from orchestrail.projections.rows import ReconciliationRow
from orchestrail.queries.beginnings import Beginning, beginnings
from orchestrail.queries.reconciliations import last_reconciliations
from orchestrail.queries.scans import Scanned, scanned
from orchestrail.store.base import Gap, Verification

__all__ = ["Beginning", "Gap", "ReconciliationRow", "Record", "Scanned", "StoreFacts", "Verification", "record"]


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
class Record:
    """The record as a whole.

    Attributes:
        begins: since when each orchestrator is on it.
        reconciliations: the latest result by orchestrator.
        scanned: the second look for secrets and personal data; None where nobody took one.
        systems: the systems that runs name, with the first run that does and its place in the log.
    """

    begins: tuple[Beginning, ...]
    reconciliations: tuple[ReconciliationRow, ...]
    scanned: Scanned | None
    systems: tuple[tuple[str, str, int], ...]


def record(connection: Connection) -> Record:
    """Load what is judged of the record as a whole."""
    run, of_system = tables.run.c, tables.of_system.c
    named = (
        select(of_system.system, run.run_id, run.first_seq)
        .join_from(tables.of_system, tables.run, run.first_seq == of_system.first_seq)
        .order_by(of_system.system)
    )
    return Record(
        tuple(beginnings(connection)),
        tuple(last_reconciliations(connection).values()),
        scanned(connection),
        tuple((system, run_id, seq) for system, run_id, seq in connection.execute(named)),
    )
