"""Events as JSON text, free of secrets, put together from facets of which most are written once and kept.

A task that runs a thousand times says of itself a thousand times the same: its code, its place, its orchestrator, its owner. A
`steady` facet is made by a pure function of its arguments, so its text is the same whenever they are; it is taken from the last
time, unless a secret has become known since (`redaction.kept`). What differs from run to run is `fresh`, or added to a steady
facet by `extended`. What stands in a facet is `orchestrail.events.build`'s matter.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVarTuple

from orchestrail.events import build
from orchestrail.events.facets import JOB_EVENT, RUN_EVENT, facet
from orchestrail.model import DatasetRef, Job
from orchestrail.redaction import kept, redact, redact_dataset

Arguments = TypeVarTuple("Arguments")

_OF_PLACED_RUNS = frozenset(
    {
        "parent",
        "processing_engine",
        "jobDependencies",
        "orchestrail_capabilities",
        "orchestrail_environment",
        "orchestrail_execution",
    }
)
"""Facets made of numbers, ids, versions, and names that were redacted when their run was placed: they are not searched again."""

encode = json.JSONEncoder(check_circular=False, separators=(",", ":"), allow_nan=False).encode
"""Write a value as JSON on one line, ASCII only. Raises ValueError for a number that is none, TypeError for what is no JSON."""


class Facet(NamedTuple):
    """A facet, stamped.

    Attributes:
        body: its fields, with what secrets they may hold.
        text: the same as JSON, without them.
    """

    body: Mapping[str, Any]
    text: str


NO_FACET = Facet({}, "")
"""Stands for a facet that an event does not have."""

Facets = dict[str, Facet]
"""Facets by key."""

Quality = Mapping[tuple[str, str], Mapping[str, build.Body]]
"""Facets of data sets, with what secrets they may hold, by key, for each data set (`build.place_of`)."""


def fresh(key: str, body: Mapping[str, Any] | None, by: str) -> Facet:
    """Write a facet.

    Args:
        key: its key, standard or ours.
        body: its fields; None where the event shall not have it.
        by: URI of the producer.
    """
    if body is None:
        return NO_FACET
    stamped = facet(key, body, by)
    return Facet(stamped, encode(stamped if key in _OF_PLACED_RUNS else redact(stamped)))


@kept
def steady(key: str, by: str, make: Callable[[*Arguments], Mapping[str, Any] | None], *args: *Arguments) -> Facet:
    """Write a facet whose fields are `make(*args)`, or take it as it was written before.

    Args:
        key: its key.
        by: URI of the producer.
        make: a pure function; it gives None where the event shall not have the facet.
        args: its arguments, which can be hashed.
    """
    return fresh(key, make(*args), by)


def extended(start: Facet, fields: Mapping[str, Any]) -> Facet:
    """Add fields to a facet; one that it has already stays."""
    added = {name: value for name, value in fields.items() if name not in start.body}
    if not added:
        return start
    return Facet({**start.body, **added}, f"{start.text[:-1]},{encode(redact(added))[1:]}")


@kept
def steady_job(job: Job, kind: str, host: str, where: build.Where | None, by: str) -> str:
    """Write a job with its facets, or take it as it was written before.

    Args:
        job: its names were redacted when the run was placed.
        kind: OpenLineage job type.
        host: the orchestrator.
        where: where its source code lies, where this is to be said.
        by: URI of the producer.
    """
    bodies = {"jobType": build.job_type(kind, host), "sourceCodeLocation": build.source_location(where)}
    return plain_job(job, {key: fresh(key, body, by) for key, body in bodies.items()})


def plain_job(job: Job, facets: Mapping[str, Facet] = MappingProxyType({})) -> str:
    """Write a job."""
    return f'{{"namespace":{encode(job.namespace)},"name":{encode(job.name)},"facets":{_object(facets)}}}'


def run_event(
    event_type: str,
    run_id: str,
    by: str,
    facets: Facets,
    job: str,
    *,
    inputs: Sequence[DatasetRef] = (),
    outputs: Sequence[DatasetRef] = (),
    quality: Quality = MappingProxyType({}),
    at: datetime | None = None,
) -> str:
    """Put a run event together.

    Args:
        event_type: START, RUNNING, COMPLETE, ABORT, FAIL or OTHER.
        run_id: which run.
        by: URI of the producer.
        facets: of the run.
        job: the job as written by `steady_job` or `plain_job`.
        inputs: data sets read.
        outputs: data sets written.
        quality: what was measured and checked of data sets.
        at: when it happened; None for now.
    """
    return (
        f'{{"eventTime":"{build.timestamp(at)}","eventType":"{event_type}","producer":{encode(by)},"schemaURL":"{RUN_EVENT}",'
        f'"run":{{"runId":{encode(run_id)},"facets":{_object(facets)}}},"job":{job},'
        f'"inputs":{_datasets(inputs, by, "input", quality)},"outputs":{_datasets(outputs, by, "output", quality)}}}'
    )


def job_event(by: str, job: str, at: datetime | None = None) -> str:
    """Put a job event together: something that is said about a job, and about no run of it.

    Args:
        by: URI of the producer.
        job: the job with what is said, as written by `plain_job`.
        at: when it was so; None for now.
    """
    return (
        f'{{"eventTime":"{build.timestamp(at)}","producer":{encode(by)},"schemaURL":"{JOB_EVENT}",'
        f'"job":{job},"inputs":[],"outputs":[]}}'
    )


def _object(facets: Mapping[str, Facet]) -> str:
    return "{" + ",".join([f'"{key}":{facet.text}' for key, facet in facets.items() if facet.text]) + "}"


def _datasets(datasets: Sequence[DatasetRef], by: str, direction: str, quality: Quality = MappingProxyType({})) -> str:
    if not datasets:
        return "[]"
    told = (
        (dataset, quality.get(build.place_of(dataset.namespace, dataset.name, dataset.digest))) for dataset in datasets
    )
    return encode(
        [
            build.dataset(redact_dataset(dataset), by, direction, redact(facets) if facets else {})
            for dataset, facets in told
        ]
    )
