"""The facts that requirements are judged by, in the groups that they are judged in. Typed columns alone are read, no JSON.

A process is one root run with all runs below it: most requirements of runs and steps can be judged within one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, RowMapping, Table, func, select

from orchestrail.model import DatasetRef, Job
from orchestrail.projections import tables
from orchestrail.projections.chunks import MOST, chunks
from orchestrail.projections.facts import Act, Check, Claim, Served, ServedOperation, StepFacts
from orchestrail.projections.rows import Use

__all__ = [
    "Act", "Check", "Claim", "DatasetRef", "Process", "could_see", "RunFacts", "Served", "ServedOperation", "StepFacts", "Use",
    "load_checks", "load_checks_of", "load_claims", "load_facts", "load_operations", "load_served", "load_uses", "parts_of",
    "process_roots", "processes",
    "roots_affected_by", "roots_of",
]  # fmt: skip

Row = TypeVar("Row")

_RUNS = 4000
"""Runs that are held at a time, unless one process has more."""


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What is known of a run, as far as it is judged by it; see `orchestrail.projections.rows.RunRow` for the shared attributes.

    Attributes:
        step: what else is known of it.
    """

    run_id: str
    root_run_id: str
    parent_run_id: str | None
    stated_root_run_id: str | None
    job: Job
    job_type: str | None
    producer: str
    adapter: str | None
    orchestrator: str | None
    native_id: str | None
    attempt: int | None
    previous_attempt: str | None
    role: str | None
    role_source: str | None
    state: str | None
    started_at: str | None
    ended_at: str | None
    seen_at: str | None
    first_seq: int
    last_seq: int
    ended_seq: int | None
    system: str | None
    environment: str | None
    trigger: str | None
    actor: str | None
    cached_from: str | None
    closed_by: str | None
    step: StepFacts


def could_see(run: RunFacts, capability: str, runs: Mapping[str, RunFacts]) -> bool:
    """Say whether the adapter that recorded a run could have seen something.

    It is what was stated on the run, or on the nearest run above it of the same adapter. A foreign producer states nothing.

    Args:
        run: the run.
        capability: one of `orchestrail.model.Capability`.
        runs: by id, those that may stand above it.
    """
    here: RunFacts | None = run if run.step.ours else None
    passed: set[str] = set()
    while here is not None and here.run_id not in passed:
        if here.step.capabilities is not None and here.adapter == run.adapter:
            return capability in here.step.capabilities.split(",")
        passed.add(here.run_id)
        here = runs.get(here.parent_run_id or "")
    return False


@dataclass(frozen=True)
class Process:
    """A root run with all runs below it.

    Attributes:
        root_run_id: the root.
        runs: all of them, by place in the log.
        inputs: what each read; runs that read nothing are not in it.
        outputs: what each wrote.
        claims: what contradicts itself in each.
        acts: what persons did to each.
        checks: what each checked and measured.
        elsewhere: runs of other processes that these name: where a result was cached from, an earlier attempt, a parent.
        origins: what those of them read and wrote whose results were taken, by run id and direction.
        checked: by digest of a data set that a training step of the process read, the checks of it anywhere, each with its run.
    """

    root_run_id: str
    runs: tuple[RunFacts, ...]
    inputs: Mapping[str, tuple[Use, ...]]
    outputs: Mapping[str, tuple[Use, ...]]
    claims: Mapping[str, tuple[Claim, ...]]
    acts: Mapping[str, tuple[Act, ...]]
    checks: Mapping[str, tuple[Check, ...]]
    elsewhere: Mapping[str, RunFacts]
    origins: Mapping[tuple[str, str], tuple[Use, ...]]
    checked: Mapping[str, tuple[tuple[Check, RunFacts], ...]]

    @cached_property
    def by_id(self) -> Mapping[str, RunFacts]:
        """The runs by id, those elsewhere included."""
        return {**self.elsewhere, **{run.run_id: run for run in self.runs}}

    def can(self, run: RunFacts, capability: str) -> bool:
        """Say whether the adapter that recorded a run could have seen something."""
        return could_see(run, capability, self.by_id)

    def data_of(self, run: RunFacts, direction: str) -> tuple[Use, ...]:
        """Give what a run of the process, or one whose result was taken, read (`input`) or wrote (`output`)."""
        own = self.inputs if direction == "input" else self.outputs
        return own.get(run.run_id, ()) or self.origins.get((run.run_id, direction), ())

    @cached_property
    def children(self) -> Mapping[str, tuple[RunFacts, ...]]:
        """The runs below each run."""
        found: dict[str, list[RunFacts]] = defaultdict(list)
        for run in self.runs:
            if run.parent_run_id is not None and run.parent_run_id != run.run_id:
                found[run.parent_run_id].append(run)
        return {run_id: tuple(runs) for run_id, runs in found.items()}

    def below(self, run: RunFacts) -> Iterator[RunFacts]:
        """Give the runs inside a run, at any depth, each once: parents may form a circle."""
        passed, waiting = {run.run_id}, [run]
        while waiting:
            for child in self.children.get(waiting.pop().run_id, ()):
                if child.run_id not in passed:
                    passed.add(child.run_id)
                    waiting.append(child)
                    yield child

    @cached_property
    def steps(self) -> tuple[RunFacts, ...]:
        """The runs that did something themselves: those with a role, and those that no run hangs on."""
        return tuple(run for run in self.runs if run.role is not None or run.run_id not in self.children)

    def in_role(self, *roles: str) -> tuple[RunFacts, ...]:
        """Give the runs of some roles."""
        return tuple(run for run in self.runs if run.role in roles)


