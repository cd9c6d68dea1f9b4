"""Run IDs: UUIDs, deterministic wherever the orchestrator has an id of its own, so that every process computes the same.

The static formula is OpenLineage's (`openlineage.client.uuid.generate_static_uuid`, 1.54), written again because importing the
client costs a host half a second; a test holds the two equal. Nothing here remembers an id.
"""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime
from hashlib import sha1
from uuid import UUID

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NO_DATE = 253_402_300_000_000
"""Milliseconds to the end of the year 9999: what lies beyond is no time that Python can tell."""


def new_run_id() -> str:
    """Make a new UUIDv7, for a run that no orchestrator has named."""
    return str(_uuid7(time.time_ns() // 10**6, secrets.randbits(76)))


def static_run_id(instant: datetime, data: bytes) -> str:
    """Make the UUIDv7 that belongs to an instant and some bytes: the same on every call, in every process.

    Args:
        instant: a time with a zone.
        data: what tells this run from others of that instant.
    """
    utc = instant.astimezone(UTC)
    # SHA-1 is part of OpenLineage's formula; nothing secret hangs on it.
    digest = sha1(utc.isoformat().encode() + data).digest()  # noqa: S324
    return str(_uuid7(int(utc.timestamp() * 1000), int.from_bytes(digest) >> 84))


def attempt_run_id(native_id: str, attempt: int) -> str:
    """Give the run id of one attempt of an orchestrator's run.

    Args:
        native_id: the orchestrator's own UUID, which it keeps through retries.
        attempt: 1 for the first try, which has the native id itself.

    Raises:
        ValueError: `native_id` is no UUID, or `attempt` is below 1.
    """
    native = UUID(native_id)
    if attempt < 1:
        raise ValueError(f"attempt {attempt} is below 1")
    if attempt == 1:
        return str(native)
    milliseconds = native.int >> 80
    told = native.version == 7 and milliseconds < _NO_DATE
    instant = datetime.fromtimestamp(milliseconds / 1000, UTC) if told else _EPOCH
    return static_run_id(instant, f"{native}.{attempt}".encode())


def _uuid7(milliseconds: int, node: int) -> UUID:
    value = (milliseconds & (1 << 48) - 1) << 80 | node & (1 << 80) - 1
    value = value & ~(0xF << 76) | 7 << 76  # version
    return UUID(int=value & ~(0b11 << 62) | 0b10 << 62)  # variant of RFC 9562
