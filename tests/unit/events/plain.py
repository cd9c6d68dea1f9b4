"""Events the plain way: each one built as a dict, whole and anew, searched for secrets and written by `json`.

What the recorder writes piece by piece is held against it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orchestrail.capture.code import code_facts
from orchestrail.events.build import Where, dataset, source_location
from orchestrail.events.facets import RUN_EVENT, facet
from orchestrail.model import DatasetRef, Job, Marking, RunRef, RunStart, State
from orchestrail.owner import this_process
from orchestrail.parameters import as_text, describe
from orchestrail.recorder import Recorder
from orchestrail.redaction import redact, redact_dataset, redact_text

_NAMES = frozenset(
    {"parent", "processing_engine", "jobDependencies", "orchestrail_capabilities", "orchestrail_environment"}
)
Facets = dict[str, Mapping[str, Any] | None]


def start_event(
    recorder: Recorder, start: RunStart, where: Where | None, environment: Mapping[str, Any]
) -> dict[str, Any]:
    """Build a START, but for its time."""
    described, digest = describe(start.parameters or {})
    texts = {name: as_text(description) for name, description in described.items()}
    outermost = start.parent is None
    facets: Facets = {
        "parent": _parent(recorder, start),
        "processing_engine": _engine(recorder),
        "jobDependencies": {
            "upstream": [{"job": _job(run.job), "run": {"runId": run.run_id}} for run in start.upstream]
        }
        if start.upstream
        else None,
        "executionParameters": {"parameters": [{"key": k, "value": v} for k, v in texts.items() if v is not None]}
        if described
        else None,
        "tags": {"tags": [{"key": t, "value": t, "source": recorder.info.name.upper()} for t in start.tags]}
        if start.tags
        else None,
        "orchestrail_run": _run(recorder, start),
        "orchestrail_capabilities": {
            "adapter": recorder.info.name,
            "capabilities": sorted(recorder.info.capabilities),
        }
        if outermost
        else None,
        "orchestrail_step": _step(start),
        "orchestrail_code": _code(start, where),
        "orchestrail_parameters": {"digest": digest, "parameters": described} if start.parameters is not None else None,
        "orchestrail_environment": environment if outermost else None,
    }
    return _event(recorder, "START", start, facets, where=where)


def end_event(
    recorder: Recorder,
    start: RunStart,
    event_type: str,
    *,
    state: State | None = None,
    facts: Mapping[str, object] | None = None,
    error: str | None = None,
    outputs: Sequence[DatasetRef] = (),
    metrics: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Build an end, but for its time."""
    facets: Facets = {
        "parent": _parent(recorder, start),
        "processing_engine": _engine(recorder),
        "orchestrail_metrics": {"metrics": metrics} if metrics else None,
        "orchestrail_run": _run(recorder, start, state, facts),
        "errorMessage": {"message": redact_text(error), "programmingLanguage": "PYTHON"} if error is not None else None,
    }
    return _event(recorder, event_type, start, facets, outputs=outputs)


def _event(
    recorder: Recorder,
    event_type: str,
    start: RunStart,
    facets: Facets,
    *,
    where: Where | None = None,
    outputs: Sequence[DatasetRef] = (),
) -> dict[str, Any]:
    by = recorder.producer
    job_facets: Facets = {
        "jobType": {
            "processingType": "SERVICE" if start.job_type == "SERVICE" else "BATCH",
            "integration": recorder.info.host.upper(),
            "jobType": start.job_type,
        },
        "sourceCodeLocation": source_location(where),
    }
    searched = {key: body if key in _NAMES or body is None else redact(body) for key, body in facets.items()}
    return {
        "eventType": event_type,
        "producer": by,
        "schemaURL": RUN_EVENT,
        "run": {
            "runId": start.run_id,
            "facets": {key: facet(key, body, by) for key, body in searched.items() if body is not None},
        },
        "job": {
            **_job(_job_of(recorder, start)),
            "facets": {key: facet(key, redact(body), by) for key, body in job_facets.items() if body is not None},
        },
        "inputs": [],
        "outputs": [dataset(redact_dataset(one), by, "output") for one in outputs],
    }


def _job_of(recorder: Recorder, start: RunStart) -> Job:
    return Job(redact_text(start.namespace or recorder.settings.namespace), redact_text(start.job_name))


def _parent(recorder: Recorder, start: RunStart) -> dict[str, Any] | None:
    above: RunRef | None = start.parent
    if above is None:
        return None
    return {
        "run": {"runId": above.run_id},
        "job": _job(above.job),
        "root": {"run": {"runId": above.root_run_id}, "job": _job(above.root_job)},
    }


def _engine(recorder: Recorder) -> dict[str, Any]:
    info = recorder.info
    return {"version": info.host_version, "name": info.host, "openlineageAdapterVersion": info.version}


def _run(
    recorder: Recorder, start: RunStart, state: State | None = None, facts: Mapping[str, object] | None = None
) -> dict[str, Any]:
    info, settings = recorder.info, recorder.settings
    return {
        **start.facts,
        **(facts or {}),
        "adapter": info.name,
        "orchestrator": info.host,
        "orchestratorVersion": info.host_version,
        "nativeId": start.native_id,
        "attempt": start.attempt,
        "previousAttempt": start.previous_attempt,
        "orderOnly": None,
        "system": start.system or settings.system,
        "environment": start.environment or settings.environment,
        "mode": start.mode or settings.mode,
        "trigger": start.trigger,
        "actor": start.actor,
        "state": state.value if state in (State.CACHED, State.SKIPPED) else None,
        "cachedFrom": None,
        "owner": this_process().as_dict(),
        "closedBy": start.closed_by,
    }


def _code(start: RunStart, where: Where | None) -> dict[str, Any] | None:
    if start.function is None or where is None:
        return None
    code = code_facts(start.function)
    return {
        "digest": code.digest,
        "name": code.name,
        "path": where.path,
        "repository": where.repository,
        "commit": where.commit,
        "dirty": where.dirty,
        "modules": [{"name": name, "digest": digest} for name, digest in code.modules],
    }


def _step(start: RunStart) -> dict[str, Any] | None:
    marking: Marking | None = start.marking
    if marking is None:
        if start.declared_version is None:
            return None
        marking = Marking(None)
    version = marking.version or start.declared_version
    derived = marking.operation is not None and version is None
    if derived and start.function is not None:
        version = code_facts(start.function).digest
    return {
        "role": marking.role,
        "roleSource": "declared" if marking.role else None,
        "operation": marking.operation,
        "version": version,
        "derived": derived,
        "serveTime": marking.serve_time,
        "fitsState": marking.fits_state,
        "trainOnly": marking.train_only,
    }


def _job(job: Job) -> dict[str, str]:
    return {"namespace": job.namespace, "name": job.name}
