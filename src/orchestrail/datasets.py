"""Which data set a Python object stands for: a path, a reference, a frame in memory, or what a plugin knows.

Contents are read for their digest only; nothing of them is kept.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from orchestrail import plugins
from orchestrail.capture import frames
from orchestrail.capture.digest import digest_file
from orchestrail.model import DatasetRef

_URL = re.compile(r"^[a-z][a-z0-9+.-]+://", re.IGNORECASE)


def dataset_of(value: object, *, observed: str = "looked_up") -> DatasetRef:
    """Name a data set and pin it by digest where its content can be reached.

    Args:
        value: a path, a URL, a `DatasetRef`, a frame or an array, or an object that a plugin's `identify_dataset` knows.
        observed: how the digest came about.

    Returns:
        The reference. An object that nobody knows gets the namespace `inmemory` and a weak mark, never an invented digest.
    """
    if isinstance(value, DatasetRef):
        return value
    if isinstance(value, str) and _URL.match(value):
        return _remote(value)
    if isinstance(value, (str, os.PathLike)):
        return _file(Path(os.fsdecode(value)), observed)
    plugins.load_installed()
    found = plugins.first_result("identify_dataset", value=value)
    if isinstance(found, DatasetRef):
        return found
    frame = frames.identify(value)
    if frame is not None:
        return frame
    kind = type(value)
    return DatasetRef("inmemory", f"{kind.__module__}.{kind.__qualname__}", weak="this kind of object has no digest")


def _file(path: Path, observed: str) -> DatasetRef:
    found = digest_file(path)
    name = os.path.normpath(path.absolute())
    if found is None:
        return DatasetRef("file", name, observed="declared", weak="the file could not be read")
    kind = "DIRECTORY" if path.is_dir() else "FILE"
    return DatasetRef(
        "file", name, digest=found.digest, observed=observed, weak=found.weak, type=kind, bytes=found.size
    )


def _remote(url: str) -> DatasetRef:
    """Split a URL into namespace and name by OpenLineage naming; its content is not fetched."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        return _file(Path(parts.path), "looked_up")
    name = parts.path.lstrip("/") or "/"
    return DatasetRef(f"{parts.scheme}://{parts.netloc}", name, weak="the content was not read")
