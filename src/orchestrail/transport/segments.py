"""The reading side of the spool: what lies in a segment, whose it is, and when it may go. Nothing is written here."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from orchestrail.errors import SpoolError
from orchestrail.transport.spool import FORMAT, HEADING, SUFFIX, fcntl

_HEAD = re.compile(rb"^orchestrail-spool (\d+) ([0-9a-f]{32}) (\{.*\})$")
_LINE = re.compile(rb"^(\d{1,18}) (\d{1,20}) ([0-9a-f]{64}) (.+)$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Line:
    """One record: its counter from 1, when it was spooled (ns since the epoch), its nonce (32 bytes) and the event."""

    counter: int
    time_ns: int
    nonce: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class Segment:
    """What a segment held when it was read.

    Attributes:
        path: the file.
        emitter: 32 hex digits; None where the heading is damaged.
        owner: the heading's JSON, as bytes.
        lines: the records, in file order.
        problems: (line number from 1, the bytes, why) of lines that are no records.
        torn: bytes after the last line break: an append in progress, or cut off by a crash.
        size: bytes read.
    """

    path: Path
    emitter: str | None
    owner: bytes
    lines: tuple[Line, ...]
    problems: tuple[tuple[int, bytes, str], ...]
    torn: bytes
    size: int


def segments(folder: Path) -> list[Path]:
    """List the segments of a spool by name; an absent folder has none.

    Raises:
        SpoolError: the folder cannot be read.
    """
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == SUFFIX)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise SpoolError(
            f"The spool {folder} cannot be read.", f"{error.strerror}.", "Check the folder and its permissions."
        ) from error


def is_owned(path: Path) -> bool:
    """Say whether the process that writes a segment still lives, by its lock; False too when the segment is gone."""
    if fcntl is None:
        return True
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def read_segment(path: Path) -> Segment:
    """Read a segment to its last line break, and what is behind it.

    Raises:
        SpoolError: the file cannot be read, or a newer version of orchestrail wrote it.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SpoolError(
            f"The segment {path.name} cannot be read.", f"{error.strerror}.", "Check the spool's permissions."
        ) from error
    whole, _, torn = data.rpartition(b"\n")
    rows = whole.split(b"\n") if whole else []
    head = _HEAD.match(rows[0]) if rows else None
    problems: list[tuple[int, bytes, str]] = []
    lines: list[Line] = []
    if head and int(head[1]) > FORMAT:
        raise SpoolError(
            f"The segment {path.name} cannot be read.",
            f"It is of {HEADING} format {int(head[1])}; this version reads up to {FORMAT}.",
            "Upgrade orchestrail where the store is.",
        )
    if rows and not head:
        problems.append((1, rows[0], "the heading is damaged"))
    # In most segments an empty row stands before each record: where the next row is none, a full disk has cut this one off.
    is_spaced = rows[1:2] == [b""]
    for number, row in enumerate(rows[1:], start=2):
        match = _LINE.match(row)
        behind = rows[number] if number < len(rows) else torn
        if match and not (is_spaced and behind):
            lines.append(Line(int(match[1]), int(match[2]), bytes.fromhex(match[3].decode()), match[4]))
        elif row:
            problems.append((number, row, "the line is not a record: cut off by a crash or a full disk, or damaged"))
    emitter = head[2].decode() if head else None
    return Segment(path, emitter, head[3] if head else b"", tuple(lines), tuple(problems), torn, len(data))


def release(segment: Segment) -> bool:
    """Delete a segment that was taken over whole; False when it is owned again, has grown, or is gone.

    Raises:
        SpoolError: the folder does not let it be deleted.
    """
    try:
        fd = os.open(segment.path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        if fcntl is not None:
            with suppress(BlockingIOError):
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(fd).st_size == segment.size:
                    segment.path.unlink()
                    return True
        return False
    except OSError as error:
        raise SpoolError(
            f"The segment {segment.path.name} was collected but cannot be deleted.",
            f"{error.strerror}.",
            "Make the spool writable; nothing is recorded twice in the meantime.",
        ) from error
    finally:
        os.close(fd)
