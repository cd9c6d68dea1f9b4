"""Kept verdicts, judged again: each is what the facts give, by the catalogue and on the day that it was kept by, or it is named.

What the next check would judge anew by itself, or would drop, need not hold and is left out. Nothing is written that lasts.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from orchestrail.operations.judging import basis, changed, known, members, outcome_rows
from orchestrail.operations.reasking import Reasking
from orchestrail.projections import outcomes as kept
from orchestrail.projections.comparison import Difference
from orchestrail.projections.outcomes import OutcomeRow
from orchestrail.queries.scopes import everything
from orchestrail.queries.snapshot import Snapshot
from orchestrail.requirements.catalogue import Catalogue
from orchestrail.requirements.circumstances import Circumstances
from orchestrail.requirements.judging import circumstances_of, outcomes, units
from orchestrail.requirements.units import UnitKind
from orchestrail.requirements.verdicts import Status
from orchestrail.store.base import Progress, Store

_AT_ONCE = 200
"""Units that are compared at a time."""
_NAMED = 3
"""Subjects of a unit that are named."""
_OUTCOME, _MEMBER = "proj_outcome", "proj_member"
_ROW = "{} of {} {}"


class Rejudging:
    """One comparison of what is kept with what the facts give.

    Attributes:
        notes: what was judged again and what was not, and why.
    """

    def __init__(self, store: Store, catalogue: Catalogue, progress: Progress | None = None) -> None:
        self._store = store
        self._catalogue = catalogue
        self._progress = progress
        self.notes: list[str] = []

    def differences(self, record: Snapshot) -> Iterator[Difference]:
        """Judge again and compare.

        Args:
            record: tables as the log gives them, with a copy of what is kept, which is used up.
        """
        before = known(record)
        again = Reasking(self._store, self._catalogue, before.day)
        yield from again.differences(record)
        self.notes += again.notes
        if not before.whole:
            self.notes.append("no verdicts are kept")
            return
        circumstances = circumstances_of(record, self._catalogue, before.day)
        if before.by != basis(self._catalogue, circumstances):
            self.notes.append(
                "kept verdicts were not judged again: they rest on another catalogue or manifest, on other statements or on"
                " another version, and the next check drops them"
            )
            return
        requirements = [requirement.id for requirement in self._catalogue.requirements]
        self.notes.append(f"kept verdicts were judged again by the tables that the log gives, as of {before.day}")
        yield from misjudged(record, requirements, circumstances, self._progress)


def misjudged(
    record: Snapshot, requirements: Sequence[str], circumstances: Circumstances, progress: Progress | None = None
) -> Iterator[Difference]:
    """Give what is kept and is not what judging gives.

    Args:
        record: tables as the log gives them, with a copy of what is kept, which is used up.
        requirements: ids in the catalogue.
        circumstances: the day and the limits that it was kept by.
        progress: called with the units judged again and those to judge.
    """
    whole = everything(record)
    news = changed(record, whole, another_day=False)
    for kind, gone in news.gone.items():
        kept.forget(record, kind.of.__name__, gone)
    total, done = len(whole.processes) + len(whole.models), 0
    for kind in news.gone:
        waiting: list[_Judged] = []
        for unit in units(record, whole, kind, requirements, circumstances):
            key = kind.key(unit)
            if key not in news.gone[kind]:
                made = outcomes(kind, unit, requirements, circumstances)
                waiting.append(_Judged(key, [*outcome_rows(kind, unit, made)], {*members(kind, unit)}))
            if len(waiting) == _AT_ONCE:
                yield from _compared(record, kind, waiting)
                waiting = []
            done += 1
            if progress is not None and (done % 100 == 0 or done == total):
                progress(min(done, total), total)
        yield from _compared(record, kind, waiting)
    yield from _left(record)


class _Judged(NamedTuple):
    """A unit, judged again: its outcomes as they are kept, and what they rest on."""

    key: str
    rows: list[OutcomeRow]
    members: set[tuple[str, str]]


def _compared(record: Snapshot, kind: UnitKind, judged: Sequence[_Judged]) -> Iterator[Difference]:
    """Compare some units, and use up what is kept of them."""
    keys = [each.key for each in judged]
    name = kind.of.__name__
    rows: dict[str, list[OutcomeRow]] = defaultdict(list)
    for row in kept.kept_of(record, name, keys):
        rows[row.unit].append(row)
    parts: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for member in kept.members_of(record, keys):
        parts[member[0]].add(member)
    for key, right, resting in judged:
        there, due = _by_requirement(rows[key]), _by_requirement(right)
        for requirement in sorted(there.keys() | due.keys()):
            one, other = there.get(requirement, []), due.get(requirement, [])
            if sorted(map(repr, one)) != sorted(map(repr, other)):
                yield Difference(_OUTCOME, _ROW.format(requirement, name.lower(), key), _said(one, other))
        if parts[key] != resting:
            yield Difference(_MEMBER, f"unit {key}", "is kept as resting on other things than it does")
    kept.forget(record, name, keys)


def _left(record: Snapshot) -> Iterator[Difference]:
    """Name what is kept of units that the record does not have."""
    for row in kept.all_kept(record):
        said = f"kept as {row.subjects} {row.status}, and the record has no such {row.kind.lower()}"
        yield Difference(_OUTCOME, _ROW.format(row.requirement, row.kind.lower(), row.unit), said)


def _by_requirement(rows: Sequence[OutcomeRow]) -> dict[str, list[OutcomeRow]]:
    found: dict[str, list[OutcomeRow]] = defaultdict(list)
    for row in rows:
        found[row.requirement].append(row)
    return found


def _said(there: Sequence[OutcomeRow], due: Sequence[OutcomeRow]) -> str:
    """Say what is kept and what is right: how many subjects have which status, and which of them are judged otherwise."""
    one, other = _subjects(there), _subjects(due)
    differing = [subject for subject in sorted(one.keys() | other.keys()) if one.get(subject) != other.get(subject)]
    words = _words(there, one, differing), _words(due, other, differing)
    if words[0] == words[1]:
        return f"kept as {words[0]}, which is right, with other witnesses or at another place than the record gives"
    return f"kept as {words[0]}; the record gives {words[1]}"


def _words(rows: Sequence[OutcomeRow], results: Mapping[str, str], differing: Sequence[str]) -> str:
    order = {status.value: place for place, status in enumerate(Status)}
    listed = sorted(rows, key=lambda row: order.get(row.status, len(order)))
    counts = ", ".join(f"{row.subjects} {row.status}" for row in listed) or "nothing"
    named = [f"{subject} {results[subject]}" for subject in differing if subject in results][:_NAMED]
    return f"{counts} ({'; '.join(named)})" if named else counts


def _subjects(rows: Sequence[OutcomeRow]) -> dict[str, str]:
    """Give how each subject is judged that does not pass, in words; what is no result is left out, and counts as another text."""
    found: dict[str, str] = {}
    for row in rows:
        try:
            for each in json.loads(row.results):
                found[str(each["subject"])] = f"{each['status']}: {each['reason']}"
        except (ValueError, KeyError, TypeError):
            continue
    return found
