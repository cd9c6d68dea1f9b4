"""pyarrow: Parquet files and folders, datasets, Feather, CSV, JSON and ORC by their paths, which Arrow opens in C++.

Not seen: datasets that were made before the step, `OSFile` and `memory_map`, which are of C, reads of a footer alone
(`read_metadata`, `read_schema`), and row numbers of datasets of many files. The versions of what
comes through a filesystem of fsspec are told where that speaks to its store.
"""

from __future__ import annotations

import functools
from types import ModuleType
from typing import Any

from orchestrail.capture import given
from orchestrail.capture.observers import Patches, fsspec, paths
from orchestrail.capture.told import Facts, fields_of

_STORES = {"s3": "s3", "gcs": "gs", "abfs": "abfss", "hdfs": "hdfs"}


def attach(module: ModuleType, patches: Patches) -> None:
    """Watch one module of pyarrow."""
    name = module.__name__
    if name == "pyarrow.parquet.core":
        library: Any = module
        patches.around(library.ParquetFile, "__init__", after=_opened)
        patches.around(library.ParquetDataset, "__init__", after=_dataset_opened)
        patches.around(library.ParquetWriter, "__init__", before=_writes, after=_writing)
        patches.around(library.ParquetWriter, "write_table", after=_wrote)
    elif name == "pyarrow.dataset":
        patches.around(module, "_filesystem_dataset", after=_dataset_made)
        patches.function(module, "parquet_dataset", after=_dataset_made)
        patches.around(module, "_filesystemdataset_write", before=_writes_dataset)
    elif name == "pyarrow.fs":
        # Arrow opens and reads what lies in a filesystem of fsspec in threads of its own.
        patches.for_maker(vars(module)["FSSpecHandler"], *_OPENERS)
    else:
        form = name.removeprefix("pyarrow.")
        for function in _FUNCTIONS[form]:
            if function.startswith("write"):
                patches.function(module, function, before=functools.partial(_write, form))
            else:
                patches.function(module, function, after=functools.partial(_read, form))


_OPENERS = ("open_append_stream", "open_input_file", "open_input_stream", "open_output_stream")
_FUNCTIONS = {
    "csv": ("read_csv", "open_csv", "write_csv"),
    "feather": ("read_feather", "read_table", "write_feather"),
    "json": ("read_json",),
    "orc": ("read_table", "write_table"),
}


def place_of(path: object, filesystem: Any) -> object:
    """Give the path or address of something in a filesystem of Arrow's."""
    kind = getattr(filesystem, "type_name", None)
    text = paths.text_of(path)
    if kind == "subtree" and text is not None:
        return place_of(f"{filesystem.base_path.rstrip('/')}/{text}", filesystem.base_fs)
    outer = getattr(getattr(filesystem, "handler", None), "fs", filesystem)
    if hasattr(outer, "unstrip_protocol") and text is not None:
        return fsspec.address_of(outer, text)
    if kind in _STORES and text is not None:
        return f"{_STORES[kind]}://{text}"
    return path if filesystem is None or kind == "local" else None


def _opened(capture: Any, file: Any, source: object, *, result: object, filesystem: Any = None, **rest: object) -> None:
    for facts in paths.read(capture, place_of(source, filesystem)):
        _describe(facts, "parquet", file.schema_arrow, file.metadata.num_rows)


def _dataset_opened(
    capture: Any,
    dataset: Any,
    path: object,
    filesystem: Any = None,
    schema: object = None,
    *,
    result: object,
    **rest: object,
) -> None:
    told = paths.read(capture, place_of(path, filesystem))
    made = dataset._dataset
    for facts in told:
        _describe(facts, "parquet", made.schema)
    if len(told) == 1 and len(made.files) == 1 and schema is None:
        # Its footer has been read already.
        told[0].rows = next(iter(made.get_fragments())).metadata.num_rows


def _dataset_made(
    capture: Any, source: Any, schema: object = None, filesystem: Any = None, *, result: Any, **rest: object
) -> None:
    found = [_part(one, "path") for one in source] if type(source) in (list, tuple) else source
    base = _part(found, "base_dir")  # of a FileSelector
    told = paths.read(capture, place_of(base, filesystem))
    for facts in told:
        _describe(facts, result.format.default_extname, result.schema)


def _writes(
    capture: Any, writer: Any, where: object, schema: Any, filesystem: Any = None, *rest: object, **more: object
) -> None:
    _describe(paths.written(capture, place_of(where, filesystem)), "parquet", schema)


def _writing(
    capture: Any,
    writer: Any,
    where: object,
    schema: Any,
    filesystem: Any = None,
    *rest: object,
    result: object,
    **more: object,
) -> None:
    # Held by the writer itself: what is counted is what it writes, whichever step that is.
    writer.orchestrail_facts = paths.written(capture, place_of(where, filesystem))
    writer.orchestrail_facts.rows = 0


def _wrote(capture: Any, writer: Any, table: Any, *rest: object, result: object, **more: object) -> None:
    facts = getattr(writer, "orchestrail_facts", None)
    if facts is not None:
        facts.rows += table.num_rows


def _writes_dataset(capture: Any, data: Any, base: object, name: object, filesystem: Any, *rest: object) -> None:
    facts = paths.written(capture, place_of(base, filesystem), folder=True)
    _describe(facts, None, _part(data, "projected_schema", None))


def _read(form: str, capture: Any, source: object, *rest: object, result: Any, **more: object) -> None:
    for facts in paths.read(capture, place_of(source, more.get("filesystem"))):
        _describe(facts, form, getattr(result, "schema", None))


def _write(form: str, capture: Any, data: object, target: object, *rest: object, **more: object) -> None:
    # ORC once had them the other way round.
    target, data = (data, target) if paths.text_of(data) is not None else (target, data)
    _describe(paths.written(capture, target), form, _part(data, "schema", None), _part(data, "num_rows", None))


def _part(value: Any, name: str, *otherwise: Any) -> Any:
    """Give an attribute of an object of Arrow's; else what stands in its place, without which it is the object itself."""
    (instead,) = otherwise or (value,)
    return getattr(value, name, instead) if given.is_of(value, "pyarrow") else instead


def _describe(facts: Facts, form: str | None, schema: Any, rows: int | None = None) -> None:
    facts.format = form or facts.format
    facts.rows = rows if rows is not None else facts.rows
    if type(schema).__module__.startswith("pyarrow"):
        facts.fields = fields_of((field.name, field.type) for field in schema)
