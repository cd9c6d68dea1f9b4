"""The newest checkpoint that a home has seen of each log, kept beside its keys and outside the store. No comparing lives here.

A store that was put back from a copy does not know what it had signed after that copy was made. Whoever signed it does: the note
lies in `<home>/checkpoints/<id of the log>/<size>`.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from orchestrail.store.keys import log_id
from orchestrail.store.note import Head, NoteError, Verifier, checked_head, parse_note

_PENDING = ".new"


def known_head(home: Path, verifier: Verifier) -> Head | None:
    """Return the newest head of a log that a home has seen, None where it has seen none.

    What is not signed by the key is passed over: it is no checkpoint of this log.
    """
    for path in sorted(_notes(home, verifier), key=_size, reverse=True):
        with suppress(OSError, NoteError):
            return checked_head(parse_note(path.read_bytes()), verifier)
    return None


def remember(home: Path, verifier: Verifier, size: int, note: bytes) -> None:
    """Keep a checkpoint; the smaller ones go. Where the home cannot be written, nothing is kept."""
    with suppress(OSError):
        folder = _folder(home, verifier)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = folder / f"{size}.{os.getpid()}{_PENDING}"
        fresh.write_bytes(note)
        fresh.replace(folder / str(size))
        for path in _notes(home, verifier):
            if _size(path) < size:
                path.unlink(missing_ok=True)


def forget(home: Path, verifier: Verifier) -> None:
    """Forget what is known of a log, once its loss is on the record."""
    for path in _notes(home, verifier):
        path.unlink(missing_ok=True)


def _folder(home: Path, verifier: Verifier) -> Path:
    return home / "checkpoints" / log_id(verifier)


def _notes(home: Path, verifier: Verifier) -> list[Path]:
    with suppress(FileNotFoundError):
        return [path for path in _folder(home, verifier).iterdir() if path.name.isdecimal()]
    return []


def _size(path: Path) -> int:
    return int(path.name)
