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
        patches.around(library.numpy_pickle.NumpyPickler, "dump", after=_pickled)


def _dumps(capture: Any, value: object, file: object = None, *rest: object, **more: object) -> None:
    _tell(capture, value, file, "pickle")


def _pickled(capture: Any, pickler: Any, value: object, *, result: object) -> None:
    # Afterwards: joblib has pickle dump an array of objects that is a part of the value into the same file.
    _tell(capture, value, pickler.file_handle, "joblib")


def _tell(capture: Any, value: object, file: Any, form: str) -> None:
    # A compressing file holds the one that it writes to.
    for _ in range(3):
        if paths.text_of(file) is not None:
            facts = paths.written(capture, file)
            if form == "joblib":
                facts.kind = facts.framework = None
            models.describe(facts, value, form)
            return
        file = getattr(file, "raw", None) or getattr(file, "_fp", None)
