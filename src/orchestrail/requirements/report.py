"""The answer to a check: verdicts with the head, catalogue and day that they hold for, as a value and as a JSON document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

from orchestrail.requirements.catalogue import Catalogue, Requirement
from orchestrail.requirements.verdicts import ORDER, Status, Verdict, Why, result_of


@cache
def evaluator() -> str:
    """Name the evaluators and what loads their facts by their sources: verdicts of others are not taken for theirs."""
    folders = (
        files("orchestrail.queries"),
        files("orchestrail.requirements"),
        files("orchestrail.requirements.checks"),
    )
    found = {
        f"{number}/{part.name}": part.read_bytes()
        for number, folder in enumerate(folders)
        for part in folder.iterdir()
        if part.name.endswith(".py")
    }
    content = b"".join(name.encode() + b"\0" + found[name] for name in sorted(found))
    return f"sha256:{sha256(content).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Report:
    """What was asked for, and the verdicts.

    Attributes:
        catalogue: whose requirements were judged.
        profile: of which profile; None for all.
        kind: what was judged: `everything`, `system`, `model`, `data` or `run`.
        name: id or name of it.
        size: number of log entries that it was judged by; None where some systems alone were seen: it counts the others' too.
        root_hash: root of the log at that size, hexadecimal; None likewise.
        day: the UTC day of the judgement.
        verdicts: in the order of the catalogue.
    """

    catalogue: Catalogue
    profile: str | None
    kind: str
    name: str
    size: int | None
    root_hash: str | None
    day: date
    verdicts: Sequence[tuple[Requirement, Verdict]]

    def having(self, *statuses: Status, level: str | None = None) -> list[tuple[Requirement, Verdict]]:
        """Give the verdicts of some statuses, and of one level where it is named."""
        return [
            (requirement, verdict)
            for requirement, verdict in self.verdicts
            if verdict.status in statuses and level in (None, requirement.level)
        ]

    @property
    def exit_code(self) -> int:
        """0 where every `must` is decided and none fails, 1 where one fails, 3 where one is unknown and none fails."""
        if self.having(Status.FAIL, level="must"):
            return 1
        return 3 if self.having(Status.UNKNOWN, level="must") else 0


def report_document(report: Report) -> dict[str, Any]:
    """Give a report as the contract's answer of `check`."""
    return {
        "catalogue": named(report.catalogue),
        "evaluator": evaluator(),
        "profile": report.profile,
        "target": {"kind": report.kind, "name": report.name or None},
        "head": {"size": report.size, "root_hash": report.root_hash} if report.size is not None else None,
        "date": report.day.isoformat(),
        "verdicts": [_verdict(requirement, verdict) for requirement, verdict in report.verdicts],
        "summary": {
            **{status.value: len(report.having(status)) for status in ORDER},
            "must": {status.value: len(report.having(status, level="must")) for status in ORDER},
            "exit_code": report.exit_code,
        },
    }


def report_of(said: Mapping[str, Any], catalogue: Catalogue) -> Report:
    """Read a report out of the document that `report_document` gave elsewhere, by the same catalogue.

    Raises:
        LookupError: it is by another catalogue, or no such document.
        TypeError: it is no such document.
        ValueError: likewise.
    """
    if said["catalogue"]["digest"] != catalogue.digest:
        raise LookupError(f"it is by the catalogue {said['catalogue']['digest']}, and here it is {catalogue.digest}")
    requirements = {each.id: each for each in catalogue.requirements}
    head = said["head"] or {"size": None, "root_hash": None}
    return Report(
        catalogue,
        said["profile"],
        said["target"]["kind"],
        said["target"]["name"] or "",
        head["size"],
        head["root_hash"],
        date.fromisoformat(said["date"]),
        [(requirements[each["id"]], _verdict_of(each)) for each in said["verdicts"]],
    )


def _verdict_of(said: Mapping[str, Any]) -> Verdict:
    results = tuple(
        result_of({**each, "status": each["verdict"], "label": each["label"] or ""}) for each in said["results"]
    )
    why = Why(said["why"]) if said["why"] else None
    counts = {Status(status): subjects for status, subjects in said["counts"].items()}
    return Verdict(said["id"], Status(said["verdict"]), said["reason"], why, counts, results)


def named(catalogue: Catalogue) -> dict[str, Any]:
    """Give the identity of a catalogue, and in what it differs from the one that comes with orchestrail."""
    return {
        "id": catalogue.id,
        "version": catalogue.version,
        "digest": catalogue.digest,
        "changes": [asdict(change) for change in catalogue.changes],
    }


def _verdict(requirement: Requirement, verdict: Verdict) -> dict[str, Any]:
    return {
        "id": requirement.id,
        "title": requirement.title,
        "level": requirement.level,
        "scope": requirement.scope,
        "articles": [asdict(article) for article in requirement.articles],
        "verdict": verdict.status.value,
        "reason": verdict.reason,
        "why": verdict.why.value if verdict.why else None,
        "examined": verdict.examined,
        "subjects": verdict.subjects,
        "counts": {status.value: verdict.counts[status] for status in ORDER if verdict.counts.get(status)},
        "witnesses": [
            asdict(witness) | {"subject": result.subject} for result in verdict.results for witness in result.witnesses
        ],
        "results": [
            {
                "subject": result.subject,
                "label": result.label or None,
                "verdict": result.status.value,
                "reason": result.reason,
                "why": result.why.value if result.why else None,
                "witnesses": [asdict(witness) for witness in result.witnesses],
            }
            for result in verdict.results
        ],
        "not_listed": verdict.not_listed,
        "hint": requirement.hint,
    }
