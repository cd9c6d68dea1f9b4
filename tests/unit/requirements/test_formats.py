"""A report in the forms of build servers: what is unknown is no pass in any of them."""

from __future__ import annotations

from datetime import date
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from orchestrail.requirements.catalogue import load_catalogue
from orchestrail.requirements.formats import junit, sarif
from orchestrail.requirements.report import Report
from orchestrail.requirements.verdicts import ORDER, Result, Status, Verdict, Witness

CATALOGUE = load_catalogue()


def report(**statuses):
    """A report in which all pass but those that are named, by id with underscores."""
    named = {name.replace("_", "-"): status for name, status in statuses.items()}
    verdicts = []
    for requirement in CATALOGUE.requirements:
        status = named.get(requirement.id, Status.PASS)
        witness = Witness("run-1", 7, "job", "detail")
        results = () if status is Status.PASS else (Result("subject", status, "why", None, "label", (witness,)),)
        verdicts.append((requirement, Verdict(requirement.id, status, "why", None, {status: 1}, results)))
    return Report(CATALOGUE, "build", "everything", "", 8, "0" * 64, date(2026, 3, 1), verdicts)


def test_levels_of_sarif_follow_level_and_status():
    """Only a `must` that fails is an error, one that is unknown a warning; a person's word is a note for review."""
    found = sarif(
        report(PREP_02=Status.FAIL, LIN_01=Status.UNKNOWN, RUN_LC_02=Status.FAIL, DATA_02=Status.ATTESTED), "1"
    )
    results = {one["ruleId"]: (one["level"], one["kind"]) for one in found["runs"][0]["results"]}
    assert results == {
        "PREP-02": ("error", "fail"),
        "LIN-01": ("warning", "open"),
        "RUN-LC-02": ("note", "fail"),
        "DATA-02": ("note", "review"),
    }
    (one,) = [one for one in found["runs"][0]["results"] if one["ruleId"] == "PREP-02"]
    names = [place["fullyQualifiedName"] for place in one["locations"][0]["logicalLocations"]]
    assert names == ["subject", "run-1#7/job"]


def test_cases_of_junit_follow_level_and_status():
    """A failure, an error, or something that is passed over; never a plain case where a `must` is unknown."""
    tree = ElementTree.fromstring(
        junit(report(PREP_02=Status.FAIL, LIN_01=Status.UNKNOWN, RUN_LC_02=Status.UNKNOWN, DATA_02=Status.ATTESTED))
    )
    inside = {case.get("name").split()[0]: [child.tag for child in case] for case in tree}
    assert {name: tags for name, tags in inside.items() if tags} == {
        "PREP-02": ["failure"],
        "LIN-01": ["error"],
        "RUN-LC-02": ["skipped"],
        "DATA-02": ["system-out"],
    }
    assert [tree.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["40", "1", "1", "1"]


@given(st.text(), st.sampled_from(ORDER))
def test_any_text_gives_a_document_that_can_be_read(text, status):
    """Names and details come from others: control characters and markup are among them."""
    requirement = CATALOGUE.requirements[0]
    result = Result(text, status, text, None, text, (Witness(text, 1, text, text),))
    verdict = Verdict(requirement.id, status, text, None, {status: 1}, (result,))
    one = Report(CATALOGUE, "build", "run", text, 1, "0" * 64, date(2026, 3, 1), [(requirement, verdict)])
    assert ElementTree.fromstring(junit(one)).tag == "testsuite"
    assert sarif(one, "1")["version"] == "2.1.0"