def process_roots(connection: Connection, *conditions: ColumnElement[bool]) -> list[tuple[str, int]]:
    """List the roots of the runs that fit, by place in the log, each with the number of runs below and with it."""
    run = tables.run.c
    query = select(run.root_run_id, func.count()).group_by(run.root_run_id).order_by(func.min(run.first_seq))
    if conditions:
        query = query.where(run.root_run_id.in_(select(run.root_run_id).where(*conditions)))
    return [(root, count) for root, count in connection.execute(query)]


def roots_of(connection: Connection, roots: Iterable[str]) -> list[tuple[str, int]]:
    """Give the roots among some ids that are recorded, as `process_roots` does."""
    found = [pair for chunk in chunks(roots) for pair in process_roots(connection, tables.run.c.run_id.in_(chunk))]
    asked = set(roots)
    return [pair for pair in dict.fromkeys(found) if pair[0] in asked]


def roots_affected_by(connection: Connection, run_ids: Iterable[str]) -> set[str]:
    """Name the roots of processes that may be judged otherwise when runs of others change.

    These are those that took a result of such a run, tried it again or hang on it, and those that train on data that it checked.
    """
    run, use, check = tables.run.c, tables.use.c, tables.check.c
    found: set[str] = set()
    for chunk in chunks(run_ids):
        for naming in (run.cached_from, run.previous_attempt, run.parent_run_id):
            found.update(connection.execute(select(run.root_run_id).where(naming.in_(chunk))).scalars())
        checked = select(check.digest).where(check.run_id.in_(chunk), check.digest.is_not(None))
        reading = select(use.run_id).where(use.digest.in_(checked), use.direction == "input")
        training = select(run.root_run_id).where(run.run_id.in_(reading), run.role == "train")
        found.update(connection.execute(training).scalars())
    return found


def parts_of(connection: Connection, run_ids: Iterable[str]) -> set[str]:
    """Name what a change of runs may matter to: themselves, those they hang on, the contents they read or checked, what they wrote.

    A run is named by its id, the rest by `reads:`, `checks:` or `writes:` before the digest, or before namespace and name.
    """
    changed = list(dict.fromkeys(run_ids))
    found = set(changed)
    run, edge, use, check = tables.run.c, tables.edge.c, tables.use.c, tables.check.c
    for chunk in chunks(changed):
        for own in connection.execute(select(run.parent_run_id, run.cached_from).where(run.run_id.in_(chunk))):
            found.update(filter(None, own))
        for end, other in ((edge.from_run, edge.to_run), (edge.to_run, edge.from_run)):
            found.update(connection.execute(select(other).where(end.in_(chunk))).scalars())
        query = select(use.direction, use.namespace, use.name, use.digest).where(use.run_id.in_(chunk)).distinct()
        for direction, namespace, name, digest in connection.execute(query):
            verb = "reads" if direction == "input" else "writes"
            found.update({f"{verb}:{digest}", f"{verb}:{namespace}:{name}"})
        checked = select(check.digest).where(
            check.run_id.in_(chunk), check.digest.is_not(None), check.metric.is_(False)
        )
        found.update(f"checks:{digest}" for digest in connection.execute(checked.distinct()).scalars())
    return found


