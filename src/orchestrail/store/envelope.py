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
        _check_emitter(self.emitter, self.counter)
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
        before, behind = _written(
            self.event_id,
            self.source,
            self.emitter,
            self.counter,
            self.event_time,
            self.length,
            self.media_type,
            self.retention,
        )
        return before + self.received_at.encode("ascii") + behind


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


class Unstamped(NamedTuple):
    """The bytes of an envelope without the time of its batch, which is the last that becomes known.

    Attributes:
        before: what stands before the time.
        behind: what stands behind it.
    """

    before: bytes
    behind: bytes

    @classmethod
    def of(cls, envelope: bytes) -> Unstamped:
        """Take the time out of an envelope."""
        # Nothing else in it reads as the field's name does with its quotes: within a text quotes are escaped.
        before, name, rest = envelope.partition(_RECEIVED_AT)
        return cls(before + name, rest[_TIME_SIZE:])

    def at(self, received_at: bytes) -> bytes:
        """Return the envelope with a time of the batch."""
        return self.before + received_at + self.behind


def unstamped(
    identity: str, source: str, emitter: str | None, counter: int | None, event_time: str | None, length: int
) -> Unstamped:
    """Write an envelope but for the time of its batch; see `Envelope` for the fields.

    Args:
        identity: the event's id in hexadecimal, as the store computed it.
        source: any text up to the bound.
        emitter: whatever the sender says.
        counter: likewise.
        event_time: any text up to the bound.
        length: of the payload.

    Raises:
        EnvelopeError: a field is not what an envelope can have.
    """
    _check_emitter(emitter, counter)
    return Unstamped(*_written(identity, source, emitter, counter, event_time, length, MEDIA_TYPE, RETENTION))


def _written(
    identity: str,
    source: str,
    emitter: str | None,
    counter: int | None,
    event_time: str | None,
    length: int,
    media_type: str,
    retention: str,
) -> tuple[bytes, bytes]:
    """Write what stands before the time of the batch, and what behind it."""
    # As `json.dumps` writes it, without a dictionary and an encoder for each of a million.
    before = (
        f'{{"v":{VERSION},"kind":"{KIND}","event_id":"{identity}","source":{_quoted(source)}'
        f',"emitter":{_NULL if emitter is None else _quoted(emitter)},"counter":{counter or _NULL},"received_at":"'
    )
    behind = (
        f'","event_time":{_NULL if event_time is None else _quoted(event_time)}'
        f',"media_type":{_quoted(media_type)},"length":{length},"retention":{_quoted(retention)}}}'
    )
    return before.encode("ascii"), behind.encode("ascii")


def _check_emitter(emitter: str | None, counter: int | None) -> None:
    if emitter is not None and not (isinstance(emitter, str) and _EMITTER(emitter)):
        raise _unacceptable("emitter")
    if (emitter is None) != (counter is None) or not (counter is None or (type(counter) is int and counter > 0)):
        raise _unacceptable("counter")


def event_id(nonce: bytes, body: bytes) -> bytes:
    """Return the 32-byte id of an event: a digest salted by its nonce, so that erasing both leaves nothing to guess."""
    return hashlib.sha256(nonce + body).digest()


def timestamp(moment: datetime) -> str:
    """Write a time as RFC 3339 in UTC with microseconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _unacceptable(name: str) -> EnvelopeError:
    return EnvelopeError(f"field {name} is not acceptable")
