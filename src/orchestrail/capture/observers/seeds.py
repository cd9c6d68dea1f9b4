"""Seeds that are set for the generators of `random` and numpy. Whole numbers alone are kept: of anything else the type.

What an installed package seeds for itself while it is imported, tables of random numbers say, is no seed of the step's.

Not seen: what is given to a class that is called (`random.Random`, `numpy.random.RandomState`, `SeedSequence`, a bit generator):
to watch that, something else would have to stand in the place of the class, and programs would see it.
"""

from __future__ import annotations

import functools
import sys
from types import FrameType, ModuleType
from typing import Any

from orchestrail.capture import modules
from orchestrail.capture.observers import Patches


def attach(module: ModuleType, patches: Patches) -> None:
    """Watch the functions that seed."""
    for name in ("seed", "default_rng"):
        if hasattr(module, name):
            watch(patches, module, name, f"{module.__name__}.{name}")


def watch(patches: Patches, module: Any, name: str, told: str) -> None:
    """Watch a function whose first argument is a seed.

    Args:
        patches: of the library.
        module: where it is.
        name: its name there.
        told: its name on the record.
    """
    patches.function(module, name, after=functools.partial(_seeded, told))


def _seeded(told: str, capture: Any, seed: object = None, *rest: object, result: object, **more: object) -> None:
    # None asks for the system's own randomness, as libraries do in their workers; a generator is given back as it is.
    if seed is not None and result is not seed and not _is_of_an_import():
        capture.told.results.seed(told, seed)


def _is_of_an_import() -> bool:
    """Say whether an installed package makes the watched call, and does so because it is being imported."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and str(frame.f_globals.get("__name__")).startswith("orchestrail."):
        frame = frame.f_back
    if frame is None or modules.is_project_file(frame.f_code.co_filename):
        return False
    while frame is not None and frame.f_globals.get("__name__") != "importlib._bootstrap":
        frame = frame.f_back
    return frame is not None
