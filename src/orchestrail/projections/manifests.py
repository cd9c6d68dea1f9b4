"""From the facet of a manifest to its row: a pure function. The facet is made by `orchestrail.operations.manifest`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from orchestrail.events.facets import plain_names
from orchestrail.manifest import Manifest
from orchestrail.projections.rows import ManifestRow
from orchestrail.projections.values import sha256, text

_SAID = ("systems", "policy", "notApplicable", "fields")


def manifest(facet: Mapping[str, Any], seq: int, received_at: str) -> ManifestRow | None:
    """Read a facet; None where a part of it cannot be used: half a manifest would state something else than the whole."""
    digest = sha256(facet.get("digest"))
    if digest is None:
        return None
    try:
        said = Manifest.model_validate({name: plain_names(facet[key]) for key, name in _names(facet)})
    except (ValidationError, RecursionError):
        return None
    return ManifestRow(seq, received_at, digest, text(facet.get("by")), said)


def _names(facet: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(key, next(iter(plain_names({key: None})))) for key in _SAID if key in facet]
