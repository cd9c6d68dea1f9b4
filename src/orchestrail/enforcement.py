"""The requirements that can be decided when a run starts, and the refusal of a run that misses one. Pure: nothing is recorded here.

Only what a START holds is looked at; the whole record is judged elsewhere, later, by the same ids. Verdicts have three values: a
fact that the adapter could not have seen makes a requirement unknown, and what is unknown refuses nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from orchestrail.errors import RequirementNotMet
from orchestrail.model import Capability, Finding

PREPARATION = "PREP-01"
CODE_AND_PARAMETERS = "PREP-03"
BEGINNING = "RUN-LC-01"

HINTS: Mapping[str, str] = {
    PREPARATION: 'Mark the step once: @orchestrail.preprocessing("impute-income", version="1.0.0").',
    CODE_AND_PARAMETERS: "Run code whose source is there, or from a clean checkout, with arguments that fit its signature.",
    BEGINNING: "Mend what keeps the run from being recorded; `orchestrail doctor` names it.",
}
"""What to do where a requirement is not met, by its id in the catalogue. All of them are of level `must`."""

_FIXED = frozenset({"preprocess", "split", "train", "evaluate"})
"""Roles of steps whose code and parameters have to say what was run (PREP-03)."""

Facets = Mapping[str, Mapping[str, Any] | None]


def examine(facets: Facets, capabilities: Collection[Capability]) -> tuple[Finding, ...]:
    """Judge a run by the facets of its START.

    Args:
        facets: the run facets, by key.
        capabilities: what the adapter can see.

    Returns:
        What is not met, or not known; empty where all that can be decided is met.
    """
    step = facets.get("orchestrail_step") or {}
    role = step.get("role")
    if role not in _FIXED:
        return ()
    found = _preparation(step) if role == "preprocess" else []
    code, parameters = facets.get("orchestrail_code") or {}, facets.get("orchestrail_parameters")
    if not code.get("digest") and not (code.get("commit") and code.get("dirty") is False):
        why = "the code that runs has no digest, and no clean commit is known"
        found.append(_missing(why, "code", Capability.CODE_DIGEST in capabilities))
    if parameters is None:
        found.append(_missing("its parameters are not known", "parameters", Capability.PARAMETERS in capabilities))
    return tuple(found)


def _preparation(step: Mapping[str, Any]) -> list[Finding]:
    if not step.get("operation"):
        return [Finding(PREPARATION, "fail", "the preparation step names no operation", "preprocessing.operation")]
    if step.get("derived") or not step.get("version"):
        return [Finding(PREPARATION, "fail", "the preparation step declares no version", "preprocessing.version")]
    return []


def _missing(why: str, field: str, could_be_seen: bool) -> Finding:
    if could_be_seen:
        return Finding(CODE_AND_PARAMETERS, "fail", why, field)
    return Finding(CODE_AND_PARAMETERS, "unknown", f"{why}: the adapter cannot see it", field)


def no_start(why: str) -> Finding:
    """Say that a run would leave no evidence, because its START is not on the record."""
    return Finding(BEGINNING, "fail", f"its start is not on the record: {why.rstrip('.')}", "started_at")


def facet_of(findings: Sequence[Finding]) -> dict[str, Any] | None:
    """Give the body of `orchestrail_requirements`; None where nothing was found."""
    if not findings:
        return None
    return {
        "findings": [
            {"requirement": one.requirement, "verdict": one.verdict, "reason": one.reason, "field": one.field}
            for one in findings
        ]
    }


def refusal(job: str, findings: Iterable[Finding], enforced: Collection[str]) -> RequirementNotMet | None:
    """Make the refusal of a run in enforce mode; None where nothing that was found refuses it.

    Args:
        job: what was about to run.
        findings: what was found.
        enforced: ids of the requirements that refuse.
    """
    missed = tuple(one for one in findings if one.verdict == "fail" and one.requirement in enforced)
    if not missed:
        return None
    why = "; ".join(f"{one.requirement}: {one.reason}" for one in missed)
    hints = dict.fromkeys(HINTS[one.requirement] for one in missed)
    return RequirementNotMet(f"{job} was refused before it ran.", f"{why}.", " ".join(hints), findings=missed)
