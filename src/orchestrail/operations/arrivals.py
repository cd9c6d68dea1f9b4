"""Spooled events on their way to a server: how a batch of them is written down, and read again. Nothing is sent or stored here.

A batch is a sequence of items, each one line of JSON and then the bytes of the event as they stood in the spool:

    {"counter":7,"emitter":"<32 hex digits>","length":812,"nonce":"<64 hex digits>","source":"spool"}
    <812 bytes>

with a line break behind both. What was refused where it was spooled has `reason` and `why` beside them. The nonce, the emitter and
the counter are what the store knows a repeated event and a lost one by (docs/decisions/0020).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from orchestrail.errors import EventRefused
from orchestrail.store.base import Incoming, Refused

MEDIA_TYPE = "application/vnd.orchestrail.arrivals"

_Hex = Annotated[str, Field(pattern=r"^[0-9a-f]+$")]


class _Heading(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)

    length: int = Field(ge=0)
    source: str = Field(max_length=512)
    nonce: Annotated[_Hex, Field(min_length=64, max_length=64)] | None = None
    emitter: Annotated[_Hex, Field(min_length=32, max_length=32)] | None = None
    counter: int | None = Field(default=None, ge=1, lt=10**18)
    reason: str | None = Field(default=None, max_length=64)
    why: str | None = Field(default=None, max_length=4096)

    @model_validator(mode="after")
    def _is_numbered_whole(self) -> Self:
        if (self.emitter is None) != (self.counter is None):
            raise ValueError("a number is one of an emitter")
        return self


def write(items: Sequence[Incoming], refused: Sequence[Refused]) -> bytes:
    """Write a batch down."""
    return b"".join([*map(_item, items), *map(_item, refused)])


def _item(item: Incoming | Refused) -> bytes:
    heading: dict[str, Any] = {
        "length": len(item.body),
        "source": item.source,
        "nonce": item.nonce.hex() if item.nonce is not None else None,
        "emitter": item.emitter,
        "counter": item.counter,
    }
    if isinstance(item, Refused):
        heading |= {"reason": item.reason_code, "why": item.reason[:4096]}
    return json.dumps(heading, separators=(",", ":")).encode() + b"\n" + item.body + b"\n"


def read(data: bytes) -> Iterator[Incoming | Refused]:
    """Read a batch.

    Raises:
        EventRefused: it is none, or ends in the middle; nothing of it counts then.
    """
    at = 0
    while at < len(data):
        end = data.find(b"\n", at)
        try:
            heading = _Heading.model_validate_json(data[at : max(end, at)])
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            raise EventRefused("not_json", f"No heading of an item at byte {at}: {first['msg']}.") from None
        body = data[end + 1 : end + 1 + heading.length]
        at = end + 2 + heading.length
        if data[at - 1 : at] != b"\n":
            raise EventRefused("cut_off", "The batch ends in the middle of an item.")
        nonce = bytes.fromhex(heading.nonce) if heading.nonce is not None else None
        if heading.reason is None:
            yield Incoming(body, heading.source, nonce, heading.emitter, heading.counter)
        else:
            why = heading.why or ""
            yield Refused(body, heading.reason, why, heading.source, nonce, heading.emitter, heading.counter)
