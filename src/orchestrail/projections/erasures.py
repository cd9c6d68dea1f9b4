"""From the facet of an erasure to its row: a pure function. The facet is made by `orchestrail.operations.erase`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrail.projections.rows import ErasureRow
from orchestrail.projections.values import mapping, moment, objects, text, whole


def erasure(facet: Mapping[str, Any], seq: int, received_at: str) -> ErasureRow | None:
    """Read a facet; None where it does not say what was erased, when, why and who decided it."""
    places = [whole(mapping(entry).get("sequence")) for entry in objects(facet.get("entries"))]
    erased_at, reason, by = moment(facet.get("erasedAt")), text(facet.get("reason")), text(facet.get("by"))
    if not places or erased_at is None or reason is None or by is None:
        return None
    return ErasureRow(seq, received_at, tuple(place for place in places if place is not None), erased_at, reason, by)
