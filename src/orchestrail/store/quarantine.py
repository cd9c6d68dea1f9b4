"""Rows of the quarantine table: their digest, and how they are read and written. When something goes there is decided elsewhere."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import replace

from orchestrail.store.base import Quarantined, QuarantineEntry, Refused
from orchestrail.store.session import Session, storable

_WAITS = "event_id IS NULL"
_COLUMNS = "id, reason_code, reason, source, nonce, emitter, counter, received_at, event_id, length(body)"
_ASKED = {"place": int, "source": str, "body": bytes}
_KNOWN = (
    "SELECT place, (SELECT 1 FROM quarantine WHERE quarantine.source = new.source AND quarantine.body = new.body LIMIT 1)"
    " FROM {new}"
)
_ROW = {
    "id": int,
    "body": bytes,
    "nonce": bytes,
    "reason_code": str,
    "reason": str,
    "source": str,
    "emitter": str,
    "counter": int,
    "received_at": str,
    "digest": bytes,
}
_INSERT = f"INSERT INTO quarantine ({', '.join(_ROW)}) SELECT {', '.join(_ROW)} FROM {{new}} ORDER BY id"  # noqa: S608


def row_digest(entry_id: int, refused: Refused, received_at: str) -> bytes:
    """Return the digest over everything in an entry that never changes."""
    values = [
        entry_id,
        hashlib.sha256(refused.body).hexdigest(),
        refused.nonce.hex() if refused.nonce is not None else None,
        *_about(refused, received_at),
    ]
    return hashlib.sha256(json.dumps(values, separators=(",", ":")).encode()).digest()


def insert(session: Session, refused: Iterable[Refused], received_at: str) -> list[Refused]:
    """Write entries; return those whose bytes were not there from the same source already."""
    # Who appends waits for it: all are looked up together, and few entries share a source.
    first_of: dict[tuple[str, bytes], Refused] = {}
    for one in map(_storable, refused):
        first_of.setdefault((one.source, one.body), one)
    wanted = [*first_of.values()]
    asked = [(place, one.source, one.body) for place, one in enumerate(wanted)]
    known = {place for place, found in session.each(_KNOWN, _ASKED, asked) if found is not None}
    new = [one for place, one in enumerate(wanted) if place not in known]
    if new:
        (first,) = session.execute("SELECT coalesce(max(id) + 1, 1) FROM quarantine").fetchone()
        session.each(_INSERT, _ROW, [_row(entry_id, one, received_at) for entry_id, one in enumerate(new, first)])
    return new


def _storable(refused: Refused) -> Refused:
    # A reason may repeat what stood in the bytes, which are kept as they are.
    return replace(
        refused,
        reason_code=storable(refused.reason_code),
        reason=storable(refused.reason),
        source=storable(refused.source),
    )


def _row(entry_id: int, refused: Refused, received_at: str) -> tuple[object, ...]:
    return (
        entry_id,
        refused.body,
        refused.nonce,
        *_about(refused, received_at),
        row_digest(entry_id, refused, received_at),
    )


def _about(refused: Refused, received_at: str) -> tuple[object, ...]:
    return refused.reason_code, refused.reason, refused.source, refused.emitter, refused.counter, received_at


def read(session: Session, number: int) -> Quarantined | None:
    """Return an entry, whole."""
    row = session.execute(f"SELECT {_COLUMNS}, body FROM quarantine WHERE id = ?", (number,)).fetchone()  # noqa: S608
    if row is None:
        return None
    *known, identity, size, body = row
    return Quarantined(*(*known, identity and identity.hex(), size, body))


def entries(
    session: Session, most: int, past: int | None, *, resolved: bool, newest_first: bool
) -> list[QuarantineEntry]:
    """Return entries without their bytes, from the one past a number on in the order that is asked for."""
    wanted = [] if resolved else [_WAITS]
    if past is not None:
        wanted.append("id < ?" if newest_first else "id > ?")
    where = f"WHERE {' AND '.join(wanted)}" if wanted else ""
    order = "id DESC" if newest_first else "id"
    query = f"SELECT {_COLUMNS} FROM quarantine {where} ORDER BY {order} LIMIT ?"  # noqa: S608
    rows = session.execute(query, (most,) if past is None else (past, most))
    return [QuarantineEntry(*(*row, identity and identity.hex(), size)) for *row, identity, size in rows]


def count(session: Session) -> int:
    """Count the entries that were not resolved."""
    (found,) = session.execute(f"SELECT count(*) FROM quarantine WHERE {_WAITS}").fetchone()  # noqa: S608
    return int(found)
