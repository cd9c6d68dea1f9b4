"""The newest checkpoint that a home has seen of each log, kept beside its keys and outside the store. No comparing lives here.

A store that was put back from a copy does not know what it had signed after that copy was made. Whoever signed it does: the note
lies in `<home>/checkpoints/<id of the log>/<size>`.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from orchestrail.store.keys import log_id
from orchestrail.store.note import Verifier

_PENDING = ".new"


class Known(NamedTuple):
    """What a home has as a checkpoint of a log; nobody has looked at its signature yet.

    Attributes:
        size: of the log, by the file's name.
        note: the checkpoint.
    """

    size: int
    note: bytes


def known_notes(home: Path, verifier: Verifier) -> list[Known]:
    """Return the checkpoints of a log that a home has seen and that nothing replaced, the newest first."""
    found: list[Known] = []
    for path in _notes(home, verifier):
        with suppress(OSError):
            found.append(Known(int(path.name), path.read_bytes()))
    return sorted(found, reverse=True)


def remember(home: Path, verifier: Verifier, known: Known, instead_of: Collection[int] = ()) -> bool:
    """Keep a checkpoint; say whether it is kept, which it is not where the home cannot be written.

    Args:
        home: where it is kept.
        verifier: the key of the log.
        known: the checkpoint.
        instead_of: sizes of known ones that the log of this one holds, and that need not be kept beside it.
    """
    with suppress(OSError):
        folder = _folder(home, verifier)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = folder / f"{known.size}.{os.getpid()}{_PENDING}"
        fresh.write_bytes(known.note)
        fresh.replace(folder / str(known.size))
        for before in instead_of:
            if before < known.size:
                (folder / str(before)).unlink(missing_ok=True)
        return True
    return False


def forget(home: Path, verifier: Verifier) -> None:
    """Forget what is known of a log, once its loss is on the record."""
    for path in _notes(home, verifier):
        path.unlink(missing_ok=True)


def _folder(home: Path, verifier: Verifier) -> Path:
    return home / "checkpoints" / log_id(verifier)


def _notes(home: Path, verifier: Verifier) -> list[Path]:
    with suppress(FileNotFoundError, NotADirectoryError):
        return [path for path in _folder(home, verifier).iterdir() if path.name.isdecimal()]
    return []
