"""The newest checkpoint that a home has seen of each log, kept beside its keys and outside the store. No comparing lives here.

A store that was put back from a copy does not know what it had signed after that copy was made. Whoever signed it does: the note
lies in `<home>/checkpoints/<id of the log>/<size>`.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from orchestrail.store.keys import log_id
from orchestrail.store.note import Head, NoteError, Verifier, checked_head, parse_note

_PENDING = ".new"


def known_heads(home: Path, verifier: Verifier) -> list[Head]:
    """Return the heads of a log that a home has seen and that nothing replaced, the newest first.

    What is not signed by the key is passed over: it is no checkpoint of this log.
    """
    found: list[Head] = []
    for path in sorted(_notes(home, verifier), key=_size, reverse=True):
        with suppress(OSError, NoteError):
            found.append(_head(path.read_bytes(), verifier))
    return found


def remember(home: Path, verifier: Verifier, size: int, note: bytes, instead_of: Collection[int] = ()) -> bool:
    """Keep a checkpoint; say whether it is kept, which it is not where the home cannot be written.

    Args:
        home: where it is kept.
        verifier: the key of the log.
        size: of the log.
        note: the checkpoint.
        instead_of: sizes of known ones that the log of this one holds, and that need not be kept beside it.
    """
    with suppress(OSError):
        folder = _folder(home, verifier)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = folder / f"{size}.{os.getpid()}{_PENDING}"
        fresh.write_bytes(note)
        fresh.replace(folder / str(size))
        for before in instead_of:
            if before < size:
                (folder / str(before)).unlink(missing_ok=True)
        return True
    return False


def forget(home: Path, verifier: Verifier) -> None:
    """Forget what is known of a log, once its loss is on the record."""
    for path in _notes(home, verifier):
        path.unlink(missing_ok=True)


@lru_cache(maxsize=16)  # the same one is read before each append
def _head(note: bytes, verifier: Verifier) -> Head:
    return checked_head(parse_note(note), verifier)


def _folder(home: Path, verifier: Verifier) -> Path:
    return home / "checkpoints" / log_id(verifier)


def _notes(home: Path, verifier: Verifier) -> list[Path]:
    with suppress(FileNotFoundError, NotADirectoryError):
        return [path for path in _folder(home, verifier).iterdir() if path.name.isdecimal()]
    return []


def _size(path: Path) -> int:
    return int(path.name)
