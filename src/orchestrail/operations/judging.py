"""All that is on the record judged, at the cost of what changed: outcomes are kept between one time and the next.

What is kept is derived and can be dropped. It is made from one snapshot and written in one transaction; what changes meanwhile is
noted, and judged the next time. A smaller scope is judged from its facts, without anything kept.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from uuid import uuid4

from orchestrail.projections import outcomes as kept
from orchestrail.projections.outcomes import OutcomeRow
from orchestrail.queries.facts import parts_of, roots_affected_by, roots_of
from orchestrail.queries.scopes import Scope, everything
from orchestrail.queries.snapshot import Snapshot, snapshot
from orchestrail.requirements.catalogue import Catalogue
from orchestrail.requirements.circumstances import Circumstances
from orchestrail.requirements.engine import EVALUATORS, LISTED, summed
from orchestrail.requirements.judging import judge as plainly
from orchestrail.requirements.judging import judged_units
from orchestrail.requirements.overlay import without_subjects
from orchestrail.requirements.report import evaluator
from orchestrail.requirements.units import MODEL, PROCESS, UnitKind
from orchestrail.requirements.verdicts import ORDER, Outcome, Result, Status, Verdict, result_of
from orchestrail.store.base import Progress, Store

_ATTEMPTS = 3


def judge_everything(
    store: Store,
    requirements: Sequence[str],
    circumstances: Circumstances,
    by: str,
    progress: Progress | None = None,
) -> list[Verdict]:
    """Give the verdicts about all that is on the record.

    Args:
        store: the record.
        requirements: ids in the catalogue.
        circumstances: the day and the limits.
        by: identity of all else that outcomes depend on: catalogue, evaluators, statements, manifest.
        progress: called with the units judged and those to judge.

    Raises:
        StoreError: the store cannot be read or written.
    """
    with snapshot(store):
        pass
    for _ in range(_ATTEMPTS):
        made = _Everything(requirements, circumstances, by, progress)
        with store.project() as connection:
            made.begin(connection)
        with store.read() as connection:
            made.judge(connection)
        with store.project() as connection:
            if made.still_holds(connection):
                return made.keep(connection)
    # Somebody judges by another catalogue meanwhile: the outcomes that are kept are one's or the other's.
    with store.read() as connection:
        return list(plainly(connection, everything(connection), requirements, circumstances))


def basis(catalogue: Catalogue, circumstances: Circumstances) -> str:
    """Name all that outcomes depend on beside runs and the day: catalogue, evaluators, statements, manifest."""
    return json.dumps([catalogue.digest, evaluator(), circumstances.identity])


@dataclass(frozen=True, slots=True)
class Changed:
    """What is to be judged anew since something changed.

    Attributes:
        scope: its units.
        gone: their keys, and those of units that are no more: what is kept of them does not count.
        touched: the changes that it is concluded from.
    """

    scope: Scope
    gone: Mapping[UnitKind, set[str]]
    touched: set[tuple[str, str]]


def changed(connection: Snapshot, whole: Scope, *, another_day: bool) -> Changed:
    """Narrow everything to the units that are new, rest on a run that changed, or may be judged otherwise on another day."""
    touched = kept.touched(connection)
    runs = {run_id for run_id, _ in touched}
    roots = {root for _, root in touched} | set(roots_affected_by(connection, runs))
    models: set[str] = set()
    if another_day:
        ages = [each.requirement for each in EVALUATORS if each.ages]
        roots |= kept.units_with(connection, PROCESS.of.__name__, ages)
        models |= kept.units_with(connection, MODEL.of.__name__, ages)
    models |= kept.units_resting_on(connection, parts_of(connection, runs))
    # New ones, and those that are no more.
    models |= kept.units_of(connection, MODEL.of.__name__) ^ set(whole.models)
    anew = [key for key in whole.models if key in models]
    scope = replace(whole, processes=roots_of(connection, sorted(roots)), models=anew)
    return Changed(scope, {PROCESS: roots, MODEL: models}, touched)


def outcome_rows(kind: UnitKind, unit: object, made: Iterable[tuple[str, Outcome]]) -> Iterator[OutcomeRow]:
    """Lay out the outcomes of a unit as they are kept."""
    key, place = kind.key(unit), kind.place(unit)
    for requirement, outcome in made:
        for status, subjects in outcome.counts.items():
            said = [result for result in outcome.results if result.status is status][:LISTED]
            text = json.dumps([asdict(result) for result in said], separators=(",", ":")) if said else "[]"
            yield OutcomeRow(requirement, kind.of.__name__, key, status.value, place, subjects, text)


def members(kind: UnitKind, unit: object) -> Iterator[tuple[str, str]]:
    """Give the parts that the outcomes of a unit rest on, each with its key, where that is not all of one process."""
    if kind is not PROCESS and kind.rests_on is not None:
        for part in kind.rests_on(unit):
            yield kind.key(unit), part


@dataclass(frozen=True, slots=True)
class Known:
    """By what the outcomes were judged that are kept.

    Attributes:
        by: as `basis` names it; None where nothing was judged.
        day: the UTC day of the judgement.
        whole: True where all of it was judged; else nothing that is kept counts.
    """

    by: str | None = None
    day: date = date.max
    whole: bool = False


def known(connection: Snapshot) -> Known:
    """Say by what the outcomes were judged; what no judgement keeps there counts as nothing."""
    try:
        said = json.loads(kept.judged_by(connection) or "{}")
        return Known(said["by"], date.fromisoformat(said["day"]), said["whole"] is True)
    except (ValueError, KeyError, TypeError):
        return Known()


class _Everything:
    """One judgement of all that is on the record, in its three parts."""

    def __init__(
        self, requirements: Sequence[str], circumstances: Circumstances, by: str, progress: Progress | None
    ) -> None:
        self._requirements = requirements
        self._circumstances = circumstances
        self._by = by
        self._progress = progress
        self._before: str | None = None
        self._rows: list[OutcomeRow] = []
        self._members: list[tuple[str, str]] = []
        self._gone: Mapping[UnitKind, set[str]] = {}
        self._touched: set[tuple[str, str]] = set()
        self._light: dict[str, list[Outcome]] = {requirement: [] for requirement in requirements}

    def begin(self, connection: Snapshot) -> None:
        """Forget what was judged by anything else, and have all changes noted from here on."""
        before = known(connection)
        if before.by != self._by or not before.whole:
            kept.begin(connection, self._said(whole=False))

    def judge(self, connection: Snapshot) -> None:
        """Judge the units that are new or rest on a run that changed."""
        self._before = kept.judged_by(connection)
        scope = whole = everything(connection)
        before = known(connection)
        if before.whole:
            news = changed(connection, whole, another_day=before.day != self._circumstances.day)
            scope, self._gone, self._touched = news.scope, news.gone, news.touched
        else:
            self._touched = kept.touched(connection)
        judging = self._requirements, self._circumstances, self._progress
        for kind, unit, made in judged_units(connection, scope, whole, *judging):
            self._take(kind, unit, made)

    def still_holds(self, connection: Snapshot) -> bool:
        """Say whether nobody else kept or forgot outcomes since this judgement began; what changed was told to both."""
        return kept.judged_by(connection) == self._before

    def keep(self, connection: Snapshot) -> list[Verdict]:
        """Keep the outcomes, and sum all of them up."""
        for kind, gone in self._gone.items():
            kept.forget(connection, kind.of.__name__, gone)
        kept.keep(connection, self._rows, self._members)
        kept.untouch(connection, self._touched)
        kept.say(connection, self._said(whole=True))
        counts: dict[str, Counter[Status]] = {requirement: Counter() for requirement in self._requirements}
        for requirement, status, subjects in kept.counts(connection):
            if requirement in counts:
                counts[requirement][Status(status)] += subjects
        return [
            without_subjects(self._verdict(connection, requirement, counts[requirement]), None, self._circumstances)
            for requirement in self._requirements
        ]

    def _verdict(self, connection: Snapshot, requirement: str, counts: Counter[Status]) -> Verdict:
        light = self._light[requirement]
        for each in light:
            counts.update(each.counts)
        found: list[Result] = []
        for status in ORDER:
            if status is Status.PASS or len(found) >= LISTED:
                continue
            of_units = kept.results(connection, requirement, status, LISTED - len(found))
            found += [result_of(each) for text in of_units for each in json.loads(text)]
            found += [result for each in light for result in each.results if result.status is status]
        return summed(requirement, counts, found, self._circumstances.own)

    def _take(self, kind: UnitKind, unit: object, made: Iterator[tuple[str, Outcome]]) -> None:
        if kind.rests_on is None:
            for requirement, outcome in made:
                self._light[requirement].append(outcome)
            return
        self._members += members(kind, unit)
        self._rows += outcome_rows(kind, unit, made)

    def _said(self, whole: bool) -> str:
        said = {"by": self._by, "day": self._circumstances.day.isoformat(), "whole": whole, "turn": uuid4().hex}
        return json.dumps(said)
