"""scikit-learn: what is measured with it. Never a value of a row: a score is a figure over all of them.

What scikit-learn calls by itself is not told: a metric within a scorer, a score within a search or a fit. The outermost call is.

Not seen: a scorer that is called by itself (`get_scorer(...)(...)`), `score` of an estimator that defines its own one.
"""

from __future__ import annotations

import functools
from types import ModuleType
from typing import Any

from orchestrail.capture.observers import Patches, estimators
from orchestrail.capture.observers.estimators import is_nested

BY = "scikit-learn"
MAX_VALUES = 100
"""Figures of one call that are told one by one: those of classes, or of the folds of a cross validation."""

_ENDINGS = ("_score", "_error", "_loss")
_VALIDATIONS = ("cross_val_score", "cross_validate")
# What makes one metric another one; values of rows (`labels`, `pos_label`) are none of it.
_TOLD = ("average", "beta", "k", "multi_class", "multioutput", "normalize", "scoring")


def attach(module: ModuleType, patches: Patches) -> None:
    """Watch metrics, scores and cross validations, and whatever else tells what a step does."""
    library: Any = module
    if module.__name__ == "sklearn.base":
        for mixin in (library.ClassifierMixin, library.RegressorMixin):
            patches.around(mixin, "score", after=_scored)
    elif module.__name__ == "sklearn.pipeline":
        # Not a method: what makes one where the last step has one too.
        patches.around(vars(library.Pipeline)["score"], "fn", after=_scored)
    elif module.__name__ == "sklearn.model_selection":
        patches.around(library._search.BaseSearchCV, "score", after=_scored)
        for name, role in estimators.FUNCTIONS.items():
            after = functools.partial(_validated, name) if name in _VALIDATIONS else None
            patches.inside(module, name, estimators.does(role, name), after)
    else:
        for name in library.__all__:
            if name.endswith(_ENDINGS) or name == "auc":
                patches.inside(module, name, estimators.does("evaluate", name), functools.partial(_measured, name))
    estimators.attach(module, patches)


def _measured(name: str, capture: Any, of: object = None, *rest: object, result: object, **more: object) -> None:
    if not is_nested():
        _tell(capture, _named(name, more), result, _rows(of))


def _scored(capture: Any, estimator: object, of: object = None, *rest: object, result: object, **more: object) -> None:
    if not is_nested():
        _tell(capture, f"{type(estimator).__name__}.score", result, _rows(of))


def _validated(
    name: str, capture: Any, estimator: object, of: object = None, *rest: object, result: Any, **more: object
) -> None:
    if is_nested():
        return
    told = f"{_named(name, more)} of {type(estimator).__name__}"
    if name == "cross_val_score":
        _tell(capture, told, result, _rows(of))
        return
    for key, scores in result.items():
        if key.startswith(("test_", "train_")):
            _tell(capture, f"{told}: {key}", scores, _rows(of))


def _tell(capture: Any, name: str, result: Any, rows: int | None) -> None:
    """Tell of one figure, or of each of several."""
    results = capture.told.results
    if getattr(result, "ndim", 0) == 0:
        results.metric(name, result, rows=rows, by=BY)
    elif result.ndim == 1 and len(result) <= MAX_VALUES:
        for place, value in enumerate(result.tolist()):
            results.metric(f"{name}[{place}]", value, rows=rows, by=BY)
    else:
        results.metric(name, f"{type(result).__name__} of {result.size:,}", rows=rows, by=BY)


def _named(name: str, given: dict[str, object]) -> str:
    told = [(key, value) for key, value in given.items() if key in _TOLD and type(value) in (str, int, float, bool)]
    return f"{name}({', '.join(f'{key}={value}' for key, value in told)})" if told else name


def _rows(of: Any) -> int | None:
    """Say how many rows it was measured on: those of a list, or of whatever has a shape."""
    if type(of) in (list, tuple):
        return len(of)
    shape = getattr(of, "shape", None)
    return shape[0] if isinstance(shape, tuple) and shape and type(shape[0]) is int else None
