"""Everything that produced something: back from a file, a digest, a data set or a run, across orchestrators, to outside sources.

Data edges lead from a run's inputs to the runs that wrote them. Where no data edge connects two runs that stated an order, or a run
and the one it ran in, a value was handed on in memory: such an edge is followed and says that it was not captured. Who wrote which
bytes is `orchestrail.queries.origin`'s matter.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import accumulate

from sqlalchemy import Connection, select

from orchestrail.model import DatasetRef, State
from orchestrail.projections import tables
from orchestrail.projections.chunks import chunks
from orchestrail.projections.rows import RunRow, Use
from orchestrail.queries.loading import (
    AFTER,
    Edge,
    dataset_key,
    is_in_memory,
    is_unidentified,
    load_runs,
    proof_of,
    run_edges,
    wrote_itself,
)
from orchestrail.queries.origin import Origin, Origins, Reading
from orchestrail.queries.show import began
from orchestrail.queries.targets import Target

NOT_CAPTURED = "handed on in memory: not captured"
FROM_NOBODY = "in memory: no recorded run is known to have made it"
UNCHANGED = "gave it back unchanged"
ENCLOSING = "read by the enclosing run; handed on in memory: not captured"
RAN_BEFORE = "a step before it in the same run: what it handed on was not captured"
QUERY = "QUERY"
"""OpenLineage's job type of what a database does for a step: it hands nothing on in memory, and takes nothing over."""


@dataclass(frozen=True, slots=True)
class TracedDataset:
    """A data set of a trace.

    Attributes:
        dataset: what it is.
        writer: the run that wrote it; None for a source.
        others: runs that wrote the same digest too.
        note: what makes the answer less plain than it looks.
        passed: runs that it went through unchanged on its way.
    """

    dataset: DatasetRef
    writer: str | None
    others: Sequence[str] = ()
    note: str | None = None
    passed: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Trace:
    """Everything that produced a target.

    Attributes:
        target: what was asked for.
        runs: the runs, in the order in which they began; those that enclose them included.
        datasets: the data sets by key.
        edges: all edges.
        missing: ids of runs that others name and that are not recorded.
    """

    target: Target
    runs: Sequence[RunRow]
    datasets: dict[str, TracedDataset]
    edges: Sequence[Edge]
    missing: Sequence[str] = ()

    @property
    def unproven(self) -> list[Edge]:
        """Edges that rest on a name alone."""
        return [edge for edge in self.edges if edge.proof == "name"]

    @property
    def sources(self) -> list[TracedDataset]:
        """Data sets that no recorded run wrote; what lay only in a process came from somewhere: it is a gap, and no source."""
        return [
            traced for traced in self.datasets.values() if traced.writer is None and not is_in_memory(traced.dataset)
        ]


@dataclass(frozen=True, slots=True)
class Step:
    """Where a trace goes from one run, and on what.

    Attributes:
        run: the run.
        behind: the runs that it goes on to.
        within: the runs below it.
        edges: what it went by.
    """

    run: RunRow
    behind: Set[str]
    within: Set[str]
    edges: Sequence[Edge]


class Steps:
    """Single steps of traces. A trace of something is all steps from it and from what they lead to, whatever it began at.

    Args:
        connection: a snapshot of the store.
    """

    def __init__(self, connection: Connection) -> None:
        self._seen = _Seen(connection)
        self._taken: dict[str, Step | None] = {}

    def of(self, run_id: str) -> Step | None:
        """Take the step from a run; None where it is not recorded."""
        if run_id not in self._taken:
            self._taken[run_id] = _Tracer(self._seen).step(run_id)
        return self._taken[run_id]

    def prepare(self, run_ids: Iterable[str]) -> None:
        """Look up at once what the steps from some runs need."""
        self._seen.prepare(run_ids)

    def origin(self, reading: Reading) -> Origin:
        """Find who wrote a data set."""
        return self._seen.origins.of(reading)

    def next_to(self, row: RunRow) -> Sequence[str]:
        """Name the runs that may have taken over in memory what a run before them in the same parent handed on."""
        order = self._seen.order_within(row.parent_run_id) if row.parent_run_id is not None else None
        return order.after(row) if order is not None else ()

    def leading(self, run_id: str) -> list[str]:
        """Name the runs that waited for a run, or took its result."""
        return self._seen.downstream(run_id)

    def below(self, run_id: str) -> list[RunRow]:
        """List all runs below a run."""
        return self._seen.descendants(run_id)

    def above(self, run_id: str) -> list[RunRow]:
        """List the runs that a run ran in, the nearest first."""
        row = self._seen.row(run_id)
        return list(self._seen.ancestors(row)) if row else []


