"""safetensors: files of weights that its Rust code writes, and reads through a memory map."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from orchestrail.capture.observers import Patches, models, paths

_FRAMEWORKS = {"torch": "torch", "tensorflow": "tensorflow", "flax": "jax"}


def attach(module: ModuleType, patches: Patches) -> None:
    """Watch the functions that a module of the library saves and opens with."""
    framework = _FRAMEWORKS.get(module.__name__.rpartition(".")[2])

    def saves(capture: Any, tensors: object, target: object, *rest: object, **more: object) -> None:
        facts = paths.written(capture, target)
        facts.kind, facts.format = "model", "safetensors"
        if framework is not None:
            facts.framework = models.framework_text(framework, framework)

    def opened(capture: Any, source: object, *rest: object, result: object, **more: object) -> None:
        for facts in paths.read(capture, source):
            facts.kind, facts.format = "model", "safetensors"

    patches.around(module, "serialize_file", before=saves)
    if hasattr(module, "safe_open"):
        patches.around(module, "safe_open", after=opened)
