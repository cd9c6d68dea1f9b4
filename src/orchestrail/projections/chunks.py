"""Lists of ids and places cut into what fits a statement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

Value = TypeVar("Value")

MOST = 400
"""Values that one statement names."""


def chunks(values: Iterable[Value]) -> Iterator[list[Value]]:
    """Cut a list, each value once and in its order."""
    listed = list(dict.fromkeys(values))
    for start in range(0, len(listed), MOST):
        yield listed[start : start + MOST]
