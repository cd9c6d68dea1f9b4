"""Models and deployments with all that they are judged by: what made them, what read them, who serves them.

A model is an output of kind `model`, known by its digest. One that only went into another model, a candidate that was packaged say,
is a part of that one and none of its own, unless it is served.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select
from sqlalchemy.orm import aliased

from orchestrail.model import EMPTY, DatasetRef
from orchestrail.projections import tables
from orchestrail.projections.chunks import chunks
from orchestrail.projections.rows import DocumentRow, RunRow
from orchestrail.queries.facts import (
    Check,
    RunFacts,
    Served,
    ServedOperation,
    Use,
    could_see,
    load_checks,
    load_checks_of,
    load_facts,
    load_operations,
    load_served,
    load_uses,
)
from orchestrail.queries.loading import Edge, content_key, dataset_key, load_runs
from orchestrail.queries.loading import load_uses as load_whole_uses
from orchestrail.queries.origin import Origins, Reading
from orchestrail.queries.targets import Target
from orchestrail.queries.trace import TracedDataset, trace, trace_read

__all__ = [
    "DeployedModel", "Deployment", "Described", "DocumentRow", "Model", "deployed_models", "deployment_runs", "deployments",
    "described", "model", "model_keys", "models", "predecessor", "traced_models",
]  # fmt: skip


@dataclass(frozen=True)
class Deployment:
    """A service that stated what it serves, or a deploy step.

    Attributes:
        run: its run.
        served: the model that it stated; None where it stated none.
        operations: how it stated to prepare its data; None where it states nothing of the kind.
        inputs: what it read.
    """

    run: RunFacts
    served: Served | None
    operations: tuple[ServedOperation, ...] | None
    inputs: tuple[Use, ...]

    @property
    def digest(self) -> str | None:
        """Digest of the model: as it stated, else that of the one model that it read."""
        if self.served is not None:
            return self.served.digest
        read = {use.dataset.digest for use in self.inputs if use.dataset.kind == "model"}
        return next(iter(read)) if len(read) == 1 else None

    @property
    def met(self) -> Reading | None:
        """The model as it met it: when it read it, else when it began; None where no digest says which it is."""
        run, digest = self.run, self.digest
        if digest is None:
            return None
        for use in self.inputs:
            if use.dataset.digest == digest:
                return Reading(use.dataset, use.seq, use.at, run.run_id, run.root_run_id)
        namespace, name = (self.served.namespace, self.served.name) if self.served is not None else (None, None)
        dataset = DatasetRef(namespace or "", name or "", digest=digest)
        return Reading(dataset, run.first_seq, run.started_at, run.run_id, run.root_run_id)

    @property
    def name(self) -> str:
        """Its name: as it stated, else that of its job."""
        return self.served.deployment if self.served is not None else self.run.job.name

    @property
    def active(self) -> bool | None:
        """Whether it goes on, as far as the record knows; None for a step that deployed something and ended: that tells no end."""
        if self.served is None and self.run.role == "deploy":
            return None
        return self.run.ended_at is None and self.run.state in (None, "RUNNING")


@dataclass(frozen=True, slots=True)
class Described:
    """A model with the technical documentations that were made of it.

    Attributes:
        key: its digest.
        name: what it was called when it was first written.
        run_id: the run that wrote it first.
        seq: place in the log where that was told.
        documents: by place in the log.
    """

    key: str
    name: str
    run_id: str
    seq: int
    documents: tuple[DocumentRow, ...]


@dataclass(frozen=True)
class DeployedModel:
    """A deployment with the model that it serves.

    Attributes:
        deployment: the deployment.
        model: None where no recorded run wrote it, or no digest says which it is.
    """

    deployment: Deployment
    model: Model | None


@dataclass(frozen=True, slots=True)
class CheckBeside:
    """A check of data behind a model, or that an evaluation of it read, by a run that is neither behind it nor after it.

    Attributes:
        check: the check.
        run: the run that made it.
        read: the contents that this run read.
    """

    check: Check
    run: RunFacts
    read: frozenset[str]


@dataclass(frozen=True, slots=True)
class BehindTests:
    """What made the data that a model was tested and validated on, where that is not behind the model itself.

    Attributes:
        runs: the runs, those that enclose them included.
        inputs: what these read.
        outputs: what they wrote.
        datasets: the data sets, by key, each with who wrote it.
        sources: those that no recorded run wrote.
        edges: what leads from one to the other.
        missing: runs that others name and that are not recorded.
    """

    runs: tuple[RunFacts, ...] = ()
    inputs: Mapping[str, tuple[Use, ...]] = field(default_factory=dict)
    outputs: Mapping[str, tuple[Use, ...]] = field(default_factory=dict)
    datasets: Mapping[str, TracedDataset] = field(default_factory=dict)
    sources: tuple[TracedDataset, ...] = ()
    edges: tuple[Edge, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Model:
    """A model with what made it and what became of it.

    Attributes:
        key: its digest; the key of its data set where it has none.
        written: everything that wrote it, by place in the log; first under the name that it was asked for by.
        writers: the runs that did, in the same order.
        rewritten: the same by id, whole, where there are several: whether they did the same is asked of all that is known of them.
        closure: all runs behind it, those that enclose them included, in the order in which they began.
        inputs: what these, and those that wrote or read it, read.
        outputs: what all of them wrote.
        checks: what all of them checked and measured.
        datasets: the data sets behind it, by key, each with who wrote it.
        sources: those that no recorded run wrote.
        edges: what leads from one to the other.
        missing: runs that others name and that are not recorded.
        known_names: namespace and name of those sources that recorded runs wrote, with another content.
        registered: by namespace, name and version under which it is known, the contents that bear that name.
        readers: runs that read it, or a model that went into it, with what they read and checked.
        deployments: services and deploy steps of it.
        documents: technical documentations that were made of it, by place in the log.
        beside: checks of `contents` by other runs.
        tests: what made the data that it was tested on.
        made_by: the run whose writing of it is what lies behind it; None where none wrote it before it was met.
    """

    key: str
    written: tuple[Use, ...]
    writers: tuple[RunFacts, ...]
    rewritten: Mapping[str, RunRow]
    closure: tuple[RunFacts, ...]
    inputs: Mapping[str, tuple[Use, ...]]
    outputs: Mapping[str, tuple[Use, ...]]
    checks: Mapping[str, tuple[Check, ...]]
    datasets: Mapping[str, TracedDataset]
    sources: tuple[TracedDataset, ...]
    edges: tuple[Edge, ...]
    missing: tuple[str, ...]
    known_names: frozenset[tuple[str, str]]
    registered: Mapping[tuple[str, str, str], frozenset[str]]
    readers: tuple[RunFacts, ...]
    deployments: tuple[Deployment, ...]
    documents: tuple[DocumentRow, ...] = ()
    beside: tuple[CheckBeside, ...] = ()
    tests: BehindTests = BehindTests()
    made_by: str | None = None

    @property
    def dataset(self) -> DatasetRef:
        """The model as it was first written, under the name that it was asked for by."""
        return self.written[0].dataset

    @property
    def maker(self) -> RunFacts | None:
        """The run that wrote it, of the training that lies behind it."""
        return self.by_id.get(self.made_by or "")

    @property
    def making(self) -> Use:
        """That writing of it which lies behind it; the first of all where none does."""
        return next((use for use in self.written if use.run_id == self.made_by), self.written[0])

    @cached_property
    def by_id(self) -> Mapping[str, RunFacts]:
        """The runs behind it, those that wrote it and those that read it, by id."""
        return {run.run_id: run for run in (*self.readers, *self.writers, *self.closure)}

    @cached_property
    def parts(self) -> frozenset[str]:
        """The digests of the models that went into it."""
        found = {
            traced.dataset.digest for traced in traced_models(self.datasets.values()) if not traced.dataset.is_empty
        }
        return frozenset(digest for digest in found if digest and digest != self.key)

    @cached_property
    def contents(self) -> frozenset[str]:
        """The digests of the data sets behind it, and of what evaluations of it read; what is empty tells nothing."""
        evaluations = (run.run_id for run in self.readers if run.role == "evaluate")
        read = (use.dataset for run_id in evaluations for use in self.inputs[run_id])
        found = (*(traced.dataset for traced in self.datasets.values()), *read)
        return frozenset(dataset.digest for dataset in found if dataset.digest and not dataset.is_empty)

    @cached_property
    def with_tests(self) -> Model:
        """The model as if what made the data that it was tested on lay behind it too."""
        more = self.tests
        return replace(
            self,
            closure=tuple({run.run_id: run for run in (*self.closure, *more.runs)}.values()),
            inputs={**more.inputs, **self.inputs},
            outputs={**more.outputs, **self.outputs},
            datasets={**more.datasets, **self.datasets},
            sources=(*self.sources, *more.sources),
            edges=tuple(dict.fromkeys((*self.edges, *more.edges))),
        )

    def checks_of(self, kind: str) -> list[tuple[RunFacts, Check]]:
        """Give the checks of a kind: those of the runs behind and after it, and those of its data, whoever made them."""
        own = [(self.by_id[run_id], check) for run_id, checks in self.checks.items() for check in checks]
        every = [*own, *((each.run, each.check) for each in self.beside)]
        return [(run, check) for run, check in every if check.kind == kind and not check.metric]

    def can(self, run: RunFacts, capability: str) -> bool:
        """Say whether the adapter that recorded a run could have seen something."""
        return could_see(run, capability, self.by_id)

    def above(self, run: RunFacts) -> Iterator[RunFacts]:
        """Give a run, then those that it ran in, from the inside."""
        here: RunFacts | None = run
        passed: set[str] = set()
        while here is not None and here.run_id not in passed:
            yield here
            passed.add(here.run_id)
            here = self.by_id.get(here.parent_run_id or "")

    def in_role(self, *roles: str) -> tuple[RunFacts, ...]:
        """Give the runs behind it that have one of some roles."""
        return tuple(run for run in self.closure if run.role in roles)


def model_keys(connection: Connection, *conditions: ColumnElement[bool]) -> list[str]:
    """List the models, by place in the log of who wrote them first: digests, and keys of those without one or that are empty.

    Args:
        connection: a snapshot of the store.
        conditions: on the use that wrote them.
    """
    use = tables.use.c
    wrote = list(load_whole_uses(connection, use.direction == "output", use.kind == "model", *conditions))
    keys = list(dict.fromkeys(content_key(each.dataset) or dataset_key(each.dataset) for each in wrote))
    parts = _parts(connection, [key for key in keys if key.startswith("sha256:")])
    return [key for key in keys if key not in parts]


def _parts(connection: Connection, digests: Sequence[str]) -> set[str]:
    """Find those of some models that a run read which wrote another one, and that nobody serves."""
    read, wrote, served = aliased(tables.use), aliased(tables.use), tables.served.c
    query = (
        select(read.c.digest)
        .join_from(read, wrote, read.c.run_id == wrote.c.run_id)
        .where(
            read.c.direction == "input",
            wrote.c.direction == "output",
            wrote.c.kind == "model",
            read.c.digest != wrote.c.digest,
        )
    )
    found: set[str] = set()
    for chunk in chunks(digests):
        found.update(connection.execute(query.where(read.c.digest.in_(chunk)).distinct()).scalars())
        found.difference_update(connection.execute(select(served.digest).where(served.digest.in_(chunk))).scalars())
    return found


def models(connection: Connection, keys: Sequence[str]) -> Iterator[Model]:
    """Load models with all that they are judged by.

    Args:
        connection: a snapshot of the store.
        keys: as `model_keys` lists them; what nothing wrote is passed over.
    """
    for key in keys:
        if (found := model(connection, key)) is not None:
            yield found


def model(
    connection: Connection, key: str, named: DatasetRef | None = None, met: Reading | None = None
) -> Model | None:
    """Load one model; None where no recorded run wrote it. One that is empty goes by its name: no digest tells it from another.

    Args:
        connection: a snapshot of the store.
        key: its digest; the key of its data set where it has none.
        named: as it is asked for. Where several trainings gave this content, what wrote it under this name lies behind it; of a
            copy under another name, the last of them. Where none is asked for, the name under which it was first written.
        met: as a deployment met it: behind it lies what wrote it before, and no training that came later.
    """
    use = tables.use.c
    if key.startswith("sha256:"):
        written = load_whole_uses(connection, use.direction == "output", use.digest == key)
        written = [each for each in written if not each.dataset.is_empty]
    else:
        unknown = or_(use.digest.is_(None), use.digest.in_(EMPTY), use.bytes == 0, use.rows == 0)
        bare = load_whole_uses(connection, use.direction == "output", use.kind == "model", unknown)
        written = [each for each in bare if dataset_key(each.dataset) == key]
    if not written:
        return None
    if named is not None:
        meant = named if any(_same_name(each.dataset, named) for each in written) else written[-1].dataset
        written.sort(key=lambda each: not _same_name(each.dataset, meant))
    made_by: str | None
    if met is None:
        traced = trace(connection, Target(given=key, kind="dataset", dataset=written[0].dataset))
        made_by = traced.datasets[dataset_key(written[0].dataset)].writer or written[0].run_id
    else:
        traced = trace_read(connection, [met])
        made_by = traced.datasets[dataset_key(met.dataset)].writer
        written.sort(key=lambda each: each.run_id != made_by)
    parts = [written[0].dataset, *(traced.dataset for traced in traced_models(traced.datasets.values()))]
    contents = {dataset.digest for dataset in parts if not dataset.is_empty}
    readers = select(use.run_id).where(use.direction == "input", use.digest.in_(sorted(filter(None, contents))))
    read_by = list(dict.fromkeys(connection.execute(readers.order_by(use.seq)).scalars()))
    ids = [row.run_id for row in traced.runs]
    written_by = list(dict.fromkeys(each.run_id for each in written))
    facts = load_facts(connection, [*ids, *written_by, *read_by])
    uses = load_uses(connection, facts)
    found = Model(
        key=key,
        written=tuple(written),
        writers=tuple(facts[run_id] for run_id in written_by),
        rewritten=load_runs(connection, written_by) if len(written_by) > 1 else {},
        closure=tuple(facts[run_id] for run_id in ids),
        inputs={run_id: uses[run_id, "input"] for run_id in facts},
        outputs={run_id: uses[run_id, "output"] for run_id in facts},
        checks=load_checks(connection, facts),
        datasets=traced.datasets,
        sources=tuple(traced.sources),
        edges=tuple(traced.edges),
        missing=tuple(traced.missing),
        known_names=_written_names(connection, traced.sources),
        registered=_registered(connection, written),
        readers=tuple(facts[run_id] for run_id in read_by),
        documents=tuple(documents(connection, key)),
        deployments=tuple(
            each for each in deployments(connection, [*read_by, *_serving(connection, key)]) if each.digest == key
        ),
        made_by=made_by,
    )
    return replace(found, beside=tuple(_beside(connection, found)), tests=_behind_tests(connection, found))


def _behind_tests(connection: Connection, known: Model) -> BehindTests:
    made = {content_key(traced.dataset) for traced in known.datasets.values() if traced.writer is not None} - {None}
    read = {
        content_key(use.dataset) or dataset_key(use.dataset): Reading(
            use.dataset, use.seq, use.at, run.run_id, run.root_run_id
        )
        for run in known.readers
        for use in known.inputs[run.run_id]
        if use.dataset.role in ("test", "validation") and content_key(use.dataset) not in made
    }
    if not read:
        return BehindTests()
    traced = trace_read(connection, read.values())
    facts = load_facts(connection, [row.run_id for row in traced.runs])
    uses = load_uses(connection, facts)
    return BehindTests(
        tuple(facts.values()),
        {run_id: uses[run_id, "input"] for run_id in facts},
        {run_id: uses[run_id, "output"] for run_id in facts},
        traced.datasets,
        tuple(traced.sources),
        tuple(traced.edges),
        tuple(traced.missing),
    )


def _beside(connection: Connection, known: Model) -> Iterator[CheckBeside]:
    of_data = load_checks_of(connection, known.contents)
    others = [(check, run) for each in of_data.values() for check, run in each if run.run_id not in known.by_id]
    uses = load_uses(connection, dict.fromkeys(run.run_id for _, run in others))
    for check, run in sorted(others, key=lambda each: each[1].first_seq):
        read = (use.dataset.digest for use in uses[run.run_id, "input"])
        yield CheckBeside(check, run, frozenset(filter(None, read)))


def _same_name(one: DatasetRef, other: DatasetRef) -> bool:
    return (one.namespace, one.name) == (other.namespace, other.name)


def described(connection: Connection, keys: Iterable[str]) -> Iterator[Described]:
    """Load who wrote models first, and what documentations were made of them, without all that is behind them.

    Args:
        connection: a snapshot of the store.
        keys: as `model_keys` lists them; a model without a digest has no documentation, and is passed over.
    """
    use = tables.use.c
    written = use.direction == "output"
    for chunk in chunks(keys):
        documents: dict[str, list[DocumentRow]] = defaultdict(list)
        for row in _documents(connection, chunk):
            documents[row.model].append(row)
        earliest = select(use.digest, func.min(use.seq).label("seq")).where(written, use.digest.in_(chunk))
        first = earliest.group_by(use.digest).subquery()
        query = (
            select(use.digest, func.min(use.name), use.run_id, use.seq)
            .join_from(tables.use, first, and_(use.digest == first.c.digest, use.seq == first.c.seq))
            .where(written)
            .group_by(use.digest, use.run_id, use.seq)
            .order_by(use.seq, use.digest)
        )
        for key, name, run_id, seq in connection.execute(query):
            yield Described(key, name, run_id, seq, tuple(documents[key]))


def documents(connection: Connection, key: str) -> list[DocumentRow]:
    """List the technical documentations that were made of a model, by place in the log.

    Args:
        connection: a snapshot of the store.
        key: digest of the model.
    """
    return list(_documents(connection, [key]))


def _documents(connection: Connection, keys: Sequence[str]) -> Iterator[DocumentRow]:
    made = tables.document
    query = select(made).where(made.c.model.in_(keys)).order_by(made.c.seq)
    return (DocumentRow(**row) for row in connection.execute(query).mappings())


def traced_models(datasets: Iterable[TracedDataset]) -> list[TracedDataset]:
    """Give those of some data sets that are models."""
    return [traced for traced in datasets if traced.dataset.kind == "model"]


def _written_names(connection: Connection, sources: Iterable[TracedDataset]) -> frozenset[tuple[str, str]]:
    use = tables.use.c
    named = {(traced.dataset.namespace, traced.dataset.name) for traced in sources}
    query = select(use.namespace, use.name).where(use.direction == "output", use.name.in_({name for _, name in named}))
    return frozenset(named & {(namespace, name) for namespace, name in connection.execute(query.distinct())})


def _registered(connection: Connection, written: Iterable[Use]) -> dict[tuple[str, str, str], frozenset[str]]:
    use = tables.use.c
    found: dict[tuple[str, str, str], frozenset[str]] = {}
    for each in written:
        dataset = each.dataset
        if dataset.version is not None and dataset.version != dataset.digest:
            same = use.namespace == dataset.namespace, use.name == dataset.name, use.version == dataset.version
            digests = connection.execute(select(use.digest).where(*same, use.digest.is_not(None)).distinct()).scalars()
            found[dataset.namespace, dataset.name, dataset.version] = frozenset(digests)
    return found


def _serving(connection: Connection, digest: str) -> list[str]:
    return list(connection.execute(select(tables.served.c.run_id).where(tables.served.c.digest == digest)).scalars())


def deployment_runs(connection: Connection, *conditions: ColumnElement[bool]) -> list[str]:
    """List the runs of services and deploy steps, by place in the log."""
    run = tables.run.c
    stated = select(tables.served.c.run_id)
    query = select(run.run_id).where((run.role.in_(("deploy", "serve"))) | run.run_id.in_(stated), *conditions)
    return list(connection.execute(query.order_by(run.first_seq)).scalars())


def deployments(connection: Connection, run_ids: Sequence[str]) -> Iterator[Deployment]:
    """Load the deployments among some runs."""
    facts = load_facts(connection, run_ids)
    uses = load_uses(connection, facts)
    served, operations = load_served(connection, facts), load_operations(connection, facts)
    for run_id, run in facts.items():
        if run_id in served or run.role in ("deploy", "serve"):
            stated = served.get(run_id, ())
            yield Deployment(
                run,
                stated[-1] if stated else None,
                operations.get(run_id, ()) if run_id in served else None,
                uses[run_id, "input"],
            )


def deployed_models(connection: Connection, run_ids: Sequence[str]) -> Iterator[DeployedModel]:
    """Load the deployments among some runs, each with its model as it met it."""
    origins = Origins(connection)
    found: dict[tuple[str, str | None], Model | None] = {}
    for deployment in deployments(connection, run_ids):
        digest, met = deployment.digest, deployment.met
        if digest is None or met is None:
            yield DeployedModel(deployment, None)
            continue
        writer = origins.of(met).writer
        training = digest, writer.run_id if writer is not None else None
        if training not in found:
            found[training] = model(connection, digest, met=met)
        yield DeployedModel(deployment, found[training])


def predecessor(connection: Connection, written: Use) -> Use | None:
    """Find the writing of the model that was written before under the same name; None where none was."""
    use = tables.use.c
    before = (
        use.direction == "output",
        use.kind == "model",
        use.namespace == written.dataset.namespace,
        use.name == written.dataset.name,
        use.seq < written.seq,
        use.digest.is_not(None),
        use.digest != written.dataset.digest,
    )
    last = select(func.max(use.seq)).where(*before).scalar_subquery()
    found = load_whole_uses(connection, *before, use.seq == last)
    return found[-1] if found else None
