"""The event of a record of our own, beside those of runs: what a command found, was told or decided. How one is read again is
`orchestrail.projections.records`' matter."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from orchestrail import __version__
from orchestrail.events.facets import field_name, producer
from orchestrail.events.text import fresh, job_event, plain_job
from orchestrail.model import Job
from orchestrail.operations.conclusions import incoming
from orchestrail.store.base import Incoming


def own_record(facet: str, said: Mapping[str, Any], by: str, job: Job) -> Incoming:
    """Make a record, ready for the log.

    Args:
        facet: key of the facet, which names the kind of record.
        said: what it says, with names as our commands print them; secrets are taken out.
        by: the operation that makes it: `reconcile`, `withdraw`.
        job: what it is said about: a job of its own, named `orchestrail.<operation>`.
    """
    name, now = producer(by, __version__), datetime.now(UTC)
    return incoming(job_event(name, plain_job(job, {facet: fresh(facet, _fields(said), name)}), now), by, now)


def _fields(value: Any) -> Any:
    """Write the names of a document as facets have them."""
    if isinstance(value, Mapping):
        return {field_name(name): _fields(member) for name, member in value.items()}
    return [_fields(member) for member in value] if isinstance(value, list | tuple) else value
