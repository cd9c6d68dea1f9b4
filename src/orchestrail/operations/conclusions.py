"""The event that ends a run which nobody ended, marked as concluded: by whom, and why. Whether to conclude is decided elsewhere."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from orchestrail import __version__
from orchestrail.events.build import timestamp
from orchestrail.events.facets import producer
from orchestrail.events.text import fresh, plain_job, run_event
from orchestrail.model import State
from orchestrail.projections.rows import RunRow
from orchestrail.store.base import Incoming

CONCLUDED = ("state", "ended_at")
_EVENT_TYPES = {State.COMPLETE: "COMPLETE", State.FAIL: "FAIL", State.ABORT: "ABORT"}


def concluded_end(row: RunRow, state: State, reason: str, by: str, at: datetime | None = None) -> Incoming:
    """Make the end of a run.

    Args:
        row: the run.
        state: COMPLETE, FAIL or ABORT.
        reason: why it is known to have ended.
        by: the operation that concludes it: `sweep`, `reconcile`.
        at: when it ended; None for now.
    """
    name, at = producer(by, __version__), at or datetime.now(UTC)
    concluded = {"fields": list(CONCLUDED), "reason": reason, "by": by}
    facets = {"orchestrail_inferred": fresh("orchestrail_inferred", concluded, name)}
    return incoming(run_event(_EVENT_TYPES[state], row.run_id, name, facets, plain_job(row.job), at=at), by, at)


def incoming(event: str, by: str, at: datetime) -> Incoming:
    """Make an event of our own, of a time that it says itself, ready for the log."""
    return Incoming(event.encode(), by, nonce=os.urandom(32), event_time=timestamp(at))
