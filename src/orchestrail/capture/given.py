"""What was handed to a library: paths and streams of anybody's, read by what their classes are and not by what they answer.

No code of a class of somebody's own runs for it: that would run more often than the program has it run, and might take long, raise
what nobody keeps from the host, or answer otherwise the second time. Which names are data, and what is told of them, is not a
matter for this module.
"""

from __future__ import annotations

import os
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrail.capture.files import FileCapture

_STREAMS = frozenset(
    ("_compression", "_io", "bz2", "fsspec", "gcsfs", "gzip", "io", "joblib", "lzma", "s3fs", "tempfile")
)
"""Whose streams are asked for their names, and for those that they stand on."""


def path_text(value: Any) -> str | None:
    """Give the text of a path; None of what is none, and of one whose class would have to be asked."""
    kind = type(value)
    if issubclass(kind, str):
        return plain_text(value)
    if issubclass(kind, bytes):
        return os.fsdecode(b"".join((value,)))  # plain bytes of it
    if kind is os.DirEntry:
        return os.fsdecode(value.path)
    if issubclass(kind, PurePath) and kind.__fspath__ is PurePath.__fspath__ and kind.__str__ is PurePath.__str__:
        return PurePath.__str__(value)
    return None


def plain_text(value: object) -> str | None:
    """Give a text of any class as one of Python's own; None of what is none."""
    return str.__str__(value) if issubclass(type(value), str) else None


def missed(capture: FileCapture, value: object) -> None:
    """Say in a run's record that a path was given whose class would have to be asked what it is."""
    if path_text(value) is None and hasattr(type(value), "__fspath__"):
        capture.told.misses("a path", "it is of a class of its own, whose code does not run for the record")


def is_of(value: object, *libraries: str) -> bool:
    """Say whether an object is of a class that a library itself defines."""
    module = type(value).__module__
    return type(module) is str and module.partition(".")[0] in libraries


def stream_name(stream: Any) -> object:
    """Give the name of an open file, as far as its class is one of the interpreter's or of a known library; else None."""
    return getattr(stream, "name", None) if is_of(stream, *_STREAMS) else None


def stream_below(stream: Any) -> object:
    """Give the stream that another one reads from or writes to; None where there is none, or nobody knows its class."""
    return (getattr(stream, "raw", None) or getattr(stream, "_fp", None)) if is_of(stream, *_STREAMS) else None
