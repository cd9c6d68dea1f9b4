"""From the facet of a recovery to its row: a pure function. The facet is made by `orchestrail.operations.backup`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrail.projections.rows import RecoveryRow
from orchestrail.projections.values import moment, text, whole


def recovery(facet: Mapping[str, Any], seq: int, received_at: str) -> RecoveryRow | None:
    """Read a facet; None where it does not say from which checkpoint to which, when, why and who says so."""
    known_size, size, lost = (whole(facet.get(field)) for field in ("knownSize", "size", "lost"))
    known_root, reason, by = (text(facet.get(field)) for field in ("knownRoot", "reason", "by"))
    recovered_at = moment(facet.get("recoveredAt"))
    if known_size is None or size is None or known_root is None or recovered_at is None or reason is None or by is None:
        return None
    return RecoveryRow(seq, received_at, known_size, known_root, size, lost, recovered_at, reason, by)
