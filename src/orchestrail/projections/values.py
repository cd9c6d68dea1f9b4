"""Reading values out of events that anybody may have written: each function gives the value or None, and never raises.

A foreign producer's facet can hold anything that JSON can. What cannot be used counts as unknown; the event itself stays whole in
the log. No knowledge of a particular facet lives here.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from orchestrail.store.session import storable

_SHA256 = re.compile(r"sha256:[0-9a-f]{64}")
_OURS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)
_FINER = re.compile(r"(\.\d{6})\d+")
_EXACT = 27
_LARGEST = 2**63 - 1
_DEPTH = 32
_LONGEST = 100_000


def mapping(value: object) -> Mapping[str, Any]:
    """Give a JSON object; anything else is an empty one."""
    return value if isinstance(value, dict) else {}


def objects(value: object) -> Iterator[Mapping[str, Any]]:
    """Go through the objects of a JSON array; members that are none are passed over."""
    if isinstance(value, list):
        yield from (member for member in value if isinstance(member, dict))


def text(value: object) -> str | None:
    """Give a text that a database and a terminal can hold; an empty one counts as unknown."""
    if not isinstance(value, str) or not value:
        return None
    return storable(value[:_LONGEST])


def texts(value: object) -> Iterator[str]:
    """Go through the texts of a JSON array; members that are none are passed over."""
    if isinstance(value, list):
        yield from (member for member in map(text, value) if member is not None)


def whole(value: object) -> int | None:
    """Give a whole number that a database can hold."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _LARGEST else None


def amount(value: object) -> float | None:
    """Give a number that can be an amount: finite, and not below zero."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= _LARGEST:
        return None
    return float(value)


def truth(value: object) -> bool | None:
    """Give a truth value."""
    return value if isinstance(value, bool) else None


def sha256(value: object) -> str | None:
    """Give a digest of the form `sha256:` and 64 hexadecimal digits."""
    return value if isinstance(value, str) and _SHA256.fullmatch(value) else None


def run_id(value: object) -> str | None:
    """Give a run id, in the one form that UUIDs are compared in: they may be written with capitals, braces or no hyphens."""
    given = text(value)
    if given is None or len(given) > 200:
        return None
    try:
        return str(UUID(given))
    except ValueError:
        return given.lower()


def moment(value: object) -> str | None:
    """Give a time in UTC with microseconds, `...Z`, so that times sort as texts; a time without a zone is unknown."""
    if not isinstance(value, str):
        return None
    try:
        parsed = datetime.fromisoformat(value if len(value) <= _EXACT else _FINER.sub(r"\1", value))
        if parsed.tzinfo is None:
            return None
        if _OURS.fullmatch(value):
            return value
        return parsed.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")
    except (ValueError, OverflowError):
        return None


def plain(value: object, depth: int = 0) -> Any:
    """Give any JSON value in a form that can be written as JSON again: no infinities, no half surrogates, no endless depth."""
    if isinstance(value, str):
        return text(value) or ""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if depth >= _DEPTH:
        return None
    if isinstance(value, dict):
        return {text(key) or "": plain(member, depth + 1) for key, member in value.items()}
    if isinstance(value, list):
        return [plain(member, depth + 1) for member in value]
    return value


def parse(body: bytes) -> Mapping[str, Any]:
    """Read an event; what is no JSON object is an empty one."""
    try:
        return mapping(json.loads(body))
    except (ValueError, RecursionError):
        return {}
