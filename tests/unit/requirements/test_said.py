"""Each requirement has records that it holds of, records that it does not hold of, and records that leave it open."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import pytest

from orchestrail.requirements.catalogue import load_catalogue

SAID = Path(__file__).parent / "said"
NEVER = {
    ("DATA-02", "fail"): "whether a datasheet is there and bound is judged, its truth is not",
    ("DATA-03", "fail"): "what bias means is a person's conclusion",
    ("CHG-01", "fail"): "a change is classified by a person",
    ("DOC-04", "fail"): "a report that nobody signed is one that may still be signed",
    ("DOC-05", "fail"): "what a manifest does not state may still be stated",
    ("REC-02", "fail"): "this version does not record who holds a checkpoint",
    ("REC-02", "holds"): "this version does not record who holds a checkpoint",
    ("REC-05", "fail"): "this version makes no export",
    ("REC-05", "holds"): "this version makes no export",
}
"""What no record can give, and why."""


def verdicts():
    """Give what is kept of all verdicts of the tests: by requirement the kinds of them."""
    found = defaultdict(set)
    for file in SAID.glob("*.json"):
        for each in json.loads(file.read_text()).values():
            for one in each:
                status = "holds" if one["status"] in ("pass", "attested") else one["status"]
                found[one["requirement"]].add(status)
    return found


@pytest.mark.parametrize("requirement", [one.id for one in load_catalogue().requirements])
def test_each_requirement_has_all_kinds_of_verdicts(requirement):
    """So that what turns it is known; what cannot be had is named with its reason."""
    lacking = {"holds", "fail", "unknown"} - verdicts()[requirement]
    assert lacking == {kind for named, kind in NEVER if named == requirement}
