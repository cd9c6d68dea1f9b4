"""scikit-learn: what is measured with it. Never a value of a row: a score is a figure over all of them.

What scikit-learn calls by itself is not told: a metric within a scorer, a score within a search or a fit. The outermost call is.

Not seen: a scorer that is called by itself (`get_scorer(...)(...)`).
"""

from __future__ import annotations

import functools
from types import ModuleType
from typing import Any

from orchestrail.capture.observers import Patches, estimators, scores
from orchestrail.capture.observers.estimators import is_nested

_ENDINGS = ("_score", "_error", "_loss")
_VALIDATIONS = ("cross_val_score", "cross_validate")
# What makes one metric another one; values of rows (`labels`, `pos_label`) are none of it.
_TOLD = ("average", "beta", "k", "multi_class", "multioutput", "normalize", "scoring")


def attach(module: ModuleType, patches: Patches) -> None:
    """Watch metrics, cross validations, splits, and whatever else tells what a step does."""
    library: Any = module
    if module.__name__ == "sklearn.model_selection":
        for name, role in estimators.FUNCTIONS.items():
            after = _validated if name in _VALIDATIONS else _called
            patches.inside(module, name, estimators.does(role, name), functools.partial(after, name))
    elif module.__name__ == "sklearn.metrics":
        for name in library.__all__:
            if name.endswith(_ENDINGS) or name == "auc":
                patches.inside(module, name, estimators.does("evaluate", name), functools.partial(_measured, name))
    estimators.attach(module, patches)


def _measured(name: str, capture: Any, of: object = None, *rest: object, result: object, **more: object) -> None:
    if not is_nested():
        scores.tell(capture, _named(name, more), result, of)


def _validated(
    name: str, capture: Any, estimator: object, of: object = None, *rest: object, result: Any, **more: object
) -> None:
    if is_nested():
        return
    told = f"{_named(name, more)} of {type(estimator).__name__}"
    if name == "cross_val_score":
        scores.tell(capture, told, result, of)
        return
    for key, figures in result.items():
        if key.startswith(("test_", "train_")):
            scores.tell(capture, f"{told}: {key}", figures, of)


def _called(
    name: str, capture: Any, *rest: object, result: object, random_state: object = None, **more: object
) -> None:
    if random_state is not None and not is_nested():
        capture.told.results.seed(f"{name}.random_state", random_state)


def _named(name: str, given: dict[str, object]) -> str:
    told = [(key, value) for key, value in given.items() if key in _TOLD and type(value) in (str, int, float, bool)]
    return f"{name}({', '.join(f'{key}={value}' for key, value in told)})" if told else name
