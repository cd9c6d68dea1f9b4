"""From a unit of facts to the outcome of one requirement, and from outcomes to its verdict. Pure: no SQL, no clock.

An evaluator is a generator: it yields a result for each subject that it finds in a unit. It is registered with `judges` under the
id of its requirement and the type of its units; `orchestrail.requirements.checks` holds them all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from orchestrail.requirements.circumstances import Circumstances
from orchestrail.requirements.limits import EITHER, limited
from orchestrail.requirements.overlay import overlaid
from orchestrail.requirements.verdicts import ORDER, Outcome, Result, Status, Verdict, Why

Unit = TypeVar("Unit")
LISTED = 100
"""Subjects that do not pass and that a verdict lists; all of them are counted."""
ON_RECORD, LOOKED_AT, SEEN_HERE = "on the record", "that was looked at", "that is seen here"
"""Where subjects are looked for: everywhere, in a smaller scope, or in what some systems alone show."""


Judge = Callable[[Unit, Circumstances], Iterator[Result]]


@dataclass(frozen=True, slots=True)
class Evaluator:
    """How one requirement is judged in one kind of unit.

    Attributes:
        requirement: its id in the catalogue.
        of: the type of the units.
        judge: yields a result for each subject in a unit.
        subject: what a subject is, in words that fit behind "known to be".
        ages: True where a result that is no pass may be another one on a later day, without any new fact.
        beyond: what evidence outside of the systems that are seen could be: `orchestrail.requirements.limits`.
        whole: True where only the whole record shows it.
    """

    requirement: str
    of: type
    judge: Callable[[Any, Circumstances], Iterator[Result]]
    subject: str
    ages: bool
    beyond: Collection[Status] = EITHER
    whole: bool = False


EVALUATORS: list[Evaluator] = []
"""All evaluators; filled by importing `orchestrail.requirements.checks`. A requirement may be judged in several kinds of units."""


def judges(
    requirement: str,
    of: type[Unit],
    *,
    subject: str,
    ages: bool = False,
    beyond: Collection[Status] = EITHER,
    whole: bool = False,
) -> Callable[[Judge[Unit]], Judge[Unit]]:
    """Register an evaluator.

    Args:
        requirement: its id in the catalogue.
        of: the type of its units.
        subject: as in `Evaluator`.
        ages: as in `Evaluator`.
        beyond: as in `Evaluator`; whoever says nothing is taken to be open both ways.
        whole: as in `Evaluator`.

    Raises:
        ValueError: that requirement is judged in such units already.
    """

    def register(judge: Judge[Unit]) -> Judge[Unit]:
        if any((known.requirement, known.of) == (requirement, of) for known in EVALUATORS):
            raise ValueError(f"{requirement} has two evaluators of {of.__name__}")
        EVALUATORS.append(Evaluator(requirement, of, judge, subject, ages, beyond, whole))
        return judge

    return register


def outcome(evaluator: Evaluator, unit: object, circumstances: Circumstances, system: str | None = None) -> Outcome:
    """Judge a unit by one requirement, lay over it what persons say, and leave open what is not seen.

    Args:
        evaluator: how it is judged.
        unit: the facts.
        circumstances: the day, and what persons said.
        system: the system that the unit belongs to.
    """
    counts: Counter[Status] = Counter()
    kept: list[Result] = []
    for found in evaluator.judge(unit, circumstances):
        result = overlaid(evaluator.requirement, found, system, circumstances)
        if circumstances.limited:
            result = limited(result, evaluator.beyond)
        counts[result.status] += 1
        if result.status is not Status.PASS:
            kept.append(result)
    kept.sort(key=lambda result: (ORDER.index(result.status), result.subject))
    return Outcome(dict(counts), tuple(kept))


def verdict(
    requirement: str, outcomes: Iterable[Outcome], own: Iterable[Evaluator] = (), where: str = ON_RECORD
) -> Verdict:
    """Put the outcomes of all units together.

    No subjects is unknown, never a pass; so is a part of the subjects that nothing decides about.

    Args:
        requirement: its id.
        outcomes: of the units.
        own: evaluators of a catalogue's own checks.
        where: where subjects were looked for, in words that fit behind "nothing".
    """
    counts: Counter[Status] = Counter()
    results: list[Result] = []
    for each in outcomes:
        counts.update(each.counts)
        results += each.results
    results.sort(key=lambda result: ORDER.index(result.status))
    return summed(requirement, counts, results, own, where)


def summed(
    requirement: str,
    counts: Counter[Status],
    results: list[Result],
    own: Iterable[Evaluator] = (),
    where: str = ON_RECORD,
) -> Verdict:
    """Make the verdict of counts and of the results that do not pass, the worst first."""
    total = sum(counts.values())
    status = next((each for each in ORDER if counts[each]), Status.UNKNOWN)
    why: Why | None = None
    worst = next((result for result in results if result.status is status), None)
    by = next((each for each in (*EVALUATORS, *own) if each.requirement == requirement), None)
    if not total and by is None:
        why, reason = Why.NOT_EVALUATED, "this version has no evaluator of it"
    elif not total and by is not None:
        why, reason = Why.NO_SUBJECTS, f"nothing {where} is known to be {by.subject}"
    elif status is Status.PASS:
        reason = f"{total} of {total} hold"
    elif worst is None:
        reason = f"{counts[status]} of {total}"
    else:
        share = f"{counts[status]} of {total}: " if total > 1 else ""
        reason = f"{share}{worst.reason}"
        if status is Status.UNKNOWN:
            why = Why.PARTIAL if counts[status] < total else worst.why
    return Verdict(requirement, status, reason, why, dict(counts), tuple(results[:LISTED]))
