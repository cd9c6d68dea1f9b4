"""xgboost, lightgbm and catboost: that a booster learns or predicts, and the files that their C++ writes and reads.

Whatever is called from outside leads to these methods.
"""

from __future__ import annotations

from functools import partial
from types import ModuleType
from typing import Any

from orchestrail.capture.observers import Patches, models, paths

_ROLES = {
    "update": "train",
    "predict": "evaluate",
    "inplace_predict": "evaluate",
    "_fit": "train",
    "_predict": "evaluate",
}
_SCHEMES = ("dsv", "dsv-flat", "libsvm", "quantized")
"""How catboost writes before the path of a file in which format it is."""


def attach(module: ModuleType, patches: Patches) -> None:
    """Watch the booster, and what reads its data from a file."""
    library: Any = module
    name = module.__name__.partition(".")[0]
    booster = library.CatBoost if name == "catboost" else library.Booster
    for method, role in _ROLES.items():
        if method in vars(booster):
            patches.around(booster, method, before=partial(_called, role, f"{booster.__name__}.{method.lstrip('_')}"))
    patches.around(booster, "save_model", before=partial(_saves, name))
    if name == "lightgbm":
        patches.around(booster, "__init__", after=partial(_made, name))
        patches.around(library.Dataset, "construct", before=_constructs)
    else:
        patches.around(booster, "load_model", after=partial(_loaded, name))
    if name == "catboost":
        patches.around(library.Pool, "_read", before=_reads)


def _called(role: str, name: str, capture: Any, *args: object, **kwargs: object) -> None:
    capture.told.does(role, name)


def _saves(library: str, capture: Any, booster: object, target: object, *rest: object, **more: object) -> None:
    facts = paths.written(capture, target)
    facts.kind, facts.format, facts.framework = "model", library, models.framework_text(library, library)


def _loaded(library: str, capture: Any, booster: object, source: object = None, *rest: object, **more: object) -> None:
    for facts in paths.read(capture, source):
        facts.kind, facts.format = "model", library


def _made(
    library: str, capture: Any, booster: object, *rest: object, model_file: object = None, **more: object
) -> None:
    _loaded(library, capture, booster, rest[2] if len(rest) > 2 else model_file)


def _constructs(capture: Any, dataset: Any) -> None:
    paths.read(capture, dataset.data)


def _reads(capture: Any, pool: object, source: object, *rest: object, **more: object) -> None:
    path = paths.text_of(source)
    scheme, _, rest_of_it = (path or "").partition("://")
    paths.read(capture, rest_of_it if scheme in _SCHEMES else source)
