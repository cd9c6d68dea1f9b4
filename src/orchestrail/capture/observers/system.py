"""os: what the interpreter's audit events do not tell enough of, or not at all.

A file that is opened relative to a folder descriptor is announced by its relative name alone; a forked child that ends, or becomes
another program, is not announced at all.
"""

from __future__ import annotations

import functools
from types import ModuleType
from typing import Any

from orchestrail import joining
from orchestrail.capture import files
from orchestrail.capture.observers import Patches
from orchestrail.capture.observing import capturing, unobserved
from orchestrail.context import current
from orchestrail.guard import guard


def attach(module: ModuleType, patches: Patches) -> None:
    """Watch opening relative to a folder, and the ends of a forked child."""
    library: Any = module
    patches.replace(library, "open", _opening)
    for name in ("_exit", "execv", "execve"):
        patches.replace(library, name, _leaving)


def _opening(original: Any) -> Any:
    """Have a file that is opened relative to a folder descriptor noted by its whole path."""

    @functools.wraps(original)
    def open_(*args: Any, dir_fd: int | None = None, **kwargs: Any) -> Any:
        capture = capturing.get()
        if dir_fd is None or capture is None:
            return original(*args, dir_fd=dir_fd, **kwargs)
        with guard("note a file by its folder"):
            path, flags = (args[place] if len(args) > place else kwargs.get(name) for place, name in _GIVEN)
            capture.opened(files.in_folder(path, dir_fd), None, flags)
        with unobserved():
            return original(*args, dir_fd=dir_fd, **kwargs)

    return open_


def _leaving(original: Any) -> Any:
    """Have a forked child hand in what it saw before it ends, or becomes another program."""

    @functools.wraps(original)
    def leave(*args: Any, **kwargs: Any) -> Any:
        run = current.get()
        if run is not None and run.joined:
            if original.__name__ != "_exit" and args:
                run.files.started("os.exec", args[0])
            joining.hand_in()
        return original(*args, **kwargs)

    return leave


_GIVEN = ((0, "path"), (1, "flags"))
