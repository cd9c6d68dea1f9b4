"""The spool to another folder, such as one that several hosts share. No event is looked at here."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path

from orchestrail.durable import put
from orchestrail.errors import ConfigurationError, SpoolError
from orchestrail.operations.collect import spool_lock
from orchestrail.settings import Settings
from orchestrail.transport.segments import is_owned, read_segment, release, segments
from orchestrail.transport.spool import SUFFIX


@dataclass(frozen=True, slots=True)
class ShipResult:
    """What one shipment did.

    Attributes:
        moved: closed segments, which are no longer in the spool.
        copied: segments that are still being written, sent as far as they go.
    """

    moved: int
    copied: int


def ship(settings: Settings, to: Path) -> ShipResult:
    """Send every segment to a folder: closed ones move, those still being written are copied up to their last line break.

    It may be repeated and be killed at any moment: a collector drops what it has.

    Raises:
        ConfigurationError: the folder is the spool itself.
        SpoolError: the folder cannot be written; the spool keeps what has not arrived.
    """
    moved = copied = 0
    try:
        to.mkdir(mode=0o700, parents=True, exist_ok=True)
        if settings.spool.exists() and to.samefile(settings.spool):
            raise ConfigurationError("The spool was not shipped.", f"{to} is the spool itself.", "Name another folder.")
        with spool_lock(settings):
            for path in segments(settings.spool):
                if is_owned(path):
                    copied += _send(path, path.read_bytes().rpartition(b"\n")[0], b"\n", to)
                else:
                    segment = read_segment(path)
                    _send(path, path.read_bytes(), b"", to)
                    moved += release(segment)
    except OSError as error:
        raise SpoolError(
            f"The spool could not be shipped to {to}.", f"{error.strerror}.", "See whether the folder can be written."
        ) from error
    return ShipResult(moved, copied)


def _send(path: Path, content: bytes, end: bytes, to: Path) -> bool:
    """Write a copy under a name that its content alone gives, so that no copy ever replaces another one that is being collected."""
    data = content + end if content else b""
    if not data:
        return False
    target = to / f"{path.stem.partition('-')[0]}-{len(data)}{SUFFIX}"
    if target.exists():
        return True
    put(target, data, 0o660 if to.stat().st_mode & stat.S_ISGID else 0o600)
    return True
