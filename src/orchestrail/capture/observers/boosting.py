"""xgboost and lightgbm: that a booster learns or predicts. Whatever is called from outside leads to these methods of it."""

from __future__ import annotations

from functools import partial
from types import ModuleType
from typing import Any

from orchestrail.capture.observers import Patches

_ROLES = {"update": "train", "predict": "evaluate", "inplace_predict": "evaluate"}


def attach(module: ModuleType, patches: Patches) -> None:
    """Watch the booster."""
    library: Any = module
    for name, role in _ROLES.items():
        if name in vars(library.Booster):
            patches.around(library.Booster, name, before=partial(_called, role, f"Booster.{name}"))


def _called(role: str, name: str, capture: Any, *args: object, **kwargs: object) -> None:
    capture.told.does(role, name)
