"""Everything that descends from something: forward to data, models and deployments, by the steps that a trace takes back.

Who may descend from a run is found by what it wrote, whom it handed on to and what it ran in. Whether one does is asked of the
trace itself: it does where the trace's step from it goes back to that run. So a trace and an impact never disagree.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence, Set, Sized
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, select

from orchestrail.model import EMPTY, DatasetRef
from orchestrail.projections import tables
from orchestrail.projections.chunks import chunks
from orchestrail.projections.rows import RunRow, Use
from orchestrail.queries.loading import Edge, dataset_key, load_runs, load_uses, missed
from orchestrail.queries.models import Deployment, deployments, model_keys
from orchestrail.queries.origin import Reading, is_or_may_be
from orchestrail.queries.show import began
from orchestrail.queries.targets import Target
from orchestrail.queries.trace import Step, Steps, trace
from orchestrail.queries.withdrawals import Withdrawal, withdrawals

_NO_DATA = ("code", "fitted state")
"""What capture may miss of a step that says nothing of its data."""


@dataclass(frozen=True, slots=True)
class Descendants:
    """What descends from something, of one degree of certainty.

    Attributes:
        runs: the runs, in the order in which they began; those that enclose them included.
        datasets: what they wrote, by key, but for what was asked for; where something else wrote the same later, it is of that.
        deployments: services and deploy steps that are among the runs, or state to serve a model that is among the data sets.
    """

    runs: Sequence[RunRow]
    datasets: dict[str, DatasetRef]
    deployments: Sequence[Deployment]

    @property
    def models(self) -> dict[str, DatasetRef]:
        """The models among the data sets."""
        return {key: dataset for key, dataset in self.datasets.items() if dataset.kind == "model"}


@dataclass(frozen=True, slots=True)
class Impact:
    """Everything that descends from a target.

    Attributes:
        target: what was asked for.
        meant: the data sets that it stands for, by key: all versions of a name; equal bytes under any name, but for what is
            empty. None for a run.
        readers: runs that read one of them.
        certain: what descends by digest or version, or by what encloses it.
        possible: what descends only if something is so that nothing shows: an edge by name, a value that was not captured.
        edges: between all of them.
        withdrawn: the withdrawals of what is meant.
        read_after: runs that began to read it after it was withdrawn.
        cut: True where the search was told how far to go, and more may descend.
        unseen: steps of the processes that it was written, read or descends in, of which capture says that it missed something, and
            which it may have come to: what they made of it is not among what descends.
    """

    target: Target
    meant: dict[str, DatasetRef]
    readers: Sequence[RunRow]
    certain: Descendants
    possible: Descendants
    edges: Sequence[Edge]
    withdrawn: Sequence[Withdrawal]
    read_after: Sequence[RunRow]
    cut: bool = False
    unseen: Sequence[RunRow] = ()

    @property
    def unproven(self) -> list[Edge]:
        """Edges that rest on a name alone."""
        return [edge for edge in self.edges if edge.proof == "name"]


@dataclass(frozen=True, slots=True)
class Examined:
    """How far an answer that nothing descends can be relied on.

    Attributes:
        models: models on the record.
        complete: those whose trace has no gap: nothing by name only, nothing that was not captured, no run that is not recorded.
    """

    models: int
    complete: int


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A withdrawal with everything that descends from what was withdrawn.

    Attributes:
        withdrawal: what is to be used no more, since when and why.
        impact: what descends from it.
        unidentified: where a content was withdrawn, runs that read something of its name of which the content is not known.
    """

    withdrawal: Withdrawal
    impact: Impact
    unidentified: Sequence[RunRow]


def withdrawn(connection: Connection, roots: Collection[str] | None = None) -> Iterator[Withdrawn]:
    """Load the withdrawals: all, or those of which a run below some roots descends or may descend."""
    for each in withdrawals(connection):
        row = each.row
        dataset = DatasetRef(row.namespace, row.name, version=row.version, digest=row.digest)
        kind = "dataset" if row.digest is None else "digest"
        found = impact(connection, Target(row.digest or row.name, kind, dataset), row.version)
        unidentified = _reading_by_name(connection, each) if row.digest is not None else []
        touched = {
            run.root_run_id for run in (*found.certain.runs, *found.possible.runs, *found.readers, *unidentified)
        }
        if roots is None or touched & set(roots):
            yield Withdrawn(each, found, unidentified)


