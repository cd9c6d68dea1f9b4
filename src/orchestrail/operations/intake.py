"""The one door for events from outside, however they come: an event goes on to the log, the rest to quarantine with its reason.

Nothing is stored here. Reading files, spools and requests is left to those who have them in hand.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from orchestrail.errors import EventRefused, Forbidden
from orchestrail.events.validation import validate
from orchestrail.projections.records import may_be_record
from orchestrail.projections.values import mapping, text
from orchestrail.store import erasure
from orchestrail.store.base import Appended, Incoming, Refused

__all__ = ["Appended", "Incoming", "Refused", "checked"]

BATCH = 1000
BATCH_BYTES = 16 * 2**20
"""What goes into one transaction, where there is much."""


def checked(
    item: Incoming, place: str, *, cut: bool = False, systems: Collection[str] | None = None, records: bool = True
) -> Incoming | Refused:
    """Decide where an event goes.

    Args:
        item: the event; its own time is filled in here.
        place: where its bytes stood, precise enough to tell equal bytes at two places apart.
        cut: what held it ends before it does.
        systems: the sender may speak for these systems alone; None for all.
        records: the sender may send records of ours too: what people state, manifests, withdrawals and the like.

    Raises:
        Forbidden: the event is of another system, or a record. It goes nowhere: its sender may not write it.
    """
    try:
        event = validate(item.body)
    except EventRefused as error:
        reason, why = error.reason, error.why
        if cut and reason == "not_json":
            reason, why = "cut_off", f"The file ends in the middle of it. {why}"
        return Refused(item.body, reason, why, place, item.nonce, item.emitter, item.counter)
    if erasure.is_record(event):
        why = "That something was erased from the log is put on the record by `orchestrail erase`, and comes from nowhere else."
        return Refused(item.body, "erasure", why, place, item.nonce, item.emitter, item.counter)
    named = _system(event)
    if systems is not None and named is not None and named not in systems:
        raise Forbidden(
            f"An event of the system {named!r} was not taken.",
            f"Its sender may speak for {', '.join(sorted(systems))} alone.",
            "Send it with a token of its system.",
        )
    if not records and may_be_record(event):
        raise Forbidden(
            "A record of orchestrail's own was not taken.",
            "What people state, and what is found out about the record, is of the store as a whole.",
            "Put it on the record where the store is, or send it with a token of the scope admin.",
        )
    claimed = event.get("eventTime")
    return replace(item, event_time=claimed if isinstance(claimed, str) else None)


def _system(event: Mapping[str, Any]) -> str | None:
    facets = mapping(mapping(event.get("run")).get("facets"))
    return text(mapping(facets.get("orchestrail_run")).get("system"))
