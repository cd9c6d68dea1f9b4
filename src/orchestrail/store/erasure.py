"""Events taken out of a log: their bytes and nonces go; envelopes, leaves and proofs stay. Transactions are each engine's matter.

Which events were taken out, the log itself says, in an entry that comes behind them: a record of erasure. Verification holds one
against the other, so such a record is read here and not where other facets are.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from orchestrail.store.base import Placed, Refused
from orchestrail.store.bundle import BundleError, pack, unpack
from orchestrail.store.entries import TABLES
from orchestrail.store.quarantine import row_digest
from orchestrail.store.session import Damage, Session

SOURCE = "erase"
"""What the envelope of a record of erasure names as its source: what comes from a spool or over HTTP is of another one."""

FACET = "orchestrail_erasure"
"""The facet of its job that says what was erased."""

GUARDED = ("bundle", "recent", "quarantine")
"""Tables in which triggers stand in the way of an erasure."""

_HOLDING = "SELECT first, count, payloads FROM {table} WHERE first <= ? ORDER BY first DESC LIMIT 1"
_PUT_BACK = "UPDATE {table} SET payloads = ? WHERE first = ?"
_REFUSED = "SELECT id, reason_code, reason, source, emitter, counter, received_at FROM quarantine WHERE event_id = ? ORDER BY id"
_EMPTY = "UPDATE quarantine SET body = ?, nonce = NULL, digest = ? WHERE id = ?"


def is_record(event: Mapping[str, Any]) -> bool:
    """Say whether an event has the facet of a record of erasure, be it a good one or not."""
    job = event.get("job")
    facets = job.get("facets") if isinstance(job, dict) else None
    return isinstance(facets, dict) and FACET in facets


def named_in(body: bytes) -> list[Placed]:
    """Read which entries a record of erasure names; none where it is no such record."""
    try:
        event = json.loads(body)
        entries = event["job"]["facets"][FACET]["entries"] if is_record(event) else ()
        return [Placed(int(entry["sequence"]), str(entry["eventId"])) for entry in entries]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return []


def take_out(session: Session, entries: Iterable[Placed]) -> None:
    """Take the bytes and the nonces of some entries out of a store, wherever it holds them.

    Args:
        session: the transaction that appends the record of it, in which no trigger stands in the way.
        entries: which.

    Raises:
        Damage: what holds an entry cannot be read.
    """
    for seq, event_id in entries:
        identity = bytes.fromhex(event_id)
        _from_bundle(session, seq)
        session.execute("DELETE FROM foreign_seen WHERE event_id = ?", (identity,))
        # What had been refused and was appended later is in quarantine still.
        for entry, code, reason, source, emitter, counter, received_at in list(session.execute(_REFUSED, (identity,))):
            left = Refused(b"", code, reason, source, None, emitter, counter)
            session.execute(_EMPTY, (b"", row_digest(entry, left, received_at), entry))


def _from_bundle(session: Session, seq: int) -> None:
    for table in TABLES:
        row = session.execute(_HOLDING.format(table=table), (seq,)).fetchone()
        if row is not None and seq < row[0] + row[1]:
            first, count, packed = row
            try:
                payloads = unpack(packed, count)
            except BundleError as error:
                raise Damage(f"the entries from {first} on: {error}") from error
            payloads[seq - first] = None
            session.execute(_PUT_BACK.format(table=table), (pack(payloads), first))
            return
    raise Damage(f"the log has nothing at its place {seq}")
