"""What a fitted model is made with, as far as its class tells: what the observers of savers share. No model is loaded or asked."""

from __future__ import annotations

import sys

from orchestrail.capture import fitted
from orchestrail.capture.told import Facts
from orchestrail.context import current

SUFFIXES = (
    ".joblib", ".pkl", ".pickle", ".onnx", ".pt", ".pth", ".safetensors", ".keras", ".h5", ".pmml", ".ubj", ".cbm", ".skops",
)  # fmt: skip
"""How the names of models end."""

# Module, class and name of the framework; what builds on another one comes before it.
_FRAMEWORKS = (
    ("xgboost", "XGBModel", "xgboost"),
    ("xgboost", "Booster", "xgboost"),
    ("lightgbm", "LGBMModel", "lightgbm"),
    ("lightgbm", "Booster", "lightgbm"),
    ("catboost", "CatBoost", "catboost"),
    ("sklearn.base", "BaseEstimator", "scikit-learn"),
    ("torch.nn", "Module", "torch"),
    ("keras", "Model", "keras"),
)
_DATA = (
    ("pandas", "DataFrame"), ("pandas", "Series"), ("polars", "DataFrame"), ("pyarrow", "Table"), ("numpy", "ndarray"),
)  # fmt: skip


def kind_of(name: str) -> str:
    """Say by its name whether a file or an object that was written is a model or data."""
    return "model" if name.lower().endswith(SUFFIXES) else "data"


def describe(facts: Facts, value: object, form: str) -> None:
    """Say of a file that an object is written to what the object tells: whether it is a model, made with what; or data.

    Args:
        facts: what is known of the file, to be filled in.
        value: the object; its class alone is looked at, and of a pipeline that of its last step.
        form: how it is written.
    """
    facts.format = form
    for module, name, framework in _FRAMEWORKS:
        if _is(value, module, name):
            facts.kind, facts.framework = "model", framework_text(framework, module)
            if is_state(value):
                facts.kind, facts.type = "data", fitted.TYPE
            return
    if any(_is(value, module, name) for module, name in _DATA):
        facts.kind = "data"


def is_state(value: object) -> bool:
    """Say whether an estimator is fitted state of a step that prepares data, and no model.

    What predicts nothing is; in a step that was declared to prepare data, whatever was fitted is.
    """
    run = current.get()
    declared = run is not None and run.role == "preprocess" and fitted.is_known(value)
    return declared or fitted.is_preparation(value)


def framework_text(name: str, module: str) -> str:
    """Give a framework with the version that is imported."""
    version = getattr(sys.modules.get(module.partition(".")[0]), "__version__", None)
    return f"{name} {version}" if isinstance(version, str) else name


def _is(value: object, module: str, name: str) -> bool:
    kind = getattr(sys.modules.get(module), name, None)
    return isinstance(kind, type) and issubclass(type(value), kind)
