"""What a check is about: a run, a model, a system or all that is on the record; and which processes and models that takes in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from orchestrail.errors import NotRecorded
from orchestrail.projections import tables
from orchestrail.queries.facts import process_roots
from orchestrail.queries.loading import content_key
from orchestrail.queries.models import Model, deployment_runs, model, model_keys
from orchestrail.queries.targets import find_target


@dataclass(frozen=True, slots=True)
class Scope:
    """What is looked at.

    Attributes:
        kind: `everything`, `system`, `model`, `data` or `run`.
        name: id or name of it; empty for everything.
        processes: root run ids, each with the number of its runs, by place in the log.
        models: keys of models.
        deployments: run ids of services and deploy steps.
        model: the one model of it, where it had to be loaded to find its processes.
    """

    kind: str
    name: str
    processes: Sequence[tuple[str, int]]
    models: Sequence[str]
    deployments: Sequence[str]
    model: Model | None = None

    @property
    def system(self) -> str | None:
        """The system that all of it belongs to; None where it is of no one system."""
        return self.name if self.kind == "system" else None


def everything(connection: Connection) -> Scope:
    """Take in all that is on the record."""
    return Scope("everything", "", process_roots(connection), model_keys(connection), deployment_runs(connection))


def of_system(connection: Connection, system: str) -> Scope:
    """Take in the processes of which a run names a system.

    Raises:
        NotRecorded: none does.
    """
    run = tables.run.c
    roots = process_roots(connection, run.system == system)
    if not roots:
        named = select(run.system).where(run.system.is_not(None)).distinct().order_by(run.system).limit(20)
        known = connection.execute(named).scalars()
        raise NotRecorded(
            f"No recorded run names the system {system!r}.",
            f"Systems on the record: {', '.join(sorted(known)) or 'none'}.",
            "Name one of them, or say `system=` where the runs are recorded.",
        )
    own = select(run.run_id).where(run.system == system)
    models = model_keys(connection, tables.use.c.run_id.in_(own))
    return Scope("system", system, roots, models, deployment_runs(connection, run.system == system))


def of_target(connection: Connection, given: str) -> Scope:
    """Take in what a target is about: a run with its whole process, or a model with the processes behind it.

    Raises:
        NotRecorded: no recorded run has to do with it.
        AmbiguousRun: it fits more than one thing.
    """
    target = find_target(connection, given)
    run = tables.run.c
    if target.run is not None:
        root = target.run.root_run_id
        own = select(run.run_id).where(run.root_run_id == root)
        models = model_keys(connection, tables.use.c.run_id.in_(own))
        within = deployment_runs(connection, run.root_run_id == root)
        return Scope("run", root, process_roots(connection, run.root_run_id == root), models, within)
    dataset = target.dataset
    key = content_key(dataset) if dataset is not None else None
    found = model(connection, key, dataset) if key is not None else None
    if found is None and dataset is not None and dataset.is_empty:
        raise NotRecorded(
            f"{given} is empty, and no model.",
            "Nothing tells it from all else that is empty, so that no process behind it could be checked.",
            "Name a run or a model.",
        )
    if dataset is None or found is None:
        raise NotRecorded(
            f"{given} is on the record, and no recorded run wrote it.",
            "What nothing recorded made has no process that could be checked.",
            "Name a run or a model; `orchestrail impact` tells what came of a data set.",
        )
    behind = process_roots(connection, run.run_id.in_([each.run_id for each in found.closure]))
    is_model = any(use.dataset.kind == "model" for use in found.written)
    deployed = [deployment.run.run_id for deployment in found.deployments]
    if not is_model:
        return Scope("data", found.key, behind, [], deployed)
    return Scope("model", found.key, behind, [found.key], deployed, found)
