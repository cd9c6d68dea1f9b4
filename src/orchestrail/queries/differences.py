"""One fact held against another one: changed, the same, or not comparable. What facts there are is decided elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrail.redaction import MARK


@dataclass(frozen=True, slots=True)
class Difference:
    """A fact on both sides.

    Attributes:
        category: what it is about: `preprocessing`, `code`, `input` ...
        subject: the step, operation, data set or distribution that it is of.
        fact: which one: `code digest`, `version` ...
        a: on side A; None where it is not there.
        b: on side B.
        note: what a reader should know beside it; why the sides cannot be compared, where they cannot.
        subject_b: the subject's name on side B, where it is another one there.
    """

    category: str
    subject: str
    fact: str
    a: Any
    b: Any
    note: str | None = None
    subject_b: str | None = None


@dataclass(frozen=True, slots=True)
class Differences:
    """The three answers that there are; what is not known is never among what is the same."""

    changed: list[Difference] = field(default_factory=list)
    same: list[Difference] = field(default_factory=list)
    unknown: list[Difference] = field(default_factory=list)

    def hold(
        self,
        category: str,
        subject: str,
        fact: str,
        a: Any,
        b: Any,
        *,
        doubt: str | None = None,
        note: str | None = None,
        expected: bool = False,
        subject_b: str | None = None,
    ) -> None:
        """Hold a fact of A against the one of B, None where a side does not tell it.

        Args:
            category: what it is about.
            subject: what it is of.
            fact: which one.
            a: on side A.
            b: on side B.
            doubt: why equal values do not show that it is the same.
            note: what a reader should know beside a difference.
            expected: say that it is not known, where neither side tells it.
            subject_b: the subject's name on side B, where it is another one there.
        """
        if a is None or b is None:
            if a is not None or b is not None or expected:
                self.leave(category, subject, fact, a, b, _missing(a, b), subject_b)
        elif a != b:
            self.changed.append(Difference(category, subject, fact, a, b, note, subject_b))
        elif doubt or _redacted(a):
            self.leave(category, subject, fact, a, b, doubt or "a secret was taken out on both sides", subject_b)
        else:
            self.same.append(Difference(category, subject, fact, a, b, note, subject_b))

    def leave(
        self, category: str, subject: str, fact: str, a: Any, b: Any, why: str, subject_b: str | None = None
    ) -> None:
        """Say that a fact cannot be compared."""
        self.unknown.append(Difference(category, subject, fact, a, b, why, subject_b))

    def hold_code(self, category: str, subject: str, a: Any, b: Any, note: str | None = None) -> bool | None:
        """Hold code digests against each other: only those of one algorithm can be. Say whether they differ; None if unknown."""
        mine, other = _algorithms(a), _algorithms(b)
        if a is not None and b is not None and mine != other:
            self.leave(category, subject, "code digest", a, b, "the digests are of different algorithms")
            return None
        self.hold(category, subject, "code digest", a, b, note=note, expected=True)
        return None if a is None or b is None else a != b


def one_of(values: Iterable[Any]) -> Any:
    """Give the one value that all have, a list where there are several, None where there is none."""
    found: list[Any] = []
    for value in values:
        if value is not None and value not in found:
            found.append(value)
    return sorted(found, key=str) if len(found) > 1 else found[0] if found else None


def flat(facts: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Give nested facts under one name each: `python.version`."""
    found: dict[str, Any] = {}
    for key, value in facts.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{before}{key}.")
        else:
            found[f"{before}{key}"] = value
    return found


def _missing(a: Any, b: Any) -> str:
    if a is None and b is None:
        return "recorded on neither side"
    return f"not recorded of {'A' if a is None else 'B'}"


def _redacted(value: Any) -> bool:
    return isinstance(value, str) and MARK in value


def _algorithms(digest: Any) -> set[str]:
    digests = digest if isinstance(digest, list) else [digest]
    return {str(one).partition(":")[0] for one in digests if one is not None}
