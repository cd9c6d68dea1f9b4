"""From the words of the record to OpenLineage run events: plain dicts, nothing written, nothing looked up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from orchestrail.events.facets import JOB_EVENT, RUN_EVENT, facet
from orchestrail.model import DatasetRef, Job, RunRef


def timestamp(at: datetime | None = None) -> str:
    """Write a time as RFC 3339 in UTC with microseconds."""
    moment = datetime.now(UTC) if at is None else at.astimezone(UTC)
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def run_event(
    event_type: str,
    run: RunRef,
    by: str,
    *,
    run_facets: Mapping[str, Mapping[str, Any] | None],
    job_facets: Mapping[str, Mapping[str, Any] | None],
    inputs: Iterable[DatasetRef] = (),
    outputs: Iterable[DatasetRef] = (),
    at: datetime | None = None,
) -> dict[str, Any]:
    """Put a run event together.

    Args:
        event_type: START, RUNNING, COMPLETE, ABORT, FAIL or OTHER.
        run: which run; its parent and root become the `parent` facet.
        by: URI of the producer.
        run_facets: facet bodies by key; None leaves one out.
        job_facets: likewise.
        inputs: data sets read.
        outputs: data sets written.
        at: when it happened; None for now.
    """
    return {
        "eventTime": timestamp(at),
        "eventType": event_type,
        "producer": by,
        "schemaURL": RUN_EVENT,
        "run": {
            "runId": run.run_id,
            "facets": {key: facet(key, body, by) for key, body in run_facets.items() if body is not None},
        },
        "job": {
            "namespace": run.job.namespace,
            "name": run.job.name,
            "facets": {key: facet(key, body, by) for key, body in job_facets.items() if body is not None},
        },
        "inputs": [_dataset(dataset, by, "input") for dataset in inputs],
        "outputs": [_dataset(dataset, by, "output") for dataset in outputs],
    }


def job_event(
    job: Job, by: str, *, job_facets: Mapping[str, Mapping[str, Any]], at: datetime | None = None
) -> dict[str, Any]:
    """Put a job event together: something that is said about a job, and about no run of it.

    Args:
        job: which job.
        by: URI of the producer.
        job_facets: facet bodies by key.
        at: when it was so; None for now.
    """
    return {
        "eventTime": timestamp(at),
        "producer": by,
        "schemaURL": JOB_EVENT,
        "job": {
            "namespace": job.namespace,
            "name": job.name,
            "facets": {key: facet(key, body, by) for key, body in job_facets.items()},
        },
        "inputs": [],
        "outputs": [],
    }


def parent_facet(run: RunRef, parent_job: Job | None) -> dict[str, Any] | None:
    """Say where a run hangs in the tree; None for a root."""
    if run.parent_run_id is None or parent_job is None:
        return None
    return {
        "run": {"runId": run.parent_run_id},
        "job": _job(parent_job),
        "root": {"run": {"runId": run.root_run_id}, "job": _job(run.root_job)},
    }


def dependencies_facet(upstream: Sequence[RunRef]) -> dict[str, Any] | None:
    """Name the runs that this one was waiting for."""
    if not upstream:
        return None
    return {"upstream": [{"job": _job(run.job), "run": {"runId": run.run_id}} for run in upstream]}


def source_location_facet(repository: str | None, commit: str | None, path: str | None) -> dict[str, Any] | None:
    """Say where the source code is; None where no web address of the repository is known."""
    if not repository or not commit:
        return None
    location = {"type": "git", "url": _web_address(repository), "repoUrl": repository, "version": commit}
    if path:
        location |= {"path": path}
    return location if location["url"] else None


def _web_address(repository: str) -> str:
    if "://" in repository:
        return repository
    host, colon, path = repository.rpartition("@")[2].partition(":")  # git@host:group/project.git
    return f"ssh://{host}/{path}" if colon and not repository.startswith("/") else ""


def _dataset(dataset: DatasetRef, by: str, direction: str) -> dict[str, Any]:
    version = dataset.version or dataset.digest
    kind = "MODEL" if dataset.kind == "model" else dataset.type or ("FILE" if dataset.namespace == "file" else None)
    bodies: dict[str, Mapping[str, Any] | None] = {
        "version": {"datasetVersion": version} if version else None,
        "datasetType": {"datasetType": kind} if kind else None,
        "schema": {"fields": [{"name": n, "type": t} for n, t in dataset.fields]} if dataset.fields else None,
        "orchestrail_dataset": {
            "digest": dataset.digest,
            "observed": dataset.observed,
            "weak": dataset.weak,
            "kind": dataset.kind,
            "role": dataset.role,
            "bytes": dataset.bytes,
            "rows": dataset.rows,
        },
    }
    facets = {key: facet(key, body, by) for key, body in bodies.items() if body is not None}
    written: dict[str, Any] = {"namespace": dataset.namespace, "name": dataset.name, "facets": facets}
    counted = {"rowCount": dataset.rows, "size": dataset.bytes}
    known = {name: value for name, value in counted.items() if value is not None}
    if known:
        written[f"{direction}Facets"] = {f"{direction}Statistics": facet(f"{direction}Statistics", known, by)}
    return written


def _job(job: Job) -> dict[str, str]:
    return {"namespace": job.namespace, "name": job.name}
