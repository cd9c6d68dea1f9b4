"""The current run: in a context variable inside a process, in OpenLineage's own variables between processes.

Nothing is recorded here; the recorder enters and leaves.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any
from uuid import UUID

from orchestrail.model import Carrier, Job, RunRef

if TYPE_CHECKING:
    from orchestrail.recorder import OpenRun

current: ContextVar[OpenRun | None] = ContextVar("orchestrail_run", default=None)
"""The run whose code is executing in this context."""

CONTEXT = "OPENLINEAGE_CONTEXT"
PARENT = "OPENLINEAGE_PARENT_ID"
ROOT = "OPENLINEAGE_ROOT_PARENT_ID"


def environment_of(run: RunRef) -> dict[str, str]:
    """Give the variables that make `run` the parent of what a child process records.

    The current form is OPENLINEAGE_CONTEXT (OpenLineage 1.52); the two older variables are there for tools that read only those.
    """
    parent = {
        "run": {"runId": run.run_id},
        "job": {"namespace": run.job.namespace, "name": run.job.name},
        "root": {
            "run": {"runId": run.root_run_id},
            "job": {"namespace": run.root_job.namespace, "name": run.root_job.name},
        },
    }
    return {
        CONTEXT: json.dumps({"parent": parent}),
        PARENT: f"{run.job.namespace}/{run.job.name}/{run.run_id}",
        ROOT: f"{run.root_job.namespace}/{run.root_job.name}/{run.root_run_id}",
    }


def carrier_from_environment(environ: Mapping[str, str] | None = None) -> Carrier | None:
    """Read the spawning run from the environment; None where there is none, or nothing that can be understood."""
    environ = os.environ if environ is None else environ
    carrier = carrier_from_context(environ.get(CONTEXT))
    if carrier is not None:
        return carrier
    parent, root = _split(environ.get(PARENT)), _split(environ.get(ROOT))
    if parent is None:
        return None
    return Carrier(parent[0], parent[1], root[0] if root else None, root[1] if root else None)


def carrier_from_context(text: str | None) -> Carrier | None:
    """Read an OPENLINEAGE_CONTEXT document."""
    if not text:
        return None
    try:
        parent = json.loads(text)["parent"]
        run_id, job = _pair(parent)
        root_id, root_job = _pair(parent["root"]) if parent.get("root") else (None, None)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return Carrier(run_id, job, root_id, root_job)


def carrier_from_paths(parent: str | None, root: str | None) -> Carrier | None:
    """Read `namespace/job/runId` texts, as the older variables and a Prefect deployment's tags hold them."""
    return carrier_from_environment({PARENT: parent or "", ROOT: root or ""})


def _pair(value: Any) -> tuple[str, Job]:
    job = value["job"]
    return str(UUID(value["run"]["runId"])), Job(str(job["namespace"]), str(job["name"]))


def _split(text: str | None) -> tuple[str, Job] | None:
    # A namespace may hold slashes (a URL); a job name may too. The job is taken to have none, as OpenLineage's own readers do.
    parts = (text or "").rsplit("/", 2)
    try:
        return str(UUID(parts[2])), Job(parts[0], parts[1])
    except (IndexError, ValueError):
        return None
