"""Hugging Face datasets: the files that a data set is loaded from, wherever its cache has them by now, and folders on disk.

A folder that `save_to_disk` writes or `load_from_disk` reads is one data set, with the library's fingerprint as its version beside
the digest. Files of the library's cache are nobody's data. Not told: transformations, and what a streamed data set reads later on.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from orchestrail.capture import files
from orchestrail.capture.observers import Patches, paths
from orchestrail.capture.told import Facts, fields_of


def attach(module: ModuleType, patches: Patches) -> None:
    """Watch the builders, or what is saved to disk and loaded from there."""
    library: Any = module
    if module.__name__ == "datasets.config":
        files.leave_out(str(library.HF_DATASETS_CACHE))
    elif module.__name__ == "datasets.builder":
        for name in ("as_dataset", "as_streaming_dataset"):
            patches.around(library.DatasetBuilder, name, after=_built)
    else:
        patches.around(library.Dataset, "load_from_disk", after=_loaded)
        patches.around(library.Dataset, "save_to_disk", before=_saves)


def _built(capture: Any, builder: Any, *given: object, result: Any, **more: object) -> None:
    capture.sets_apart(builder._cache_dir_root)
    told = []
    for sources in dict(builder.config.data_files or {}).values():
        for source in sources:
            told += paths.read(capture, str(source))
    if len(told) == 1:
        told[0].format = builder.name
        whole = list(result.values()) if isinstance(result, dict) else [result]
        if len(whole) == 1:
            _describe(told[0], whole[0])


def _loaded(capture: Any, path: object, *given: object, result: Any, **more: object) -> None:
    for facts in paths.read(capture, path):
        _describe(facts, result)
        facts.format = "arrow"
        with suppress(OSError, ValueError, KeyError):
            # The loaded data set has another one where it has a format of its own.
            facts.version = f"fingerprint:{json.loads(Path(str(path), 'state.json').read_bytes())['_fingerprint']}"


def _saves(capture: Any, dataset: Any, path: object, *given: object, **more: object) -> None:
    facts = paths.written(capture, path, folder=True)
    _describe(facts, dataset)
    facts.format, facts.version = "arrow", f"fingerprint:{dataset._fingerprint}"


def _describe(facts: Facts, dataset: Any) -> None:
    rows = getattr(dataset, "num_rows", None)  # a streamed one has none
    facts.rows = rows if isinstance(rows, int) else None
    if dataset.features:
        facts.fields = fields_of(
            (name, getattr(kind, "dtype", type(kind).__name__)) for name, kind in dataset.features.items()
        )
