"""A check of a scope from beginning to end: from the record as it stands to a report that names what it holds for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from orchestrail.errors import ConfigurationError
from orchestrail.operations.judging import judge_everything
from orchestrail.queries.record import StoreFacts
from orchestrail.queries.scopes import Scope, of_system, of_target
from orchestrail.queries.snapshot import applied, snapshot
from orchestrail.requirements.catalogue import Catalogue
from orchestrail.requirements.judging import circumstances_of, judge
from orchestrail.requirements.report import Report, evaluator
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

    Raises:
        ConfigurationError: a target and a system are named.
    """

    target: str | None = None
    system: str | None = None
    profile: str | None = None
    day: date = date.max
    verify: bool = False
    afar: bool = False

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
    for _ in range(_ATTEMPTS):
        head = store.checkpoint()
        known = _known(store, head.size, asked, progress)
        scope, verdicts, judged = _judged(store, catalogue, asked, known, progress)
        if judged == head.size:
            break
    return Report(
        catalogue,
        asked.profile,
        scope.kind,
        scope.name,
        head.size,
        head.root_hash.hex(),
        asked.day,
        [(requirement, verdicts[requirement.id]) for requirement in requirements],
    )


def _known(store: Store, size: int, asked: Question, progress: Progress | None) -> StoreFacts:
    recomputed = store.verify(progress) if asked.verify or size <= RECOMPUTED else None
    return StoreFacts(size, store.refused(), tuple(store.gaps()), recomputed)


def _judged(
    store: Store, catalogue: Catalogue, asked: Question, known: StoreFacts, progress: Progress | None
) -> tuple[Scope, Mapping[str, Verdict], int]:
    """Give what was judged, the verdicts, and the number of log entries that they rest on."""
    everything = [requirement.id for requirement in catalogue.requirements]
    if asked.target is None and asked.system is None:
        with snapshot(store) as record:
            circumstances = circumstances_of(record, catalogue, asked.day, known)
            by = json.dumps([catalogue.digest, evaluator(), circumstances.identity])
            size = applied(record) + 1
        found = judge_everything(store, everything, circumstances, by, progress)
        scope = Scope("everything", "", (), (), ())
    else:
        wanted = [requirement.id for requirement in catalogue.of(asked.profile)]
        with snapshot(store, afar=asked.afar) as record:
            size = applied(record) + 1
            scope = (
                of_target(record, asked.target) if asked.target is not None else of_system(record, asked.system or "")
            )
            found = list(judge(record, scope, wanted, circumstances_of(record, catalogue, asked.day, known)))
    return scope, {verdict.requirement: verdict for verdict in found}, size
