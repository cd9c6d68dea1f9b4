"""The facets of scans and of what became of their findings, and their rows."""

from __future__ import annotations

import copy
import json
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrail.model import Job
from orchestrail.operations.records import own_record
from orchestrail.projections.scans import resolution, scan
from orchestrail.projections.tables import resolution_row, scan_columns, scan_row
from orchestrail.testing import schema_problems

DIGEST = "hmac-sha256:" + "ab" * 32
SAID = {
    "read_at": "2026-03-01T12:00:00.000000Z",
    "first": 0,
    "last": 4,
    "events": 5,
    "unread": 1,
    "texts": 70,
    "detectors": [{"name": "detect-secrets", "version": "1.5.0"}],
    "found": [
        {
            "id": "ab" * 6,
            "digest": DIGEST,
            "family": "secret",
            "kind": "Secret Keyword",
            "count": 9,
            "places": [{"sequence": 3, "pointer": "/run/facets/x/parameters/db_password/value"}],
        }
    ],
    "fields": ["/job/name"],
}


def facet_of(key: str, said: dict[str, Any]) -> dict[str, Any]:
    """Give the facet of a record, which fits its schema."""
    event = json.loads(own_record(key, said, "scan", Job("bank", "orchestrail.scan")).body)
    assert schema_problems(event) == []
    return event["job"]["facets"][key]


def test_what_a_scan_found_is_read_again(made: Any) -> None:
    """From the facet and from the table."""
    row = scan(facet_of("orchestrail_scan", SAID), 7, made.at(0))
    assert (row.first, row.last, row.detectors, row.fields) == (0, 4, {"detect-secrets": "1.5.0"}, ("/job/name",))
    assert row.found[0].places == ((3, "/run/facets/x/parameters/db_password/value"),)
    assert (row.found[0].kind, row.found[0].count) == ("Secret Keyword", 9)
    assert scan_row(scan_columns(row)) == row


def test_the_words_of_a_scan_pass_the_redaction() -> None:
    """Kinds of secrets are no secrets: a record that says `[redacted]` would tell nothing."""
    assert "redacted" not in json.dumps(facet_of("orchestrail_scan", SAID))
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class

    for kind in (*get_mapping_from_secret_type_to_class(), "Form of a secret", "Value under a telling name"):
        found = SAID | {"found": [SAID["found"][0] | {"kind": kind}]}
        assert scan(facet_of("orchestrail_scan", found), 7, "2026-03-01T12:00:00.000000Z").found[0].kind == kind


def test_what_became_of_a_finding_is_read_again(made: Any) -> None:
    """Digest, reason and person; without one of them it says nothing."""
    facet = facet_of("orchestrail_resolution", {"digest": DIGEST, "reason": "It was changed.", "by": "mb"})
    row = resolution(facet, 9, made.at(0))
    assert (row.digest, row.reason, row.by) == (DIGEST, "It was changed.", "mb")
    assert resolution_row(asdict(row)) == row
    for name in ("digest", "reason", "by"):
        assert resolution(facet | {name: None}, 9, made.at(0)) is None


@pytest.mark.parametrize(
    ("place", "wrong"),
    [("readAt", "soon"), ("first", 5), ("last", 7), ("first", -1), ("events", "x"), ("found", None), ("found", ["x"])],
)
def test_half_a_scan_is_none(place: str, wrong: object, made: Any) -> None:
    """What was not looked at is not taken for looked at."""
    facet = copy.deepcopy(facet_of("orchestrail_scan", SAID)) | {place: wrong}
    assert scan(facet, 7, made.at(0)) is None


def test_half_a_finding_makes_no_scan(made: Any) -> None:
    """A window with a finding that cannot be read is no clean one."""
    for name in ("id", "digest", "family", "kind", "places"):
        facet = copy.deepcopy(facet_of("orchestrail_scan", SAID))
        del facet["found"][0][name]
        assert scan(facet, 7, made.at(0)) is None


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(
        st.sampled_from(["readAt", "first", "last", "events", "unread", "texts", "detectors", "found", "fields"]),
        anything,
    )
)
def test_no_facet_makes_the_reader_fail(said: dict[str, Any]) -> None:
    """Whatever JSON can hold, in any field of a scan that is right otherwise."""
    found = scan(facet_of("orchestrail_scan", SAID) | said, 7, "2026-03-01T12:00:00.000000Z")
    assert found is None or found.last < 7