def processes(connection: Connection, roots: Sequence[tuple[str, int]]) -> Iterator[Process]:
    """Load processes, a few at a time.

    Args:
        connection: a snapshot of the store.
        roots: as `process_roots` lists them.
    """
    waiting: list[str] = []
    size = 0
    for root, count in roots:
        if waiting and (size + count > _RUNS or len(waiting) == MOST):
            yield from _load(connection, waiting)
            waiting, size = [], 0
        waiting.append(root)
        size += count
    if waiting:
        yield from _load(connection, waiting)


def _load(connection: Connection, roots: Sequence[str]) -> Iterator[Process]:
    of_roots = tables.run.c.root_run_id.in_(roots)
    runs: dict[str, list[RunFacts]] = {root: [] for root in roots}
    for row in _runs(connection, of_roots):
        runs[row.root_run_id].append(row)
    listed = [run for group in runs.values() for run in group]
    ids = [row.run_id for row in listed]
    named = {other for row in listed for other in _named(row)}
    known = {row.run_id: row for row in listed}
    known.update(load_facts(connection, named - known.keys()))
    uses = load_uses(connection, [*ids, *(row.cached_from for row in listed if row.cached_from in known)])
    claims, checks = load_claims(connection, ids), load_checks(connection, ids)
    acts = _of_runs(connection, tables.act, Act, ids)
    trained = {use.dataset.digest for row in listed if row.role == "train" for use in uses[row.run_id, "input"]}
    checked = load_checks_of(connection, filter(None, trained))
    for root, group in runs.items():
        own = [row.run_id for row in group]
        yield Process(
            root,
            tuple(group),
            inputs={run_id: uses[run_id, "input"] for run_id in own if (run_id, "input") in uses},
            outputs={run_id: uses[run_id, "output"] for run_id in own if (run_id, "output") in uses},
            claims={run_id: claims[run_id] for run_id in own if run_id in claims},
            acts={run_id: acts[run_id] for run_id in own if run_id in acts},
            checks={run_id: checks[run_id] for run_id in own if run_id in checks},
            elsewhere={
                other: known[other]
                for row in group
                for other in _named(row)
                if other in known and known[other].root_run_id != root
            },
            origins={
                (row.cached_from, direction): uses[row.cached_from, direction]
                for row in group
                if row.cached_from in known and known[row.cached_from].root_run_id != root
                for direction in ("input", "output")
            },
            checked=checked,
        )


def _named(run: RunFacts) -> Iterator[str]:
    return filter(None, (run.cached_from, run.previous_attempt, run.parent_run_id))


_STEP = tuple(f"step_{each.name}" for each in fields(StepFacts))
_RUN = tuple(each.name for each in fields(RunFacts) if each.name not in ("run_id", "job", "step"))


def _runs(connection: Connection, *conditions: ColumnElement[bool]) -> Iterator[RunFacts]:
    run, step = tables.run.c, tables.step.c
    labelled = [column.label(name) for name, column in zip(_STEP, step, strict=True)]
    query = (
        select(run.run_id, run.job_namespace, run.job_name, *(run[name] for name in _RUN), *labelled)
        .join_from(tables.run, tables.step, run.run_id == step.run_id)
        .where(*conditions)
    )
    for row in connection.execute(query.order_by(run.first_seq, run.run_id)).mappings():
        yield _run(row)


