"""What was in use at a time of the past: deployments with their models, what made and tested those, and what is known since.

Only what the record tells: what a service answered to whom lies in its own operation log, and is not here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from orchestrail.model import DatasetRef
from orchestrail.projections import tables
from orchestrail.queries.facts import Check, RunFacts, load_checks, load_facts
from orchestrail.queries.loading import load_runs, load_uses
from orchestrail.queries.manifests import manifest_in_force
from orchestrail.queries.models import Deployment, Model, deployment_runs, deployments, model
from orchestrail.queries.scopes import of_system
from orchestrail.queries.statements import Statement, statements
from orchestrail.queries.withdrawals import Withdrawal, withdrawals

AROUND = timedelta(days=1)
"""How long before and after the time monitoring runs are of interest."""
_DATA_ROLES = ("train", "validation", "test", "reference")
_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"


@dataclass(frozen=True, slots=True)
class Window:
    """A moment, or a day.

    Attributes:
        begin: RFC 3339 in UTC with microseconds.
        end: the same for a moment.
    """

    begin: str
    end: str

    def around(self, span: timedelta) -> Window:
        """Give the window with so much before and after it."""
        begin, end = (datetime.fromisoformat(each) for each in (self.begin, self.end))
        return Window((begin - span).strftime(_TIME), (end + span).strftime(_TIME))


@dataclass(frozen=True, slots=True)
class Tested:
    """A run that evaluated a model, or watched one.

    Attributes:
        run: the run.
        checks: its checks and metrics.
        before: True where it had ended before the deployment began; None where nothing is compared.
    """

    run: RunFacts
    checks: tuple[Check, ...]
    before: bool | None = None

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that failed."""
        return tuple(check for check in self.checks if not check.metric and check.success is False)


@dataclass(frozen=True, slots=True)
class Change:
    """Something that became known, or was done, after the time that was asked for.

    Attributes:
        at: when, RFC 3339 in UTC.
        what: in words.
        run_id: the run that shows it; None where a record does.
        sequence: place in the log.
    """

    at: str
    what: str
    run_id: str | None
    sequence: int


@dataclass(frozen=True, slots=True)
class InUse:
    """A deployment that was in use.

    Attributes:
        deployment: what it serves and how it prepares data.
        end_concluded: True where its end was concluded by somebody and not reported.
        model: its model with what made it; None where no recorded run wrote it.
        training_root: the process in which the model was made.
        data: what the model was made of, with roles; `source` for what no recorded run wrote.
        evaluations: runs that evaluated it, or what went into it.
        withdrawn: withdrawals of the model or of something behind it.
        statements: what persons stated about the model.
        changes: what became known since, by time.
    """

    deployment: Deployment
    end_concluded: bool
    model: Model | None
    training_root: RunFacts | None
    data: tuple[tuple[str, DatasetRef], ...]
    evaluations: tuple[Tested, ...]
    withdrawn: tuple[Withdrawal, ...]
    statements: tuple[Statement, ...]
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Then:
    """What was in use at a time.

    Attributes:
        window: the time.
        system: the system that was asked for; None for all.
        in_use: the deployments, by the time at which they began.
        known: how many deployments are on the record at all, of that system.
        monitoring: the monitoring runs around that time.
        retention_months: how long events are kept, by the recorded manifest; None where it does not say.
    """

    window: Window
    system: str | None
    in_use: tuple[InUse, ...]
    known: int
    monitoring: tuple[Tested, ...]
    retention_months: int | None


def at(connection: Connection, window: Window, system: str | None = None) -> Then:
    """Find what was in use.

    Args:
        connection: a snapshot of the store.
        window: when.
        system: only of this system.

    Raises:
        NotRecorded: no recorded run names the system.
    """
    runs = list(of_system(connection, system).deployments) if system else deployment_runs(connection)
    every = list(deployments(connection, runs))
    then = [one for one in every if _in_use(one, window, every)]
    taken_back = withdrawals(connection)
    manifest = manifest_in_force(connection)
    return Then(
        window,
        system,
        tuple(_described(connection, one, every, taken_back, window) for one in sorted(then, key=_began)),
        len(every),
        tuple(_monitoring(connection, window.around(AROUND), system)),
        manifest.manifest.policy.retention_months if manifest else None,
    )


def _began(one: Deployment) -> str:
    return one.run.started_at or one.run.seen_at or "~"


