"""DuckDB: its database files, and files that its readers and writers are given by path.

Its statements are not watched: DuckDB looks for the names in them among the caller's variables, and a function of ours in between
would hide those. That statements are run is noticed when the function that runs them is looked up, and the run's record then says
that what they name was not seen.
"""

from __future__ import annotations

import functools
from types import ModuleType
from typing import Any

from orchestrail.capture import given
from orchestrail.capture.observers import Patches, paths
from orchestrail.capture.observing import capturing

UNSEEN = "what its statements name is not seen: state it with record_input and record_output"

_RUNNERS = ("execute", "executemany", "from_query", "query", "sql")
_READERS = ("from_csv_auto", "from_parquet", "read_csv", "read_json", "read_parquet")
_WRITERS = ("to_csv", "to_parquet", "write_csv", "write_parquet")


def attach(module: ModuleType, patches: Patches) -> None:
    """Watch connections, readers and writers; say what cannot be watched."""
    library: Any = module
    runners = {name: _Noticed(name, vars(module)[name]) for name in _RUNNERS if name in vars(module)}
    plain = type(module)
    module.__class__ = type("module", (plain,), dict(runners))
    patches.on_undo(lambda: setattr(module, "__class__", plain))
    for name in _RUNNERS:
        if name in vars(library.DuckDBPyConnection):
            patches.replace(library.DuckDBPyConnection, name, functools.partial(_Noticed, name))
    patches.function(library, "connect", before=_connects)
    for name in _READERS:
        if hasattr(library, name):
            patches.function(library, name, before=_reads)
        if hasattr(library.DuckDBPyConnection, name):
            patches.around(library.DuckDBPyConnection, name, before=_reads_here)
    for name in _WRITERS:
        if hasattr(library.DuckDBPyRelation, name):
            patches.around(library.DuckDBPyRelation, name, before=_writes)


class _Noticed:
    """Stands for a function where it is looked up, tells of that, and gives the function itself.

    Args:
        name: of the function.
        function: what is looked up.
    """

    def __init__(self, name: str, function: Any) -> None:
        self._name, self._function = name, function

    def __get__(self, holder: Any, kind: type | None = None) -> Any:
        capture = capturing.get()
        if capture is not None and holder is not None:
            capture.told.misses("duckdb", UNSEEN)
        if isinstance(holder, ModuleType):
            return vars(holder)[self._name]
        return self._function.__get__(holder, kind)

    def __set__(self, holder: Any, value: object) -> None:
        vars(holder)[self._name] = value


def _connects(
    capture: Any, database: object = ":memory:", read_only: object = False, *rest: object, **more: object
) -> None:
    path = paths.text_of(database)
    if path is None:
        given.missed(capture, database)
    if not path or path.startswith((":", "md:", "motherduck:")):
        return
    if read_only:
        capture.read(path, database=True)
    else:
        capture.written(path, database=True)


def _reads(capture: Any, source: object = None, *rest: object, **more: object) -> None:
    paths.read(capture, source)


def _reads_here(capture: Any, connection: object, source: object = None, *rest: object, **more: object) -> None:
    paths.read(capture, source)


def _writes(capture: Any, relation: object, target: object = None, *rest: object, **more: object) -> None:
    paths.written(capture, target, folder=bool(more.get("partition_by")))