def trace(connection: Connection, target: Target) -> Trace:
    """Follow a target back to where the record begins.

    Args:
        connection: a snapshot of the store.
        target: from `orchestrail.queries.targets.find_target`.
    """
    tracer = _Tracer(_Seen(connection))
    if target.run is not None:
        tracer.begin_at_run(target.run)
    elif target.dataset is not None:
        tracer.begin_at_dataset(Reading(target.dataset))
    return tracer.trace(target)


def trace_read(connection: Connection, readings: Iterable[Reading]) -> Trace:
    """Follow back what runs read, as they met it.

    Args:
        connection: a snapshot of the store.
        readings: what was read, and when.
    """
    tracer = _Tracer(_Seen(connection))
    for reading in readings:
        tracer.begin_at_dataset(reading)
    return tracer.trace(Target(given="", kind="dataset"))


class _Order:
    """Runs of one parent by when they ran. What one handed on in memory may have reached each that began after it had ended.

    Where a run between the two took no more over than that either, the way leads through it, and is not told a second time.

    Args:
        runs: those that can have handed something on.
        open_runs: those of them of which nothing else tells what they were given.
    """

    def __init__(self, runs: Sequence[RunRow], open_runs: Sequence[RunRow]) -> None:
        self._ended = sorted(runs, key=lambda row: row.last_seq)
        self._began = sorted(runs, key=lambda row: row.first_seq)
        by_end = sorted(open_runs, key=lambda row: row.last_seq)
        by_begin = sorted(open_runs, key=lambda row: row.first_seq, reverse=True)
        self._open_ends = [row.last_seq for row in by_end]
        self._latest_begin = list(accumulate((row.first_seq for row in by_end), max))
        self._open_begins = [-row.first_seq for row in by_begin]
        self._earliest_end = list(accumulate((row.last_seq for row in by_begin), min))

    def before(self, row: RunRow) -> list[str]:
        """Name the runs that ended before a run began, but for those before which another way leads through one of them."""
        ended = bisect_left(self._open_ends, row.first_seq)
        since = self._latest_begin[ended - 1] if ended else -1
        first = bisect_left(self._ended, since, key=lambda one: one.last_seq)
        last = bisect_left(self._ended, row.first_seq, key=lambda one: one.last_seq)
        return [one.run_id for one in self._ended[first:last]]

    def after(self, row: RunRow) -> list[str]:
        """Name the runs before which `before` names a run, and which may be such."""
        began = bisect_left(self._open_begins, -row.last_seq)
        first = bisect_right(self._began, row.last_seq, key=lambda one: one.first_seq)
        last = len(self._began)
        if began:
            last = bisect_right(self._began, self._earliest_end[began - 1], key=lambda one: one.first_seq)
        return [one.run_id for one in self._began[first:last]]


