"""The log: entries with their raw bytes and proofs, signed heads, and what was refused."""

from __future__ import annotations

import json
from typing import Any

from fastapi import Path

from orchestrail.errors import ConfigurationError, NotRecorded
from orchestrail.operations.quarantine import show_quarantined
from orchestrail.queries.erasures import erasure_of
from orchestrail.queries.log_entries import checkpoints, newest_head, page_of_log, public_key, whole_entry
from orchestrail.queries.proofs import inclusion
from orchestrail.queries.snapshot import Snapshot, Store

PAGE = 100
"""Entries on one page."""
SHOWN = 64 * 1024
"""Characters of an event that are shown; all of it can be saved."""

Number = Path(ge=0, lt=2**62)


def listing(record: Snapshot, store: Store, before: int | None) -> dict[str, Any]:
    """Give a page of the log, the newest first."""
    found = page_of_log(record, PAGE, before)
    return {
        "rows": found,
        "head": newest_head(record),
        "refused": store.refused(),
        "gaps": store.gaps(),
        "following": found[-1].seq if len(found) == PAGE and found[-1].seq > 0 else None,
        "newest": before is not None,
    }


def one(record: Snapshot, seq: int) -> dict[str, Any]:
    """Give one entry with the proof that it is in the log.

    Raises:
        NotRecorded: the log has no entry at this place.
    """
    head = newest_head(record)
    found = whole_entry(record, seq) if seq < head.size else None
    if found is None:
        raise NotRecorded(
            f"The log has no entry {seq}.",
            f"It has {head.size} entries, numbered from 0.",
            "Choose one from the list of the log.",
        )
    problem, proof = None, None
    try:
        proof = inclusion(record, seq, head.size)
    except ValueError as error:
        problem = str(error)
    text = found.body.decode("utf-8", "backslashreplace") if found.body is not None else ""
    formatted = _formatted(text) if len(text) <= SHOWN else None
    return {
        "entry": found,
        "erasure": erasure_of(record, seq) if found.body is None else None,
        "envelope": found.envelope.decode("ascii", "backslashreplace"),
        "raw": text[:SHOWN],
        "raw_cut": len(text) > SHOWN,
        "length": len(text),
        "formatted": formatted,
        "proof": proof,
        "holds": proof is not None and proof.holds(head.root_hash),
        "problem": problem,
        "head": head,
        "note": head.note.decode("utf-8", "replace"),
        "last": head.size - 1,
        "public_key": public_key(record),
    }


def _formatted(text: str) -> str | None:
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return None


def event(record: Snapshot, seq: int) -> bytes:
    """Give the event of an entry as it came.

    Raises:
        NotRecorded: the log has none at this place, or its payload is no longer there.
    """
    found = whole_entry(record, seq)
    if found is None or found.body is None:
        raise NotRecorded(f"There is no event at {seq}.", "The log has no entry there, or its event was erased.", "")
    return found.body


def heads(record: Snapshot, before: int | None) -> dict[str, Any]:
    """Give the signed heads of the log, the newest first."""
    found = checkpoints(record, PAGE, before)
    return {
        "rows": found,
        "public_key": public_key(record),
        "following": found[-1][0] if len(found) == PAGE else None,
        "newest": before is not None,
    }


def refused(store: Store, before: int | None, *, every: bool) -> dict[str, Any]:
    """Give a page of what was refused, the newest first."""
    found = store.quarantine_entries(PAGE, resolved=every, newest_first=True, past=before)
    return {
        "rows": found,
        "every": every,
        "following": found[-1].id if len(found) == PAGE else None,
        "newest": before is not None,
    }


def one_refused(store: Store, number: int) -> dict[str, Any]:
    """Give one event that was refused, with its bytes.

    Raises:
        NotRecorded: there is none of this number.
    """
    try:
        found = show_quarantined(store, number)
    except ConfigurationError as error:
        raise NotRecorded(error.what, error.why, "Choose one from the list.") from None
    text = found.body.decode("utf-8", "backslashreplace")
    return {"entry": found, "raw": text[:SHOWN], "raw_cut": len(text) > SHOWN, "length": found.size}
