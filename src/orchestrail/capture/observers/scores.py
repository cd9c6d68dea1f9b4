"""Figures that scikit-learn gives back, put in words: what its observers share. Never a value of a row."""

from __future__ import annotations

from typing import Any

from orchestrail.capture import given

BY = "scikit-learn"
_SHAPED = ("cupy", "numpy", "pandas", "polars", "pyarrow", "scipy", "torch")
MAX_VALUES = 100
"""Figures of one call that are told one by one: those of classes, or of the folds of a cross validation."""


def tell(capture: Any, name: str, result: Any, of: object) -> None:
    """Tell of one figure, or of each of several.

    Args:
        capture: of the run.
        name: what was measured.
        result: a number, or an array of them.
        of: what it was measured on.
    """
    results, rows = capture.told.results, _rows(of)
    several = given.is_of(result, "numpy") and result.ndim
    if type(result) in (bool, int, float) or (given.is_of(result, "numpy") and not several):
        results.metric(name, result, rows=rows, by=BY)
    elif not several:
        results.metric(name, type(result).__name__, rows=rows, by=BY)
    elif several == 1 and len(result) <= MAX_VALUES:
        for place, value in enumerate(result.tolist()):
            results.metric(f"{name}[{place}]", value, rows=rows, by=BY)
    else:
        results.metric(name, f"{type(result).__name__} of {result.size:,}", rows=rows, by=BY)


def _rows(of: Any) -> int | None:
    """Say how many rows something has: those of a list, or of a frame or an array of a known library."""
    if type(of) in (list, tuple):
        return len(of)
    shape = getattr(of, "shape", None) if given.is_of(of, *_SHAPED) else None
    return shape[0] if isinstance(shape, tuple) and shape and type(shape[0]) is int else None
