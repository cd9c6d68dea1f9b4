"""Events on their way into a store."""

from __future__ import annotations

import hashlib
import json
from uuid import UUID

from orchestrail.store.base import Incoming

EMITTER = "0123456789abcdef" * 2


def event(number: int, **more: object) -> bytes:
    """An event that OpenLineage's core rules accept, a different one for each number."""
    values = {
        "eventTime": "2026-03-01T12:00:00.000000Z",
        "eventType": "START",
        "producer": "urn:test",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": str(UUID(int=number))},
        "job": {"namespace": "tests", "name": "job"},
    }
    return json.dumps(values | more, separators=(",", ":")).encode()


def nonce(number: int) -> bytes:
    """A nonce that is the same in every run of the tests."""
    return hashlib.sha256(b"nonce %d" % number).digest()


def spooled(number: int, emitter: str = EMITTER) -> Incoming:
    """The event of this number as it comes from a spool, numbered from 1."""
    return Incoming(event(number), "spool", nonce(number), emitter, number + 1, "2026-03-01T12:00:00.000000Z")


def foreign(number: int) -> Incoming:
    """The event of this number as another producer's file holds it."""
    return Incoming(event(number), "foreign.jsonl")
