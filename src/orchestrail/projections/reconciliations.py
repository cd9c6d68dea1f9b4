"""From the facet of a reconciliation to its row: a pure function. The facet is made by `orchestrail.operations.reconcile`.

The row is the result in the words of the command that found it. What lacks a time or a number is no result: unknown is not none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from orchestrail.events.facets import field_name
from orchestrail.projections.rows import ReconciliationRow
from orchestrail.projections.values import mapping, moment, objects, text, whole

_READ: Mapping[str, Callable[[object], str | None]] = {
    "orchestrator": text,
    "version": text,
    "address": text,
    "read_at": moment,
    "since": moment,
    "until": moment,
    "record_begins": moment,
    "oldest": moment,
    "job": text,
}
_NUMBERS = {
    "attempts": ("orchestrator", "record", "agreed"),
    "counts": ("missing", "surplus", "different", "closed", "surplus_explained", "different_explained"),
    "not_compared": ("runs_before_record", "unsettled", "waiting", "pruned", "earlier_passes"),
}
_KINDS = ("missing", "surplus", "different", "closed")
_FINDING: Mapping[str, Callable[[object], str | int | None]] = {
    "native_id": text,
    "attempt": whole,
    "job": text,
    "name": text,
    "orchestrator_state": text,
    "recorded_state": text,
    "run_id": text,
    "started_at": moment,
    "reason": text,
}
_MAY_LACK = {"version", "record_begins", "oldest", "job", "runs_before_record"}


def reconciliation(facet: Mapping[str, Any], seq: int, received_at: str) -> ReconciliationRow | None:
    """Read a facet; None where it is no result of a reconciliation."""
    stated = {name: read(facet.get(field_name(name))) for name, read in _READ.items()}
    numbers = {
        group: {name: whole(mapping(facet.get(field_name(group))).get(field_name(name))) for name in names}
        for group, names in _NUMBERS.items()
    }
    told = [*stated.items(), *(pair for group in numbers.values() for pair in group.items())]
    if any(value is None and name not in _MAY_LACK for name, value in told):
        return None
    findings = {
        kind: [
            {name: read(one.get(field_name(name))) for name, read in _FINDING.items()}
            for one in objects(facet.get(kind))
        ]
        for kind in _KINDS
    }
    return ReconciliationRow(str(stated["orchestrator"]), seq, {**stated, **numbers, **findings})
