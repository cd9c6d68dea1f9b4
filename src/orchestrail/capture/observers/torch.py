"""torch: files that its C++ writes and reads. What it reads by `torch.load` is seen through `open`."""

from __future__ import annotations

import functools
from types import ModuleType
from typing import Any

from orchestrail.capture.observers import Patches, models, paths


def attach(module: ModuleType, patches: Patches) -> None:
    """Watch the saving of models and of compiled ones, and the loading of these."""
    library: Any = module
    patches.around(library.serialization._open_zipfile_writer_file, "__init__", before=_opens)
    patches.function(library, "save", before=functools.partial(_saves, "torch"))
    patches.function(library.jit, "save", before=functools.partial(_saves, "torchscript"))
    patches.function(library.jit, "load", after=_loaded)


def _opens(capture: Any, writer: Any, name: object) -> None:
    _describe(capture, name, None, "torch")


def _saves(form: str, capture: Any, value: object, f: object, *rest: object, **more: object) -> None:
    _describe(capture, f, value, form)


def _loaded(capture: Any, f: object, *rest: object, result: object, **more: object) -> None:
    for facts in paths.read(capture, f):
        facts.kind, facts.format = "model", "torchscript"


def _describe(capture: Any, target: object, value: object, form: str) -> None:
    if paths.text_of(target) is not None:
        facts = paths.written(capture, target)
        facts.kind, facts.format, facts.framework = (
            "model",
            facts.format or form,
            models.framework_text("torch", "torch"),
        )
