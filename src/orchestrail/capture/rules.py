"""Which files are data, as the settings say it beside the rules of `files`: patterns of paths. Nothing is looked at on the disk."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from fnmatch import translate
from functools import lru_cache

Ruled = Callable[[str], bool | None]
"""Says of an absolute path whether it is left out; None where no pattern speaks of it."""

BEGINS = ("/", "~/", "*")
"""How a pattern may begin: anything else is no absolute path."""


def checked(pattern: str) -> str:
    """Give a pattern as it is meant: absolute, and of a folder all that lies below it.

    Raises:
        ValueError: it can fit no absolute path.
    """
    if not pattern.startswith(BEGINS):
        raise ValueError(f"the pattern {pattern!r} begins with neither `/` nor `~/` nor `*`, and fits no path")
    return os.path.expanduser(pattern)  # noqa: PTH111 - a pattern is no path


def ruled_by(ignore: Iterable[str], include: Iterable[str]) -> Ruled | None:
    """Make one answer of patterns: what is taken in goes before what is left out; None where there are none.

    Args:
        ignore: patterns of what is left out: as a shell's, `*` for any characters and `/` among them; one that ends in `/` stands
            for all below that folder.
        include: patterns of what is no longer left out.
    """
    out, taken = _one(ignore), _one(include)
    if out is None and taken is None:
        return None

    @lru_cache(maxsize=4096)
    def ruled(name: str) -> bool | None:
        if taken is not None and taken.match(name):
            return False
        return True if out is not None and out.match(name) else None

    return ruled


def _one(patterns: Iterable[str]) -> re.Pattern[str] | None:
    texts = [translate(f"{pattern}*" if pattern.endswith("/") else pattern) for pattern in patterns]
    return re.compile("|".join(texts)) if texts else None