class _Seen:
    """What was looked up: the same for every trace of a snapshot.

    Attributes:
        connection: the snapshot.
        origins: who wrote which data sets.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.origins = Origins(connection)
        self._rows: dict[str, RunRow | None] = {}
        self._children: dict[str, list[str]] = {}
        self._below: dict[str, tuple[str, ...]] = {}
        self._upstream: dict[str, list[Edge]] = {}
        self._downstream: dict[str, list[str]] = {}
        self._origins: dict[tuple[str, str], Origin] = {}
        self._writers: dict[str, Set[str]] = {}
        self._orders: dict[str, _Order | None] = {}

    def prepare(self, run_ids: Iterable[str]) -> None:
        """Look up at once what is needed of some runs, and of those that they ran in."""
        wanted = list(run_ids)
        self._load_children(wanted)
        passed: set[str] = set()
        while wanted:
            passed.update(wanted)
            self._load(wanted)
            self._load_edges(wanted)
            rows = [row for run_id in wanted if (row := self._rows[run_id]) is not None]
            self._prepare_origins(rows)
            wanted = list({row.parent_run_id for row in rows if row.parent_run_id} - passed)
            self._load_edges(wanted)
            # Who wrote what is read within a run is asked where that run waited for others.
            self._prepare_origins(self._within(run_id for run_id in wanted if self._upstream[run_id]))

    def row(self, run_id: str) -> RunRow | None:
        """Load a run."""
        self._load([run_id])
        return self._rows[run_id]

    def ancestors(self, row: RunRow) -> Iterator[RunRow]:
        """Go through the recorded runs that a run ran in, the nearest first."""
        seen = {row.run_id}
        while row.parent_run_id is not None and row.parent_run_id not in seen:
            seen.add(row.parent_run_id)
            above = self.row(row.parent_run_id)
            if above is None:
                return
            yield above
            row = above

    def children(self, run_id: str) -> list[RunRow]:
        """List the runs directly below a run, by place in the log."""
        self._load_children([run_id])
        self._load(self._children[run_id])
        return [row for child in self._children[run_id] if (row := self._rows[child])]

    def descendants(self, run_id: str) -> list[RunRow]:
        """List the runs below a run."""
        if run_id not in self._below:
            found: dict[str, None] = {}
            frontier = [run_id]
            while frontier:
                self._load_children(frontier)
                children = [child for above in frontier for child in self._children[above]]
                frontier = [child for child in dict.fromkeys(children) if child not in found and child != run_id]
                found.update(dict.fromkeys(frontier))
            self._below[run_id] = tuple(found)
        self._load(self._below[run_id])
        return [row for child in self._below[run_id] if (row := self._rows[child])]

    def upstream(self, run_id: str) -> list[Edge]:
        """Give the edges by which a run waited for others."""
        self._load_edges([run_id])
        return self._upstream[run_id]

    def downstream(self, run_id: str) -> list[str]:
        """Name the runs that waited for a run, or took its result."""
        self._load_edges([run_id])
        return self._downstream[run_id]

    def origin(self, row: RunRow, use: Use) -> Origin:
        """Find who wrote what a run read."""
        key = row.run_id, dataset_key(use.dataset)
        if key not in self._origins:
            self._origins[key] = self.origins.of(Reading(use.dataset, use.seq, use.at, row.run_id, row.root_run_id))
        return self._origins[key]

    def writers_for(self, rows: Iterable[RunRow]) -> Set[str]:
        """Name the runs that wrote what these runs read, or through which it went."""
        origins = [self.origin(row, use) for row in rows for use in row.inputs]
        return {origin.writer.run_id for origin in origins if origin.writer is not None} | {
            run_id for origin in origins for run_id in origin.passed
        }

    def writers_within(self, row: RunRow) -> Set[str]:
        """Name the runs that wrote what a run and all below it read: asked once for each step in it."""
        if row.run_id not in self._writers:
            self._writers[row.run_id] = self.writers_for([row, *self.descendants(row.run_id)])
        return self._writers[row.run_id]

    def is_told(self, row: RunRow) -> bool:
        """Say whether something tells what a run was given: data that it, or a run in it, read, or that it took a stored result."""
        inside = (child for child in self.descendants(row.run_id) if child.state != State.SKIPPED)
        read = any(not is_unidentified(use.dataset) for run in (row, *inside) for use in run.inputs)
        return read or row.state == State.CACHED

    def order_within(self, parent: str) -> _Order | None:
        """Give the order of the runs directly below a run; None where one of them states it: then the others waited for none."""
        if parent not in self._orders:
            runs = self.children(parent) if self.row(parent) is not None else []
            self.prepare(run.run_id for run in runs)
            stated = any(self.upstream(run.run_id) for run in runs)
            handing = [run for run in runs if run.state != State.SKIPPED and run.job_type != QUERY]
            self._orders[parent] = (
                None if stated else _Order(handing, [run for run in handing if not self.is_told(run)])
            )
        return self._orders[parent]

    def _within(self, run_ids: Iterable[str]) -> Iterator[RunRow]:
        """Load all runs below some runs, level by level."""
        found: set[str] = set()
        level = list(run_ids)
        while level:
            found.update(level)
            self._load_children(level)
            level = [child for run_id in level for child in self._children[run_id] if child not in found]
            self._load(level)
            yield from (row for child in level if (row := self._rows[child]) is not None)

    def _prepare_origins(self, rows: Iterable[RunRow]) -> None:
        self.origins.prepare(use.dataset for row in rows for use in row.inputs)

    def _load(self, run_ids: Iterable[str]) -> None:
        unknown = [run_id for run_id in run_ids if run_id not in self._rows]
        if unknown:
            self._rows.update(dict.fromkeys(unknown))
            self._rows.update(load_runs(self.connection, unknown))

    def _load_children(self, run_ids: Iterable[str]) -> None:
        run = tables.run.c
        for chunk in chunks(run_id for run_id in run_ids if run_id not in self._children):
            self._children.update({run_id: [] for run_id in chunk})
            query = select(run.parent_run_id, run.run_id).where(run.parent_run_id.in_(chunk))
            for parent, child in self.connection.execute(query.order_by(run.first_seq, run.run_id)):
                self._children[parent].append(child)

    def _load_edges(self, run_ids: Iterable[str]) -> None:
        for chunk in chunks(run_id for run_id in run_ids if run_id not in self._upstream):
            edge = tables.edge.c
            given = select(edge.from_run, edge.to_run).where(edge.kind.in_((*AFTER, "cached_from"))).distinct()
            self._upstream.update({run_id: [] for run_id in chunk})
            self._downstream.update({run_id: [] for run_id in chunk})
            for each in run_edges(self.connection, edge.kind.in_(AFTER), edge.to_run.in_(chunk)):
                self._upstream[each.end].append(each)
            for start, end in self.connection.execute(given.where(edge.from_run.in_(chunk)).order_by(edge.to_run)):
                self._downstream[start].append(end)


def _doubt(edge: Edge) -> tuple[bool, bool, str]:
    return not edge.captured, edge.note is not None, edge.note or ""


@dataclass(slots=True)
class _Tracer:
    """The trace in the making."""

    seen: _Seen
    included: dict[str, RunRow] = field(default_factory=dict)
    datasets: dict[str, TracedDataset] = field(default_factory=dict)
    edges: dict[tuple[str, str, str], Edge] = field(default_factory=dict)
    missing: dict[str, None] = field(default_factory=dict)
    _waiting: deque[str] = field(default_factory=deque)
    _asked: set[str] = field(default_factory=set)
    _passed: set[str] = field(default_factory=set)

    def begin_at_run(self, run: RunRow) -> None:
        """Ask for what produced a run; what it wrote shows too."""
        if wrote_itself(run):
            for use in run.outputs:
                self._wrote(use, use.dataset, proof_of(use.dataset))
        self._ask(run.run_id)

    def begin_at_dataset(self, reading: Reading) -> None:
        """Ask for what produced a data set."""
        self._add(reading.dataset, self.seen.origins.of(reading))

    def trace(self, target: Target) -> Trace:
        """Go back, run by run, until nothing is left to ask."""
        while self._waiting:
            row = self._row(self._waiting.popleft())
            if row is not None:
                self._expand(row)
        runs = sorted(self.included.values(), key=began)
        return Trace(target, runs, self.datasets, list(self.edges.values()), tuple(self.missing))

    def step(self, run_id: str) -> Step | None:
        """Go back from one run, and no further."""
        self._asked.add(run_id)
        row = self._row(run_id)
        if row is None:
            return None
        self._expand(row)
        within = {child.run_id for child in self.seen.descendants(run_id)}
        return Step(row, self._asked - {run_id}, within, list(self.edges.values()))

    def _expand(self, row: RunRow) -> None:
        self._include(row)
        for use in row.inputs:
            self._read(row, use, NOT_CAPTURED if is_unidentified(use.dataset) else None)
        below = [child for child in self.seen.descendants(row.run_id) if child.state != State.SKIPPED]
        for child in below:
            self._ask(child.run_id)
        self._cached(row)
        writers = self.seen.writers_for([row, *below])
        told = self._upstream(row, writers)
        self._enclosing(row, below)
        self._before_enclosing(row)
        if not (told or self.seen.is_told(row)):
            self._ran_before(row)

    def _join(self, edge: Edge) -> None:
        """Keep an edge; of the same one the best, in whichever order they are found: captured, and with nothing to note of it."""
        key = edge.start, edge.end, edge.kind
        known = self.edges.get(key)
        if known is None or _doubt(edge) < _doubt(known):
            self.edges[key] = edge

    def _ask(self, run_id: str) -> None:
        if run_id not in self._asked:
            self._asked.add(run_id)
            self._waiting.append(run_id)

    def _row(self, run_id: str) -> RunRow | None:
        """Load a run; one that is not recorded is noted as missing."""
        row = self.seen.row(run_id)
        if row is None:
            self.missing[run_id] = None
        return row

    def _include(self, row: RunRow) -> None:
        """Put a run into the trace, with the runs it ran in."""
        self.included[row.run_id] = row
        below = row
        for above in self._ancestors(row):
            self.included[above.run_id] = above
            self._join(Edge(above.run_id, below.run_id, "parent"))
            below = above

    def _ancestors(self, row: RunRow) -> Iterator[RunRow]:
        above = row
        for above in self.seen.ancestors(row):
            yield above
        if above.parent_run_id is not None:
            self._row(above.parent_run_id)  # notes it as missing, where it is

    def _read(self, row: RunRow, use: Use, note: str | None = None) -> None:
        """Put an input of a run into the trace, and ask for the run that wrote it."""
        proof = None if is_unidentified(use.dataset) else proof_of(use.dataset)
        self._join(Edge(dataset_key(use.dataset), row.run_id, "read", proof, captured=not note, note=note))
        self._add(use.dataset, self.seen.origin(row, use))

    def _add(self, dataset: DatasetRef, origin: Origin) -> None:
        key = dataset_key(dataset)
        known = self.datasets.get(key)
        # What came later to it passed more runs than what came first.
        passed = tuple(dict.fromkeys([*(known.passed if known is not None else ()), *origin.passed]))
        others = tuple(run_id for run_id in origin.others if run_id not in passed)
        if origin.writer is not None and origin.proof is not None:
            self._wrote(origin.writer, dataset, origin.proof, origin.note)
            self._ask(origin.writer.run_id)
            # Who reads a file does not always know that it is a model, or what made it; who wrote it does.
            made = origin.writer.dataset
            described = replace(
                dataset,
                kind="model" if "model" in (dataset.kind, made.kind) else dataset.kind,
                format=dataset.format or made.format,
                framework=dataset.framework or made.framework,
            )
            self.datasets[key] = TracedDataset(described, origin.writer.run_id, others, origin.note, passed)
        elif known is None:
            gap = NOT_CAPTURED if is_unidentified(dataset) else FROM_NOBODY if is_in_memory(dataset) else None
            self.datasets[key] = TracedDataset(dataset, None, others, origin.note or gap, passed)
        elif known.writer is None:
            self.datasets[key] = replace(known, others=others, passed=passed)
        for run_id in origin.passed:
            self._join(Edge(run_id, key, "wrote", "digest", note=UNCHANGED))
            self._ask(run_id)

    def _wrote(self, writer: Use, dataset: DatasetRef, proof: str, note: str | None = None) -> None:
        key = dataset_key(dataset)
        if (writer.dataset.namespace, writer.dataset.name) != (dataset.namespace, dataset.name):
            elsewhere = f"written as {writer.dataset.name}"
            note = f"{elsewhere}; {note}" if note else elsewhere
        self._join(Edge(writer.run_id, key, "wrote", proof, note=note))
        self.datasets.setdefault(key, TracedDataset(dataset, writer.run_id))

    def _cached(self, row: RunRow) -> None:
        if row.cached_from is not None and row.cached_from != row.run_id:
            self._join(Edge(row.cached_from, row.run_id, "cached_from"))
            self._ask(row.cached_from)

    def _upstream(self, row: RunRow, writers: Set[str]) -> bool:
        """Follow the runs that this one waited for, where the data does not lead to them already; say whether it named any."""
        edges = self.seen.upstream(row.run_id)
        above = {ancestor.run_id for ancestor in self._ancestors(row)}
        below = {child.run_id for child in self.seen.descendants(row.run_id)}
        named = False
        for edge in edges:
            if edge.start in above or edge.start in below or edge.start == row.run_id:
                continue
            upstream = self._row(edge.start)
            gap = edge if edge.note is not None else replace(edge, captured=False, note=NOT_CAPTURED)
            if upstream is None:
                self._join(gap)
                named = True
                continue
            if upstream.state == State.SKIPPED or row.run_id in {one.run_id for one in self._ancestors(upstream)}:
                continue
            named = True
            gave = {use.run_id for use in upstream.outputs} | {edge.start}
            gave |= {child.run_id for child in self.seen.descendants(edge.start)}
            if not gave & writers:
                self._join(gap)
                self._ask(edge.start)
            elif upstream.state == State.CACHED:
                self._join(Edge(edge.start, row.run_id, "after"))
                self._ask(edge.start)
        return named

    def _enclosing(self, row: RunRow, below: Sequence[RunRow]) -> None:
        """Follow what the runs around this one read themselves, but for what came of this run or after it."""
        own = {row.run_id, *(child.run_id for child in below)}
        taken = [(run, use) for run in (row, *below) for use in run.inputs]
        until = max([row.last_seq, *(child.last_seq for child in below)])
        for above in self._ancestors(row):
            if above.run_id in self._asked:
                continue
            held = {use.dataset.digest for use in above.inputs if is_in_memory(use.dataset) and use.dataset.digest}
            # A value that came down as it was is seen there; one that was changed on its way is of an origin that is not known.
            seen = taken and all(self._is_explained(run, use, held) for run, use in taken)
            for use in above.inputs:
                if seen and use.dataset.digest in held:
                    continue
                writer = self.seen.origin(above, use).writer
                if writer is None or (writer.seq < until and writer.run_id not in own):
                    self._read(above, use, ENCLOSING)

    def _is_explained(self, row: RunRow, use: Use, held: Set[str | None]) -> bool:
        if not is_in_memory(use.dataset) or use.dataset.digest in held:
            return True
        return self.seen.origin(row, use).writer is not None

    def _before_enclosing(self, row: RunRow) -> None:
        """Follow the runs that the runs around this one waited for: what they gave may have come down to it."""
        for above in self._ancestors(row):
            if above.run_id not in self._asked and above.run_id not in self._passed:
                self._passed.add(above.run_id)
                if self.seen.upstream(above.run_id):
                    self._upstream(above, self.seen.writers_within(above))

    def _ran_before(self, row: RunRow) -> None:
        """Follow the runs that ended before this one began in the same parent: nothing else tells where its input came from.

        Of these the last ones, where those before them are reached through one of them. Not where runs of that parent state their
        order: there, a run that names none before it waited for none.
        """
        if row.parent_run_id is None or self._row(row.parent_run_id) is None or row.job_type == QUERY:
            return
        order = self.seen.order_within(row.parent_run_id)
        for run_id in order.before(row) if order is not None else ():
            self._join(Edge(run_id, row.run_id, "after", captured=False, concluded=True, note=RAN_BEFORE))
            self._ask(run_id)
