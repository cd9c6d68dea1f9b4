"""Parameters as they may be recorded: redacted, small ones by value, anything else as type and digest.

`repr` and `str` of user objects are never called, and no user code runs: only exact built-in types are looked into.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import PurePath
from typing import Any
from uuid import UUID

from orchestrail.redaction import MARK, is_sensitive, redact, redact_text, remember

MAX_VALUE = 1024
"""Characters of JSON up to which a value is recorded as it is."""
_MAX_DIGESTED = 8 * 2**20
_MAX_NODES = 10_000
_MAX_DEPTH = 50
_WRITTEN_AS_TEXT = (datetime, date, time, timedelta, Decimal, UUID)


class _Opaque(Exception):
    """The value holds something that cannot be written down without running its code, or is too large."""


def describe(parameters: Mapping[str, object]) -> tuple[dict[str, dict[str, Any]], str]:
    """Describe parameters for the record.

    Returns:
        By name `{"type", "value"?, "digest"?}`, and `sha256:...` over the canonical form of that description.
    """
    described = {str(name): _describe(str(name), value) for name, value in parameters.items()}
    return described, digest_of(described)


def digest_of(value: Any) -> str:
    """Digest a JSON-like value: SHA-256 over JSON with sorted keys, no spaces, ASCII only."""
    return "sha256:" + hashlib.sha256(_canonical(value).encode()).hexdigest()


def as_text(description: Mapping[str, Any]) -> str | None:
    """Give a described value as OpenLineage's `executionParameters` hold one: a text; None where there is no value."""
    if "value" not in description:
        return None
    value = description["value"]
    return value if isinstance(value, str) else _canonical(value)


def _describe(name: str, value: object) -> dict[str, Any]:
    kind = type(value)
    type_name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    if is_sensitive(name) and value is not None and kind is not bool:
        _remember_all(value)
        return {"type": type_name, "value": MARK}
    if isinstance(value, (str, bytes)) and len(value) > _MAX_DIGESTED:
        return {"type": type_name, "digest": None}
    if isinstance(value, bytes) and kind is bytes:
        return {"type": type_name, "digest": "sha256:" + hashlib.sha256(value).hexdigest()}
    try:
        plain = redact(_plain(value, [_MAX_NODES], 0))
    except _Opaque:
        return {"type": type_name, "digest": None}
    text = _canonical(plain)
    if len(text) <= MAX_VALUE:
        return {"type": type_name, "value": plain}
    return {"type": type_name, "digest": "sha256:" + hashlib.sha256(text.encode()).hexdigest()}


def _plain(value: object, budget: list[int], depth: int) -> Any:
    budget[0] -= 1
    if budget[0] < 0 or depth > _MAX_DEPTH:
        raise _Opaque
    kind = type(value)
    if value is None or kind in (bool, int, str):
        return value
    if isinstance(value, float) and kind is float:
        return value if math.isfinite(value) else str(value)
    if kind in _WRITTEN_AS_TEXT:
        return str(value)
    if isinstance(value, PurePath):
        return os.fspath(value)
    if isinstance(value, (list, tuple)) and kind in (list, tuple):
        return [_plain(item, budget, depth + 1) for item in value]
    if isinstance(value, (set, frozenset)) and kind in (set, frozenset):
        return sorted((_plain(item, budget, depth + 1) for item in value), key=_canonical)
    if isinstance(value, dict) and kind is dict:
        return {_key(key): _entry(key, item, budget, depth) for key, item in value.items()}
    raise _Opaque


def _entry(key: object, item: object, budget: list[int], depth: int) -> Any:
    if type(key) is str and is_sensitive(key):
        _remember_all(item)
    return _plain(item, budget, depth + 1)


def _key(key: object) -> str:
    if type(key) is str:
        return redact_text(key)
    if type(key) in (int, bool, float) or key is None:
        return _canonical(key)
    raise _Opaque


def _remember_all(value: object, depth: int = 4) -> None:
    if type(value) in (str, bytes):
        remember(value)
    elif depth and isinstance(value, (list, tuple)):
        for item in value[:100]:
            _remember_all(item, depth - 1)
    elif depth and type(value) is dict:
        for item in list(value.values())[:100]:
            _remember_all(item, depth - 1)
    else:
        secret = getattr(type(value), "get_secret_value", None)  # pydantic's SecretStr, which Prefect's blocks use too
        if secret is not None and type(value).__module__.partition(".")[0] in ("pydantic", "prefect"):
            remember(secret(value))


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
