"""Entries of the log by their place: what a document cites, and what a reader pages through. Proofs are `proofs`' matter."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, column, select, table

from orchestrail.projections import tables
from orchestrail.projections.chunks import chunks
from orchestrail.store.base import Checkpoint
from orchestrail.store.bundle import Stored
from orchestrail.store.entries import entries_at, reader
from orchestrail.store.envelope import Envelope, event_id, parse_envelope
from orchestrail.store.log import stated_head
from orchestrail.store.merkle import leaf_hash

_log = table("log", column("seq"), column("event_id"), column("leaf"))
_meta = table("meta", column("key"), column("value"))
_checkpoint = table("checkpoint", column("size"), column("note"))
_READ = 256 * 1024
"""Bytes up to which the event of an entry is read to say in a list what it is; of a larger one the envelope alone tells."""


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


@dataclass(frozen=True, slots=True)
class Listed:
    """One entry as a list of the log shows it.

    Attributes:
        seq: its place.
        envelope: what its leaf commits to.
        kind: event type of a run event, `record` for any other; None where it was not read.
        job: name of the job that it is about; None where it was not read.
        run_id: the run that it is about; None for a record of another kind.
    """

    seq: int
    envelope: Envelope
    kind: str | None
    job: str | None
    run_id: str | None


@dataclass(frozen=True, slots=True)
class WholeEntry:
    """One entry with all that its leaf is made of.

    Attributes:
        seq: its place.
        envelope: what its leaf commits to, as bytes.
        said: the same, read.
        leaf: hash of the leaf, 32 bytes.
        nonce: what the event's id is salted with; None where the payload is no longer there.
        body: the event as it came; None likewise.
        run_id: the run that it is about; None for a record of another kind.
    """

    seq: int
    envelope: bytes
    said: Envelope
    leaf: bytes
    nonce: bytes | None
    body: bytes | None
    run_id: str | None

    @property
    def is_as_taken(self) -> bool:
        """Whether leaf, envelope and event belong to one another: a proof that a leaf is in the log tells of the leaf alone."""
        return leaf_hash(self.envelope) == self.leaf and (
            self.body is None or event_id(self.nonce or b"", self.body).hex() == self.said.event_id
        )


def log_entries(connection: Connection, places: Iterable[int]) -> dict[int, LogEntry]:
    """Load entries by place; places where nothing stands are left out."""
    found: dict[int, LogEntry] = {}
    event, run = tables.event.c, tables.run.c
    query = (
        select(_log.c.seq, _log.c.event_id, run.run_id, run.job_name)
        .outerjoin_from(_log, tables.event, event.seq == _log.c.seq)
        .outerjoin(tables.run, run.first_seq == event.first_seq)
    )
    for chunk in chunks(sorted(set(places))):
        for seq, identity, run_id, job in connection.execute(query.where(_log.c.seq.in_(chunk))):
            found[seq] = LogEntry(seq, bytes(identity).hex(), run_id, job or "")
    return found


def places_of(connection: Connection, run_id: str, limit: int) -> list[int]:
    """List the places in the log of the events of a run, in order, no more than so many."""
    event, run = tables.event.c, tables.run.c
    query = select(event.seq).join_from(tables.run, tables.event, event.first_seq == run.first_seq)
    query = query.where(run.run_id == run_id).order_by(event.seq).limit(limit)
    return list(connection.execute(query).scalars())


def page_of_log(connection: Connection, limit: int, before: int | None = None) -> list[Listed]:
    """List entries, the newest first.

    Args:
        connection: a snapshot of the whole store.
        limit: no more than so many.
        before: only those before this place.
    """
    query = (
        select(_log.c.seq, tables.run.c.run_id)
        .outerjoin_from(_log, tables.event, tables.event.c.seq == _log.c.seq)
        .outerjoin(tables.run, tables.run.c.first_seq == tables.event.c.first_seq)
        .order_by(_log.c.seq.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(_log.c.seq < before)
    runs = connection.execute(query).all()
    entries = entries_at(reader(connection), (row.seq for row in runs))
    return [_listed(seq, entry, row.run_id) for row, (seq, entry) in zip(runs, entries, strict=True)]


def _listed(seq: int, entry: Stored, run_id: str | None) -> Listed:
    said: Any = {}
    if entry.body is not None and len(entry.body) <= _READ:
        try:
            said = json.loads(entry.body)
        except (ValueError, RecursionError):
            said = {}
    job = said.get("job") if isinstance(said, dict) else None
    name = job.get("name") if isinstance(job, dict) else None
    kind = said.get("eventType", "record") if isinstance(said, dict) and said else None
    return Listed(
        seq,
        parse_envelope(entry.envelope),
        str(kind) if kind is not None else None,
        str(name) if name is not None else None,
        run_id,
    )


def whole_entry(connection: Connection, seq: int) -> WholeEntry | None:
    """Load one entry; None where the log has none at this place.

    Args:
        connection: a snapshot of the whole store.
        seq: its place.
    """
    query = (
        select(_log.c.leaf, tables.run.c.run_id)
        .outerjoin_from(_log, tables.event, tables.event.c.seq == _log.c.seq)
        .outerjoin(tables.run, tables.run.c.first_seq == tables.event.c.first_seq)
        .where(_log.c.seq == seq)
    )
    row = connection.execute(query).first()
    if row is None:
        return None
    ((_, entry),) = entries_at(reader(connection), [seq])
    return WholeEntry(
        seq, entry.envelope, parse_envelope(entry.envelope), bytes(row.leaf), entry.nonce, entry.body, row.run_id
    )


def newest_head(connection: Connection) -> Checkpoint:
    """Give the newest signed head of the log.

    Args:
        connection: a snapshot of the whole store.
    """
    query = select(_checkpoint.c.note).order_by(_checkpoint.c.size.desc()).limit(1)
    return stated_head(connection.execute(query).scalar())


def public_key(connection: Connection) -> str:
    """Give the public key that the store names as its own, `name+id+base64`; nothing here says that it is.

    Args:
        connection: a snapshot of the whole store.
    """
    return str(connection.execute(select(_meta.c.value).where(_meta.c.key == "public_key")).scalar_one())


def checkpoints(connection: Connection, limit: int, before: int | None = None) -> list[tuple[int, str]]:
    """List the signed heads of the log, the newest first: the number of entries, and the note.

    Args:
        connection: a snapshot of the whole store.
        limit: no more than so many.
        before: only those of fewer entries.
    """
    query = select(_checkpoint.c.size, _checkpoint.c.note).order_by(_checkpoint.c.size.desc()).limit(limit)
    if before is not None:
        query = query.where(_checkpoint.c.size < before)
    return [(size, bytes(note).decode("utf-8", "replace")) for size, note in connection.execute(query)]
