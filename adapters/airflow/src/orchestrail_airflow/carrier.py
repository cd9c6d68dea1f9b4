"""The way of a run's place in the tree from one orchestrator to the next: a trigger's conf, and variables for child processes.

The conf has the shape of Airflow's OpenLineage provider, so that either can read what the other wrote. Nothing is recorded here.
"""

from __future__ import annotations

import os
from uuid import UUID

from orchestrail.adapter import Carrier, Job, RunRef, environment_of

KEY = "openlineage"


def carrier_of(conf: object) -> Carrier | None:
    """Read the spawning run from a DAG run's conf; None where there is none, or not all that it takes.

    As the provider does: a parent without id, namespace and name is no parent, a root likewise no root.
    """
    said = conf.get(KEY) if isinstance(conf, dict) else None
    parent = _named(said, "parentRunId", "parentJobNamespace", "parentJobName")
    if parent is None:
        return None
    root = _named(said, "rootParentRunId", "rootParentJobNamespace", "rootParentJobName")
    return Carrier(*parent, *(root or (None, None)))


def conf_of(run: RunRef) -> dict[str, str]:
    """Give the entry of a conf that makes `run` the parent of the DAG run that it triggers."""
    return {
        "parentRunId": run.run_id,
        "parentJobNamespace": run.job.namespace,
        "parentJobName": run.job.name,
        "rootParentRunId": run.root_run_id,
        "rootParentJobNamespace": run.root_job.namespace,
        "rootParentJobName": run.root_job.name,
    }


class ChildEnvironment:
    """OpenLineage's variables in this process's environment while a task runs, so that its child processes know their parent."""

    def __init__(self, run: RunRef) -> None:
        self._set = environment_of(run)
        self._before = {name: os.environ.get(name) for name in self._set}
        os.environ.update(self._set)

    def restore(self) -> None:
        """Put the environment back; a variable that the task has changed meanwhile is the task's."""
        for name, before in self._before.items():
            if os.environ.get(name) != self._set[name]:
                continue
            if before is None:
                del os.environ[name]
            else:
                os.environ[name] = before


def _named(said: object, run_key: str, namespace_key: str, name_key: str) -> tuple[str, Job] | None:
    if not isinstance(said, dict):
        return None
    run_id, namespace, name = said.get(run_key), said.get(namespace_key), said.get(name_key)
    if not (isinstance(run_id, str) and isinstance(namespace, str) and isinstance(name, str) and namespace and name):
        return None
    try:
        return str(UUID(run_id)), Job(namespace, name)
    except ValueError:
        return None
