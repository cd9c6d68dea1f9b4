"""The kinds of units that evaluators are for: how those of a scope come out of the record, and what their outcomes rest on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from orchestrail.queries.facts import Process, RunFacts, processes
from orchestrail.queries.impact import Withdrawn, withdrawn
from orchestrail.queries.models import DeployedModel, Described, Model, deployed_models, described, models
from orchestrail.queries.pipelines import Declared, declared_pipelines
from orchestrail.queries.reconciliations import Compared, compared
from orchestrail.queries.record import Record, record
from orchestrail.queries.scopes import Scope
from orchestrail.queries.snapshot import Snapshot
from orchestrail.queries.versions import Operation, Version, operations, versions


@dataclass(frozen=True, slots=True)
class UnitKind:
    """A kind of units.

    Attributes:
        of: the type of its units.
        load: gives those of a scope, one at a time.
        key: names a unit among those of its kind.
        place: place in the log by which its units are listed.
        system: names the system that a unit belongs to; None where it belongs to none.
        rests_on: what may change the outcomes of a unit, in the words of `orchestrail.queries.facts.parts_of`; None where they are
            judged anew each time, since there are few, or since they are read without loading runs.
    """

    of: type
    load: Callable[[Snapshot, Scope], Iterator[Any]]
    key: Callable[[Any], str]
    place: Callable[[Any], int]
    system: Callable[[Any], str | None]
    rests_on: Callable[[Any], Iterable[str]] | None = None


def _system(runs: Iterable[RunFacts]) -> str | None:
    return next((run.system for run in runs if run.system is not None), None)


def _behind(model: Model) -> Iterator[str]:
    """Runs behind and after it, behind what it was tested on, and those that checked its data; new ones of these; new readers of it
    and of its parts; new writers of it, of its sources and under their names.
    """
    yield from model.with_tests.by_id
    yield from (*model.missing, *model.tests.missing)
    yield from {each.run.run_id for each in model.beside}
    yield from (f"checks:{digest}" for digest in model.contents)
    yield from (each.run.run_id for each in model.deployments)
    yield from (f"reads:{digest}" for digest in (model.key, *model.parts))
    sources = (source.dataset for source in model.with_tests.sources)
    for dataset in (*(use.dataset for use in model.written), *sources):
        yield f"writes:{dataset.digest}"
        yield f"writes:{dataset.namespace}:{dataset.name}"


PROCESS = UnitKind(
    Process,
    lambda record, scope: processes(record, scope.processes),
    lambda unit: unit.root_run_id,
    lambda unit: unit.runs[0].first_seq,
    lambda unit: _system(unit.runs),
    lambda unit: (run.run_id for run in (*unit.runs, *unit.elsewhere.values())),
)
MODEL = UnitKind(
    Model,
    lambda record, scope: _models(record, scope),
    lambda unit: unit.key,
    lambda unit: unit.written[0].seq,
    lambda unit: _system(unit.closure),
    _behind,
)
DEPLOYMENT = UnitKind(
    DeployedModel,
    lambda record, scope: deployed_models(record, scope.deployments),
    lambda unit: unit.deployment.run.run_id,
    lambda unit: unit.deployment.run.first_seq,
    lambda unit: _system((unit.deployment.run, *(unit.model.closure if unit.model else ()))),
)
RECORD = UnitKind(
    Record,
    lambda connection, scope: iter([record(connection)]),
    lambda unit: "record",
    lambda unit: 0,
    lambda unit: None,
)
COMPARED = UnitKind(
    Compared,
    lambda record, scope: compared(record, _roots(scope)),
    lambda unit: unit.orchestrator,
    lambda unit: unit.last.seq if unit.last else 0,
    lambda unit: None,
)
OPERATION = UnitKind(
    Operation,
    lambda record, scope: operations(record, _roots(scope), _behind_deployed(record, scope)),
    lambda unit: unit.key,
    lambda unit: unit.codes[0].first_seq if unit.codes else 0,
    lambda unit: None,
)
VERSION = UnitKind(
    Version,
    lambda record, scope: versions(record, _roots(scope)),
    lambda unit: unit.key,
    lambda unit: unit.seen[0].seq,
    lambda unit: None,
)

DESCRIBED = UnitKind(
    Described,
    lambda record, scope: described(record, scope.models),
    lambda unit: unit.key,
    lambda unit: unit.seq,
    lambda unit: None,
)
PIPELINE = UnitKind(
    Declared,
    lambda record, scope: declared_pipelines(record, _roots(scope)),
    lambda unit: unit.observed.job,
    lambda unit: 0,
    lambda unit: None,
)
WITHDRAWN = UnitKind(
    Withdrawn,
    lambda record, scope: withdrawn(record, _roots(scope)),
    lambda unit: str(unit.withdrawal.row.seq),
    lambda unit: unit.withdrawal.row.seq,
    lambda unit: None,
)


def _roots(scope: Scope) -> list[str] | None:
    return None if scope.kind == "everything" else [root for root, _ in scope.processes]


def _models(record: Snapshot, scope: Scope) -> Iterator[Model]:
    return iter([scope.model]) if scope.model is not None else models(record, scope.models)


def _behind_deployed(record: Snapshot, scope: Scope) -> set[str]:
    """Name the runs behind the models of a scope that are deployed."""
    if scope.kind == "everything":
        found = [each.model for each in deployed_models(record, scope.deployments) if each.model is not None]
    else:
        found = [each for each in _models(record, scope) if each.deployments]
    return {run.run_id for each in found for run in each.closure}


KINDS: tuple[UnitKind, ...] = (
    PROCESS,
    MODEL,
    DEPLOYMENT,
    OPERATION,
    VERSION,
    DESCRIBED,
    PIPELINE,
    WITHDRAWN,
    COMPARED,
    RECORD,
)
"""All of them."""
