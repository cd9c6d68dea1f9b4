"""The typed facts that a run is judged by, the fact vocabulary of the catalogue: a pure function from its events.

What a row of `rows.RunRow` has merged is taken from there. What contradicts itself is looked for here, over all events: a facet
that is sent again replaces the earlier one in a row, but not in evidence. No text that a person wrote and no value of a parameter
is a fact.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrail.model import State
from orchestrail.projections.fold import StoredEvent
from orchestrail.projections.rows import RunRow
from orchestrail.projections.values import mapping, objects, run_id, sha256, text, truth


@dataclass(frozen=True, slots=True)
class Claim:
    """One of several different things that the events of a run say where one run can have only one.

    Attributes:
        run_id: the run.
        field: `job`, `system`, `parent`, `root` or `end`.
        value: what was said.
        seq: place in the log where it was first said.
    """

    run_id: str
    field: str
    value: str
    seq: int


@dataclass(frozen=True, slots=True)
class Act:
    """Something that a person did to a run, as its orchestrator's log has it.

    Attributes:
        run_id: the run that tells of it: that of a whole DAG for its tasks too.
        what: `marked`, `cleared`, `noted` ...
        task: the task that it was done to; None for the run itself, or for several.
        actor: a pseudonym of the person; None where nobody knows.
        reason: True where a reason was given.
        seq: place in the log where it was first told.
    """

    run_id: str
    what: str
    task: str | None
    actor: str | None
    reason: bool
    seq: int


@dataclass(frozen=True, slots=True)
class Check:
    """A check or a metric of a run.

    Attributes:
        run_id: the run that told it.
        metric: True for a metric, False for a check.
        name: its name.
        kind: of a check: `quality`, `bias`, `accuracy` ...
        success: of a check; None where that was not told.
        severity: of a check: `error`, `warn` ...
        value: of a metric; of a check the actual value where it is a number.
        namespace: of the data set that it is about; None where it is about none in particular.
        dataset: name of that data set.
        digest: of that data set.
    """

    run_id: str
    metric: bool
    name: str
    kind: str | None = None
    success: bool | None = None
    severity: str | None = None
    value: float | None = None
    namespace: str | None = None
    dataset: str | None = None
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class Served:
    """The model that a service stated to serve.

    Attributes:
        run_id: the run of the service.
        deployment: its name.
        namespace: of the model.
        name: of the model.
        version: of the model as its source names it.
        digest: of the model; None where it was not taken.
    """

    run_id: str
    deployment: str
    namespace: str | None
    name: str | None
    version: str | None
    digest: str | None


@dataclass(frozen=True, slots=True)
class ServedOperation:
    """An operation by which a service stated to prepare its data; see `orchestrail.model.PreprocessingVersion`."""

    run_id: str
    operation: str
    version: str | None
    derived: bool | None
    code_digest: str | None
    state_digest: str | None
    serve_time: bool | None
    fits_state: bool | None
    train_only: bool | None


@dataclass(frozen=True, slots=True)
class StepFacts:
    """What the tables hold of a run beside its columns in `rows.RunRow`.

    Attributes:
        run_id: the run.
        ours: True where an adapter of ours told of it.
        capabilities: what the adapter stated that it can see, on this run; None where none was stated.
        started_seq: place in the log of the event that began it; None where none did.
        untimed: how many of its events have no time, or one without a zone.
        operation: name of the data-preparation operation.
        version: its declared version, or what it was derived from.
        derived: True where the version was derived from the code.
        stated_at_start: True where the event that began it named operation and version already.
        serve_time: whether serving applies the operation too.
        fits_state: whether it learns from the data.
        train_only: whether it is for training data alone.
        code_digest: digest with algorithm id of the code that ran.
        code_commit: commit that was checked out.
        code_dirty: True where files differed from the commit.
        has_parameters: True where its parameters are known, if only to be none.
        parameters_digest: digest over the redacted parameters.
        state_digest: digest of the fitted state that it made or applied.
        has_error: True where a text says why it failed or was skipped, or why its end was concluded.
        environment_digest: digest over the environment facts.
        distributions_digest: digest over the installed distributions and their versions.
        image_digest: digest of the container image.
        hardware: True where processor, memory or accelerators were told.
        interpreter: implementation and version of the interpreter.
        seeds: how many times something was seeded.
        not_captured: how many things the recorder knows that it missed.
        manual: True where a person changed its state by hand.
        changed_by: a pseudonym of that person.
        change_reason: True where a reason for the change was given.
    """

    run_id: str
    ours: bool
    capabilities: str | None
    started_seq: int | None
    untimed: int
    operation: str | None
    version: str | None
    derived: bool
    stated_at_start: bool
    serve_time: bool | None
    fits_state: bool | None
    train_only: bool | None
    code_digest: str | None
    code_commit: str | None
    code_dirty: bool | None
    has_parameters: bool
    parameters_digest: str | None
    state_digest: str | None
    has_error: bool
    environment_digest: str | None
    distributions_digest: str | None
    image_digest: str | None
    hardware: bool
    interpreter: str | None
    seeds: int
    not_captured: int
    manual: bool
    changed_by: str | None
    change_reason: bool


@dataclass(frozen=True, slots=True)
class Ran:
    """A run as one of those in which code ran as a declared version of an operation.

    Attributes:
        run_id: the run.
        operation: the operation.
        version: as it was declared.
        digest: of the code, with algorithm id; empty where none was taken.
        trial: True for a run of an environment for development.
        first_seq: place in the log where the run was first told of.
    """

    run_id: str
    operation: str
    version: str
    digest: str
    trial: bool
    first_seq: int


@dataclass(frozen=True, slots=True)
class Facts:
    """All facts of one run.

    Attributes:
        step: the one row that each run has.
        claims: what contradicts itself; empty where nothing does.
        checks: checks and metrics.
        served: models that it stated to serve.
        operations: operations by which it stated to prepare data.
        acts: what persons did to it.
        ran: which version of which operation ran in it; None where none was declared, or nothing ran.
    """

    step: StepFacts
    claims: tuple[Claim, ...]
    checks: tuple[Check, ...]
    served: tuple[Served, ...]
    operations: tuple[ServedOperation, ...]
    acts: tuple[Act, ...]
    ran: Ran | None


def facts_of(row: RunRow, events: Sequence[StoredEvent]) -> Facts:
    """Give the facts of a run.

    Args:
        row: the row that was folded of the events.
        events: all events of the run.
    """
    told = sorted(events, key=lambda event: event.seq)
    step = _step(row, told)
    return Facts(
        step,
        tuple(_claims(row, told)),
        tuple(_checks(row)),
        tuple(dict.fromkeys(_served(row))),
        tuple(dict.fromkeys(_operations(row))),
        tuple(Act(row.run_id, one.what, one.task, one.by, one.reason is not None, one.seq) for one in row.changes),
        _ran(row, step),
    )


def _ran(row: RunRow, step: StepFacts) -> Ran | None:
    """The code of a run that was skipped, or that took a stored result, did not run."""
    if step.operation is None or step.version is None or step.derived or row.state in (State.SKIPPED, State.CACHED):
        return None
    trial = row.environment == "dev"
    return Ran(row.run_id, step.operation, step.version, step.code_digest or "", trial, row.first_seq)


def _step(row: RunRow, told: Sequence[StoredEvent]) -> StepFacts:
    prepared = row.preprocessing
    environment = row.environment_facts or {}
    began = next((event for event in told if event.type in ("START", "RUNNING") and event.at == row.started_at), None)
    stated = mapping(began.facets.get("orchestrail_step")) if began else {}
    python = mapping(environment.get("python"))
    given = [end for end in row.ends if end.by_hand]
    return StepFacts(
        run_id=row.run_id,
        ours=any(event.ours and not event.inferred for event in told),
        capabilities=None if row.capabilities is None else ",".join(row.capabilities),
        started_seq=began.seq if began else None,
        untimed=sum(event.at is None for event in told),
        operation=(prepared.operation or None) if prepared else None,
        version=prepared.version if prepared else None,
        derived=prepared.derived if prepared else False,
        stated_at_start=bool(text(stated.get("operation")) and text(stated.get("version"))),
        serve_time=row.serve_time,
        fits_state=row.fits_state,
        train_only=row.train_only,
        code_digest=row.code.digest,
        code_commit=row.code.commit,
        code_dirty=row.code.dirty,
        has_parameters=row.parameters is not None,
        parameters_digest=_parameters_digest(told),
        state_digest=prepared.state_digest if prepared else None,
        has_error=row.error is not None or any(end.reason for end in row.ends if end.state == row.state),
        environment_digest=sha256(environment.get("digest")),
        distributions_digest=sha256(environment.get("distributionsDigest")),
        image_digest=text(mapping(environment.get("container")).get("imageDigest")),
        hardware=any(environment.get(name) for name in ("cpu", "memoryBytes", "gpus")),
        interpreter=" ".join(filter(None, (text(python.get("implementation")), text(python.get("version"))))) or None,
        seeds=len(row.seeds),
        not_captured=len(row.not_captured),
        manual=bool(given),
        changed_by=next((end.changed_by for end in given if end.changed_by), None),
        change_reason=any(end.reason for end in given),
    )


def _parameters_digest(told: Sequence[StoredEvent]) -> str | None:
    digests = (mapping(event.facets.get("orchestrail_parameters")).get("digest") for event in told)
    return next((digest for each in digests if (digest := sha256(each))), None)


def _claims(row: RunRow, told: Sequence[StoredEvent]) -> Iterator[Claim]:
    """Find the fields of which one run can have one value, and of which its events tell several."""
    said: dict[str, dict[str, int]] = {}
    for event in told:
        for field, value in _singular(event):
            said.setdefault(field, {}).setdefault(value, event.seq)
    # Lifecycle is judged by producer, ours first; a reported end supersedes one that was concluded. A state that a person gave to a
    # run that had ended is an act of that person, and no other end of the run.
    reported = [end for end in row.ends if not end.inferred and end.producer == row.producer and not end.by_hand]
    said["end"] = {}
    for end in reported:
        said["end"].setdefault(end.state, end.seq)
    for field, values in said.items():
        if len(values) > 1:
            yield from (Claim(row.run_id, field, value, seq) for value, seq in values.items())


def _singular(event: StoredEvent) -> Iterator[tuple[str, str]]:
    job = mapping(event.event.get("job"))
    if name := text(job.get("name")):
        yield "job", f"{text(job.get('namespace')) or ''}:{name}"
    if event.system:
        yield "system", event.system
    for key in ("parentRun", "parent"):
        facet = mapping(event.facets.get(key))
        for field, holder in (("parent", facet), ("root", mapping(facet.get("root")))):
            identifier = run_id(mapping(holder.get("run")).get("runId"))
            if identifier is not None and identifier != event.run_id:
                yield field, identifier


def _checks(row: RunRow) -> Iterator[Check]:
    for metric, entries in ((False, row.checks), (True, row.metrics)):
        for entry in entries:
            dataset = mapping(entry.get("dataset"))
            yield Check(
                run_id=row.run_id,
                metric=metric,
                name=text(entry.get("name")) or "",
                kind=text(entry.get("kind")),
                success=truth(entry.get("success")),
                severity=text(entry.get("severity")),
                value=_number(entry.get("value" if metric else "actual")),
                namespace=text(dataset.get("namespace")),
                dataset=text(dataset.get("name")),
                digest=sha256(dataset.get("digest")),
            )


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _served(row: RunRow) -> Iterator[Served]:
    for facet in row.serving:
        model = mapping(facet.get("model"))
        yield Served(
            row.run_id,
            text(facet.get("deployment")) or "",
            text(model.get("namespace")),
            text(model.get("name")),
            text(model.get("version")),
            sha256(model.get("digest")),
        )


def _operations(row: RunRow) -> Iterator[ServedOperation]:
    for entry in _prepared(row.serving):
        operation = text(entry.get("operation"))
        if operation is not None:
            yield ServedOperation(
                row.run_id,
                operation,
                text(entry.get("version")),
                truth(entry.get("derived")),
                text(entry.get("codeDigest")),
                sha256(entry.get("stateDigest")),
                truth(entry.get("serveTime")),
                truth(entry.get("fitsState")),
                truth(entry.get("trainOnly")),
            )


def _prepared(serving: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for facet in serving:
        yield from objects(facet.get("preparation"))
