"""What lies right beside a run or a data set, in both directions, as far as the record shows it: the steps that a trace takes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from orchestrail.model import DatasetRef
from orchestrail.projections import tables
from orchestrail.projections.chunks import chunks
from orchestrail.projections.rows import RunRow
from orchestrail.queries.loading import Edge, dataset_key, load_runs, proof_of, wrote_itself
from orchestrail.queries.meetings import met
from orchestrail.queries.trace import Steps


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What lies beside something.

    Attributes:
        runs: by id.
        datasets: by key.
        edges: between them and what was asked for.
        more: there is more than was asked for.
    """

    runs: Mapping[str, RunRow]
    datasets: Mapping[str, DatasetRef]
    edges: Sequence[Edge]
    more: bool = False


def of_run(connection: Connection, run_id: str) -> Neighbours:
    """Give what a run read and wrote, and the runs that it waited for or took a result from.

    Args:
        connection: a snapshot of the store.
        run_id: the run; nothing lies beside one that is not recorded.
    """
    step = Steps(connection).of(run_id)
    if step is None:
        return Neighbours({}, {}, ())
    row = step.run
    wrote = row.outputs if wrote_itself(row) else ()
    used = (*row.inputs, *wrote)
    edges = [edge for edge in step.edges if edge.kind != "parent" and run_id in (edge.start, edge.end)]
    edges += [Edge(run_id, dataset_key(use.dataset), "wrote", proof_of(use.dataset)) for use in wrote]
    beside = {end for edge in edges for end in (edge.start, edge.end)}
    return Neighbours(
        load_runs(connection, sorted(beside)), {dataset_key(use.dataset): use.dataset for use in used}, edges
    )


def of_dataset(connection: Connection, dataset: DatasetRef, limit: int, known: Collection[str] = ()) -> Neighbours:
    """Give the runs that wrote and read a data set, under whatever name.

    Args:
        connection: a snapshot of the store.
        dataset: the data set.
        limit: no more than so many uses of it.
        known: keys of data sets that are shown already: what was done under the name of one leads to that one.
    """
    key = dataset_key(dataset)
    uses = met(connection, dataset, limit + 1)
    edges = []
    for use in uses[:limit]:
        own = dataset_key(use.dataset)
        here, note = (own, None) if own == key or own in known else (key, f"as {use.dataset.name}")
        ends = (use.run_id, here, "wrote") if use.direction == "output" else (here, use.run_id, "read")
        edges.append(Edge(*ends, proof_of(use.dataset), note=note))
    runs = load_runs(connection, (use.run_id for use in uses[:limit]))
    return Neighbours(runs, {key: dataset}, edges, len(uses) > limit)


def users(connection: Connection, digests: Iterable[str]) -> dict[str, int]:
    """Count the runs that wrote or read contents, by digest.

    Args:
        connection: a snapshot of the store.
        digests: of the contents.
    """
    use = tables.use.c
    return {
        digest: count
        for chunk in chunks(list(dict.fromkeys(digests)))
        for digest, count in connection.execute(
            select(use.digest, func.count(use.run_id.distinct())).where(use.digest.in_(chunk)).group_by(use.digest)
        )
    }
