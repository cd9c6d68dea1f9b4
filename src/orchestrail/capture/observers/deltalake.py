"""Delta Lake through the package `deltalake`: tables by their path or address, at the version that was read or written.

A table's version is its version: its files are one data set and have no digest, since a folder holds all versions of it at once.
Not told: what other engines (Spark) do, vacuuming, and the reading of a log alone.
"""

from __future__ import annotations

import functools
import os
from dataclasses import replace
from types import ModuleType
from typing import Any

from orchestrail.capture.observers import Patches, paths
from orchestrail.capture.told import fields_of
from orchestrail.model import DatasetRef

_READERS = (
    "__datafusion_table_provider__", "count", "file_uris", "get_add_actions", "load_cdf", "scan", "to_pyarrow_dataset",
)  # fmt: skip
_WRITERS = ("create_write_transaction", "delete", "repair", "restore", "update")


def attach(module: ModuleType, patches: Patches) -> None:
    """Watch tables, or the writer of frames."""
    library: Any = module
    if module.__name__ == "deltalake.table":
        for name in _READERS:
            if hasattr(library.DeltaTable, name):
                patches.around(library.DeltaTable, name, after=_read)
        for name in _WRITERS:
            if hasattr(library.DeltaTable, name):
                patches.around(library.DeltaTable, name, after=_changed)
        patches.around(library.TableMerger, "execute", after=_merged)
    elif module.__name__ == "polars.io.delta._dataset":
        # polars opens the table when its engine of Rust asks for it, in a thread of that.
        patches.for_maker(library.DeltaDataset, "schema", "to_dataset_scan")
    else:
        patches.around(library, "try_get_table_and_table_uri", after=_looked_up)
        patches.around(library, "write_deltalake_rust", after=_made)


def _read(capture: Any, table: Any, *given: object, result: object, **more: object) -> None:
    capture.told.reads(_table(capture, table, "at_read"))


def _changed(capture: Any, table: Any, *given: object, result: object, **more: object) -> None:
    capture.told.writes(_table(capture, table, "at_write"))


def _merged(capture: Any, merger: Any, *given: object, result: object, **more: object) -> None:
    _changed(capture, merger._table, result=result)


def _looked_up(capture: Any, asked: object, *given: object, result: Any, **more: object) -> None:
    # The writing itself is a method of a type of Rust; afterwards the table knows its new version.
    table, _ = result
    if table is not None:
        capture.told.at_end(functools.partial(_written_since, capture, table, table.version()))


def _written_since(capture: Any, table: Any, version: int) -> None:
    if table.version() != version:
        _changed(capture, table, result=None)


def _made(capture: Any, *given: object, result: object, table_uri: object = None, **more: object) -> None:
    made = replace(_place(capture, str(table_uri), "at_write"), version="0")
    capture.told.writes(made, made=True)


def _table(capture: Any, table: Any, observed: str) -> DatasetRef:
    raw = getattr(table, "_table", table)
    uri = raw.table_uri() if callable(raw.table_uri) else raw.table_uri
    return replace(
        _place(capture, uri, observed),
        version=str(raw.version()),
        fields=fields_of(
            (field.name, getattr(field.type, "type", type(field.type).__name__)) for field in raw.schema.fields
        ),
    )


def _place(capture: Any, uri: str, observed: str) -> DatasetRef:
    path = paths.text_of(uri)
    if path is not None and "://" not in path:
        folder = os.path.abspath(path)  # noqa: PTH100 - on a host's path
        capture.sets_apart(folder)
        return DatasetRef("file", folder, observed=observed, type="TABLE", format="delta")
    return replace(paths.remote(uri, observed), type="TABLE", format="delta", weak=None)
