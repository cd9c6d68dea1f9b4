"""The event that ends a run which nobody ended, marked as concluded: by whom, and why. Whether to conclude is decided elsewhere."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from orchestrail import __version__
from orchestrail.events.build import run_event
from orchestrail.events.facets import producer
from orchestrail.model import RunRef, State
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
    concluded = {"fields": list(CONCLUDED), "reason": reason, "by": by}
    run = RunRef(row.run_id, row.job, row.root_run_id, row.job, row.parent_run_id)
    facets = {"orchestrail_inferred": concluded}
    event = run_event(_EVENT_TYPES[state], run, producer(by, __version__), run_facets=facets, job_facets={}, at=at)
    return incoming(event, by)


def incoming(event: Mapping[str, Any], by: str) -> Incoming:
    """Make an event of our own ready for the log."""
    body = json.dumps(event, separators=(",", ":")).encode()
    return Incoming(body, by, nonce=os.urandom(32), event_time=event["eventTime"])
