"""The words of a judgement: statuses and their order, witnesses, results of single subjects, the verdict over all. Pure values.

What they mean, and why unknown is no pass, stands in `docs/reference/requirements.md`. Nothing is judged here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """Verdicts, the worst first: within one requirement the worst of its subjects counts."""

    FAIL = "fail"
    UNKNOWN = "unknown"
    WAIVED = "waived"
    ATTESTED = "attested"
    PASS = "pass"  # noqa: S105 - no password
    NOT_APPLICABLE = "not_applicable"


ORDER = tuple(Status)
"""Statuses, the worst first."""


class Why(StrEnum):
    """Why a subject is unknown."""

    NOT_CAPTURED = "not_captured"
    NO_SUBJECTS = "no_subjects"
    PARTIAL = "partial"
    NOT_EVALUATED = "not_evaluated"
    STALE_ATTESTATION = "stale_attestation"
    NO_ATTESTATION = "no_attestation"
    LIMITED = "limited"


@dataclass(frozen=True, slots=True)
class Witness:
    """A place in the record that shows why a subject is judged as it is.

    Attributes:
        run_id: the run; None where it is a record of another kind.
        sequence: place in the log of the event that says it, or of the run's first event.
        field: the field of the run, data set or record.
        detail: what stands there.
    """

    run_id: str | None
    sequence: int | None
    field: str
    detail: str


@dataclass(frozen=True, slots=True)
class Result:
    """The judgement of one subject.

    Attributes:
        subject: what was judged, by an id that can be asked for: run id, data set key, digest, `operation@version`.
        status: how.
        reason: why, in a sentence; empty where it passes.
        why: the kind of reason of an unknown.
        label: what a reader knows the subject as, such as the name of its job.
        witnesses: the places that show it, the decisive one first.
    """

    subject: str
    status: Status
    reason: str = ""
    why: Why | None = None
    label: str = ""
    witnesses: tuple[Witness, ...] = ()


def result_of(said: Mapping[str, Any]) -> Result:
    """Make a result of what `dataclasses.asdict` made of it."""
    return Result(
        said["subject"],
        Status(said["status"]),
        said["reason"],
        Why(said["why"]) if said["why"] else None,
        said["label"],
        tuple(Witness(**witness) for witness in said["witnesses"]),
    )


def passed(subject: str, label: str = "") -> Result:
    """Say that a subject was examined and holds."""
    return Result(subject, Status.PASS, label=label)


def failed(subject: str, reason: str, *witnesses: Witness, label: str = "") -> Result:
    """Say that a subject does not hold, and which places show it."""
    return Result(subject, Status.FAIL, reason, label=label, witnesses=witnesses)


def unknown(subject: str, why: Why, reason: str, *witnesses: Witness, label: str = "") -> Result:
    """Say that the facts do not decide about a subject, and why."""
    return Result(subject, Status.UNKNOWN, reason, why, label, witnesses)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one requirement says of one unit: a process, a model, a deployment, the store.

    Attributes:
        counts: number of subjects by status.
        results: the subjects that do not pass, the worst first.
    """

    counts: Mapping[Status, int] = field(default_factory=dict)
    results: tuple[Result, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one requirement says of all that was asked about.

    Attributes:
        requirement: its id.
        status: the worst of its subjects; unknown where there are none.
        reason: in a sentence.
        why: the kind of reason of an unknown.
        counts: number of subjects by status.
        results: subjects that do not pass, the worst first; not all where there are many.
    """

    requirement: str
    status: Status
    reason: str
    why: Why | None
    counts: Mapping[Status, int]
    results: tuple[Result, ...]

    @property
    def subjects(self) -> int:
        """How many subjects there are."""
        return sum(self.counts.values())

    @property
    def examined(self) -> int:
        """How many of them the facts or a person decided about."""
        return self.subjects - self.counts.get(Status.UNKNOWN, 0)

    @property
    def not_listed(self) -> int:
        """How many subjects do not pass and are not listed."""
        return self.subjects - self.counts.get(Status.PASS, 0) - len(self.results)
