"""The two sides of a comparison: which runs stand behind what a person names, a run, a service, or something that runs made."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from orchestrail.errors import NotRecorded
from orchestrail.model import DatasetRef
from orchestrail.projections.rows import RunRow
from orchestrail.queries.loading import dataset_key, load_runs
from orchestrail.queries.mapped import last_attempts
from orchestrail.queries.models import deployments
from orchestrail.queries.origin import Reading
from orchestrail.queries.show import began, show
from orchestrail.queries.targets import Target, find_target
from orchestrail.queries.trace import Trace, trace, trace_read


@dataclass(frozen=True, slots=True)
class Side:
    """One side.

    Attributes:
        target: what was named.
        roots: the root runs behind it, in the order in which they began.
        runs: all that is compared, likewise: every run of the root runs, tries that were repeated included.
        missing: ids of runs that others name and that are not recorded.
        whole: False where no more than the trace of the target is compared, because a root run stands behind the other side too.
    """

    target: Target
    roots: Sequence[RunRow]
    runs: Sequence[RunRow]
    missing: Sequence[str] = ()
    whole: bool = True

    @property
    def dataset(self) -> DatasetRef | None:
        """What was named, where it is no run."""
        return self.target.dataset

    @property
    def services(self) -> Sequence[Mapping[str, Any]]:
        """What a service states of itself, the last word of each deployment; empty for other runs."""
        asked = self.target.run
        return asked.services if asked else ()

    @property
    def final(self) -> list[RunRow]:
        """The runs that count: the last try of each, and of what ran in a try that was repeated, what did not run again."""
        last = last_attempts(self.runs)
        repeated = {run_id for run_id, end in last.items() if run_id != end}
        rows = {row.run_id: row for row in self.runs}
        again = {row.job.name for row in self.runs if not _within(row, rows, repeated)}
        return [
            row
            for row in self.runs
            if row.run_id not in repeated and not (row.job.name in again and _within(row, rows, repeated))
        ]


def sides(connection: Connection, first: str, second: str | None) -> tuple[Side, Side]:
    """Find both sides.

    Args:
        connection: a snapshot of the store.
        first: a RUN or a TARGET.
        second: another one; None for the training of the model that the service `first` loads.

    Raises:
        NotRecorded: no recorded run stands behind a side.
        AmbiguousRun: it fits more than one thing.
    """
    a = side(connection, first)
    b = side(connection, second) if second is not None else _training(connection, a)
    shared = {row.run_id for row in a.roots} & {row.run_id for row in b.roots}
    if shared and a.target != b.target and a.dataset and b.dataset:
        return _traced_alone(connection, a), _traced_alone(connection, b)
    return a, b


def side(connection: Connection, given: str) -> Side:
    """Find the runs behind what was given."""
    return _of_target(connection, find_target(connection, given))


def _of_target(connection: Connection, target: Target, met: Reading | None = None) -> Side:
    if target.run is not None:
        shown = show(connection, target.run)
        if shown.root.run_id != target.run.run_id and not target.run.serving:
            target = replace(target, run=shown.root)
        return Side(target, [shown.root], sorted(shown.runs, key=began))
    found = trace(connection, target) if met is None else trace_read(connection, [met])
    if not target.written:
        raise NotRecorded(
            f"{target.given} was made by no recorded run.",
            "Recorded runs only read it, so there is nothing behind it that could be compared.",
            "Name a run, or something that a recorded run wrote.",
        )
    if met is not None and not found.runs:
        raise NotRecorded(
            f"{target.given} was made by no recorded run before the service loaded it.",
            "Recorded runs wrote the same contents later, which is no training of what the service loaded.",
            "Name a run or a model as the second argument.",
        )
    asked = target.dataset if met is None else met.dataset
    roots = load_runs(connection, _processes(found, asked))
    runs = {row.run_id: row for root in roots.values() for row in show(connection, root).runs}
    return Side(target, sorted(roots.values(), key=began), sorted(runs.values(), key=began), found.missing)


def _processes(found: Trace, asked: DatasetRef | None) -> list[str]:
    """Name the processes behind something, without those of which it has no more than stored results.

    The run that took a stored result stands in its own process; that of the run which made it did all else for something else.
    """
    roots = {row.run_id: row.root_run_id for row in found.runs}
    cached = [edge for edge in found.edges if edge.kind == "cached_from"]
    lent = {edge.start for edge in cached if roots.get(edge.start) != roots.get(edge.end)}
    target = dataset_key(asked) if asked else ""
    before: dict[str, set[str]] = defaultdict(set)
    for edge in found.edges:
        if edge.start not in lent or edge.end == target:
            before[edge.end].add(edge.start)
        if edge.kind == "parent" and edge.end not in lent:
            before[edge.start].add(edge.end)
    reached, waiting = {target}, [target]
    while waiting:
        new = before[waiting.pop()] - reached
        reached |= new
        waiting += new
    return list(dict.fromkeys(roots[run_id] for run_id in roots if run_id in reached))


def _traced_alone(connection: Connection, whole: Side) -> Side:
    found = trace(connection, whole.target)
    roots = {row.run_id for row in whole.roots}
    runs = [row for row in found.runs if row.root_run_id in roots]
    return replace(whole, runs=runs, missing=found.missing, whole=False)


def _training(connection: Connection, service: Side) -> Side:
    """Find the training of the model that a service loads."""
    if not service.services:
        raise NotRecorded(
            f"{service.target.given} is no service: there is nothing to hold it against.",
            "Only a service names by itself what it is to be compared with: the training of the model that it loads.",
            "Name a second run or model: `orchestrail diff A B`.",
        )
    digests = [str(model["digest"]) for one in service.services if (model := one.get("model")) and model.get("digest")]
    if not digests:
        raise NotRecorded(
            f"The service {service.target.given} names no model by digest.",
            "Its file could not be read when the service began.",
            "Name the model, or the run that made it, as the second argument.",
        )
    (deployed,) = deployments(connection, [service.target.run.run_id] if service.target.run else [])
    return _of_target(connection, find_target(connection, digests[-1]), deployed.met)


def _within(row: RunRow, rows: Mapping[str, RunRow], above: set[str]) -> bool:
    passed: set[str] = set()
    parent = row.parent_run_id
    while parent is not None and parent in rows and parent not in passed:
        if parent in above:
            return True
        passed.add(parent)
        parent = rows[parent].parent_run_id
    return False
