"""A report in the forms that build servers read, SARIF 2.1.0 and JUnit's XML. Unknown is an error in both, never a pass."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

from orchestrail.requirements.catalogue import Requirement
from orchestrail.requirements.report import Report, named
from orchestrail.requirements.verdicts import Result, Status, Verdict

_LEVELS = {Status.FAIL: "error", Status.UNKNOWN: "warning"}


def sarif(report: Report, version: str) -> dict[str, Any]:
    """Give a report as a SARIF log: a result for each subject that fails, is unknown, waived or attested.

    Args:
        report: the report.
        version: of this program.
    """
    rules = [
        {
            "id": requirement.id,
            "name": requirement.title,
            "shortDescription": {"text": requirement.title},
            "help": {"text": requirement.hint},
            "properties": {
                "level": requirement.level,
                "articles": [f"{article.ref} ({article.basis})" for article in requirement.articles],
            },
        }
        for requirement, _ in report.verdicts
    ]
    results = [entry for requirement, verdict in report.verdicts for entry in _results(requirement, verdict)]
    driver = {"name": "orchestrail", "version": version, "rules": rules}
    head = {
        "catalogue": named(report.catalogue),
        "size": report.size,
        "rootHash": report.root_hash,
        "date": report.day.isoformat(),
        "profile": report.profile,
    }
    return {
        "version": "2.1.0",
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "runs": [{"tool": {"driver": driver}, "results": results, "properties": head}],
    }


def _results(requirement: Requirement, verdict: Verdict) -> list[dict[str, Any]]:
    if verdict.status in (Status.PASS, Status.NOT_APPLICABLE):
        return []
    found = [_result(requirement, result) for result in verdict.results]
    if not found:
        found = [_result(requirement, Result(requirement.id, verdict.status, verdict.reason, verdict.why))]
    return found


def _result(requirement: Requirement, result: Result) -> dict[str, Any]:
    level = _LEVELS.get(result.status, "note") if requirement.level == "must" else "note"
    places = [
        {"fullyQualifiedName": f"{witness.run_id or 'record'}#{witness.sequence}/{witness.field}", "kind": "event"}
        for witness in result.witnesses
    ]
    subject = {"fullyQualifiedName": result.subject, "name": result.label or result.subject, "kind": requirement.scope}
    return {
        "ruleId": requirement.id,
        "level": level,
        "kind": "fail" if result.status is Status.FAIL else "open" if result.status is Status.UNKNOWN else "review",
        "message": {"text": f"{result.status.value.replace('_', ' ')}: {result.reason}"},
        "locations": [{"logicalLocations": [subject, *places]}],
    }


def junit(report: Report) -> str:
    """Give a report as JUnit's XML: a case for each requirement; what a `must` fails is a failure, what is unknown an error."""
    suite = ElementTree.Element(
        "testsuite", name=f"orchestrail {report.profile or 'all'}", tests=str(len(report.verdicts))
    )
    told = ElementTree.SubElement(suite, "properties")
    catalogue = report.catalogue
    ElementTree.SubElement(told, "property", name="catalogue", value=f"{catalogue.id} {catalogue.version}")
    for change in catalogue.changes:
        value = _clean(f"{change.requirement}, {change.detail} ({change.source})")
        ElementTree.SubElement(told, "property", name=change.kind, value=value)
    counts = {"failures": 0, "errors": 0, "skipped": 0}
    for requirement, verdict in report.verdicts:
        case = ElementTree.SubElement(
            suite, "testcase", classname=requirement.level, name=f"{requirement.id} {requirement.title}"
        )
        kind = _kind(requirement, verdict)
        if kind is not None:
            tag, counted = kind
            counts[counted] += 1
            said = ElementTree.SubElement(case, tag, message=_clean(f"{verdict.status.value}: {verdict.reason}"))
            said.text = _clean("\n".join(_lines(verdict)))
        elif verdict.status is not Status.PASS:
            ElementTree.SubElement(case, "system-out").text = _clean(f"{verdict.status.value}: {verdict.reason}")
    for name, count in counts.items():
        suite.set(name, str(count))
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _kind(requirement: Requirement, verdict: Verdict) -> tuple[str, str] | None:
    if verdict.status is Status.NOT_APPLICABLE:
        return "skipped", "skipped"
    if verdict.status not in (Status.FAIL, Status.UNKNOWN):
        return None
    if requirement.level != "must":
        return "skipped", "skipped"
    return ("failure", "failures") if verdict.status is Status.FAIL else ("error", "errors")


def _lines(verdict: Verdict) -> list[str]:
    lines = []
    for result in verdict.results:
        lines.append(f"{result.label} {result.subject}: {result.reason}".strip())
        lines += [f"  run {one.run_id}, log entry {one.sequence}: {one.field} {one.detail}" for one in result.witnesses]
    return lines


def _clean(text: str) -> str:
    """Take out what XML cannot hold."""
    return "".join(
        char if char in "\t\n" or " " <= char <= "\ud7ff" or "\ue000" <= char <= "\ufffd" or char > "\uffff" else "?"
        for char in text
    )
