"""Which data set a Python object, a path or an address stands for: by itself, or as a plugin knows it.

Contents are read for their digest only; nothing of them is kept.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from orchestrail import plugins
from orchestrail.capture import fitted, frames
from orchestrail.capture.digest import digest_file
from orchestrail.capture.observing import unobserved
from orchestrail.model import IN_MEMORY, DatasetRef, file_name

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
        return as_plugins_know(_remote(value))
    if isinstance(value, (str, os.PathLike)):
        return as_plugins_know(_file(Path(os.fsdecode(value)), observed))
    found = _identified(value)
    if found is not None:
        return found
    held = frames.identify(value, observed) or fitted.identify(value, observed)
    if held is not None:
        return held
    kind = type(value)
    return DatasetRef(IN_MEMORY, f"{kind.__module__}.{kind.__qualname__}", weak="this kind of object has no digest")


def as_plugins_know(dataset: DatasetRef) -> DatasetRef:
    """Name a file or what lies at an address as a plugin does (`identify_dataset`); what is known of its content stays.

    Args:
        dataset: as it is known by its path or address; what is neither is left as it is.

    Returns:
        Namespace, name, version, kind and role as the plugin says, and its digest where it gives one.
    """
    if not plugins.implemented("identify_dataset"):
        return dataset
    if dataset.namespace == "file":
        found = _identified(Path(dataset.name))
    elif _URL.match(dataset.namespace):
        found = _identified(f"{dataset.namespace}/{dataset.name}")
    else:
        return dataset
    if found is None:
        return dataset
    return replace(
        dataset,
        namespace=found.namespace,
        name=found.name,
        version=found.version or dataset.version,
        digest=found.digest or dataset.digest,
        kind="model" if found.kind == "model" else dataset.kind,
        role=found.role or dataset.role,
        weak=found.weak if found.digest or (found.version and not dataset.digest) else dataset.weak,
        type=found.type or dataset.type,
    )


def all_as_plugins_know(datasets: list[DatasetRef]) -> list[DatasetRef]:
    """Do the same for all that a run read or wrote; files that a plugin gives one name are one data set.

    Such a one has a digest only where the plugin gives it, and its bytes are those of all its files.
    """
    if not plugins.implemented("identify_dataset"):
        return datasets
    found: dict[tuple[str, str], DatasetRef] = {}
    for dataset in map(as_plugins_know, datasets):
        first = found.setdefault((dataset.namespace, dataset.name), dataset)
        if first is dataset:
            continue
        same = first.digest == dataset.digest
        sizes = (first.bytes, dataset.bytes)
        found[dataset.namespace, dataset.name] = replace(
            first,
            digest=first.digest if same else None,
            weak=first.weak
            if same or first.version
            else "several files are one data set, of which no digest was taken",
            bytes=None if None in sizes else sum(size for size in sizes if size is not None),
        )
    return list(found.values())


def _identified(value: object) -> DatasetRef | None:
    plugins.load_installed()
    with unobserved():
        found = plugins.first_result("identify_dataset", value=value)
    return found if isinstance(found, DatasetRef) else None


def _file(path: Path, observed: str) -> DatasetRef:
    found = digest_file(path)
    name = file_name(os.path.normpath(path.absolute()))
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
