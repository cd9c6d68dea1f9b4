"""Annex IV point by point: what the record can fill, what a person has to state, and how a document marks what is not there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import ClassVar, Literal

from pydantic import ConfigDict, TypeAdapter

from orchestrail.requirements.catalogue.forms import Role
from orchestrail.requirements.located import made, read

Mark = Literal["fact", "partial", "missing"]

_FILE = "annex-iv.yaml"
_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class Point:
    """A point of Annex IV.

    Attributes:
        point: `2(c)`.
        title: in a few words of ours.
        ref: where its wording is, for `orchestrail.requirements.law.wording`.
        states: what a person has to state.
        roles: in which of these roles.
        unstated: its marks while nobody has stated that: `fact` for the part that the record fills, `partial` where that part is
            known to be less than what is asked, `missing` for what only a person can say.
        fills: what the record fills; None where it has nothing of it.
        note: what a document says beside the marks.
        may_not_apply: whether a person can state that there is none.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    point: str
    title: str
    ref: str
    states: str
    roles: tuple[Role, ...]
    unstated: tuple[Mark, ...]
    fills: str | None = None
    note: str | None = None
    may_not_apply: bool = False

    @property
    def name(self) -> str:
        """The point as statements and manifests name it: `IV(2)(c)`."""
        return f"IV({self.point.replace('(', ')(', 1)}" if "(" in self.point else f"IV({self.point})"


@dataclass(frozen=True, slots=True)
class AnnexIV:
    """All points, in their order.

    Attributes:
        id: name of the list.
        version: of the list.
        checked_on: when it was last compared with its source.
        points: from 1(a) to 9.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    id: str
    version: str
    checked_on: date
    points: tuple[Point, ...]


@cache
def annex_iv() -> AnnexIV:
    """Read the points that come with this package."""
    return made(TypeAdapter(AnnexIV), read((files(__package__) / _FILE).read_bytes(), _FILE))
