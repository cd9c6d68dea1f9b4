"""What can be decided when a run starts: three values, and only a plain `fail` refuses."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrail.enforcement import HINTS, examine, no_start, refusal
from orchestrail.model import ROLES, Capability, Finding

ALL = frozenset(Capability)
STEP = {"role": "preprocess", "operation": "impute", "version": "1.0.0", "derived": False}
CODE = {"digest": "py-tokens-1:sha256:" + "ab" * 32, "commit": None, "dirty": None}
PARAMETERS = {"digest": "sha256:" + "cd" * 32, "parameters": {}}


def found(capabilities: frozenset[Capability] = ALL, **changed: Any) -> list[tuple[str, str, str]]:
    facets = {"orchestrail_step": STEP, "orchestrail_code": CODE, "orchestrail_parameters": PARAMETERS} | {
        f"orchestrail_{name}": facet for name, facet in changed.items()
    }
    return [(one.requirement, one.verdict, one.field) for one in examine(facets, capabilities)]


@pytest.mark.parametrize(
    ("step", "field"),
    [
        ({"operation": None}, "preprocessing.operation"),
        ({"version": None}, "preprocessing.version"),
        ({"version": CODE["digest"], "derived": True}, "preprocessing.version"),
    ],
)
def test_a_preparation_step_declares_operation_and_version(step: dict[str, Any], field: str) -> None:
    """PREP-01: a version that is only derived from the code is nobody's declaration."""
    assert found() == []
    assert found(step=STEP | step) == [("PREP-01", "fail", field)]
    assert found(step=STEP | step | {"role": "ingest"}) == []


def test_code_is_fixed_by_a_digest_or_a_clean_commit() -> None:
    """PREP-03: uncommitted changes, or not knowing of them, fix nothing."""
    missing = [("PREP-03", "fail", "code")]
    assert found(code=CODE | {"digest": None}) == missing
    assert found(code=None) == missing
    assert found(code={"digest": None, "commit": "abc", "dirty": True}) == missing
    assert found(code={"digest": None, "commit": "abc", "dirty": None}) == missing
    assert found(code={"digest": None, "commit": "abc", "dirty": False}) == []


@pytest.mark.parametrize("role", ["preprocess", "split", "train", "evaluate"])
def test_parameters_are_known(role: str) -> None:
    """PREP-03 is about the four roles that make or judge a model."""
    assert found(step=STEP | {"role": role}, parameters=None) == [("PREP-03", "fail", "parameters")]
    assert found(step=STEP | {"role": "deploy"}, parameters=None) == []


def test_what_the_adapter_cannot_see_is_unknown_and_refuses_nothing() -> None:
    """Without the capability a missing fact is no fault of the run's."""
    blind = ALL - {Capability.CODE_DIGEST, Capability.PARAMETERS}
    assert found(blind, code=None, parameters=None) == [
        ("PREP-03", "unknown", "code"),
        ("PREP-03", "unknown", "parameters"),
    ]
    findings = examine({"orchestrail_step": STEP}, blind)
    assert findings
    assert refusal("job", findings, HINTS) is None


def test_a_refusal_says_what_why_and_what_to_do() -> None:
    """It names the job and each requirement that is missed, and carries the findings."""
    findings = [
        *examine({"orchestrail_step": STEP | {"version": None}}, ALL),
        no_start("The disk is full."),
    ]
    refused = refusal("credit.impute", findings, HINTS)
    assert refused is not None
    assert refused.what == "credit.impute was refused before it ran."
    assert refused.why.endswith("RUN-LC-01: its start is not on the record: The disk is full.")
    for requirement in ("PREP-01", "PREP-03", "RUN-LC-01"):
        assert requirement in refused.why
        assert HINTS[requirement] in refused.do
    assert refused.findings == tuple(findings)


findings_of_any_kind = st.lists(
    st.builds(Finding, st.sampled_from(sorted(HINTS)), st.sampled_from(["fail", "unknown"]), st.text(), st.text())
)


@given(findings_of_any_kind, st.sets(st.sampled_from(sorted(HINTS))))
def test_only_a_failed_and_enforced_requirement_refuses(findings: list[Finding], enforced: set[str]) -> None:
    """Nothing else does, and all that do are told."""
    refused = refusal("job", findings, enforced)
    expected = tuple(one for one in findings if one.verdict == "fail" and one.requirement in enforced)
    assert (refused.findings if refused else ()) == expected


@given(st.sampled_from((*ROLES, None)), st.dictionaries(st.sampled_from(sorted(STEP)), st.none() | st.text()))
def test_any_facets_can_be_judged(role: str | None, step: dict[str, Any]) -> None:
    """Whatever a START holds, the verdict is one of two and the requirement is one that can be enforced."""
    for one in examine({"orchestrail_step": step | {"role": role}}, ALL):
        assert one.verdict in ("fail", "unknown")
        assert one.requirement in HINTS
