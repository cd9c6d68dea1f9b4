"""Figures that scikit-learn gives back, put in words: what its observers share. Never a value of a row."""

from __future__ import annotations

from typing import Any

BY = "scikit-learn"
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
    if getattr(result, "ndim", 0) == 0:
        results.metric(name, result, rows=rows, by=BY)
    elif result.ndim == 1 and len(result) <= MAX_VALUES:
        for place, value in enumerate(result.tolist()):
            results.metric(f"{name}[{place}]", value, rows=rows, by=BY)
    else:
        results.metric(name, f"{type(result).__name__} of {result.size:,}", rows=rows, by=BY)


def _rows(of: Any) -> int | None:
    """Say how many rows something has: those of a list, or of whatever has a shape."""
    if type(of) in (list, tuple):
        return len(of)
    shape = getattr(of, "shape", None)
    return shape[0] if isinstance(shape, tuple) and shape and type(shape[0]) is int else None
