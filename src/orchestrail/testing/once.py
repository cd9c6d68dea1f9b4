"""What takes long to make and is only read, made once for all processes of a test session. How it is made is not known here."""

from __future__ import annotations

import fcntl
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Made = TypeVar("Made")


def made_once(base: Path, name: str, make: Callable[[], Made]) -> Made:
    """Make something, or wait for the process of this session that makes it, and give what it gave.

    Args:
        base: pytest's folder of this process (`tmp_path_factory.getbasetemp()`).
        name: of what is made, once in a session.
        make: makes it; what it gives is pickled for the others.

    Raises:
        RuntimeError: another process failed to make it, and tells why in its own tests.
    """
    folder = _of_session(base) / "once"
    folder.mkdir(exist_ok=True)
    with (folder / f"{name}.begun").open("a") as begun:
        fcntl.flock(begun, fcntl.LOCK_EX)
        made = folder / f"{name}.made"
        if not os.fstat(begun.fileno()).st_size:  # not `tell`, which stays at what was there before the wait
            begun.write(f"{os.getpid()}\n")
            begun.flush()
            made.write_bytes(pickle.dumps(make()))
        elif not made.exists():
            raise RuntimeError(f"another test process failed to make {name}, and tells why")
        found: Made = pickle.loads(made.read_bytes())  # noqa: S301 - what a process of this session has written
        return found


def _of_session(base: Path) -> Path:
    """Give the folder that the processes of pytest-xdist have in common, each of which has one of its own in it."""
    return base.parent if base.name == f"popen-{os.environ.get('PYTEST_XDIST_WORKER')}" else base
