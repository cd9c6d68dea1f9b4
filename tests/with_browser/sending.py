"""Events of another producer, as tests send them to a server while a browser looks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from playwright.sync_api import Page


def event(
    run_id: str,
    job: str,
    kind: str,
    second: int,
    parent: str | None = None,
    inputs: Sequence[str] = (),
    outputs: Sequence[str] = (),
) -> dict[str, Any]:
    """Make one; `second` is counted from noon, and data sets are named without a digest."""
    facets: dict[str, Any] = {}
    if parent:
        around = {"run": {"runId": parent}, "job": {"namespace": "elsewhere", "name": job.partition(".")[0]}}
        schema = "https://openlineage.io/spec/facets/1-0-1/ParentRunFacet.json#/$defs/ParentRunFacet"
        facets["parent"] = {"_producer": "https://example.org/p", "_schemaURL": schema, **around}
    return {
        "eventTime": f"2026-03-01T12:{second // 60:02}:{second % 60:02}.000000Z",
        "eventType": kind,
        "producer": "https://example.org/producer",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": run_id, "facets": facets},
        "job": {"namespace": "elsewhere", "name": job, "facets": {}},
        "inputs": [{"namespace": "file", "name": name, "facets": {}} for name in inputs],
        "outputs": [{"namespace": "file", "name": name, "facets": {}} for name in outputs],
    }


def send(page: Page, *events: dict[str, Any]) -> None:
    """Send them to the server that a page is of."""
    assert page.request.post("/api/v1/lineage/batch", data=list(events)).ok
