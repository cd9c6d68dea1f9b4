"""Seeds that are set for the generators of `random` and numpy. Whole numbers alone are kept: of anything else the type.

Not seen: what is given to a class that is called (`random.Random`, `numpy.random.RandomState`, `SeedSequence`, a bit generator):
to watch that, something else would have to stand in the place of the class, and programs would see it.
"""

from __future__ import annotations

import functools
from types import ModuleType
from typing import Any

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
    if seed is not None and result is not seed:
        capture.told.results.seed(told, seed)
