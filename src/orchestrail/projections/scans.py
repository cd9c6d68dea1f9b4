"""From the facets of scans, and of what became of their findings, to rows: pure functions. `operations.scan` makes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from orchestrail.projections.rows import FoundRow, ResolutionRow, ScanRow
from orchestrail.projections.values import moment, objects, text, texts, whole

_DIGEST = re.compile(r"hmac-sha256:[0-9a-f]{64}")
_FAMILIES = ("secret", "personal")


def scan(facet: Mapping[str, Any], seq: int, received_at: str) -> ScanRow | None:
    """Read a facet; None where it is no scan: what was looked at is not known, or one of the findings says too little."""
    numbers = {name: whole(facet.get(name)) for name in ("first", "last", "events", "unread", "texts")}
    read_at, listed = moment(facet.get("readAt")), facet.get("found")
    first, last = numbers["first"], numbers["last"]
    if read_at is None or not isinstance(listed, list) or first is None or last is None or not 0 <= first <= last < seq:
        return None
    found = tuple(filter(None, map(_found, objects(listed))))
    if len(found) != len(listed) or any(value is None for value in numbers.values()):
        return None
    named = ((text(one.get("name")), text(one.get("version"))) for one in objects(facet.get("detectors")))
    return ScanRow(
        seq=seq,
        received_at=received_at,
        read_at=read_at,
        detectors={name: version for name, version in named if name and version},
        found=found,
        fields=tuple(texts(facet.get("fields"))),
        **{name: value for name, value in numbers.items() if value is not None},
    )


def _found(one: Mapping[str, Any]) -> FoundRow | None:
    named, family, kind = text(one.get("id")), text(one.get("family")), text(one.get("kind"))
    digest, count = _digest(one.get("digest")), whole(one.get("count"))
    places = tuple(
        (sequence, pointer)
        for place in objects(one.get("places"))
        if (sequence := whole(place.get("sequence"))) is not None
        and (pointer := text(place.get("pointer"))) is not None
    )
    if named is None or kind is None or digest is None or family not in _FAMILIES or not places:
        return None
    return FoundRow(named, digest, str(family), kind, max(count or 0, len(places)), places)


def resolution(facet: Mapping[str, Any], seq: int, received_at: str) -> ResolutionRow | None:
    """Read a facet; None where it says not of what, why or who."""
    digest, reason, by = _digest(facet.get("digest")), text(facet.get("reason")), text(facet.get("by"))
    return ResolutionRow(seq, received_at, digest, reason, by) if digest and reason and by else None


def _digest(value: object) -> str | None:
    given = text(value)
    return given if given is not None and _DIGEST.fullmatch(given) else None
