"""Where a module's source is, whether it is the project's own, and what it says. Nothing is imported or run.

In memory, what was found out of a file is kept as long as its time of change and size stay the same.

How a text is taken apart is `source`'s matter.
"""

# On a host's path pathlib costs several times as much a call.
# ruff: noqa: PTH116, PTH119, PTH123
from __future__ import annotations

import ast
import hashlib
import importlib.util
import os
import stat
import sys
import sysconfig
from dataclasses import dataclass
from functools import lru_cache
from importlib.machinery import PathFinder
from types import ModuleType

from orchestrail.capture.digest import digest_file
from orchestrail.capture.outlines import Outlines
from orchestrail.capture.source import Outline, Source, labelled
from orchestrail.capture.tokens import SourceRefused, fold

MAX_SOURCE = 1 << 20
"""Bytes of a module that is taken apart; a larger one (generated data, mostly) counts by its bytes, and its imports are not
followed."""

_REMEMBERED = 4096
_SOURCES = 32


@dataclass(frozen=True, slots=True)
class Located:
    """Where a module's source is.

    Attributes:
        file: the source file; None for a namespace package and for what has no source.
        search: folders of a package; None for a module.
    """

    file: str | None
    search: tuple[str, ...] | None


_State = tuple[str, int, int]
_outlines: dict[_State, Outline] = {}
_sources: dict[_State, Source | None] = {}


class Finder:
    """Finds modules and what they say; a name is looked for once.

    Args:
        kept: outlines of earlier processes.
    """

    def __init__(self, kept: Outlines | None = None) -> None:
        self._kept = kept
        self._located: dict[str, Located | None] = {}

    def locate(self, name: str) -> Located | None:
        """Find a module's source: among the modules in memory, else along their search paths."""
        if name not in self._located:
            self._located[name] = self._locate(name)
        return self._located[name]

    def is_foreign(self, name: str) -> bool:
        """Say whether a module is known not to be the project's own."""
        top = name.partition(".")[0]
        located = self.locate(top)
        return (
            located is None
            or is_ours(top)
            or (located.search is None and located.file is None)
            or (located.file is not None and not is_project_file(located.file))
        )

    def outline(self, name: str) -> Outline | None:
        """Give the outline of a module of the project; None where it has no source or is not the project's."""
        located = self.locate(name)
        if located is None or located.file is None or not is_project_file(located.file):
            return None
        return outline_of(located.file, self._kept)

    def _locate(self, name: str) -> Located | None:
        module = sys.modules.get(name)
        if isinstance(module, ModuleType):
            # Not getattr: a module may answer to that by importing something.
            values = object.__getattribute__(module, "__dict__")
            search, file = values.get("__path__"), values.get("__file__")
        else:
            parent, _, _ = name.rpartition(".")
            around = self.locate(parent) if parent else None
            if parent and (around is None or around.search is None):
                return None
            try:
                spec = PathFinder.find_spec(name, list(around.search) if around and around.search is not None else None)
            except Exception:  # a path hook of anybody's
                return None
            if spec is None:
                return None
            search, file = spec.submodule_search_locations, spec.origin
        try:
            folders = tuple(map(str, search)) if search is not None else None
        except Exception:  # a search path of anybody's
            folders = None
        return Located(file if isinstance(file, str) and file.endswith(".py") else None, folders)


def outline_of(file: str, kept: Outlines | None = None) -> Outline | None:
    """Give the outline of a source file, from memory where the file is as it was; None where it cannot be read.

    Args:
        file: the source file.
        kept: outlines of earlier processes, by the content of the file.
    """
    state = _state(file)
    if state is None:
        return None
    outline = _outlines.get(state)
    if outline is None:
        outline = _outline(file, state[2], kept)
        if outline is not None:
            if len(_outlines) >= _REMEMBERED:
                _outlines.clear()
            _outlines[state] = outline
    return outline


def source_of(file: str) -> Source | None:
    """Give a source file taken apart; None where it cannot be read, is too large or is not Python."""
    state = _state(file)
    if state is None or state[2] > MAX_SOURCE:
        return None
    if state in _sources:
        return _sources.get(state)
    content = _content(file)
    source = _parse(content) if content is not None else None
    if len(_sources) >= _SOURCES:
        _sources.clear()
    _sources[state] = source
    return source


@lru_cache(maxsize=_REMEMBERED)
def is_project_file(file: str) -> bool:
    """Say whether a source file is the project's own: neither of the interpreter nor of an installed package."""
    return not (file.startswith(_library()) or "/site-packages/" in file or "/dist-packages/" in file)


def is_ours(name: str) -> bool:
    """Say whether a module belongs to this product: what watches a step is no part of it."""
    top = name.partition(".")[0]
    return top == "orchestrail" or top.startswith("orchestrail_")


def _outline(file: str, size: int, kept: Outlines | None) -> Outline | None:
    content = _content(file) if size <= MAX_SOURCE else None
    if content is None:
        found = digest_file(file)
        if found is None or found.digest is None:
            return None
        return Outline(labelled(fold([b"file", found.digest.encode()])))
    is_package = os.path.basename(file) == "__init__.py"
    digest = hashlib.sha256(content).hexdigest()
    key = f"package {digest}" if is_package else digest
    outline = kept.get(key) if kept is not None else None
    if outline is None:
        try:
            source = _parse(content)
            outline = source.outline(is_package=is_package) if source is not None else None
        except SourceRefused:
            outline = None
        if outline is None:
            outline = Outline(labelled(fold([b"file", f"sha256:{digest}".encode()])))
        if kept is not None:
            kept.put(key, outline)
    return outline


def _state(file: str) -> _State | None:
    try:
        state = os.stat(file)
    except (OSError, ValueError):
        return None
    return (file, state.st_mtime_ns, state.st_size) if stat.S_ISREG(state.st_mode) else None


def _content(file: str) -> bytes | None:
    try:
        with open(file, "rb") as stream:
            return stream.read(MAX_SOURCE + 1)
    except OSError:
        return None


def _parse(content: bytes) -> Source | None:
    try:
        text = importlib.util.decode_source(content)
        return Source(text, ast.parse(text))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


@lru_cache(maxsize=1)
def _library() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    folders = [paths[key] for key in ("stdlib", "platstdlib")]
    return tuple(
        dict.fromkeys(one.rstrip("/") + "/" for folder in folders for one in (folder, os.path.realpath(folder)))
    )