def _run(row: RowMapping) -> RunFacts:
    rest: dict[str, Any] = {name: row[name] for name in _RUN}
    return RunFacts(
        run_id=row["run_id"],
        job=Job(row["job_namespace"], row["job_name"]),
        step=StepFacts(*(row[name] for name in _STEP)),
        **rest,
    )


def load_facts(connection: Connection, run_ids: Iterable[str]) -> dict[str, RunFacts]:
    """Load runs by id; ids that are not recorded are left out."""
    return {row.run_id: row for chunk in chunks(run_ids) for row in _runs(connection, tables.run.c.run_id.in_(chunk))}


class _Uses(defaultdict[tuple[str, str], tuple[Use, ...]]):
    def __missing__(self, key: tuple[str, str]) -> tuple[Use, ...]:
        return ()


_DATASET = tuple(each.name for each in fields(DatasetRef) if each.name != "fields")


def load_uses(connection: Connection, run_ids: Iterable[str]) -> Mapping[tuple[str, str], tuple[Use, ...]]:
    """Load what runs read and wrote, by run id and direction, without the fields of the data sets; () where there is nothing."""
    columns = tables.use.c
    query = select(columns.run_id, columns.direction, columns.seq, columns.at, *(columns[name] for name in _DATASET))
    found: dict[tuple[str, str], list[Use]] = defaultdict(list)
    for chunk in chunks(run_ids):
        for run_id, direction, seq, at, *dataset in connection.execute(
            query.where(columns.run_id.in_(chunk)).order_by(columns.run_id, columns.direction, columns.place)
        ):
            ref = DatasetRef(**dict(zip(_DATASET, dataset, strict=True)))
            found[run_id, direction].append(Use(run_id, direction, ref, seq, at))
    return _Uses(None, {key: tuple(uses) for key, uses in found.items()})


def load_claims(connection: Connection, run_ids: Iterable[str]) -> dict[str, tuple[Claim, ...]]:
    """Load what contradicts itself in runs; those in which nothing does are not in it."""
    return _of_runs(connection, tables.claim, Claim, run_ids)


def load_checks(connection: Connection, run_ids: Iterable[str]) -> dict[str, tuple[Check, ...]]:
    """Load what runs checked and measured."""
    return _of_runs(connection, tables.check, Check, run_ids)


def load_served(connection: Connection, run_ids: Iterable[str]) -> dict[str, tuple[Served, ...]]:
    """Load the models that runs of services stated to serve."""
    return _of_runs(connection, tables.served, Served, run_ids)


def load_operations(connection: Connection, run_ids: Iterable[str]) -> dict[str, tuple[ServedOperation, ...]]:
    """Load the operations by which runs of services stated to prepare their data."""
    return _of_runs(connection, tables.served_operation, ServedOperation, run_ids)


def _of_runs(
    connection: Connection, table: Table, row: Callable[..., Row], run_ids: Iterable[str]
) -> dict[str, tuple[Row, ...]]:
    found: dict[str, list[Row]] = defaultdict(list)
    columns = [column for column in table.c if column.name != "place"]
    for chunk in chunks(run_ids):
        query = select(*columns).where(table.c.run_id.in_(chunk)).order_by(table.c.run_id, table.c.place)
        for values in connection.execute(query):
            found[values[0]].append(row(*values))
    return {run_id: tuple(rows) for run_id, rows in found.items()}


def load_checks_of(connection: Connection, digests: Iterable[str]) -> dict[str, tuple[tuple[Check, RunFacts], ...]]:
    """Load the checks of some contents, whoever made them: by digest, each with its run; metrics are none."""
    found: dict[str, list[Check]] = defaultdict(list)
    columns = [tables.check.c[each.name] for each in fields(Check)]
    for chunk in chunks(digests):
        query = select(*columns).where(tables.check.c.digest.in_(chunk), tables.check.c.metric.is_(False))
        for values in connection.execute(query.order_by(tables.check.c.run_id, tables.check.c.place)):
            each = Check(*values)
            found[each.digest or ""].append(each)
    runs = load_facts(connection, {each.run_id for checks in found.values() for each in checks})
    return {
        digest: tuple((each, runs[each.run_id]) for each in checks if each.run_id in runs)
        for digest, checks in found.items()
    }
