"""The facet of a manifest and its row."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrail.events.facets import plain_names
from orchestrail.manifest import Manifest
from orchestrail.model import Job
from orchestrail.operations.records import own_record
from orchestrail.projections.manifests import manifest
from orchestrail.projections.tables import manifest_columns, manifest_row
from orchestrail.testing import schema_problems

SAID = {
    "systems": [
        {
            "name": "credit_scoring",
            "risk_class": "not_high_risk",
            "planning_date": "2027-12-02",
            "pipelines": [{"job": "train", "steps": ["a_b", "c"], "edges": ["a_b -> c"], "not_taken": ["c"]}],
        }
    ],
    "policy": {"max_run_age_days": 3, "mutable_versions": ["latest"]},
    "not_applicable": [{"requirement": "PREP-04", "reason": "Nothing is served.", "by": "mb"}],
    "fields": [{"field": "/job/name", "class": "none"}],
}
STATED = Manifest.model_validate(SAID)


@pytest.fixture
def event() -> dict[str, Any]:
    """The event that puts it on the record."""
    said = {"digest": STATED.digest, "by": "somebody", **STATED.document()}
    made = own_record("orchestrail_manifest", said, "manifest", Job("bank", "orchestrail.manifest"))
    return json.loads(made.body)


def test_what_was_stated_is_read_again(event: dict[str, Any], made: Any) -> None:
    """From the facet, which fits its schema, and from the table; names of people's own stay as they are."""
    assert schema_problems(event) == []
    row = manifest(event["job"]["facets"]["orchestrail_manifest"], 7, made.at(0))
    assert (row.manifest, row.digest, row.by, row.seq) == (STATED, STATED.digest, "somebody", 7)
    assert manifest_row(manifest_columns(row)) == row


def test_half_a_manifest_is_none(event: dict[str, Any], made: Any) -> None:
    """What cannot be used in one place is not used at all."""
    facet = event["job"]["facets"]["orchestrail_manifest"]
    for place, wrong in (
        ("digest", "3"),
        ("systems", [{"name": "x", "role": "owner"}]),
        ("policy", []),
        ("fields", [{"class": "none"}]),
    ):
        broken = copy.deepcopy(facet) | {place: wrong}
        assert manifest(broken, 0, made.at(0)) is None


anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.fixed_dictionaries(
        {"digest": st.just("sha256:" + "0" * 64)},
        optional=dict.fromkeys(("systems", "policy", "notApplicable", "fields"), anything),
    )
)
def test_no_facet_makes_the_reader_fail(facet: dict[str, Any]) -> None:
    """Whatever JSON can hold."""
    found = manifest(facet, 0, "2026-03-01T12:00:00.000000Z")
    assert found is None or isinstance(found.manifest, Manifest)


def test_names_of_facets_and_of_documents_are_the_same_names() -> None:
    """At any depth, and values are left alone."""
    assert plain_names({"readAt": [{"notTaken": "readAt"}]}) == {"read_at": [{"not_taken": "readAt"}]}
