"""What a catalogue says, as frozen values. Nothing is read or judged here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

PROFILES = ("build", "release", "operate")
"""After each run; before placing on the market; on a schedule. Each takes in what the ones before it do."""


@dataclass(frozen=True, slots=True)
class Article:
    """A provision that a requirement is read out of.

    Attributes:
        ref: the provision: `AI Act 10(2)(c)`.
        basis: `text` where it asks for this result in words, `derived` where the result that it asks for cannot be shown without,
            `practice` where a standard or sound engineering asks.
    """

    ref: str
    basis: str


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
        articles: the provisions behind it.
        roles: who may state it.
        passes, fails, unknown, facts, attested, should: what decides, in words; None where it is said by the rules of all.
        evidence: the fields that are looked at.
        hint: what a developer can do.
        since: the version of the catalogue that it came with.
        basis_note: where the basis differs between parts of it.
        interpretation_source: who reads the provisions like this, where it is not the authors alone.
    """

    id: str
    title: str
    level: str
    scope: str
    mode: str
    profiles: tuple[str, ...]
    articles: tuple[Article, ...]
    evidence: tuple[str, ...]
    hint: str
    since: str
    roles: tuple[str, ...] = ()
    passes: str | None = None
    fails: str | None = None
    unknown: str | None = None
    facts: str | None = None
    attested: str | None = None
    should: str | None = None
    basis_note: str | None = None
    interpretation_source: str | None = None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """A set of requirements.

    Attributes:
        id: its name.
        version: its version.
        title: what it is read out of.
        checked_on: when that was last compared with its source.
        requirements: in the order in which they are shown.
        digest: `sha256:...` over all of it.
    """

    id: str
    version: str
    title: str
    checked_on: date
    requirements: tuple[Requirement, ...]
    digest: str

    def of(self, profile: str | None) -> tuple[Requirement, ...]:
        """Give the requirements of a profile, all of them for None."""
        return tuple(one for one in self.requirements if profile is None or profile in one.profiles)

    def find(self, requirement: str) -> Requirement | None:
        """Give a requirement by its id."""
        return next((one for one in self.requirements if one.id == requirement), None)
