"""From the facet of a technical documentation to its row: a pure function. `orchestrail.operations.document` makes the facet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrail.projections.rows import DocumentRow
from orchestrail.projections.values import objects, sha256, text, texts, whole


def document(facet: Mapping[str, Any], seq: int, received_at: str) -> DocumentRow | None:
    """Read a facet; None where it does not say of which model, day and head it is, or lists no points."""
    model, digest, day, size = (
        sha256(facet.get("model")),
        sha256(facet.get("digest")),
        text(facet.get("day")),
        whole(facet.get("size")),
    )
    marks = [set(texts(point.get("marks"))) for point in objects(facet.get("points"))]
    if model is None or digest is None or day is None or size is None or not all(marks) or not marks:
        return None
    missing, partial = (sum(mark in each for each in marks) for mark in ("missing", "partial"))
    return DocumentRow(seq, received_at, model, digest, day, size, missing, partial)
