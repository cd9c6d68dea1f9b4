"""The envelope: what a leaf of the tree commits to. Versioned, in a fixed order, with exactly one byte form.

It names the payload by its salted digest and holds nothing of its content, so that a payload can be erased while every proof
stays valid. No storing and no hashing of trees lives here.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

VERSION = 1
KIND = "event"
MEDIA_TYPE = "application/json"
RETENTION = "default"
MAX_TEXT = 1024

_NULL = "null"
_RECEIVED_AT = b',"received_at":"'
_TIME_SIZE = len("2026-03-01T12:00:00.000000Z")
_quoted = json.encoder.encode_basestring_ascii

_EVENT_ID = re.compile(r"[0-9a-f]{64}").fullmatch
_EMITTER = re.compile(r"[0-9a-f]{32}").fullmatch
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII).fullmatch


class EnvelopeError(ValueError):
    """Bytes that are not an envelope in its one byte form."""


class Envelope(NamedTuple):
    """One log entry without its payload, fields in the order in which they are written. They are checked where it is written.

    Attributes:
        kind: `event`.
        event_id: SHA-256 of nonce and body, hexadecimal.
        source: how the event came.
        emitter: id of its spool segment, None for a foreign event.
        counter: number within the segment, None for a foreign event.
        received_at: the store's time of the batch, RFC 3339, UTC, microseconds.
        event_time: the event's own time, a claim.
        media_type: type of the payload.
        length: length of the payload in bytes.
        retention: retention class.
    """

    kind: str
    event_id: str
    source: str
    emitter: str | None
    counter: int | None
    received_at: str
    event_time: str | None
    media_type: str
    length: int
    retention: str

    def to_bytes(self) -> bytes:
        """Return the one byte form.

        Raises:
            EnvelopeError: a field is not what an envelope can have.
        """
        # Written out, since a log has millions of them.
        if self.kind != KIND:
            raise _unacceptable("kind")
        if not (isinstance(self.event_id, str) and _EVENT_ID(self.event_id)):
            raise _unacceptable("event_id")
        if not (isinstance(self.source, str) and len(self.source) <= MAX_TEXT):
            raise _unacceptable("source")
        if self.emitter is not None and not (isinstance(self.emitter, str) and _EMITTER(self.emitter)):
            raise _unacceptable("emitter")
        if (self.emitter is None) != (self.counter is None):
            raise _unacceptable("counter")
        if self.counter is not None and not (type(self.counter) is int and self.counter > 0):
            raise _unacceptable("counter")
        if not (isinstance(self.received_at, str) and _TIME(self.received_at)):
            raise _unacceptable("received_at")
        if self.event_time is not None and not (isinstance(self.event_time, str) and len(self.event_time) <= MAX_TEXT):
            raise _unacceptable("event_time")
        if not (isinstance(self.media_type, str) and len(self.media_type) <= MAX_TEXT):
            raise _unacceptable("media_type")
        if not (type(self.length) is int and self.length >= 0):
            raise _unacceptable("length")
        if not (isinstance(self.retention, str) and len(self.retention) <= MAX_TEXT):
            raise _unacceptable("retention")
        # As `json.dumps` writes it, without a dictionary and an encoder for each of a million.
        emitter, event_time = self.emitter, self.event_time
        return (
            f'{{"v":{VERSION},"kind":{_quoted(self.kind)},"event_id":"{self.event_id}","source":{_quoted(self.source)}'
            f',"emitter":{_NULL if emitter is None else _quoted(emitter)},"counter":{self.counter or _NULL}'
            f',"received_at":"{self.received_at}"'
            f',"event_time":{_NULL if event_time is None else _quoted(event_time)}'
            f',"media_type":{_quoted(self.media_type)},"length":{self.length}'
            f',"retention":{_quoted(self.retention)}}}'
        ).encode("ascii")


def parse_envelope(data: bytes) -> Envelope:
    """Read an envelope and require that its bytes are exactly what writing it again gives.

    Raises:
        EnvelopeError: the bytes are no envelope, of an unknown version, or not in the one byte form.
    """
    try:
        values = _parsed(data)
    except (ValueError, RecursionError) as error:
        raise EnvelopeError("not JSON in ASCII") from error
    if not isinstance(values, dict) or type(values.get("v")) is not int or values["v"] != VERSION:
        raise EnvelopeError("not an envelope of a known version")
    if tuple(values) != ("v", *Envelope._fields):
        raise EnvelopeError("not the fields of an envelope in their order")
    del values["v"]
    envelope = Envelope(**values)
    if envelope.to_bytes() != data:
        raise EnvelopeError("not in the one byte form")
    return envelope


def _parsed(data: bytes) -> Any:
    """Parse JSON quickly: what comes of it is written again and compared, so that no parser is trusted."""
    try:
        return orjson.loads(data)
    except ValueError:  # it refuses halves of surrogate pairs, which a text may have
        return json.loads(data.decode("ascii"))


def stamped(envelope: bytes, received_at: str) -> bytes:
    """Return the bytes of an envelope with another time of the batch.

    Nothing else in them reads as the field's name does with its quotes: within a text quotes are escaped.
    """
    before, name, rest = envelope.partition(_RECEIVED_AT)
    return b"%b%b%b%b" % (before, name, received_at.encode("ascii"), rest[_TIME_SIZE:])


def event_id(nonce: bytes, body: bytes) -> bytes:
    """Return the 32-byte id of an event: a digest salted by its nonce, so that erasing both leaves nothing to guess."""
    return hashlib.sha256(nonce + body).digest()


def timestamp(moment: datetime) -> str:
    """Write a time as RFC 3339 in UTC with microseconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _unacceptable(name: str) -> EnvelopeError:
    return EnvelopeError(f"field {name} is not acceptable")