def _reading_by_name(connection: Connection, withdrawal: Withdrawal) -> list[RunRow]:
    """Find the runs that read what a withdrawal covers by its name alone."""
    use, row = tables.use.c, withdrawal.row
    named = load_uses(
        connection, use.direction == "input", use.namespace == row.namespace, use.name == row.name, use.digest.is_(None)
    )
    return list(load_runs(connection, (each.run_id for each in named if withdrawal.covers(each.dataset))).values())


def impact(connection: Connection, target: Target, version: str | None = None, most: int | None = None) -> Impact:
    """Follow a target forward to where the record ends.

    Args:
        connection: a snapshot of the store.
        target: from `orchestrail.queries.targets.find_target`; the name of a data set stands for all its versions.
        version: only this version of the data set.
        most: go no further when so many runs were found, for a picture that has no room for more; None for all.
    """
    steps = Steps(connection)
    room = _Room(most)
    meant = _meant(connection, target, version, room)
    search = _Search(connection, steps, room)
    if target.run is not None:
        search.begin({target.run.run_id: True, **{row.run_id: True for row in steps.below(target.run.run_id)}})
    else:
        search.begin(_reading(connection, steps, meant, room))
    search.follow()
    certain = _descendants(connection, steps, [run for run, sure in search.found.items() if sure], meant)
    possible = _descendants(connection, steps, [run for run, sure in search.found.items() if not sure], meant)
    readers = [
        row
        for row in sorted((*certain.runs, *possible.runs), key=began)
        if any(dataset_key(use.dataset) in meant for use in row.inputs)
    ]
    covering = [one for one in withdrawals(connection) if any(one.covers(dataset) for dataset in meant.values())]
    since = min((one.row.withdrawn_at for one in covering), default=None)
    return Impact(
        target,
        meant,
        readers,
        certain,
        possible,
        _edges(steps, search.found, {*meant, *certain.datasets, *possible.datasets}),
        covering,
        [row for row in readers if since is not None and (row.started_at or row.seen_at or "~") > since],
        room.full,
        _unseen(connection, target, meant, [*certain.runs, *possible.runs], room),
    )


def examined(connection: Connection) -> Examined:
    """Trace every model on the record, to say how far an answer that nothing descends can be relied on."""
    keys = model_keys(connection)
    use = tables.use.c
    complete = 0
    for key in keys:
        named = use.digest == key if key.startswith("sha256:") else use.kind == "model"
        wrote = load_uses(connection, use.direction == "output", named)
        found = [each.dataset for each in wrote if key in (each.dataset.digest, dataset_key(each.dataset))]
        traced = trace(connection, Target(key, "dataset", found[-1]))
        gaps = traced.unproven or traced.missing or any(not edge.captured for edge in traced.edges)
        complete += not gaps
    return Examined(len(keys), complete)


def _meant(connection: Connection, target: Target, version: str | None, room: _Room) -> dict[str, DatasetRef]:
    """Find all that a target stands for: one content, or all that bore a name; equal bytes under any name, unless they are none."""
    dataset = target.dataset
    if dataset is None:
        return {}
    use = tables.use.c
    named: ColumnElement[bool] = and_(use.namespace == dataset.namespace, use.name == dataset.name)
    if version is not None:
        named = and_(named, use.version == version)
    if dataset.digest is not None and not target.is_name:
        digests, same = [dataset.digest], use.digest == dataset.digest
        named = and_(named, same) if dataset.is_empty else same
    else:
        digests = list(
            connection.execute(select(use.digest).where(named, use.digest.is_not(None)).distinct()).scalars()
        )
    found = _last_uses(connection, named, room)
    for chunk in chunks(set(digests) - EMPTY):
        found += [each for each in _last_uses(connection, use.digest.in_(chunk), room) if not each.dataset.is_empty]
    return {dataset_key(each.dataset): each.dataset for each in found}


def _last_uses(connection: Connection, condition: ColumnElement[bool], room: _Room) -> list[Use]:
    """Load of the uses of each data set those that are last in the log: one source may be read by every process."""
    use = tables.use.c
    if room.most is None:
        last = select(func.max(use.seq)).where(condition).group_by(use.namespace, use.name, use.version, use.digest)
        return load_uses(connection, condition, use.seq.in_(last))
    newest = select(use.seq).where(condition).order_by(use.seq.desc())
    places = room.first(connection, newest)
    return load_uses(connection, condition, use.seq >= places[-1]) if places else []


