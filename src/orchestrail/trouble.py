"""Notes of what went wrong inside hosts, for `orchestrail doctor`: one small file of fixed size in the home.

The file is written over in place, so that a note can still be left when the disk is full. Nothing here raises, and nothing
here is evidence: a note that is lost costs an explanation, never a record.
"""

from __future__ import annotations

import json
import os
import time
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

FILE = "trouble"
SLOT = 512
SLOTS = 64


def prepare(home: Path) -> None:
    """Lay the file out in full, while there is room."""
    path = home / FILE
    with suppress(OSError):
        if path.exists() and path.stat().st_size == SLOT * SLOTS:
            return
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(fd, (b" " * (SLOT - 1) + b"\n") * SLOTS)
        finally:
            os.close(fd)


def note(home: Path, where: str, error: str, *, count: int = 1, host: str | None = None, do: str | None = None) -> None:
    """Leave a note; the same trouble at the same place takes the place of its earlier note.

    Args:
        home: the home folder.
        where: what of ours was running.
        error: type and text of the error, already free of secrets.
        count: how often it happened in this process.
        host: the adapter at work.
        do: what would be better, where nothing went wrong and this is only a remark.
    """
    entry = {"time": time.time(), "where": where[:80], "error": error, "count": count, "pid": os.getpid(), "host": host}
    if do is not None:
        entry["do"] = do[:160]
    data = json.dumps(entry).encode()
    if len(data) >= SLOT:
        entry["error"] = error[: max(0, 250 - len(data) + SLOT - 60)].encode("ascii", "replace").decode()[:250]
        data = json.dumps(entry).encode()[: SLOT - 1]
    slot = zlib.crc32(f"{where}|{error.partition(':')[0]}".encode()) % SLOTS
    prepare(home)  # the home may have been deleted meanwhile
    with suppress(OSError):
        fd = os.open(home / FILE, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.pwrite(fd, data.ljust(SLOT - 1) + b"\n", slot * SLOT)
        finally:
            os.close(fd)


def read(home: Path) -> list[Mapping[str, Any]]:
    """List the notes, newest first: `time` (seconds since the epoch), `where`, `error`, `count`, `pid`, `host`, `do`."""
    try:
        data = (home / FILE).read_bytes()
    except OSError:
        return []
    notes = []
    for start in range(0, len(data), SLOT):
        with suppress(ValueError):
            entry = json.loads(data[start : start + SLOT])
            if isinstance(entry, dict):
                notes.append(entry)
    return sorted(notes, key=lambda entry: -float(entry.get("time", 0)))


def clear(home: Path) -> None:
    """Forget the notes, once a person has dealt with them."""
    with suppress(OSError):
        (home / FILE).unlink()
    prepare(home)
