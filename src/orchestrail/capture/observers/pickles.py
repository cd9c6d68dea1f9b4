"""pickle and joblib: what is in the files that they write, and the fitted state in those that they read. The files themselves are
seen through `open`.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from orchestrail.capture import fitted, given
from orchestrail.capture.observers import Patches, models, paths
from orchestrail.model import DatasetRef

MAX_STATES = 100
"""Fitted state that is looked at of what one run writes, and as much of what it loads."""


def attach(module: ModuleType, patches: Patches) -> None:
    """Watch what is dumped."""
    library: Any = module
    if module.__name__ == "pickle":
        patches.function(module, "dump", before=_dumps)
        patches.function(module, "load", after=_loads)
    else:
        patches.around(library.numpy_pickle.NumpyPickler, "dump", after=_pickled)
        patches.around(library.numpy_pickle.NumpyUnpickler, "load", after=_unpickled)


def _dumps(capture: Any, value: object, file: object = None, *rest: object, **more: object) -> None:
    _tell(capture, value, file, "pickle")


def _pickled(capture: Any, pickler: Any, value: object, *, result: object) -> None:
    # Afterwards: joblib has pickle dump an array of objects that is a part of the value into the same file.
    _tell(capture, value, pickler.file_handle, "joblib")


def _loads(capture: Any, *given: object, result: object, **more: object) -> None:
    _keep(capture.told.applied, result, "at_read")


def _unpickled(capture: Any, unpickler: object, *, result: object) -> None:
    _keep(capture.told.applied, result, "at_read")


def _keep(states: list[DatasetRef], value: object, observed: str) -> None:
    if len(states) < MAX_STATES and models.is_state(value):
        states += [found for found in [fitted.identify(value, observed)] if found is not None]


def _tell(capture: Any, value: object, file: Any, form: str) -> None:
    # A compressing file holds the one that it writes to.
    for _ in range(3):
        if paths.text_of(file) is not None:
            facts = paths.written(capture, file)
            if form == "joblib":
                facts.kind = facts.framework = None
            models.describe(facts, value, form)
            _keep(capture.told.made, value, "at_write")
            return
        file = given.stream_below(file)