def _reading(connection: Connection, steps: Steps, meant: dict[str, DatasetRef], room: _Room) -> dict[str, bool]:
    """Find the runs whose trace goes to one of these data sets by a single step; True where it is shown to be that one."""
    read: dict[str, None] = {}
    for fitting in _of_these(meant):
        read.update(dict.fromkeys(_using(connection, room, fitting)))
    steps.prepare(read)
    found: dict[str, bool] = {}
    for run_id in _with_below(steps, read):
        step = steps.of(run_id)
        edges = [edge for edge in step.edges if edge.kind == "read" and edge.start in meant] if step else []
        if edges:
            found[run_id] = any(edge.captured and edge.proof != "name" for edge in edges)
    return found


def _of_these(meant: dict[str, DatasetRef]) -> Iterator[ColumnElement[bool]]:
    """Give conditions on uses, of which those of these data sets meet one: by content, else by name."""
    use = tables.use.c
    digests = {dataset.digest for dataset in meant.values() if dataset.digest and not dataset.is_empty}
    for chunk in chunks(digests):
        yield use.digest.in_(chunk)
    for namespace, name in {(each.namespace, each.name) for each in meant.values() if not each.digest or each.is_empty}:
        yield and_(use.namespace == namespace, use.name == name)


def _unseen(
    connection: Connection, target: Target, meant: dict[str, DatasetRef], found: Sequence[RunRow], room: _Room
) -> list[RunRow]:
    """Find the steps that may have used it unseen: by a program that they began, say, which copied it.

    Where a process wrote it, those that were over before are none of them.
    """
    use, run = tables.use.c, tables.run.c
    since = {row.root_run_id: 0 for row in found}
    wrote = {target.run.root_run_id: target.run.first_seq} if target.run is not None else {}
    for fitting in _of_these(meant):
        query = select(run.root_run_id, use.seq).join_from(tables.use, tables.run, use.run_id == run.run_id)
        written = query.where(use.direction == "output", fitting).order_by(use.seq).limit(room.most)
        for root, seq in connection.execute(written):
            wrote[root] = min(seq, wrote.get(root, seq))
    since |= wrote
    unseen = [run_id for run_id, root, last in missed(connection, since) if last >= since[root]]
    rows_by_id = load_runs(connection, unseen[: room.most])
    return sorted(
        (row for row in rows_by_id.values() if any(what not in _NO_DATA for what, _ in row.not_captured)), key=began
    )


@dataclass(slots=True)
class _Room:
    """How far to go, and whether that was not far enough.

    Attributes:
        most: runs that are wanted, and uses of one data set that are looked at; None for all.
        full: True where there was more.
    """

    most: int | None
    full: bool = False

    def first(self, connection: Connection, query: Select[Any]) -> list[Any]:
        """Read the first values that a query finds."""
        if self.most is None:
            return list(connection.execute(query).scalars())
        found = list(connection.execute(query.limit(self.most + 1)).scalars())
        self.full = self.full or len(found) > self.most
        return found[: self.most]

    def holds(self, found: Sized) -> bool:
        """Say whether there is room for one more."""
        if self.most is None or len(found) < self.most:
            return True
        self.full = True
        return False


