"""scikit-learn: what its estimators, splitters and functions are called for. From that the role of an unmarked step is concluded;
a `score` is a metric, and a `random_state` that something is fitted or split with is a seed.

What scikit-learn calls by itself is not told: the transformers of a pipeline that is fitted, the fits of a search. The outermost
call is. Only classes of scikit-learn's own are watched: a class of the user's that a script defines is pickled whole, and a
watched method of it would take us along to processes where we are not installed. What such a class inherits is seen.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from types import FrameType, FunctionType, ModuleType
from typing import Any

from orchestrail.capture.observers import Patches, scores

FUNCTIONS = {
    "train_test_split": "split",
    "cross_val_predict": "evaluate",
    "cross_val_score": "evaluate",
    "cross_validate": "evaluate",
    "learning_curve": "evaluate",
    "permutation_test_score": "evaluate",
    "validation_curve": "evaluate",
}
"""What functions of `sklearn.model_selection` are called for."""

_METHODS = {
    "fit": None,
    "partial_fit": None,
    "fit_predict": "train",
    "fit_transform": "preprocess",
    "transform": "preprocess",
    "predict": "evaluate",
    "predict_log_proba": "evaluate",
    "predict_proba": "evaluate",
    "decision_function": "evaluate",
    "score": "evaluate",
    "score_samples": "evaluate",
    "split": "split",
}
"""What a method is called for; None where that depends on what it is a method of."""

_LEARNERS = ("ClassifierMixin", "RegressorMixin", "ClusterMixin", "OutlierMixin", "DensityMixin", "BiclusterMixin")
_RANDOM = ("fit", "partial_fit", "fit_predict", "fit_transform", "split")
_DEPTH = 16
_PARTS = 50
# What calls scikit-learn to do its own work.
_ABOVE = ("sklearn.", "lightgbm.", "xgboost.", "imblearn.")
# Every function of scikit-learn that checks its parameters is called from here.
_CHECKING = "sklearn.utils._param_validation"

_watched: set[tuple[type, str]] = set()


def attach(module: ModuleType, patches: Patches) -> None:
    """Watch the methods of the classes that a module of scikit-learn offers, those that they inherit included."""
    for kind, name in _methods(module):
        if (kind, name) in _watched:
            continue
        method, after = vars(kind)[name], _scored if name == "score" else None
        if isinstance(method, FunctionType):
            patches.around(kind, name, before=partial(_called, name), after=after)
        elif isinstance(getattr(method, "fn", None), FunctionType):
            # Not a method: what makes one where the object that it hands the call on to has one too.
            patches.around(method, "fn", before=partial(_called, name), after=after)
        else:  # written in C
            continue
        _watched.add((kind, name))
        patches.on_undo(partial(_watched.discard, (kind, name)))


def does(role: str, name: str) -> Callable[..., None]:
    """Give a notice that tells of the call of a function."""
    return partial(_does, role, name)


def is_nested() -> bool:
    """Say whether scikit-learn, or what builds on it, is at work above the watched call: then it is not the user's."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        name = frame.f_globals.get("__name__")
        if isinstance(name, str) and name.startswith(_ABOVE) and name != _CHECKING:
            return True
        frame = frame.f_back
    return False


def _methods(module: ModuleType) -> Iterator[tuple[type, str]]:
    for offered in list(vars(module).values()):
        if not isinstance(offered, type):
            continue
        for kind in offered.__mro__:
            if kind.__module__.startswith("sklearn."):
                yield from ((kind, name) for name in _METHODS if name in vars(kind))


def _does(role: str, name: str, capture: Any, *args: object, **kwargs: object) -> None:
    if (role, name) not in capture.told.calls and not is_nested():
        capture.told.does(role, name)


def _called(name: str, capture: Any, estimator: object, *rest: object, **more: object) -> None:
    role = _METHODS[name] or _fitted(estimator)
    if role is not None:
        _does(role, f"{type(estimator).__name__}.{name}", capture)
    if name in _RANDOM:
        seeds = dict(_seeds(estimator))
        if seeds and not is_nested():
            for told, seed in seeds.items():
                capture.told.results.seed(told, seed)


def _scored(capture: Any, estimator: object, of: object = None, *rest: object, result: object, **more: object) -> None:
    if not is_nested():
        scores.tell(capture, f"{type(estimator).__name__}.score", result, of)


def _seeds(value: object) -> Iterator[tuple[str, object]]:
    """Give the seeds of an estimator or splitter and of what it was made of; names of what it makes itself end in `_`."""
    known, left = {id(value)}, [value]
    while left:
        one = left.pop(0)
        for name, given in list(getattr(one, "__dict__", {}).items()):
            if name == "random_state" and given is not None:
                yield f"{type(one).__name__}.random_state", given
            elif not name.endswith("_"):
                parts = [part for part in _parts(given) if id(part) not in known]
                known.update(map(id, parts))
                left += parts


def _parts(given: Any, depth: int = 2) -> Iterator[object]:
    """Give the estimators in a parameter: itself, or those of a list, or of pairs in it."""
    base: Any = sys.modules.get("sklearn.base")
    kind = type(given)
    if issubclass(kind, base.BaseEstimator):
        yield given
    elif depth and (kind is list or kind is tuple) and len(given) <= _PARTS:
        for one in given:
            yield from _parts(one, depth - 1)


def _fitted(estimator: object) -> str | None:
    """Say what it is to fit an estimator: to train it, or to prepare data, by what its class is; of a pipeline its last step's."""
    for _ in range(_DEPTH):
        steps = getattr(estimator, "__dict__", {}).get("steps")
        if type(estimator).__name__ != "Pipeline" or not isinstance(steps, list) or not steps:
            break
        estimator = steps[-1][1]
    base: Any = sys.modules.get("sklearn.base")
    kind = type(estimator)
    if any(issubclass(kind, getattr(base, name, ())) for name in _LEARNERS):
        return "train"
    if issubclass(kind, base.TransformerMixin) or estimator is None or isinstance(estimator, str):
        return "preprocess"
    return "train" if hasattr(kind, "predict") else None