def _in_use(one: Deployment, window: Window, every: Sequence[Deployment]) -> bool:
    """Say whether a service ran then, or a step had deployed something that no later step of its kind had replaced."""
    if one.active is None:
        done = one.run.ended_at
        replaced = (each.run.ended_at for each in every if each.active is None and _same_place(each, one) and done)
        later = [end for end in replaced if end and done and done < end <= window.begin]
        return one.run.state == "COMPLETE" and done is not None and done <= window.end and not later
    return _began(one) <= window.end and (one.run.ended_at is None or one.run.ended_at >= window.begin)


def _same_place(one: Deployment, other: Deployment) -> bool:
    return (one.name, one.run.environment, one.run.system) == (other.name, other.run.environment, other.run.system)


def _described(
    connection: Connection,
    one: Deployment,
    every: Sequence[Deployment],
    taken_back: Sequence[Withdrawal],
    window: Window,
) -> InUse:
    row = load_runs(connection, [one.run.run_id])[one.run.run_id]
    found = model(connection, one.digest, met=one.met) if one.digest else None
    behind = [traced.dataset for traced in found.datasets.values()] if found else []
    withdrawn = tuple(each for each in taken_back if any(each.covers(dataset) for dataset in behind))
    root = found.maker.root_run_id if found and found.maker else None
    changes = [
        *_later(one, every, window),
        *(_newer(connection, found.dataset, window) if found else ()),
        *(
            Change(each.row.withdrawn_at, f"{each.row.name} was withdrawn: {each.row.reason}", None, each.row.seq)
            for each in withdrawn
            if each.row.withdrawn_at > window.end
        ),
    ]
    day = datetime.fromisoformat(window.end).date()
    return InUse(
        one,
        "ended_at" in row.inferred,
        found,
        load_facts(connection, [root]).get(root) if root else None,
        tuple(_data(found)) if found else (),
        tuple(_evaluations(found, _began(one))) if found else (),
        withdrawn,
        tuple(statements(connection, day, digest=one.digest)) if one.digest else (),
        tuple(sorted(changes, key=lambda change: (change.at, change.sequence))),
    )


def _data(found: Model) -> Iterator[tuple[str, DatasetRef]]:
    seen: set[tuple[str, str]] = set()
    for run in found.closure:
        for use in found.inputs[run.run_id]:
            role = use.dataset.role
            key = role or "", use.dataset.digest or f"{use.dataset.namespace}:{use.dataset.name}"
            if role in _DATA_ROLES and key not in seen:
                seen.add(key)
                yield role, use.dataset
    yield from (("source", traced.dataset) for traced in found.sources)


def _evaluations(found: Model, began: str) -> Iterator[Tested]:
    for run in {run.run_id: run for run in (*found.closure, *found.readers) if run.role == "evaluate"}.values():
        checks = found.checks.get(run.run_id, ())
        yield Tested(run, checks, run.ended_at < began if run.ended_at else None)


def _later(one: Deployment, every: Sequence[Deployment], window: Window) -> Iterator[Change]:
    """Find what became of a deployment, and what was deployed in its place."""
    if one.active is False and one.run.ended_at and one.run.ended_at > window.end:
        yield Change(one.run.ended_at, "it ended", one.run.run_id, one.run.ended_seq or one.run.last_seq)
    for other in every:
        if other is not one and _same_place(other, one) and _began(other) > window.end:
            what = (
                "the same model" if other.digest == one.digest else f"the model {other.digest or 'of no known digest'}"
            )
            yield Change(
                _began(other), f"{other.name} was deployed again, with {what}", other.run.run_id, other.run.first_seq
            )


def _newer(connection: Connection, made: DatasetRef, window: Window) -> Iterator[Change]:
    """Find other contents that were written under the model's name since."""
    use = tables.use.c
    seen = {made.digest}
    named = load_uses(connection, use.direction == "output", use.namespace == made.namespace, use.name == made.name)
    for each in named:
        if each.dataset.digest not in seen and (each.at or "") > window.end:
            seen.add(each.dataset.digest)
            yield Change(each.at or "", f"{made.name} was made anew: {each.dataset.digest}", each.run_id, each.seq)


def _monitoring(connection: Connection, window: Window, system: str | None) -> Iterator[Tested]:
    run = tables.run.c
    wanted = select(run.run_id).where(
        run.role == "monitor", run.started_at >= window.begin, run.started_at <= window.end
    )
    if system is not None:
        wanted = wanted.where(run.system == system)
    runs = load_facts(connection, list(connection.execute(wanted.order_by(run.first_seq)).scalars()))
    checks = load_checks(connection, runs)
    yield from (Tested(each, checks.get(run_id, ())) for run_id, each in runs.items())
