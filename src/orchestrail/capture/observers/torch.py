"""torch: files that its C++ writes and reads, steps of its optimizers, its seed. What `torch.load` reads is seen through `open`."""

from __future__ import annotations

import functools
import sys
from types import ModuleType
from typing import Any

from orchestrail.capture.observers import Patches, Watch, models, paths, seeds
from orchestrail.capture.observing import capturing


def attach(module: ModuleType, patches: Patches) -> None:
    """Watch the saving of models and of compiled ones, the loading of these, and the seed."""
    library: Any = module
    patches.around(library.serialization._open_zipfile_writer_file, "__init__", before=_opens)
    patches.function(library, "save", before=functools.partial(_saves, "torch"))
    patches.function(library.jit, "save", before=functools.partial(_saves, "torchscript"))
    patches.function(library.jit, "load", after=_loaded)
    optimizer: Any = sys.modules["torch.optim.optimizer"]
    hook = optimizer.register_optimizer_step_pre_hook(functools.partial(_steps, patches.watch))
    patches.on_undo(hook.remove)
    # Once torch's compiler is imported, it wraps the one and not the other.
    apart = library.random.manual_seed is not library.manual_seed
    seeds.watch(patches, library, "manual_seed", "torch.manual_seed")
    if apart:
        seeds.watch(patches, library.random, "manual_seed", "torch.manual_seed")


def _steps(watch: Watch, optimizer: object, args: object, kwargs: object) -> None:
    """Called by torch itself before each step of any optimizer."""
    capture = capturing.get()
    if capture is not None:
        watch.tell(_trains, capture, type(optimizer).__name__)


def _trains(capture: Any, kind: str) -> None:
    capture.told.does("train", f"{kind}.step")


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
