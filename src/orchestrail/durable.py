"""Files that are on the disk when a call returns, whole and under their name. What is in them is each caller's matter."""

from __future__ import annotations

import os
from pathlib import Path


def put(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Write a file in place of one of its name: whoever looks finds the one or the other, and never a part.

    Args:
        path: of the file; its folder is there.
        data: what is in it.
        mode: who may do what with it.

    Raises:
        OSError: it could not be written; what was there before is there still.
    """
    part = path.with_name(f".{path.stem}.part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            if mode != 0o600:
                os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk.

    Raises:
        OSError: it is none, or cannot be read.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
