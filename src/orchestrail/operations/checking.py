"""A check of a scope from beginning to end: from the record as it stands to a report that names what it holds for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from orchestrail.errors import ConfigurationError
from orchestrail.operations.judging import basis, judge_everything
from orchestrail.queries.record import StoreFacts
from orchestrail.queries.scopes import Scope, everything, of_system, of_target
from orchestrail.queries.snapshot import Checkpoint, Snapshot, applied, snapshot
from orchestrail.requirements.catalogue import Catalogue
from orchestrail.requirements.judging import circumstances_of, judge
from orchestrail.requirements.report import Report
from orchestrail.requirements.verdicts import Verdict
from orchestrail.store.base import Progress, Store

_ATTEMPTS = 5
RECOMPUTED = 20_000
"""Entries of a log that is recomputed whenever it is asked about; of a longer one, where that is asked for."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be checked.

    Attributes:
        target: a run, a model, its file or digest; None for more than that.
        system: a system; None for all that is on the record, where no target is named either.
        profile: of the catalogue; None for all requirements.
        day: the UTC day of the judgement.
        verify: True to recompute the log however long it is.
        afar: whoever asks sits at another machine: the target names no file of this one.
        systems: who asks may see these AI systems alone; None for all.

    Raises:
        ConfigurationError: a target and a system are named.
    """

    target: str | None = None
    system: str | None = None
    profile: str | None = None
    day: date = date.max
    verify: bool = False
    afar: bool = False
    systems: frozenset[str] | None = None

    def __post_init__(self) -> None:
        if self.target is not None and self.system is not None:
            raise ConfigurationError(
                "A target and a system were given.", "A check is of one of them.", "Leave one out."
            )


def check(store: Store, catalogue: Catalogue, asked: Question, progress: Progress | None = None) -> Report:
    """Judge what is asked for.

    Args:
        store: the record; the spool was collected before.
        catalogue: the requirements.
        asked: the question.
        progress: called with units judged and units to judge.

    Raises:
        NotRecorded: the target or the system is not on the record.
        AmbiguousRun: the target fits more than one thing.
        StoreError: the store cannot be read, or written where everything is judged.
    """
    requirements = catalogue.of(asked.profile)
    if asked.systems is not None:
        scope, verdicts = _of_some_systems(store, catalogue, asked, progress)
        size = root_hash = None
    else:
        scope, verdicts, head = _of_all(store, catalogue, asked, progress)
        size, root_hash = head.size, head.root_hash.hex()
    return Report(
        catalogue,
        asked.profile,
        scope.kind,
        scope.name,
        size,
        root_hash,
        asked.day,
        [(requirement, verdicts[requirement.id]) for requirement in requirements],
    )


def _of_some_systems(
    store: Store, catalogue: Catalogue, asked: Question, progress: Progress | None
) -> tuple[Scope, Mapping[str, Verdict]]:
    """Judge by what may be seen of some systems, and keep nothing of single runs."""
    wanted = [requirement.id for requirement in catalogue.of(asked.profile)]
    with snapshot(store, systems=asked.systems, afar=asked.afar) as record:
        scope = _scope(record, asked)
        found = judge(record, scope, wanted, circumstances_of(record, catalogue, asked.day), progress)
        return scope, {verdict.requirement: verdict for verdict in found}


def _of_all(
    store: Store, catalogue: Catalogue, asked: Question, progress: Progress | None
) -> tuple[Scope, Mapping[str, Verdict], Checkpoint]:
    """Judge by the whole record, and name the head of the log that it was judged by."""
    for _ in range(_ATTEMPTS):
        head = store.checkpoint()
        known = _known(store, head.size, asked, progress)
        scope, verdicts, judged = _judged(store, catalogue, asked, known, progress)
        if judged == head.size:
            break
    return scope, verdicts, head


def _scope(record: Snapshot, asked: Question) -> Scope:
    if asked.target is not None:
        return of_target(record, asked.target)
    return of_system(record, asked.system) if asked.system is not None else everything(record)


def _known(store: Store, size: int, asked: Question, progress: Progress | None) -> StoreFacts:
    recomputed = store.verify(progress) if asked.verify or size <= RECOMPUTED else None
    return StoreFacts(size, store.refused(), tuple(store.gaps()), recomputed)


def _judged(
    store: Store, catalogue: Catalogue, asked: Question, known: StoreFacts, progress: Progress | None
) -> tuple[Scope, Mapping[str, Verdict], int]:
    """Give what was judged, the verdicts, and the number of log entries that they rest on."""
    if asked.target is None and asked.system is None:
        with snapshot(store) as record:
            circumstances = circumstances_of(record, catalogue, asked.day, known)
            by = basis(catalogue, circumstances)
            size = applied(record) + 1
        requirements = [requirement.id for requirement in catalogue.requirements]
        found = judge_everything(store, requirements, circumstances, by, progress)
        scope = Scope("everything", "", (), (), ())
    else:
        wanted = [requirement.id for requirement in catalogue.of(asked.profile)]
        with snapshot(store, afar=asked.afar) as record:
            size = applied(record) + 1
            scope = _scope(record, asked)
            circumstances = circumstances_of(record, catalogue, asked.day, known)
            found = list(judge(record, scope, wanted, circumstances, progress))
    return scope, {verdict.requirement: verdict for verdict in found}, size
