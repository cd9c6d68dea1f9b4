"""Outlines of source files on disk, by the content of the file, so that the next process need not take the same text apart.

One file a version of Python, written anew and put in place at once; of two processes that write, the later one wins. A cache
that cannot be read or written only costs time. How an outline is made is `source`'s matter.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from orchestrail.capture.source import Import, Outline
from orchestrail.capture.tokens import ALGORITHM

MAX_OUTLINES = 4000

_FORMAT = 2


class Outlines:
    """The outlines in one folder.

    Args:
        folder: where they are; it is made when there is something to write.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / f"code-{sys.version_info.major}.{sys.version_info.minor}.json"
        self._known: dict[str, Any] | None = None
        self._added: dict[str, Any] = {}

    def get(self, key: str) -> Outline | None:
        """Give an outline; None where there is none, or nothing that can be read."""
        if self._known is None:
            self._known = self._load()
        found = self._known.get(key)
        try:
            return _outline(*found) if found is not None else None
        except (TypeError, ValueError):
            return None

    def put(self, key: str, outline: Outline) -> None:
        """Keep an outline, once `save` is called."""
        both = (
            [[one.module, one.level, one.name, one.bound] for one in part] for part in (outline.imports, outline.inner)
        )
        self._added[key] = [outline.digest, *both, sorted(outline.binds), sorted(outline.reads), outline.computed]

    def save(self) -> None:
        """Write what was put; the oldest ones are dropped where there are too many."""
        if not self._added:
            return
        entries = {**self._load(), **self._added}
        self._added = {}
        while len(entries) > MAX_OUTLINES:
            del entries[next(iter(entries))]
        temporary = self._file.with_suffix(f".{os.getpid()}.new")
        try:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            document = {"format": _FORMAT, "algorithm": ALGORITHM, "entries": entries}
            temporary.write_text(json.dumps(document, separators=(",", ":")))
            temporary.replace(self._file)
        except OSError:  # without a cache it takes longer, no more
            return

    def _load(self) -> dict[str, Any]:
        try:
            document = json.loads(self._file.read_bytes())
            if (document["format"], document["algorithm"]) != (_FORMAT, ALGORITHM):
                return {}
            entries = document["entries"]
        except (OSError, ValueError, KeyError, TypeError):
            return {}
        return entries if isinstance(entries, dict) else {}


def _outline(
    digest: str, imports: list[Any], inner: list[Any], binds: list[str], reads: list[str], computed: bool
) -> Outline:
    if not digest.startswith(f"{ALGORITHM}:sha256:"):
        raise ValueError(digest)
    outer, inside = (tuple(Import(*one) for one in part) for part in (imports, inner))
    return Outline(digest, outer, inside, frozenset(binds), frozenset(reads), bool(computed))
