"""The texts of an event, each with its place as a JSON pointer (RFC 6901) and the name that it stands under. Nothing is judged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

_FREE = frozenset(["parameters", "variables", "distributions", "columnMetrics", "arguments", "properties"])
"""Objects whose keys are people's own: in the list of fields `*` stands for them."""
_NAMES = ("key", "name")
_WORD = 24


class Field(NamedTuple):
    """A text of an event.

    Attributes:
        pointer: where it stands.
        name: what it is called there: its key, or the entry beside it that names a `value`.
        text: itself.
    """

    pointer: str
    name: str
    text: str


def fields(event: object) -> Iterator[Field]:
    """Go through all texts of an event; the keys of objects are texts too, unless they are short words."""
    stack: list[tuple[str, str, Any]] = [("", "", event)]
    while stack:
        pointer, name, value = stack.pop()
        if isinstance(value, str):
            yield Field(pointer, name, value)
        elif isinstance(value, dict):
            called = next((value[key] for key in _NAMES if isinstance(value.get(key), str)), name)
            for key, member in value.items():
                place = f"{pointer}/{escaped(key)}"
                if len(key) > _WORD or not key.isidentifier():
                    yield Field(place, "", key)
                stack.append((place, called if key == "value" else key, member))
        elif isinstance(value, list):
            stack.extend((f"{pointer}/{index}", name, member) for index, member in enumerate(value))


def escaped(key: str) -> str:
    """Write a key as a part of a pointer."""
    return key if key.isidentifier() else key.replace("~", "~0").replace("/", "~1")


def general(pointer: str) -> str:
    """Write `*` for what differs from event to event in a pointer: numbers of entries, and names that people gave."""
    parts = pointer.split("/")
    return "/".join(
        "*" if part.isdecimal() or (before in _FREE and place > 1) else part
        for place, (before, part) in enumerate(zip(("", *parts), parts, strict=False))
    )
