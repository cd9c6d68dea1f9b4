"""What is taken as an OpenLineage event, and what is refused with which reason."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrail.errors import EventRefused
from orchestrail.events.validation import MAX_EVENT, validate

EVENT: dict[str, Any] = {
    "eventTime": "2026-11-23T10:00:00.123Z",
    "eventType": "START",
    "producer": "https://example.org/producer",
    "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
    "run": {"runId": "3f0b9a8e-6b0f-4a8e-9a55-0e4c1b2d3f40"},
    "job": {"namespace": "n", "name": "j"},
}


def refused(body: bytes) -> str:
    with pytest.raises(EventRefused) as caught:
        validate(body)
    return f"{caught.value.reason}: {caught.value.why}"


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"eventType": "OTHER", "inputs": [{"namespace": "file", "name": "/x", "facets": {"any": {"thing": 1}}}]},
        {"eventTime": "2026-11-23T10:00:00+01:00"},
        {"unknown": {"kept": True}},
    ],
)
def test_events_of_the_specification_are_taken(change: dict[str, Any]) -> None:
    """Unknown fields and facets are kept as they are."""
    assert validate(json.dumps(EVENT | change).encode()) == EVENT | change


def test_job_and_dataset_events_are_taken() -> None:
    """All three kinds of event count."""
    base = {key: EVENT[key] for key in ("eventTime", "producer", "schemaURL")}
    assert validate(json.dumps(base | {"job": EVENT["job"]}).encode())
    assert validate(json.dumps(base | {"dataset": {"namespace": "file", "name": "/x"}}).encode())


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"run": {"runId": "17"}}, "run.runId"),
        ({"job": {"namespace": "n"}}, "job.name"),
        ({"eventTime": "2026-11-23T10:00:00"}, "eventTime"),
        ({"eventTime": "yesterday"}, "eventTime"),
        ({"eventType": "BEGUN"}, "eventType"),
        ({"inputs": [{"name": "x"}]}, "inputs.0.namespace"),
        ({"inputs": "x"}, "inputs"),
        ({"producer": None}, "producer"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], place: str) -> None:
    """The reason says where in the event the mistake is."""
    assert refused(json.dumps(EVENT | change).encode()).startswith(f"not_openlineage: {place}:")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        json.dumps(EVENT).encode("utf-16"),
        b"nothing",
        b'{"a": NaN}',
        b'{"a": 1, "a": 2}',
        b"[" * 100_000,
        json.dumps(EVENT).encode()[:-5],
    ],
)
def test_what_is_no_json_is_refused(body: bytes) -> None:
    """Truncated, not text, ambiguous or nested without end: refused, never a crash."""
    assert refused(body).startswith("not_json")


@pytest.mark.parametrize("body", [b"1", b"[]", b"null", b"{}"])
def test_json_that_is_no_event_is_refused(body: bytes) -> None:
    """Valid JSON alone is not enough."""
    assert refused(body).startswith("not_openlineage")


def test_a_huge_event_is_refused_before_it_is_parsed() -> None:
    """25 MB of event are named as what they are."""
    assert refused(b"{" + b" " * (25 * 2**20)).startswith("too_large")
    assert MAX_EVENT < 25 * 2**20


@given(st.binary(max_size=200))
def test_any_bytes_are_taken_or_refused(body: bytes) -> None:
    """There is no third way out."""
    try:
        outcome = "taken" if isinstance(validate(body), dict) else "something else"
    except EventRefused as error:
        outcome = error.reason
    assert outcome in ("taken", "not_json", "not_openlineage")
