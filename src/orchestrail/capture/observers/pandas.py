"""pandas: Parquet files that it has Arrow's C++ open for writing.

All else that it reads and writes comes through `open`, pyarrow or a database, where it is seen.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from orchestrail.capture.observers import Patches, paths
from orchestrail.capture.told import fields_of


def attach(module: ModuleType, patches: Patches) -> None:
    """Watch the writer of Parquet."""
    library: Any = module
    patches.around(library.PyArrowImpl, "write", before=_writes)


def _writes(capture: Any, engine: Any, frame: Any, path: object, *rest: object, **more: object) -> None:
    if more.get("filesystem") is not None:
        return
    facts = paths.written(capture, path, folder=bool(more.get("partition_cols")))
    facts.format, facts.rows = "parquet", len(frame)
    facts.fields = fields_of(frame.dtypes.items())
