"""pickle and joblib: what is in the files that they write. The files themselves are seen through `open`."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from orchestrail.capture.observers import Patches, models, paths


def attach(module: ModuleType, patches: Patches) -> None:
    """Watch what is dumped."""
    library: Any = module
    if module.__name__ == "pickle":
        patches.function(module, "dump", before=_dumps)
    else:
        patches.around(library.numpy_pickle.NumpyPickler, "dump", before=_pickles)


def _dumps(capture: Any, value: object, file: object = None, *rest: object, **more: object) -> None:
    _tell(capture, value, file, "pickle")


def _pickles(capture: Any, pickler: Any, value: object) -> None:
    _tell(capture, value, pickler.file_handle, "joblib")


def _tell(capture: Any, value: object, file: Any, form: str) -> None:
    # A compressing file holds the one that it writes to.
    for _ in range(3):
        if paths.text_of(file) is not None:
            models.describe(paths.written(capture, file), value, form)
            return
        file = getattr(file, "raw", None) or getattr(file, "_fp", None)
