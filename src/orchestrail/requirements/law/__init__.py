"""The law as data: its wording, its dates and how certain they are, as known on a stated day. No date of law is in code."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import ClassVar, Literal, TypeVar

from pydantic import ConfigDict, TypeAdapter

from orchestrail.requirements.located import made, read

T = TypeVar("T")

_STRICT = ConfigDict(extra="forbid")
_RANGE = re.compile(r"(.*)\((\d+)\)-\((\d+)\)")


@dataclass(frozen=True, slots=True)
class Provision:
    """A piece of wording.

    Attributes:
        ref: where it stands: `AI Act 10(2)(c)`.
        text: the wording, "[...]" for what is cut.
        amended: True where the amending act replaced the wording.
        words: `law` for a quotation, `ours` where it is told in other words.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    ref: str
    text: str
    amended: bool = False
    words: Literal["law", "ours"] = "law"


@dataclass(frozen=True, slots=True)
class Wording:
    """All wording that is kept here.

    Attributes:
        source: the acts and where they are published.
        read_through: how they were read.
        checked_on: when.
        texts: in the order of the act.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    source: str
    read_through: str
    checked_on: date
    texts: tuple[Provision, ...]

    def of(self, ref: str) -> tuple[Provision, ...]:
        """Give what is kept of a provision: the paragraph that it is a point of comes first; empty where nothing is kept."""
        if several := _RANGE.fullmatch(ref):
            head, first, last = several.groups()
            return tuple(found for number in range(int(first), int(last) + 1) for found in self.of(f"{head}({number})"))
        places = [ref]
        while places[0].endswith(")"):
            places.insert(0, places[0].rpartition("(")[0])
        return tuple(one for one in self.texts if one.ref in places)


@dataclass(frozen=True, slots=True)
class LawDate:
    """From when something applies.

    Attributes:
        since: the day.
        applies: what.
        certainty: `certain`; `disputed` where the day is and its effect is not; `undelivered` for a duty that is not yet met.
        note: what else is known of it.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    since: date
    applies: str
    certainty: Literal["certain", "disputed", "undelivered"]
    note: str | None = None


@dataclass(frozen=True, slots=True)
class OpenPoint:
    """Something that is not certain, and that nothing should be built on.

    Attributes:
        point: what.
        known: what is known of it.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    point: str
    known: str


@dataclass(frozen=True, slots=True)
class Dates:
    """From when what applies.

    Attributes:
        source: the provision, and where it is published.
        read_through: how it was read.
        checked_on: when.
        dates: in their order.
        open: what is not certain.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    source: str
    read_through: str
    checked_on: date
    dates: tuple[LawDate, ...]
    open: tuple[OpenPoint, ...]


@cache
def wording() -> Wording:
    """Read the wording that comes with this package."""
    return _read(TypeAdapter(Wording), "texts.yaml")


@cache
def dates() -> Dates:
    """Read the dates that come with this package."""
    return _read(TypeAdapter(Dates), "dates.yaml")


@cache
def disclaimer() -> str:
    """Read what README and every generated document say of their reach."""
    return (files(__package__) / "disclaimer.txt").read_text(encoding="utf-8").strip()


def _read(form: TypeAdapter[T], name: str) -> T:
    return made(form, read((files(__package__) / name).read_bytes(), name))
