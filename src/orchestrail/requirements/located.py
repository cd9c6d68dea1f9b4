"""YAML as plain values that know their line, and values of a form made of them: mistakes are told with line and field.

Only what a data file needs is read: mappings with names as keys, lists, texts, numbers, days, yes and no. No aliases, no tags.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from math import isfinite
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError

from orchestrail.errors import ConfigurationError

T = TypeVar("T")
Place = tuple[str | int, ...]

_DEPTH = 20
_SIZE = 1 << 20
_TOLD = 5
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where it is there
_TEXT = "tag:yaml.org,2002:str"
_tag_of: Callable[..., str] = yaml.resolver.Resolver().resolve


@dataclass(frozen=True, slots=True)
class Located:
    """The content of a file.

    Attributes:
        name: of the file, for messages.
        value: what it holds.
        lines: the line of each value, by the keys and positions that lead to it.
    """

    name: str
    value: Any
    lines: dict[Place, int]

    def line(self, place: Place) -> int:
        """Give the line of a value, or of what would enclose it where it is not there."""
        while place not in self.lines and place:
            place = place[:-1]
        return self.lines.get(place, 1)

    def refuse(self, place: Place, why: str, allowed: str = "") -> NoReturn:
        """Say what is wrong with a value.

        Raises:
            ConfigurationError: always.
        """
        raise _unusable(self.name, [f"line {self.line(place)}, `{_field(place)}`: {why}"], allowed)


def read_file(file: Path) -> Located:
    """Read a YAML file.

    Raises:
        ConfigurationError: it cannot be read, or is no YAML of the kind above.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"{file} cannot be read.", f"{error.strerror or error}.", "Mend or name another."
        ) from None
    return read(content, file.name)


def read(content: bytes | str, name: str) -> Located:
    """Read YAML.

    Args:
        content: the text, in UTF-8.
        name: for messages.

    Raises:
        ConfigurationError: it is no YAML of the kind above.
    """
    if len(content) > _SIZE:
        raise _unusable(name, [f"it has {len(content):,} bytes; allowed are {_SIZE:,}"])
    lines: dict[Place, int] = {}
    try:
        text = content.decode() if isinstance(content, bytes) else content
        events = yaml.parse(text, Loader=_LOADER)
        value = _document(events, lines)
    except UnicodeDecodeError as error:
        raise _unusable(name, [f"{error}"], "text in UTF-8") from None
    except _NotAllowed as error:
        raise _unusable(name, [f"line {error.line}: {error.why}"], error.allowed) from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise _unusable(name, [f"line {line}: it is no YAML, {error.problem or error.context}"]) from None
    except yaml.YAMLError as error:
        raise _unusable(name, [f"it is no YAML, {error}".replace("\n", " ")]) from None
    return Located(name, value, lines)


def made(adapter: TypeAdapter[T], content: Located) -> T:
    """Make a value of a form.

    Raises:
        ConfigurationError: the content does not have the form; tells the first mistakes.
    """
    try:
        return adapter.validate_python(content.value)
    except ValidationError as error:
        told = list(dict.fromkeys(_mistakes(content, error)))
        more = [f"and {len(told) - _TOLD} more"] if len(told) > _TOLD else []
        raise _unusable(content.name, [*told[:_TOLD], *more]) from None


def _mistakes(content: Located, error: ValidationError) -> Iterator[str]:
    for each in error.errors(include_url=False):
        place = tuple(each["loc"])
        why = each["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
        if each["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
            why = "there is nothing of that name"
        elif each["type"] in ("missing", "missing_argument"):
            why = "it is missing"
        elif each["msg"].startswith("Input should be "):
            why = f"{_shown(each['input'])} is not allowed; allowed: {why}"
        yield f"line {content.line(place)}, `{_field(place)}`: {why}"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _field(place: Place) -> str:
    """Give a place as people count: `requirements[1].level` is the level of the first requirement."""
    parts = (f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in place)
    return "".join(parts).removeprefix(".") or "file"


def _unusable(name: str, why: list[str], allowed: str = "") -> ConfigurationError:
    return ConfigurationError(
        f"{name} cannot be used.", "; ".join(why) + ".", f"Allowed: {allowed}." if allowed else ""
    )


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


class _NotAllowed(Exception):
    def __init__(self, event: yaml.Event, why: str, allowed: str = "") -> None:
        self.line, self.why, self.allowed = _line(event), why, allowed
        super().__init__(why)


def _document(events: Iterator[yaml.Event], lines: dict[Place, int]) -> Any:
    next(events)  # the stream
    started = next(events)
    if isinstance(started, yaml.StreamEndEvent):
        return None
    value = _value(events, next(events), (), lines)
    next(events)  # the end of the document
    after = next(events)
    if not isinstance(after, yaml.StreamEndEvent):
        raise _NotAllowed(after, "a second document begins", "one document in a file")
    return value


def _value(events: Iterator[yaml.Event], event: yaml.Event, place: Place, lines: dict[Place, int]) -> Any:
    lines[place] = _line(event)
    if len(place) > _DEPTH:
        raise _NotAllowed(event, "it is nested too deeply", f"{_DEPTH} levels")
    if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
        raise _NotAllowed(event, "it has an anchor or an alias", "values written out")
    if isinstance(event, yaml.ScalarEvent):
        return _scalar(event)
    if isinstance(event, yaml.CollectionStartEvent) and event.tag is not None:
        raise _NotAllowed(event, f"it has the tag {event.tag}", "no tags")
    if isinstance(event, yaml.SequenceStartEvent):
        listed: list[Any] = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            listed.append(_value(events, event, (*place, len(listed)), lines))
        return listed
    mapped: dict[str, Any] = {}
    while not isinstance(event := next(events), yaml.MappingEndEvent):
        key = _scalar(event) if isinstance(event, yaml.ScalarEvent) else None
        if not isinstance(key, str):
            raise _NotAllowed(event, "a key is no name", "texts as keys")
        if key in mapped:
            raise _NotAllowed(event, f"{key} is there twice")
        mapped[key] = _value(events, next(events), (*place, key), lines)
        lines[*place, key] = _line(event)
    return mapped


def _scalar(event: yaml.ScalarEvent) -> Any:
    if event.tag is not None:
        raise _NotAllowed(event, f"it has the tag {event.tag}", "no tags")
    tag = _tag_of(yaml.ScalarNode, event.value, event.implicit)
    if tag == _TEXT:
        return event.value
    try:
        value = yaml.constructor.SafeConstructor().construct_object(yaml.ScalarNode(tag, event.value))
    except (ValueError, OverflowError, KeyError, yaml.YAMLError) as error:
        raise _NotAllowed(event, f"{event.value[:60]!r} is no value ({error})", "texts in quotes") from None
    odd = isinstance(value, datetime) or (isinstance(value, float) and not isfinite(value))
    if odd or not isinstance(value, str | int | float | date | None):
        raise _NotAllowed(event, f"{event.value[:60]!r} is not allowed", "texts, numbers, days, true and false")
    return value