@dataclass(slots=True)
class _Search:
    """The way forward in the making: what is certain first, so that what is reached both ways counts as certain.

    Attributes:
        found: the runs that were reached, True where it is certain.
        room: for how many there is room.
    """

    connection: Connection
    steps: Steps
    room: _Room
    found: dict[str, bool] = field(default_factory=dict)
    _shown: dict[str, Set[str]] = field(default_factory=dict)
    _sure: list[str] = field(default_factory=list)
    _maybe: list[str] = field(default_factory=list)

    def begin(self, runs: dict[str, bool]) -> None:
        """Begin at some runs."""
        self.steps.prepare(runs)
        for run_id, sure in runs.items():
            (self._sure if sure else self._maybe).append(run_id)

    def follow(self) -> None:
        """Go forward until nothing is left to ask."""
        for waiting, sure in ((self._sure, True), (self._maybe, False)):
            while waiting:
                run_id = waiting.pop()
                if run_id not in self.found and self.room.holds(self.found):
                    self.found[run_id] = sure
                    for after, proven in self._after(run_id):
                        (self._sure if sure and proven else self._maybe).append(after)

    def _after(self, run_id: str) -> Iterator[tuple[str, bool]]:
        """Find the runs whose trace goes back to this one by a single step; True where something shows that it must."""
        before = self.steps.of(run_id)
        if before is None:
            return
        candidates = list(dict.fromkeys(self._candidates(before.run)))
        self.steps.prepare(candidates)
        for after in candidates:
            step = self.steps.of(after) if after != run_id else None
            if step is not None and run_id in step.behind:
                yield after, run_id in step.within or run_id in self._shown_by(step)

    def _shown_by(self, step: Step) -> Set[str]:
        """Name the runs that a step goes back to by a digest, a version or a stored result; it is asked for each of them."""
        own = step.run.run_id
        if own not in self._shown:
            edges = [edge for edge in step.edges if _shows(edge)]
            given = {edge.start for edge in edges if edge.end == own}
            self._shown[own] = given | {edge.start for edge in edges if edge.end in given}
        return self._shown[own]

    def _candidates(self, row: RunRow) -> Iterator[str]:
        """Name all runs that may descend from one by a single step; more do no harm."""
        use, own = tables.use.c, row.run_id
        read: dict[str, None] = {}
        for dataset in (each.dataset for each in row.outputs if each.run_id == own):
            named = and_(use.namespace == dataset.namespace, use.name == dataset.name)
            meant = is_or_may_be(dataset) if dataset.digest else named
            read.update(dict.fromkeys(_using(self.connection, self.room, meant)))
        yield from _with_below(self.steps, read)
        yield from _with_below(self.steps, self.steps.leading(own))
        yield from (above.run_id for above in self.steps.above(own))
        yield from self.steps.next_to(row)


def _shows(edge: Edge) -> bool:
    """Say whether an edge shows that what came by it is what went in: not by a name, nor by order, nor unseen in memory."""
    handed_on = edge.kind in ("after", "cached_from") and edge.note is None
    return edge.captured and (handed_on or (edge.kind in ("read", "wrote") and edge.proof != "name"))


def _descendants(connection: Connection, steps: Steps, run_ids: Sequence[str], meant: Collection[str]) -> Descendants:
    known = set(run_ids)
    rows = sorted((step.run for run_id in run_ids if (step := steps.of(run_id))), key=began)
    datasets: dict[str, DatasetRef] = {}
    for row in rows:
        for use in row.outputs:
            key = dataset_key(use.dataset)
            if key not in datasets and key not in meant:
                writer = steps.origin(Reading(use.dataset)).writer
                if writer is not None and writer.run_id in known:
                    datasets[key] = use.dataset
    models = [dataset for dataset in datasets.values() if dataset.kind == "model"]
    digests = {dataset.digest for dataset in models if dataset.digest and not dataset.is_empty}
    served = tables.served.c
    stated = [
        run_id
        for chunk in chunks(digests)
        for run_id in connection.execute(select(served.run_id).where(served.digest.in_(chunk))).scalars()
    ]
    return Descendants(rows, datasets, tuple(deployments(connection, [*dict.fromkeys((*run_ids, *stated))])))


def _edges(steps: Steps, runs: Iterable[str], datasets: Iterable[str]) -> list[Edge]:
    """Give the edges of the steps back that begin and end at what was found."""
    nodes = {*runs, *datasets}
    found: dict[Edge, None] = {}
    for run_id in runs:
        step = steps.of(run_id)
        found.update((edge, None) for edge in (step.edges if step else ()) if edge.start in nodes and edge.end in nodes)
    return list(found)


def _using(connection: Connection, room: _Room, *conditions: ColumnElement[bool]) -> list[str]:
    """List the runs that read something, by place in the log."""
    use = tables.use.c
    query = select(use.run_id).where(use.direction == "input", *conditions).order_by(use.seq, use.run_id)
    return room.first(connection, query)


def _with_below(steps: Steps, runs: Iterable[str]) -> Iterator[str]:
    """Go through runs and all runs below them: what a run was given may have come down to those."""
    for run_id in dict.fromkeys(runs):
        yield run_id
        yield from (row.run_id for row in steps.below(run_id))
