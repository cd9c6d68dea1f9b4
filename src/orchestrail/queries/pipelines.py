"""What a pipeline was seen to consist of: its steps, and which took what from which, over all processes of one root job.

The same is held against what is declared of it (DOC-01), and printed for whoever is to declare it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from sqlalchemy import Connection, select

from orchestrail.model import IN_MEMORY, State
from orchestrail.projections import tables
from orchestrail.projections.chunks import chunks
from orchestrail.queries.facts import Process, process_roots, processes
from orchestrail.queries.manifests import Pipeline, manifest_in_force


@dataclass
class Observed:
    """What all processes of a root job had.

    Attributes:
        job: name of the root job.
        systems: that its runs were of.
        processes: how many there were.
        since: when the first of them began, RFC 3339 in UTC; None where no time is known.
        steps: jobs that ran, with the place in the log of the first run.
        skipped: jobs that were only ever skipped, likewise.
        edges: pairs of jobs of which the second took something from the first, with the place where that was first seen.
    """

    job: str
    systems: set[str] = field(default_factory=set)
    processes: int = 0
    since: str | None = None
    steps: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=dict)
    edges: dict[tuple[str, str], int] = field(default_factory=dict)


@dataclass(frozen=True)
class Declared:
    """A pipeline as the manifest in force declares it, beside what was observed of it.

    Attributes:
        pipeline: what is declared; None where nobody declares it.
        observed: what was observed since the day from which it is declared; no more than its name where nobody declares it.
    """

    pipeline: Pipeline | None
    observed: Observed


def declared_pipelines(connection: Connection, roots: Collection[str] | None = None) -> Iterator[Declared]:
    """Load the pipelines that are declared, and those that ran and that nobody declares.

    Args:
        connection: a snapshot of the store.
        roots: root run ids, for the pipelines of these alone; None for all.
    """
    row = manifest_in_force(connection)
    stated = [pipeline for system in (row.manifest.systems if row else ()) for pipeline in system.pipelines]
    ran = _jobs_that_ran(connection, roots)
    for pipeline in stated:
        if roots is None or pipeline.job in ran:
            since = f"{pipeline.since}T00:00:00.000000Z" if pipeline.since is not None else None
            yield Declared(pipeline, observed_pipeline(connection, pipeline.job, since))
    for job in sorted(ran - {pipeline.job for pipeline in stated}):
        yield Declared(None, Observed(job))


def _jobs_that_ran(connection: Connection, roots: Collection[str] | None) -> set[str]:
    """Name the root jobs that other runs hang on."""
    run = tables.run.c
    below = tables.run.alias().c
    inside = select(below.run_id).where(below.root_run_id == run.run_id, below.run_id != run.run_id)
    query = select(run.job_name).where(tables.IS_ROOT, inside.exists()).distinct()
    if roots is None:
        return set(connection.execute(query).scalars())
    return {job for chunk in chunks(roots) for job in connection.execute(query.where(run.run_id.in_(chunk))).scalars()}


def observed_pipeline(connection: Connection, job: str, since: str | None = None) -> Observed:
    """Give what a pipeline was seen to consist of.

    Args:
        connection: a snapshot of the store.
        job: name of its root job.
        since: RFC 3339 in UTC; processes that began earlier are left out.
    """
    run = tables.run.c
    wanted = [run.job_name == job, run.run_id == run.root_run_id]
    if since is not None:
        wanted.append(run.started_at >= since)
    found = Observed(job)
    for process in processes(connection, process_roots(connection, *wanted)):
        root = process.by_id[process.root_run_id]
        found.processes += 1
        found.since = min(filter(None, (found.since, root.started_at)), default=None)
        _take(found, process, handed_over(connection, process))
    for job_name in found.steps:
        found.skipped.pop(job_name, None)
    return found


def _take(found: Observed, process: Process, values: Iterator[tuple[str, str]]) -> None:
    for step in process.steps:
        into = found.skipped if step.state == State.SKIPPED else found.steps
        into.setdefault(step.job.name, step.first_seq)
        found.systems.update(filter(None, (step.system,)))
    ids = {step.run_id for step in process.steps}
    for start, end in (*flows(process), *values):
        if {start, end} <= ids:
            edge = process.by_id[start].job.name, process.by_id[end].job.name
            if edge[0] != edge[1]:
                found.edges.setdefault(edge, process.by_id[end].first_seq)


def flows(process: Process) -> Iterator[tuple[str, str]]:
    """Give the pairs of runs of a process of which the second read what the first was the last to write before."""
    used = [(use.seq, place, run_id, use) for run_id, uses in process.inputs.items() for place, use in enumerate(uses)]
    used += [
        (use.seq, place, run_id, use) for run_id, uses in process.outputs.items() for place, use in enumerate(uses)
    ]
    writers: dict[tuple[str, str], str] = {}
    # What one event tells, was read before it was written.
    for *_, run_id, use in sorted(used, key=lambda one: (one[0], one[3].direction == "output", one[1], one[2])):
        dataset = use.dataset
        name = dataset.digest if dataset.namespace == IN_MEMORY else dataset.name
        if name is None:
            continue
        if use.direction == "output":
            writers[dataset.namespace, name] = run_id
        elif (writer := writers.get((dataset.namespace, name))) not in (None, run_id):
            yield str(writer), run_id


def handed_over(connection: Connection, process: Process) -> Iterator[tuple[str, str]]:
    """Give the pairs of runs of a process of which the first handed a value to the second; mere order is none."""
    edge = tables.edge.c
    for chunk in chunks(run.run_id for run in process.runs):
        among = edge.kind == "after", edge.to_run.in_(chunk)
        query = select(edge.from_run, edge.to_run).where(*among).order_by(edge.from_run, edge.to_run)
        yield from ((before, after) for before, after in connection.execute(query))
