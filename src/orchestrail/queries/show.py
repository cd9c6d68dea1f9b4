"""A root run rebuilt: all runs below it in order, and the edges between them and their data."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from orchestrail.errors import Forbidden
from orchestrail.model import State
from orchestrail.projections import tables
from orchestrail.projections.chunks import chunks
from orchestrail.projections.rows import RunRow
from orchestrail.queries.loading import (
    Edge,
    content_key,
    dataset_key,
    load_runs,
    proof_of,
    run_edges,
    run_ids,
    wrote_itself,
)


@dataclass(frozen=True, slots=True)
class Shown:
    """A root run and everything below it.

    Attributes:
        root: the outermost run.
        runs: every run of it, the root first, each after its parent.
        edges: between these runs, and between them and their data.
        children: ids of the runs directly below a run, in order; those whose parent was never recorded stand below the root.
    """

    root: RunRow
    runs: Sequence[RunRow]
    edges: Sequence[Edge]
    children: Mapping[str, Sequence[str]]


def show(connection: Connection, run: RunRow) -> Shown:
    """Rebuild the root run that a run belongs to.

    Args:
        connection: a snapshot of the store.
        run: any run of it.

    Raises:
        Forbidden: the snapshot is of some systems, and the root run is of none of them.
    """
    rows = load_runs(connection, run_ids(connection, tables.run.c.root_run_id == run.root_run_id))
    if run.root_run_id not in rows:
        raise Forbidden(
            f"The root run of {run.run_id} cannot be shown.",
            "It belongs to another system than those that whoever asks may see.",
            "Ask with a token of its system, or of all.",
        )
    children = _children(rows, run.root_run_id)
    ordered = [rows[run_id] for run_id in _in_order(run.root_run_id, children)]
    between = [edge for edge in _edges_between(connection, rows) if edge.start in rows or edge.kind == "cached_from"]
    edges = [*data_edges(ordered), *(_judged(edge, rows) for edge in between)]
    return Shown(rows[run.root_run_id], ordered, edges, children)


def data_edges(rows: Iterable[RunRow]) -> list[Edge]:
    """Give the edges between runs and what they read and wrote; what a cached run took over it did not write."""
    edges = []
    for row in rows:
        edges += [Edge(dataset_key(use.dataset), row.run_id, "read", proof_of(use.dataset)) for use in row.inputs]
        if wrote_itself(row):
            edges += [Edge(row.run_id, dataset_key(use.dataset), "wrote", proof_of(use.dataset)) for use in row.outputs]
    return edges


def began(row: RunRow) -> tuple[str, int]:
    """Order runs by when they began; runs that tell no time by their place in the log."""
    return row.started_at or row.seen_at or "", row.first_seq


def _edges_between(connection: Connection, rows: Mapping[str, RunRow]) -> list[Edge]:
    edges: dict[Edge, None] = {}
    for chunk in chunks(rows):
        edges.update(dict.fromkeys(run_edges(connection, tables.edge.c.to_run.in_(chunk))))
    return list(edges)


def _judged(edge: Edge, rows: Mapping[str, RunRow]) -> Edge:
    """Say of an `after` edge whether data that both ends recorded goes with it; by or to what was skipped nothing is handed on."""
    if edge.kind != "after" or edge.note is not None:
        return edge
    if State.SKIPPED in (rows[edge.start].state, rows[edge.end].state):
        return edge
    given = {content_key(use.dataset) or dataset_key(use.dataset) for use in rows[edge.start].outputs}
    taken = {content_key(use.dataset) or dataset_key(use.dataset) for use in rows[edge.end].inputs}
    return replace(edge, captured=not given.isdisjoint(taken))


def _children(rows: Mapping[str, RunRow], root: str) -> dict[str, list[str]]:
    children: dict[str, list[str]] = defaultdict(list)
    for row in sorted(rows.values(), key=began):
        if row.run_id != root:
            parent = row.parent_run_id
            children[parent if parent is not None and parent in rows else root].append(row.run_id)
    return dict(children)


def _in_order(root: str, children: Mapping[str, Sequence[str]]) -> list[str]:
    """Go through the tree, each run before those below it; a circle of parents is gone through once."""
    order: dict[str, None] = {}
    open_runs = [root]
    while open_runs:
        run_id = open_runs.pop()
        if run_id not in order:
            order[run_id] = None
            open_runs += reversed(children.get(run_id, ()))
    return list(order)
