"""Kept verdicts, judged again: each is what the facts give, by the catalogue and on the day that it was kept by, or it is named.

So is each answer that stands ready for the pages. What the next check would judge anew by itself, or would drop, need not hold and
is left out, as are answers that no page gives as one of now. Nothing is written that lasts.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple, cast

from orchestrail.errors import AmbiguousRun, ConfigurationError, NotRecorded
from orchestrail.operations.checking import Question
from orchestrail.operations.judging import Known, basis, changed, known, members, outcome_rows
from orchestrail.operations.standing import judged, judged_by, question
from orchestrail.projections import outcomes as kept
from orchestrail.projections import reports
from orchestrail.projections.comparison import Difference
from orchestrail.projections.outcomes import OutcomeRow
from orchestrail.projections.reports import ReportRow
from orchestrail.queries.scopes import everything
from orchestrail.queries.snapshot import Snapshot, applied
from orchestrail.queries.words import counted
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
_OUTCOME, _MEMBER, _REPORT = "proj_outcome", "proj_member", "proj_report"
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
        yield from self._misreported(record, before)
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

    def _misreported(self, record: Snapshot, before: Known) -> Iterator[Difference]:
        """Ask again what the kept answers answered; one about all that is on the record sums up what is kept of that."""
        given = cast(Store, _AsGiven(self._store, record))
        head, refused = self._store.checkpoint(), self._store.refused()
        now = head.size, head.root_hash.hex(), judged_by(self._catalogue), refused
        right, old = 0, 0
        for row in reports.all_reports(record):
            try:
                asked, said = question(row), json.loads(row.said)
                of = row.size, row.root_hash, row.by, said["refused"]
            except (ValueError, KeyError, TypeError, ConfigurationError):
                yield Difference(_REPORT, row.asked, "is no answer to a question")
                continue
            whole = asked.target is None and asked.system is None
            if of != now or head.size != given.size() or (whole and asked.day != before.day):
                old += 1
            elif (wrong := _misreported(given, self._catalogue, asked, row)) is not None:
                yield Difference(_REPORT, row.asked, wrong)
            else:
                right += 1
        if right:
            self.notes.append(f"kept ready for the pages, asked for again and the same: {counted(right, 'answer')}")
        if old:
            self.notes.append(
                f"kept of an earlier head or day, which a page says, and not asked again: {counted(old, 'answer')}"
            )


class _AsGiven:
    """A store as it is, with the tables of a snapshot in place of its own."""

    def __init__(self, store: Store, record: Snapshot) -> None:
        self._store = store
        self._record = record
        self._size = applied(record) + 1
        self.verify = cache(store.verify)  # once for all questions, which are about one log

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def size(self) -> int:
        """Number of entries that the tables hold: no more are applied."""
        return self._size

    @contextmanager
    def read(self) -> Iterator[Snapshot]:
        yield self._record

    project = read


def _misreported(given: Store, catalogue: Catalogue, asked: Question, row: ReportRow) -> str | None:
    """Say in what a kept answer is not the one that the record gives; None where it is."""
    try:
        _, right = judged(given, catalogue, asked)
    except (NotRecorded, AmbiguousRun, ConfigurationError) as error:
        return f"is kept, and the record gives none: {error}"
    if right.said == row.said:
        return None
    there, due = (json.loads(each.said) for each in (row, right))
    try:
        kept_as = {each["requirement"]: each for each in there["verdicts"]}
    except (KeyError, TypeError):
        return "is kept in another form than the record gives"
    wrong = [each for each in due["verdicts"] if kept_as.get(each["requirement"]) != each]
    if not wrong:
        return "is kept with more, or of something else, than the record gives"
    first = wrong[0]
    status = kept_as.get(first["requirement"], {}).get("status", "nothing")
    said = f"{first['requirement']} is kept as {status}"
    if status == first["status"]:
        said += ", which is right, with other reasons or witnesses than the record gives"
    else:
        said += f"; the record gives {first['status']}"
    return said if len(wrong) == 1 else f"{said}; {counted(len(wrong) - 1, 'more verdict')} differ"


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
