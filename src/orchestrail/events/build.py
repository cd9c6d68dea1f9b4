"""From the words of the record to OpenLineage run events: what stands in which facet. Nothing written, nothing looked up.

Secrets are not taken out here: `orchestrail.events.text` does, as it writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from orchestrail.events.facets import facet
from orchestrail.model import IN_MEMORY, Capability, CodeFacts, DatasetRef, Job, Marking, RunRef
from orchestrail.owner import Owner
from orchestrail.parameters import as_text

Body = dict[str, Any]


class Where(NamedTuple):
    """Where source code lies: `path` is relative to the top of its repository, and absolute without one."""

    path: str | None
    repository: str | None = None
    commit: str | None = None
    dirty: bool | None = None


def timestamp(at: datetime | None = None) -> str:
    """Write a time as RFC 3339 in UTC with microseconds; None for now."""
    moment = datetime.now(UTC) if at is None else at.astimezone(UTC)
    return moment.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def parent(run_id: str | None, job: Job | None, root_run_id: str, root_job: Job) -> Body | None:
    """Say where a run hangs in the tree; None for a root.

    Args:
        run_id: the spawning run.
        job: its job.
        root_run_id: the outermost run.
        root_job: its job.
    """
    if run_id is None or job is None:
        return None
    return {
        "run": {"runId": run_id},
        "job": _job(job),
        "root": {"run": {"runId": root_run_id}, "job": _job(root_job)},
    }


def engine(host: str, host_version: str, adapter_version: str) -> Body:
    """Name the orchestrator and the version of the adapter."""
    return {"version": host_version, "name": host, "openlineageAdapterVersion": adapter_version}


def capabilities(adapter: str, seen: frozenset[Capability]) -> Body:
    """Say what the adapter can see."""
    return {"adapter": adapter, "capabilities": sorted(seen)}


def run_of(
    adapter: str,
    host: str,
    host_version: str,
    system: str | None,
    environment: str,
    mode: str,
    trigger: str | None,
    actor: str | None,
    owner: Owner,
    closed_by: str,
) -> Body:
    """Give the fields of `orchestrail_run` that many runs have in common."""
    return {
        "adapter": adapter,
        "orchestrator": host,
        "orchestratorVersion": host_version,
        "system": system,
        "environment": environment,
        "mode": mode,
        "trigger": trigger,
        "actor": actor,
        "owner": owner.as_dict(),
        "closedBy": closed_by,
    }


def tags(texts: tuple[str, ...], source: str, other_runs: tuple[tuple[str, str], ...] = ()) -> Body | None:
    """Give a run's tags as the orchestrator has them, and the runs that other systems keep of the same work.

    Args:
        texts: the orchestrator's.
        source: the orchestrator.
        other_runs: (system, id) pairs; the tag is `mlflow.run_id`, as an example.
    """
    found = [{"key": text, "value": text, "source": source} for text in texts]
    found += [{"key": f"{system}.run_id", "value": run_id, "source": system.upper()} for system, run_id in other_runs]
    return {"tags": found} if found else None


def code(facts: CodeFacts, where: Where) -> Body:
    """Say which code ran, and where it lies."""
    return {
        "digest": facts.digest,
        "name": facts.name,
        "path": where.path,
        "repository": where.repository,
        "commit": where.commit,
        "dirty": where.dirty,
        "modules": [{"name": name, "digest": digest} for name, digest in facts.modules],
    }


def step(marking: Marking | None, code_digest: str | None) -> Body | None:
    """Say what a step is there for; None where neither the code nor the orchestrator nor the settings say."""
    if marking is None:
        return None
    derived = marking.operation is not None and marking.version is None
    return {
        "role": marking.role,
        "roleSource": "declared" if marking.role is not None else None,
        "operation": marking.operation,
        "version": code_digest if derived else marking.version,
        "derived": derived,
        "serveTime": marking.serve_time,
        "fitsState": marking.fits_state,
        "trainOnly": marking.train_only,
    }


def done(
    step: Body | None, role: str | None, calls: Sequence[tuple[str, str]], state: str | None = None
) -> Body | None:
    """Say at the end of a step what it was seen to do, and the role that is concluded from that where nobody declared one.

    Args:
        step: what was said of it at its beginning.
        role: the concluded role.
        calls: roles and names of the well-known calls that were seen.
        state: digest of the fitted state that it made or applied.
    """
    if role is None and not calls and state is None:
        return None
    said = step or {"role": None, "roleSource": None, "operation": None, "version": None, "derived": False}
    if role is not None:
        said = said | {"role": role, "roleSource": "inferred"}
    if state is not None:
        said = said | {"stateDigest": state}
    return said | {"calls": [{"role": of, "call": name} for of, name in calls]}


def execution_parameters(described: Mapping[str, Mapping[str, Any]]) -> Body | None:
    """Give the parameters that have a value, as OpenLineage holds them."""
    if not described:
        return None
    texts = {name: as_text(description) for name, description in described.items()}
    return {"parameters": [{"key": name, "value": text} for name, text in texts.items() if text is not None]}


def tests(checks: Sequence[Mapping[str, Any]]) -> Body | None:
    """Give the checks of a run as OpenLineage's tests."""
    if not checks:
        return None
    return {
        "tests": [
            {
                "name": check["name"],
                "status": "pass" if check["success"] else "fail",
                "severity": check["severity"],
                "type": check["kind"],
                **{key: str(check[key]) for key in ("expected", "actual") if check[key] is not None},
            }
            for check in checks
        ]
    }


