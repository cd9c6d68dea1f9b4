"""Rows of the quarantine table: their digest, and how they are read and written. When something goes there is decided elsewhere."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

from orchestrail.store.base import Quarantined, Refused
from orchestrail.store.session import Session, storable

_WAITS = "event_id IS NULL"
_COLUMNS = "id, body, reason_code, reason, source, nonce, emitter, counter, received_at, event_id"


def row_digest(entry_id: int, refused: Refused, received_at: str) -> bytes:
    """Return the digest over everything in an entry that never changes."""
    values = [
        entry_id,
        hashlib.sha256(refused.body).hexdigest(),
        refused.nonce.hex() if refused.nonce is not None else None,
        refused.reason_code,
        refused.reason,
        refused.source,
        refused.emitter,
        refused.counter,
        received_at,
    ]
    return hashlib.sha256(json.dumps(values, separators=(",", ":")).encode()).digest()


def insert(session: Session, refused: Refused, received_at: str) -> bool:
    """Write an entry; False where the same bytes from the same source are there already."""
    # A reason may repeat what stood in the bytes, which are kept as they are.
    refused = replace(
        refused,
        reason_code=storable(refused.reason_code),
        reason=storable(refused.reason),
        source=storable(refused.source),
    )
    known = session.execute(
        "SELECT 1 FROM quarantine WHERE source = ? AND body = ?", (refused.source, refused.body)
    ).fetchone()
    if known is not None:
        return False
    (entry_id,) = session.execute("SELECT coalesce(max(id) + 1, 1) FROM quarantine").fetchone()
    session.execute(
        "INSERT INTO quarantine (id, body, nonce, reason_code, reason, source, emitter, counter, received_at, digest)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            entry_id,
            refused.body,
            refused.nonce,
            refused.reason_code,
            refused.reason,
            refused.source,
            refused.emitter,
            refused.counter,
            received_at,
            row_digest(entry_id, refused, received_at),
        ),
    )
    return True


def read(session: Session, *, resolved: bool) -> list[Quarantined]:
    """Return the entries in order, those that were resolved only on request."""
    where = "" if resolved else f"WHERE {_WAITS}"
    rows = session.execute(f"SELECT {_COLUMNS} FROM quarantine {where} ORDER BY id")  # noqa: S608
    return [Quarantined(*(*row, identity and identity.hex())) for *row, identity in rows]


def count(session: Session) -> int:
    """Count the entries that were not resolved."""
    (found,) = session.execute(f"SELECT count(*) FROM quarantine WHERE {_WAITS}").fetchone()  # noqa: S608
    return int(found)
