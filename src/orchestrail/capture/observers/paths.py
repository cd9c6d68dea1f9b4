"""What a library was given to read or write: paths, folders, patterns, lists of them, addresses. What observers of files share.

An address (`s3://bucket/key`) becomes a data set by OpenLineage's naming, without user, password and query. Its content is not
fetched, so it has no digest; a version it has where an observer of its store tells one.
"""

from __future__ import annotations

import glob
import os
import re
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from orchestrail.capture import given
from orchestrail.capture.observers import hub, objects
from orchestrail.capture.told import Facts
from orchestrail.model import DatasetRef

MAX_MATCHES = 10_000
"""Files of one pattern that are told."""

_ADDRESS = re.compile(r"^([a-zA-Z][a-zA-Z0-9+.-]+)://")
_LAKEFS_COMMIT = re.compile(r"[0-9a-f]{64}")
_PATTERN = re.compile(r"[*?\[]")
# The same store under the names that libraries have for it.
_SCHEMES = {"s3a": "s3", "s3n": "s3", "gcs": "gs", "az": "abfss", "abfs": "abfss", "adl": "abfss"}


def read(capture: Any, source: Any) -> list[Facts]:
    """Tell what a library reads; gives what is known of each file, to be filled in."""
    kind = type(source)
    if issubclass(kind, list | tuple):
        parts = list.__iter__(source) if issubclass(kind, list) else tuple.__iter__(source)
        return [facts for one in parts for facts in read(capture, one)]
    path = text_of(source)
    if path is None:
        given.missed(capture, source)
        return []
    if _ADDRESS.match(path):
        found = remote(path, "at_read")
        capture.told.reads(found)
        return [capture.told.facts(found.name, written=False, namespace=found.namespace)]
    if _PATTERN.search(path) and not os.path.exists(path):  # noqa: PTH110 - on a host's path
        matching = glob.iglob(os.path.expanduser(path), recursive=True)  # noqa: PTH111, PTH207
        matches = sorted(islice(matching, MAX_MATCHES))
        if next(matching, None) is not None:
            capture.told.misses("files", f"a pattern matches more than {MAX_MATCHES} files")
        return [facts for one in matches if (facts := capture.read(one)) is not None]
    facts = capture.read(path)
    return [facts] if facts is not None else []


def written(capture: Any, target: object, *, folder: bool = False) -> Facts:
    """Tell what a library is about to write.

    Args:
        capture: the run's.
        target: a path or an address; anything else is not told.
        folder: True where it becomes a folder of files.

    Returns:
        What is known of it, to be filled in; of nothing, where it is no file.
    """
    path = text_of(target)
    if path is None:
        given.missed(capture, target)
        return Facts()
    if _ADDRESS.match(path):
        made = remote(path, "at_write")
        capture.told.writes(made)
        known: Facts = capture.told.facts(made.name, written=True, namespace=made.namespace)
        return known
    return capture.written(path, folder=folder) or Facts()


def text_of(value: object) -> str | None:
    """Give the path or address of what a library was given; of an open file its name; None of anything else."""
    path = given.path_text(value)
    if path is None:
        path = given.path_text(given.stream_name(value))
    if path is None:
        return None
    if path.lower().startswith("file://"):
        return urlsplit(path).path
    return os.path.expanduser(path) if path.startswith("~") else path  # noqa: PTH111


def remote(address: str, observed: str) -> DatasetRef:
    """Name what lies at an address; one of the hub of Hugging Face or of lakeFS tells a version too."""
    parts = urlsplit(address)
    scheme = _SCHEMES.get(parts.scheme.lower(), parts.scheme.lower())
    host, name = parts.netloc.rpartition("@")[2], parts.path.strip("/")
    version: str | None = None
    weak: str | None = objects.UNPINNED
    if scheme == "hf":
        return hub.at_address(address.partition("://")[2], observed)
    if scheme == "lakefs" and name:
        version, _, name = name.partition("/")
        weak = None if _LAKEFS_COMMIT.fullmatch(version) else hub.MOVES
    return DatasetRef(f"{scheme}://{host}", name or "/", version=version, observed=observed, weak=weak, type="FILE")
