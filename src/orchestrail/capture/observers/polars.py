"""polars: what its Rust engines read and write. A scan counts as read in the step that makes it, whoever collects it.

Not seen: a lazy sink that another step collects, and what `scan_pyarrow_dataset` and table formats (Delta, Iceberg) read.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from orchestrail.capture import given
from orchestrail.capture.observers import Patches, paths, sql
from orchestrail.capture.told import fields_of

_KINDS = ("avro", "csv", "excel", "ipc", "ipc_stream", "json", "lines", "ndjson", "ods", "parquet")


def attach(module: ModuleType, patches: Patches) -> None:
    """Watch the readers, scanners, writers and sinks that this version has."""
    library: Any = module
    holders = (
        (library, "read_", False),
        (library, "scan_", False),
        (library.DataFrame, "write_", True),
        (library.LazyFrame, "sink_", True),
    )
    for holder, verb, writes in holders:
        for kind in _KINDS:
            if hasattr(holder, verb + kind):
                notices = _Notices(kind)
                if writes:
                    patches.around(holder, verb + kind, before=notices.writes)
                else:
                    patches.function(holder, verb + kind, after=notices.has_read)
    patches.function(library, "read_database_uri", after=_queried)


class _Notices:
    """What is told of one format."""

    def __init__(self, kind: str) -> None:
        self._form = kind

    def has_read(self, capture: Any, source: object = None, *rest: object, result: Any, **more: object) -> None:
        for facts in paths.read(capture, source):
            facts.format = self._form
            if hasattr(result, "height"):
                facts.fields = _fields(result)

    def writes(self, capture: Any, frame: Any, target: object = None, *rest: object, **more: object) -> None:
        folder = bool(more.get("partition_by"))
        parts = getattr(target, "_pl_partition_by", None) if given.is_of(target, "polars") else None  # a PartitionBy
        if parts is not None:
            target, folder = parts.base_path, True
        facts = paths.written(capture, target, folder=folder)
        facts.format = self._form
        if hasattr(frame, "height"):
            facts.rows = frame.height
            facts.fields = _fields(frame)


def _fields(frame: Any) -> tuple[tuple[str, str], ...]:
    # The text of a type may list categories, which are values.
    return fields_of((name, str(kind).partition("(")[0]) for name, kind in frame.schema.items())


def _queried(capture: Any, query: Any, uri: Any, *rest: object, result: object, **more: object) -> None:
    for text in [query] if isinstance(query, str) else query:
        sql.after(capture, sql.at_address(uri), text)
