"""What the optional decorators leave on a function, and how an adapter finds it again."""

from __future__ import annotations

from orchestrail.model import Marking

ATTRIBUTE = "__orchestrail__"
_DEPTH = 16


def mark(value: object, marking: Marking) -> None:
    """Leave a marking on a function, or on the host's object made of one."""
    object.__setattr__(value, ATTRIBUTE, marking)


def marking_of(value: object) -> Marking | None:
    """Find the marking of a function, a wrapper of it, or a host's object that holds it as `fn`."""
    for _ in range(_DEPTH):
        found = getattr(value, "__dict__", {}).get(ATTRIBUTE)
        if isinstance(found, Marking):
            return found
        inner = getattr(value, "fn", None) or getattr(value, "__wrapped__", None) or getattr(value, "func", None)
        if inner is None or inner is value:
            return None
        value = inner
    return None


def innermost(value: object) -> object:
    """Find the function that the user wrote, under wrappers and hosts' objects."""
    for _ in range(_DEPTH):
        inner = getattr(value, "fn", None) or getattr(value, "__wrapped__", None)
        if inner is None or inner is value:
            return value
        value = inner
    return value
