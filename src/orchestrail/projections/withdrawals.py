"""From the facet of a withdrawal to its row: a pure function. The facet is made by `orchestrail.operations.withdraw`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrail.projections.rows import WithdrawalRow
from orchestrail.projections.values import moment, sha256, text


def withdrawal(facet: Mapping[str, Any], seq: int, received_at: str) -> WithdrawalRow | None:
    """Read a facet; None where it does not say what was withdrawn, when and why, or names a digest that is none."""
    namespace, name, reason = (text(facet.get(field)) for field in ("namespace", "name", "reason"))
    withdrawn_at, digest = moment(facet.get("withdrawnAt")), sha256(facet.get("digest"))
    if namespace is None or name is None or reason is None or withdrawn_at is None:
        return None
    if digest is None and facet.get("digest") is not None:
        return None
    return WithdrawalRow(
        seq,
        received_at,
        namespace,
        name,
        text(facet.get("version")),
        digest,
        withdrawn_at,
        reason,
        text(facet.get("by")),
    )
