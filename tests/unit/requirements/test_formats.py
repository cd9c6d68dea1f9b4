"""A report in the forms of build servers: what is unknown is no pass in any of them."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import date
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from orchestrail.requirements.catalogue import Change, load_catalogue
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
    inside = {case.get("name").split()[0]: [child.tag for child in case] for case in tree.iter("testcase")}
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


def test_what_differs_from_the_shipped_catalogue_is_told_by_both():
    """What is left out is in no case and no result, and said."""
    change = Change("left_out", "PREP-05", "All data train our models.", "bank 2")
    one = report()
    other = replace(one, catalogue=replace(one.catalogue, changes=(change,)))
    assert sarif(other, "1")["runs"][0]["properties"]["catalogue"]["changes"] == [asdict(change)]
    told = ElementTree.fromstring(junit(other)).find("properties").findall("property")
    assert [(each.get("name"), each.get("value")) for each in told] == [
        ("catalogue", "eu-ai-act 1.0"),
        ("left_out", "PREP-05, All data train our models. (bank 2)"),
    ]