_OF_DATASETS = {"row_count": "rowCount", "byte_count": "bytes", "file_count": "fileCount"}
_OF_COLUMNS = {
    "null_count": "nullCount",
    "distinct_count": "distinctCount",
    **{name: name for name in ("count", "sum", "min", "max")},
}
_WHOLE = ("rowCount", "bytes", "fileCount", "nullCount", "distinctCount")


def quality(
    metrics: Iterable[Mapping[str, Any]], checks: Iterable[Mapping[str, Any]]
) -> dict[tuple[str, str], dict[str, Body]]:
    """Give the standard facets of what was measured and checked of data sets, by key, for each data set (`place_of`).

    Args:
        metrics: as `orchestrail_metrics` has them; those that `dataQualityMetrics` has no field for are left out.
        checks: as `orchestrail_checks` has them.
    """
    found: dict[tuple[str, str], dict[str, Body]] = {}
    for metric in metrics:
        names = _OF_DATASETS if metric.get("column") is None else _OF_COLUMNS
        name, value = names.get(metric["name"]), metric["value"]
        if name is None or metric["dataset"] is None or type(value) not in (int, float):
            continue
        if name in _WHOLE:
            if value != int(value):
                continue
            value = int(value)
        measured = _facets_of(found, metric).setdefault("dataQualityMetrics", {"columnMetrics": {}})
        if names is _OF_COLUMNS:
            measured = measured["columnMetrics"].setdefault(metric["column"], {})
        measured[name] = value
    for check in checks:
        if check["dataset"] is not None:
            told = {
                "assertion": check["name"],
                "success": check["success"],
                "severity": check["severity"],
                **({"column": check["column"]} if check.get("column") is not None else {}),
                **{key: str(check[key]) for key in ("expected", "actual") if check[key] is not None},
            }
            of_checks = _facets_of(found, check).setdefault("dataQualityAssertions", {"assertions": []})
            of_checks["assertions"].append(told)
    return found


def place_of(namespace: str, name: str, digest: str | None) -> tuple[str, str]:
    """Tell data sets apart: by name, in memory by content where that is known, because names there are what anybody calls them."""
    return namespace, digest if namespace == IN_MEMORY and digest is not None else name


def _facets_of(found: dict[tuple[str, str], dict[str, Body]], entry: Mapping[str, Any]) -> dict[str, Body]:
    of = entry["dataset"]
    return found.setdefault(place_of(of["namespace"], of["name"], of["digest"]), {})


def execution(usage: Mapping[str, Any] | None, seeds: Sequence[Mapping[str, Any]]) -> Body | None:
    """Say what the execution of a step used, and which seeds it set."""
    if usage is None and not seeds:
        return None
    return {"usage": usage, "seeds": list(seeds)}


def capture(not_captured: Iterable[tuple[str, str]]) -> Body | None:
    """Say what is known to be missing."""
    missing = [{"what": what, "reason": why} for what, why in not_captured]
    return {"notCaptured": missing} if missing else None


def dependencies(upstream: Sequence[RunRef]) -> Body | None:
    """Name the runs that this one was waiting for."""
    if not upstream:
        return None
    return {"upstream": [{"job": _job(run.job), "run": {"runId": run.run_id}} for run in upstream]}


def source_location(where: Where | None) -> Body | None:
    """Say where the source code is; None where no web address of its repository is known."""
    if where is None or not where.repository or not where.commit:
        return None
    location = {
        "type": "git",
        "url": _web_address(where.repository),
        "repoUrl": where.repository,
        "version": where.commit,
    }
    if where.path:
        location |= {"path": where.path}
    return location if location["url"] else None


def job_type(kind: str, host: str) -> Body:
    """Say what kind of job it is, by OpenLineage's words."""
    return {
        "processingType": "SERVICE" if kind == "SERVICE" else "BATCH",
        "integration": host.upper(),
        "jobType": kind,
    }


def _web_address(repository: str) -> str:
    if "://" in repository:
        return repository
    host, colon, path = repository.rpartition("@")[2].partition(":")  # git@host:group/project.git
    return f"ssh://{host}/{path}" if colon and not repository.startswith("/") else ""


def dataset(dataset: DatasetRef, by: str, direction: str, quality: Mapping[str, Body] = MappingProxyType({})) -> Body:
    """Describe a data set that a run read or wrote, its facets stamped.

    Args:
        dataset: which one.
        by: URI of the producer.
        direction: `input` or `output`.
        quality: what was measured and checked of it, by facet. OpenLineage has no assertions of an output.
    """
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
            "kindSource": dataset.kind_source,
            "role": dataset.role,
            "bytes": dataset.bytes,
            "rows": dataset.rows,
            "format": dataset.format,
            "framework": dataset.framework,
            "seen": dataset.seen,
        },
    }
    facets = {key: facet(key, body, by) for key, body in bodies.items() if body is not None}
    written: dict[str, Any] = {"namespace": dataset.namespace, "name": dataset.name, "facets": facets}
    counted = {"rowCount": dataset.rows, "size": dataset.bytes}
    known = {name: value for name, value in counted.items() if value is not None}
    of_use = {f"{direction}Statistics": known} if known else {}
    if direction == "input":
        of_use |= quality
    elif measured := quality.get("dataQualityMetrics"):
        facets["dataQualityMetrics"] = facet("dataQualityMetrics", measured, by, where="an output")
    if of_use:
        written[f"{direction}Facets"] = {key: facet(key, body, by) for key, body in of_use.items()}
    return written


def _job(job: Job) -> dict[str, str]:
    return {"namespace": job.namespace, "name": job.name}
