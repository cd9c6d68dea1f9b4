"""Requirements: the matrix of verdicts, and one of them down to the places in the record that show it."""

from __future__ import annotations

import re
from typing import Any

from orchestrail.errors import NotRecorded
from orchestrail.operations.checking import Question
from orchestrail.queries.overview import system_names
from orchestrail.queries.snapshot import Snapshot
from orchestrail.requirements.law import disclaimer, wording
from orchestrail.requirements.verdicts import ORDER
from orchestrail.web.judging import Judge

PROFILES = ("build", "release", "operate")
SUBJECTS = 200
"""Subjects of one requirement that are listed."""
_FOUND = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|sha256:[0-9a-f]{64}|[^\s:@]+:[^@]+")


def matrix(record: Snapshot, judge: Judge, asked: Question) -> dict[str, Any]:
    """Give the verdicts of a profile, the worst first, and of each how many subjects are judged how."""
    standing = judge.standing(asked)
    report = standing.report
    verdicts = report.verdicts if report else ()
    rows = sorted(verdicts, key=lambda each: (ORDER.index(each[1].status), each[0].level != "must", each[0].id))
    return {
        "standing": standing,
        "report": report,
        "rows": rows,
        "order": [status.value for status in ORDER],
        "counts": [(status.value, len(report.having(status))) for status in ORDER] if report else [],
        "systems": system_names(record),
        "profiles": PROFILES,
        "asked": asked,
        "disclaimer": disclaimer(),
    }


def leads(subject: str) -> bool:
    """Say whether there is a page of a subject: of a run, a content, a named data set; an orchestrator or the record has none."""
    return bool(_FOUND.fullmatch(subject))


def one(judge: Judge, identifier: str, asked: Question) -> dict[str, Any]:
    """Give one requirement with its verdict, the law behind it, and the subjects that are not green, with their witnesses.

    Raises:
        NotRecorded: there is no such requirement.
    """
    requirement = judge.catalogue.find(identifier.upper())
    if requirement is None:
        known = ", ".join(each.id for each in judge.catalogue.requirements)
        raise NotRecorded(
            f"There is no requirement {identifier}.", f"The catalogue has {known}.", "Choose one of them."
        )
    standing = judge.standing(asked)
    report = standing.report
    verdicts = report.verdicts if report else ()
    verdict = next((verdict for each, verdict in verdicts if each.id == requirement.id), None)
    results = sorted(verdict.results, key=lambda each: ORDER.index(each.status)) if verdict else []
    return {
        "requirement": requirement,
        "standing": standing,
        "report": report,
        "verdict": verdict,
        "counts": [(status.value, verdict.counts.get(status, 0)) for status in ORDER] if verdict else [],
        "results": results[:SUBJECTS],
        "leads": leads,
        "more": len(results) - min(len(results), SUBJECTS) + (verdict.not_listed if verdict else 0),
        "law": [(article, wording().of(article.ref)) for article in requirement.articles],
        "checked_on": wording().checked_on,
        "asked": asked,
    }
