"""Parameters as they may be recorded: redacted, small ones by value, anything else as type and digest.

`repr` and `str` of user objects are never called, and no user code runs: only exact built-in types are looked into, and what an
object says of its own type (`__class__`) is not asked. What one value does to us costs the description of that value alone. Time is
bounded by the number of values and the length of the texts in a parameter.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import PurePath
from typing import Any, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from orchestrail.redaction import MARK, MAX_TEXT, is_sensitive, redact, redact_text, remember

MAX_VALUE = 1024
"""Characters of JSON up to which a value is recorded as it is."""
_MAX_DIGESTED = 8 * 2**20
"""Bytes or characters of a single text up to which a digest is taken; 8 MB cost 5 to 10 ms."""
_MAX_NODES = 10_000
_MAX_DEPTH = 50
_MAX_BITS = 4096
_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode
_WRITTEN_AS_TEXT = (datetime, date, time, timedelta, Decimal, UUID)
_ZONES = (type(None), timezone, ZoneInfo)
_MODULE, _QUALNAME = (type.__dict__[name].__get__ for name in ("__module__", "__qualname__"))
_PATHS = ("pathlib", "pathlib._local")


@dataclass(frozen=True, slots=True)
class Unshown:
    """A parameter that is recorded by type and digest, however small: a statement of SQL say, whose literals may be anybody's data.

    Attributes:
        value: the parameter.
    """

    value: object


class _Opaque(Exception):
    """The value holds something that cannot be written down without running its code, or is too large."""


@dataclass(slots=True)
class _Budget:
    """What may still be looked at of one parameter: values, and characters that are searched for secrets."""

    nodes: int = _MAX_NODES
    characters: int = MAX_TEXT

    def take(self, characters: int = 0) -> None:
        self.nodes -= 1
        self.characters -= characters
        if self.nodes < 0 or self.characters < 0:
            raise _Opaque


def describe(parameters: Mapping[str, object]) -> tuple[dict[str, dict[str, Any]], str]:
    """Describe parameters for the record.

    Returns:
        By name `{"type", "value"?, "digest"?}`, and `sha256:...` over the canonical form of that description.
    """
    described = {name: _describe(name, value) for name, value in parameters.items()}
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
    most = MAX_VALUE
    if type(value) is Unshown:
        value, most = value.value, -1
    type_name = _type_name(type(value))
    try:
        if is_sensitive(name) and value is not None and type(value) is not bool:
            remember_all(value)
            return {"type": type_name, "value": MARK}
        if type(value) is bytes or (type(value) is str and len(value) > MAX_TEXT):
            return {"type": type_name, "digest": _digest_of_content(value)}
        plain = redact(_plain(value, _Budget(), 0))
        text = _canonical(plain)
    except Exception:  # too large, or something that cannot be written down
        return {"type": type_name, "digest": None}
    if len(text) <= most:
        return {"type": type_name, "value": plain}
    return {"type": type_name, "digest": "sha256:" + hashlib.sha256(text.encode()).hexdigest()}


def _type_name(kind: type) -> str:
    # Past the metaclass, which may be the user's.
    module, name = _MODULE(kind), _QUALNAME(kind)
    return name if type(module) is not str or module == "builtins" else f"{module}.{name}"[:MAX_VALUE]


def _digest_of_content(value: str | bytes) -> str | None:
    if len(value) > _MAX_DIGESTED:
        return None
    content = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
    return "sha256:" + hashlib.sha256(content).hexdigest()


def _plain(value: object, budget: _Budget, depth: int) -> Any:
    budget.take()
    if depth > _MAX_DEPTH or type(type(value)) is not type:  # a metaclass of somebody's own may answer for its class
        raise _Opaque
    if type(value) is str:
        budget.take(len(value))
        return value
    if type(value) is int:
        if value.bit_length() > _MAX_BITS:  # Python writes no integer of more than 4,300 digits
            raise _Opaque
        return value
    if value is None or type(value) is bool:
        return value
    if type(value) is float:
        return value if math.isfinite(value) else str(value)
    if type(value) in _WRITTEN_AS_TEXT:
        if type(getattr(value, "tzinfo", None)) not in _ZONES:  # a zone of somebody's own is somebody's own code
            raise _Opaque
        return str(value)
    if issubclass(type(value), PurePath) and type(value).__module__ in _PATHS:
        return os.fspath(cast("PurePath", value))
    if type(value) is list or type(value) is tuple:
        return [_plain(item, budget, depth + 1) for item in value]
    if type(value) is set or type(value) is frozenset:
        return sorted((_plain(item, budget, depth + 1) for item in value), key=_canonical)
    if type(value) is dict:
        return {_key(key, budget): _entry(key, item, budget, depth) for key, item in value.items()}
    raise _Opaque


def _entry(key: object, item: object, budget: _Budget, depth: int) -> Any:
    if type(key) is str and is_sensitive(key):
        remember_all(item)
    return _plain(item, budget, depth + 1)


def _key(key: object, budget: _Budget) -> str:
    plain = _plain(key, budget, _MAX_DEPTH)
    if type(plain) is str:
        return redact_text(plain)
    if type(key) in (int, bool, float) or key is None:
        return _canonical(plain)
    raise _Opaque


def remember_named(name: str, value: object) -> None:
    """Remember a value as secret where the name that it stands under tells of one."""
    if is_sensitive(name):
        remember_all(value)


def remember_all(value: object, depth: int = 4) -> None:
    """Remember a value as secret, or what is in a list, tuple or dictionary; of pydantic's own secrets what they hold."""
    if type(value) is str or type(value) is bytes:
        remember(value)
    elif depth and (type(value) is list or type(value) is tuple):
        for item in value[:100]:
            remember_all(item, depth - 1)
    elif depth and type(value) is dict:
        for item in list(value.values())[:100]:
            remember_all(item, depth - 1)
    elif type(type(value)) is type:
        secret = getattr(type(value), "get_secret_value", None)  # pydantic's SecretStr, which Prefect's blocks use too
        if secret is not None and type(value).__module__.partition(".")[0] in ("pydantic", "prefect"):
            remember(secret(value))
