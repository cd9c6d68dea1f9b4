"""Reports that stand ready: the last answer to a question, kept in the store, so that whoever asks again need not wait.

A report says what it rests on: the head of the log, the catalogue and the day. One of an earlier head or day is never given as one
of now: `Standing.current` tells. One of another catalogue or of other evaluators is not given at all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from orchestrail.operations.checking import Question, check
from orchestrail.projections import reports as kept
from orchestrail.projections.reports import ReportRow
from orchestrail.requirements.catalogue import Catalogue
from orchestrail.requirements.report import Report, evaluator
from orchestrail.requirements.verdicts import Status, Verdict, Why, result_of
from orchestrail.store.base import Progress, Store


@dataclass(frozen=True, slots=True)
class Standing:
    """The last answer to a question.

    Attributes:
        report: the answer; None where there is none yet.
        current: True where it rests on all that is in the log, and is judged for the day that was asked about.
    """

    report: Report | None
    current: bool


def answer(store: Store, catalogue: Catalogue, asked: Question, progress: Progress | None = None) -> Report:
    """Judge what is asked for, and keep the report.

    Args:
        store: the record.
        catalogue: the requirements.
        asked: the question.
        progress: called with units judged and units to judge; what it raises ends the judgement, of which nothing is kept then.

    Raises:
        NotRecorded: the target or the system is not on the record.
        AmbiguousRun: the target fits more than one thing.
        StoreError: the store cannot be read or written.
        ValueError: who asks may see some systems alone.
    """
    report, row = judged(store, catalogue, asked, progress)
    with store.project() as connection:
        kept.keep(connection, row)
    return report


def judged(
    store: Store, catalogue: Catalogue, asked: Question, progress: Progress | None = None
) -> tuple[Report, ReportRow]:
    """Judge what is asked for, and give the report, and it as it is kept; raises what `answer` does."""
    refused = store.refused()
    report = check(store, catalogue, asked, progress)
    text = laid_out(report, refused)
    if report.size is None or report.root_hash is None:
        raise ValueError("what was judged by some systems alone is not kept: it would stand ready for others")
    return report, ReportRow(
        _key(asked), judged_by(catalogue), report.day.isoformat(), report.size, report.root_hash, text
    )


def question(row: ReportRow) -> Question:
    """Give the question that a kept report answered, as the pages put it.

    Raises:
        ValueError: it is none, or its day is none.
    """
    target, system, profile = json.loads(row.asked)
    return Question(target, system, profile, date.fromisoformat(row.day), afar=True)


def standing(store: Store, catalogue: Catalogue, asked: Question) -> Standing:
    """Give the last answer to a question, without judging anything.

    Args:
        store: the record, whose tables were made before.
        catalogue: the requirements.
        asked: the question; a report of an earlier day answers it, too, and is not current.

    Raises:
        StoreError: the store cannot be read.
    """
    with store.read() as connection:
        row = kept.find(connection, _key(asked), judged_by(catalogue))
    if row is None:
        return Standing(None, current=False)
    report = read_back(row.said, catalogue, asked.profile, row.size, row.root_hash, date.fromisoformat(row.day))
    head = store.checkpoint()
    now = head.size, head.root_hash.hex(), asked.day, store.refused()
    return Standing(report, (report.size, report.root_hash, report.day, json.loads(row.said)["refused"]) == now)


def laid_out(report: Report, refused: int | None = None) -> str:
    """Lay out what a report says, as it is kept; with how many entries of the quarantine it rests on, where it does."""
    said = {
        "kind": report.kind,
        "name": report.name,
        "refused": refused,
        "verdicts": [asdict(verdict) for _, verdict in report.verdicts],
    }
    return json.dumps(said, separators=(",", ":"))


def read_back(
    text: str, catalogue: Catalogue, profile: str | None, size: int | None, root_hash: str | None, day: date
) -> Report:
    """Read a report out of what `laid_out` made of it, by the same catalogue; for the rest see `Report`."""
    said = json.loads(text)
    requirements = {each.id: each for each in catalogue.requirements}
    verdicts = [(requirements[each["requirement"]], _verdict(each)) for each in said["verdicts"]]
    return Report(catalogue, profile, said["kind"], said["name"], size, root_hash, day, verdicts)


def _key(asked: Question) -> str:
    return json.dumps([asked.target, asked.system, asked.profile])


def judged_by(catalogue: Catalogue) -> str:
    """Name the catalogue and the evaluators that a report is by."""
    return json.dumps([catalogue.digest, evaluator()])


def _verdict(said: Mapping[str, Any]) -> Verdict:
    return Verdict(
        said["requirement"],
        Status(said["status"]),
        said["reason"],
        Why(said["why"]) if said["why"] else None,
        {Status(status): subjects for status, subjects in said["counts"].items()},
        tuple(result_of(each) for each in said["results"]),
    )
