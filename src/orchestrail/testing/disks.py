"""A disk that is full. As root one is mounted; others give the host's process a file system of its own that holds one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_MOUNT = 'mount -t tmpfs -o size=64k,mode=0700 tmpfs "$0" && { cat /dev/zero >"$0/filling" 2>/dev/null || true; }'


@dataclass(frozen=True, slots=True)
class FullDisk:
    """A folder on a full disk.

    Attributes:
        folder: where it is.
        prefix: a command that must run a command for it to see the disk.
    """

    folder: Path
    prefix: tuple[str, ...] = ()


@contextmanager
def full_disk(folder: Path) -> Iterator[FullDisk]:
    """Give a disk on which no byte is free.

    Raises:
        AssertionError: this machine lets nobody mount one.
    """
    folder.mkdir(parents=True)
    if os.geteuid() != 0:
        private = ("unshare", "--user", "--map-root-user", "--mount")
        tried = subprocess.run([*private, "sh", "-c", _MOUNT, folder], capture_output=True, text=True, check=False)
        assert tried.returncode == 0, (
            f"a full disk cannot be made here, which takes root or user namespaces: {tried.stderr}"
        )
        yield FullDisk(folder, (*private, "sh", "-c", f'{_MOUNT} && exec "$@"', str(folder)))
        return
    made = subprocess.run(["sh", "-c", _MOUNT, folder], capture_output=True, text=True, check=False)
    assert made.returncode == 0, f"a full disk cannot be mounted here: {made.stderr}"
    try:
        yield FullDisk(folder)
    finally:
        subprocess.run(["umount", folder], check=True)
