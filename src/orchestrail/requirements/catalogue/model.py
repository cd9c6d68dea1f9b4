"""What a catalogue says, as frozen values: the form of its files too. Nothing is read or judged here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field

from orchestrail.requirements.catalogue.forms import (
    Basis,
    Id,
    Level,
    Limits,
    Mode,
    Profiles,
    Reason,
    Role,
    Scope,
    Text,
)
from orchestrail.requirements.declared import DeclaredCheck

ChangeKind = Literal["left_out", "loosened", "tightened", "added", "limit", "not_read"]

_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class Article:
    """A provision that a requirement is read out of.

    Attributes:
        ref: the provision: `AI Act 10(2)(c)`.
        basis: `text` where it asks for this result in words, `derived` where the result that it asks for cannot be shown without,
            `practice` where a standard or sound engineering asks.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    ref: Text
    basis: Basis


@dataclass(frozen=True, slots=True)
class Requirement:
    """A rule of the catalogue.

    Attributes:
        id: stable, never reused: `PREP-02`.
        title: what holds where it is met.
        level: `must` or `should`: the catalogue's, not the law's.
        scope: what its subjects are: `run`, `step`, `dataset`, `model`, `deployment` or `store`.
        mode: `auto` where facts decide, `attested` where a person's statement does, `mixed` where both must hold.
        profiles: those of `PROFILES` that take it in.
        hint: what a developer can do.
        since: the version of the catalogue that it came with.
        articles: the provisions behind it.
        evidence: the fields that are looked at.
        witness: what the places that show a failure tell.
        roles: who may state it.
        passes, fails, unknown, facts, attested, should: what decides, in words; None where it is said by the rules of all.
        basis_note: where the basis differs between parts of it.
        interpretation_source: who reads the provisions like this; None where it is the authors of the catalogue alone.
        check: of a requirement of somebody's own, the conditions that decide it.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    id: Id
    title: Text
    level: Level
    scope: Scope
    mode: Mode
    profiles: Profiles
    hint: Text
    since: Text
    articles: tuple[Article, ...] = ()
    evidence: tuple[Text, ...] = ()
    witness: tuple[Text, ...] = ()
    roles: tuple[Role, ...] = ()
    passes: Text | None = None
    fails: Text | None = None
    unknown: Text | None = None
    facts: Text | None = None
    attested: Text | None = None
    should: Text | None = None
    basis_note: Text | None = None
    interpretation_source: Text | None = None
    check: DeclaredCheck | None = None

    @property
    def interpretation(self) -> tuple[tuple[str, str], ...]:
        """What decides, in words: when it passes, what the facts and what a person must show, when it fails, when it is unknown."""
        said = (
            ("passes", self.passes or (self.check.words if self.check else None)),
            ("facts", self.facts),
            ("attested", self.attested),
            ("should", self.should),
            ("fails", self.fails),
            ("unknown", self.unknown),
        )
        return tuple((name, text) for name, text in said if text is not None)


@dataclass(frozen=True, slots=True)
class Reasoned:
    """A requirement that is left out, or counts for less, and why.

    Attributes:
        requirement: its id.
        reason: why; it is shown with every report.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    requirement: Id
    reason: Reason


@dataclass(frozen=True, slots=True)
class Only:
    """The requirements that are judged, all others being left out.

    Attributes:
        requirements: their ids.
        reason: why; it is shown with every report.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    requirements: tuple[Id, ...]
    reason: Reason


@dataclass(frozen=True, slots=True)
class Selection:
    """Which requirements are judged, and which count for less.

    Attributes:
        only: these alone.
        without: all but these.
        as_should: those whose level is `should` here.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    only: Only | None = None
    without: tuple[Reasoned, ...] = ()
    as_should: tuple[Reasoned, ...] = ()


@dataclass(frozen=True, slots=True)
class Tightening:
    """What is asked of a requirement beyond the catalogue.

    Attributes:
        requirement: its id.
        level: `must`.
        profiles: more profiles that take it in.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    requirement: Id
    level: Literal["must"] | None = None
    profiles: Profiles | None = None


@dataclass(frozen=True, slots=True)
class CatalogueFile:
    """What one file holds: a catalogue, or what somebody adds to those before it and changes in them.

    Attributes:
        id: its name.
        version: its version.
        title: what it is read out of.
        checked_on: when that was last compared with its source.
        requirements: those that it adds.
        select: which are judged.
        tighten: what is asked beyond.
        limits: the most that counts of limits of the policy (`LIMITS`).
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,59}$")]
    version: Annotated[str, Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z.-]{0,29}$")]
    title: Text
    checked_on: date | None = None
    requirements: tuple[Requirement, ...] = ()
    select: Selection = Selection()
    tighten: tuple[Tightening, ...] = ()
    limits: Limits = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """Something in which a catalogue differs from the one that comes with orchestrail; every report tells all of them.

    Attributes:
        kind: `left_out`, `loosened`, `tightened`, `added`, `limit`, or `not_read` where a plugin cannot be loaded.
        requirement: its id; the name of the limit, or of the plugin.
        detail: what differs, and why where it is less.
        source: id and version of the catalogue that says so.
    """

    kind: ChangeKind
    requirement: str
    detail: str
    source: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """A set of requirements.

    Attributes:
        id: its name; of several their names, joined by `+`.
        version: its version, or theirs.
        title: what it is read out of.
        checked_on: when that was last compared with its source.
        requirements: in the order in which they are shown.
        digest: `sha256:...` over all of it.
        limits: the most that counts of limits of the policy.
        changes: in what it differs from the catalogue that comes with orchestrail.
    """

    id: str
    version: str
    title: str
    checked_on: date
    requirements: tuple[Requirement, ...]
    digest: str
    limits: Mapping[str, int] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()

    def of(self, profile: str | None) -> tuple[Requirement, ...]:
        """Give the requirements of a profile, all of them for None."""
        return tuple(one for one in self.requirements if profile is None or profile in one.profiles)

    def find(self, requirement: str) -> Requirement | None:
        """Give a requirement by its id."""
        return next((one for one in self.requirements if one.id == requirement), None)
