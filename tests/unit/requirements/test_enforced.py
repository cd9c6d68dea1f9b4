"""What refuses a run when it starts is what the record is judged by afterwards: two functions, one meaning."""

from __future__ import annotations

from itertools import product

import pytest

from orchestrail.enforcement import examine
from orchestrail.model import Capability
from orchestrail.requirements.engine import LISTED

STEPS = [
    {"role": role, "roleSource": "declared", "operation": operation, "version": version, "derived": derived}
    for role in ("preprocess", "train", "ingest", None)
    for operation in ("impute", None)
    for version, derived in (("1.0.0", False), ("py-tokens-2:sha256:" + "a" * 64, True), (None, False))
]
CODES = [
    None,
    {"digest": "py-tokens-2:sha256:" + "a" * 64},
    {"digest": None, "commit": "abc", "dirty": False},
    {"digest": None, "commit": "abc", "dirty": True},
    {"digest": None, "commit": "abc", "dirty": None},
]
SEEN = [frozenset(Capability), frozenset[Capability]()]


@pytest.mark.parametrize("capabilities", SEEN, ids=["all", "none"])
@pytest.mark.parametrize("requirement", ["PREP-01", "PREP-03"])
def test_a_refusal_and_the_record_agree(made, judged, requirement, capabilities):
    """Over all that a START can hold: what is found as a run starts is what it is judged to be later, and nothing else."""
    parameters = [None, {"parameters": {}, "digest": made.digest("p")}]
    names = {"capabilities": sorted(capabilities)}
    for some in batched(enumerate(product(STEPS, CODES, parameters), start=1), LISTED):
        events, expected = [], {}
        for number, (step, code, given) in some:
            facets = {"orchestrail_step": step, "orchestrail_code": code, "orchestrail_parameters": given}
            told = {name: facet for name, facet in facets.items() if facet is not None}
            events.append(made.event("START", number, orchestrail_capabilities=names, **told))
            found = {one.verdict for one in examine(facets, capabilities) if one.requirement == requirement}
            if found:
                expected[made.run_id(number)] = "fail" if "fail" in found else "unknown"
        verdict = judged(requirement, *events)
        assert {result.subject: result.status.value for result in verdict.results} == expected


def batched(values, size):
    """Cut what there is into as many as a verdict lists."""
    listed = list(values)
    return [listed[start : start + size] for start in range(0, len(listed), size)]
