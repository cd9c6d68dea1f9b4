"""Rows out of the tables: runs with what they read and wrote. The other modules of this package build their answers on these."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, Connection, select

from orchestrail.model import IN_MEMORY, DatasetRef
from orchestrail.projections import tables
from orchestrail.projections.chunks import chunks
from orchestrail.projections.rows import RunRow, Use
from orchestrail.projections.tables import run_row, use_row

ORDER_ONLY = "waited for: no value of it is known to have been handed on"
AFTER = ("after", tables.ORDER)
"""Kinds under which the tables hold `after` edges."""


@dataclass(frozen=True, slots=True)
class Edge:
    """Something that leads from one node to another, in the direction in which data or control went.

    Attributes:
        start: run id or dataset key.
        end: run id or dataset key.
        kind: `read`, `wrote`, `parent`, `after` or `cached_from`.
        proof: what shows that both ends mean the same data: `digest`, `version`, or no more than the `name`; None where no data
            is claimed to have passed.
        captured: False where a value may have been handed on in memory and nothing shows which.
        concluded: True where nobody stated the edge: the one run ended before the other one began, in the same parent.
        note: what a reader should know beside it.
    """

    start: str
    end: str
    kind: str
    proof: str | None = None
    captured: bool = True
    concluded: bool = False
    note: str | None = None


def dataset_key(dataset: DatasetRef) -> str:
    """Name a data set at one version: `namespace:name@version`, the digest before the version where it is known."""
    identity = dataset.digest or dataset.version
    return f"{dataset.namespace}:{dataset.name}{f'@{identity}' if identity else ''}"


def content_key(dataset: DatasetRef) -> str | None:
    """Name a content under whatever name it lies, and an empty one under its own name alone; None where it is not known."""
    return dataset_key(dataset) if dataset.digest and dataset.is_empty else dataset.digest


def proof_of(dataset: DatasetRef) -> str:
    """Say how far a data set is identified."""
    return "digest" if dataset.digest else "version" if dataset.version else "name"


def is_in_memory(dataset: DatasetRef) -> bool:
    """Say whether a data set lay nowhere but in a process."""
    return dataset.namespace == IN_MEMORY


def is_unidentified(dataset: DatasetRef) -> bool:
    """Say whether all that is known of a data set is that it was in memory: its name says then nothing about its content."""
    return is_in_memory(dataset) and not dataset.digest and not dataset.version


def load_runs(connection: Connection, run_ids: Iterable[str]) -> dict[str, RunRow]:
    """Load runs with their data; ids that are not recorded are left out.

    A cached run that reported no outputs gets those of the run that computed its result, marked as concluded.
    """
    found = _plain_runs(connection, run_ids)
    known = dict(found)
    while missing := {
        origin
        for row in known.values()
        if row.state == "CACHED" and not row.outputs and (origin := row.cached_from) and origin not in known
    }:
        loaded = _plain_runs(connection, missing)
        if not loaded:
            break
        known |= loaded
    return {run_id: _with_origin(row, known) for run_id, row in found.items()}


def _plain_runs(connection: Connection, run_ids: Iterable[str]) -> dict[str, RunRow]:
    wanted = list(dict.fromkeys(run_ids))
    uses: dict[str, list[Use]] = defaultdict(list)
    for chunk in chunks(wanted):
        for use in load_uses(connection, tables.use.c.run_id.in_(chunk)):
            uses[use.run_id].append(use)
    rows = {
        columns["run_id"]: run_row(columns, uses[columns["run_id"]])
        for chunk in chunks(wanted)
        for columns in connection.execute(select(tables.run).where(tables.run.c.run_id.in_(chunk))).mappings()
    }
    return {run_id: rows[run_id] for run_id in wanted if run_id in rows}


def load_uses(connection: Connection, *conditions: ColumnElement[bool]) -> list[Use]:
    """Load uses by place in the log."""
    columns = tables.use.c
    query = (
        select(tables.use).where(*conditions).order_by(columns.seq, columns.run_id, columns.direction, columns.place)
    )
    return [use_row(row) for row in connection.execute(query).mappings()]


def missed(connection: Connection, roots: Iterable[str]) -> list[tuple[str, str, int]]:
    """Name the runs of some processes in which something was not captured: id, id of the root run, last place in the log."""
    run, step = tables.run.c, tables.step.c
    query = select(run.run_id, run.root_run_id, run.last_seq).join_from(
        tables.run, tables.step, run.run_id == step.run_id
    )
    found: list[tuple[str, str, int]] = []
    for chunk in chunks(roots):
        rows = connection.execute(query.where(run.root_run_id.in_(chunk), step.not_captured > 0))
        found += [(run_id, root, last) for run_id, root, last in rows]
    return found


def _with_origin(row: RunRow, known: dict[str, RunRow]) -> RunRow:
    origin, seen = row, {row.run_id}
    while origin.state == "CACHED" and not origin.outputs and origin.cached_from in known:
        origin = known[origin.cached_from]
        if origin.run_id in seen:
            return row
        seen.add(origin.run_id)
    if origin is row or not origin.outputs:
        return row
    return replace(row, outputs=origin.outputs, inferred=tuple(sorted({*row.inferred, "outputs"})))


def wrote_itself(row: RunRow) -> bool:
    """Say whether a run's outputs are its own, and not those of the run that it took its result from."""
    return all(use.run_id == row.run_id for use in row.outputs)


def run_ids(connection: Connection, *conditions: ColumnElement[bool]) -> list[str]:
    """List the ids of runs by place in the log."""
    columns = tables.run.c
    query = select(columns.run_id).where(*conditions).order_by(columns.first_seq, columns.run_id)
    return list(connection.execute(query).scalars())


def run_edges(connection: Connection, *conditions: ColumnElement[bool]) -> list[Edge]:
    """Load edges between runs, each once, whoever stated it; that no value went with one outweighs that it is there."""
    columns = tables.edge.c
    query = select(columns.from_run, columns.to_run, columns.kind).where(*conditions).distinct()
    rows = connection.execute(query.order_by(columns.kind, columns.from_run, columns.to_run)).all()
    ordered = {(start, end) for start, end, kind in rows if kind == tables.ORDER}
    return [
        Edge(start, end, "after", note=ORDER_ONLY) if kind == tables.ORDER else Edge(start, end, kind)
        for start, end, kind in rows
        if kind != "after" or (start, end) not in ordered
    ]
