"""Is this an OpenLineage event that can be kept as one? Reads bytes, changes nothing.

Only what the specification's core demands is checked (OpenLineage.json, 2-0-2): facets of other producers are kept as they are.
"""

from __future__ import annotations

import json
import re
from typing import Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from orchestrail.errors import EventRefused

MAX_EVENT = 16 * 2**20
"""Bytes. Larger ones are refused: no producer has a reason to send them, and one could exhaust the reader."""


MAX_DEPTH = 200
"""Levels of objects and arrays. Whatever reads an event later may go down by recursion."""

_BRACKETS = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[\]{}]', re.DOTALL)


class _Part(BaseModel):
    # Made when the first event is checked: most commands find none that is new.
    model_config = ConfigDict(defer_build=True)


class _Job(_Part):
    namespace: str = Field(min_length=1)
    name: str = Field(min_length=1)


class _Run(_Part):
    runId: UUID


class _Dataset(_Part):
    namespace: str
    name: str


class _Base(_Part):
    eventTime: AwareDatetime
    producer: str = Field(min_length=1)
    schemaURL: str = Field(min_length=1)


class _RunEvent(_Base):
    eventType: Literal["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"] | None = None
    run: _Run
    job: _Job
    inputs: list[_Dataset] = []
    outputs: list[_Dataset] = []


class _JobEvent(_Base):
    job: _Job
    inputs: list[_Dataset] = []
    outputs: list[_Dataset] = []


class _DatasetEvent(_Base):
    dataset: _Dataset


def validate(body: bytes) -> dict[str, Any]:
    """Check an event and give it parsed.

    Raises:
        EventRefused: reason `too_large`, `not_json` or `not_openlineage`, with the place of the mistake.
    """
    if len(body) > MAX_EVENT:
        raise EventRefused("too_large", f"It has {len(body):,} bytes; the limit is {MAX_EVENT:,}.")
    if _depth(body) > MAX_DEPTH:
        raise EventRefused("not_json", f"It is nested deeper than {MAX_DEPTH} levels, which a reader may refuse.")
    try:
        event = json.loads(body.decode(), parse_constant=_no_constant, object_pairs_hook=_no_duplicates)
    except (
        ValueError,
        RecursionError,
    ) as error:  # UnicodeDecodeError is a ValueError: JSON is UTF-8 (RFC 8259, section 8.1)
        raise EventRefused("not_json", f"{str(error) or type(error).__name__}.") from None
    if not isinstance(event, dict):
        raise EventRefused("not_openlineage", f"An event is a JSON object; this is {type(event).__name__}.")
    kind = _RunEvent if "run" in event else _DatasetEvent if "dataset" in event else _JobEvent
    try:
        kind.model_validate(event)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise EventRefused("not_openlineage", f"{place}: {first['msg']}.") from None
    return event


def _depth(body: bytes) -> int:
    """Give how deep the brackets go; where there are too few for that to matter, how many open."""
    opening = body.count(b"{") + body.count(b"[")
    if opening <= MAX_DEPTH:
        return opening
    depth = deepest = 0
    for token in _BRACKETS.finditer(body):
        depth += (token[0] in b"{[") - (token[0] in b"}]")
        deepest = max(deepest, depth)
    return deepest


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Readers disagree about which of two equal keys counts, so such bytes have no single meaning.
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found
