"""The stored result of a reconciliation, read again."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrail.projections.reconciliations import reconciliation

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
FIELDS = [
    "orchestrator",
    "version",
    "address",
    "readAt",
    "since",
    "until",
    "recordBegins",
    "job",
    "attempts",
    "counts",
    "notCompared",
    "missing",
    "closed",
]


def facet(event):
    return event["job"]["facets"]["orchestrail_reconciliation"]


def test_a_result_is_read_in_the_words_of_the_command(made):
    """Names, counts, findings and their reasons."""
    row = reconciliation(facet(made.reconciliation(missing=2, surplus=1, job="mortgage*")), 7, made.at(301))
    assert (row.orchestrator, row.seq) == ("prefect", 7)
    assert row.result["read_at"] == made.at(300)
    assert row.result["job"] == "mortgage*"
    assert row.result["counts"]["missing"] == 2
    assert row.result["counts"]["surplus_explained"] == 1
    assert row.result["not_compared"]["runs_before_record"] is None
    assert [one["native_id"] for one in row.result["missing"]] == ["missing-0", "missing-1"]
    assert row.result["surplus"][0]["reason"] == "was lost"


@pytest.mark.parametrize(
    "field", ["orchestrator", "address", "readAt", "since", "until", "attempts", "counts", "notCompared"]
)
def test_what_lacks_a_part_is_no_result(made, field):
    """A number that is not known is not none."""
    assert reconciliation(facet(made.reconciliation(**{field: None})), 0, made.at(301)) is None


@given(st.dictionaries(st.sampled_from(FIELDS), anything))
def test_any_facet_can_be_read(made, fields):
    """Whatever stands in it, the row can be written as JSON again, and no count is unknown."""
    row = reconciliation(facet(made.reconciliation()) | fields, 0, made.at(301))
    if row is not None:
        assert json.loads(json.dumps(row.result, allow_nan=False)) == row.result
        assert all(isinstance(number, int) for number in row.result["counts"].values())
