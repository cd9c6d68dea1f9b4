"""Who wrote these bytes: the choice of the writer behind one data set that was read. Asked for every step of a trace."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Exists, and_, func, or_, select

from orchestrail.model import EMPTY, IN_MEMORY, DatasetRef, State
from orchestrail.projections import tables
from orchestrail.projections.chunks import chunks
from orchestrail.projections.rows import Use
from orchestrail.projections.tables import use_row
from orchestrail.queries.loading import is_unidentified
from orchestrail.queries.reach import Reach

_END_OF_LOG = 2**62
_NEAR = 20
"""Writers of an equal value in other root runs of which the process is looked up: a common one has thousands."""
_TAKEN = tables.use.alias("taken")
_Key = tuple[str | None, str, str]
"""Digest, namespace and name of a data set."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A data set as somebody met it.

    Attributes:
        dataset: what was read.
        seq: place in the log of the reading; the end of the log for somebody who asks now.
        at: claimed time of the reading, None for somebody who asks now.
        run_id: the run that read; None for somebody who asks now.
        root_run_id: its root run.
    """

    dataset: DatasetRef
    seq: int = _END_OF_LOG
    at: str | None = None
    run_id: str | None = None
    root_run_id: str | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a data set comes from.

    Attributes:
        writer: the run that wrote it, and what it wrote; None for a source.
        proof: `digest`, `version` or `name`; None for a source.
        others: runs that wrote the same digest too, those that it passed among them.
        note: what makes the answer less plain than it looks.
        passed: runs of the same root run that read it before and gave it back unchanged: a check, a cleaning that found nothing.
    """

    writer: Use | None
    proof: str | None
    others: Sequence[str] = ()
    note: str | None = None
    passed: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class _Writing:
    use: Use
    root_run_id: str
    first_seq: int
    cached: bool
    unchanged: bool


class Origins:
    """Where data sets come from. What was looked up of one is kept: many runs read the same.

    Args:
        connection: a snapshot of the store.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._written: dict[_Key, list[_Writing]] = {}
        self._seen: dict[_Key, int] = {}
        self._changed: dict[_Key, tuple[str, int] | None] = {}
        self._reach = Reach(connection)

    def prepare(self, datasets: Iterable[DatasetRef]) -> None:
        """Look up at once who wrote some data sets whose digests are known."""
        unknown = {key for dataset in datasets if (key := _key(dataset))[0] is not None and key not in self._written}
        use = tables.use.c
        for chunk in chunks(sorted(unknown, key=str)):
            by_digest: dict[str | None, list[_Key]] = defaultdict(list)
            by_name: dict[tuple[str, str], list[_Key]] = defaultdict(list)
            for digest, namespace, name in chunk:
                self._written[digest, namespace, name] = []
                by_digest[digest].append((digest, namespace, name))
                by_name[namespace, name].append((digest, namespace, name))
            namespaces, names = ({key[part] for key in by_name} for part in (0, 1))
            named = and_(use.name.in_(names), use.namespace.in_(namespaces))
            here = and_(named, or_(use.digest.is_(None), use.digest.in_(sorted(EMPTY))))
            for each in _written(self._connection, or_(use.digest.in_(by_digest.keys() - EMPTY), here)):
                dataset = each.use.dataset
                meant = by_digest[dataset.digest] if dataset.digest else by_name[dataset.namespace, dataset.name]
                for key in meant:
                    self._written[key].append(each)

    def of(self, reading: Reading) -> Origin:
        """Find the run that wrote what was read.

        The nearest earlier writer by place in the log; one that wrote under the same name before one that wrote equal bytes
        elsewhere, which says nothing of what is empty. A run is never the origin of what it read itself, and equal bytes that were
        written after the data set had been seen are no origin of it. A writer later in the log counts where nothing earlier does
        and the order of the log does not speak against it: spools of several hosts are collected one after the other.

        A value in memory goes no further than its root run and its process, unless a run says where it had it from: that another
        process made an equal one, two ones in an array say, tells nothing.

        Args:
            reading: what was read, and when.
        """
        dataset = reading.dataset
        found = self._writings(reading)
        # A run that read these bytes under this name before it wrote them there gave back what it was given.
        writings = self._in_reach([each for each in found if not each.unchanged], reading)
        same = [each for each in writings if _same_name(each.use.dataset, dataset)]
        if not dataset.digest:
            return _named_origin(dataset, same, reading)
        equal = [each for each in writings if each.use.dataset.digest == dataset.digest]
        others = tuple(dict.fromkeys(each.use.run_id for each in found if each.use.dataset.digest == dataset.digest))
        chosen = _nearest([each for each in equal if _same_name(each.use.dataset, dataset)], reading)
        if not chosen:
            seen = self._first_seen(dataset)
            elsewhere = [each for each in equal if not _same_name(each.use.dataset, dataset)]
            chosen = _nearest([each for each in elsewhere if each.use.seq < seen], reading)
        if chosen:
            note = None if chosen.use.seq < reading.seq else "it stands later in the log than the reading"
            others = tuple(run_id for run_id in others if run_id != chosen.use.run_id)
            return Origin(chosen.use, "digest", others, note, _passed(found, chosen, reading))
        if chosen := _nearest([each for each in same if not each.use.dataset.digest], reading):
            matches = dataset.version is not None and chosen.use.dataset.version == dataset.version
            return Origin(chosen.use, "version" if matches else "name", others)
        if self._is_changed(reading):
            return Origin(None, None, others, "recorded runs wrote other contents under this name")
        note = "it is empty, as much else is" if dataset.is_empty else None
        return Origin(None, None, others, note, _passed(found, None, reading))

    def _writings(self, reading: Reading) -> list[_Writing]:
        """Find who wrote this digest, or this name without saying what, but for the reader itself."""
        key = _key(reading.dataset)
        if key not in self._written:
            self._written[key] = _writings(self._connection, reading.dataset)
        found = [
            each
            for each in self._written[key]
            if each.use.run_id != reading.run_id and _may_be(each.use.dataset, reading.dataset)
        ]
        # A run that took its result from a cache wrote nothing, whatever it reported, where the one that computed it is known.
        return [each for each in found if not each.cached] or found

    def _in_reach(self, writings: Sequence[_Writing], reading: Reading) -> Sequence[_Writing]:
        """Leave out who made an equal value in memory of which nothing can have come to the reader."""
        if reading.dataset.namespace != IN_MEMORY or reading.run_id is None or reading.root_run_id is None:
            return writings
        away = [
            each
            for each in writings
            if each.use.dataset.namespace == IN_MEMORY and each.root_run_id != reading.root_run_id
        ]
        if not away:
            return writings
        near = [(each.use.run_id, each.root_run_id) for each in away if each.use.seq < reading.seq][-_NEAR:]
        reached = self._reach.of((reading.run_id, reading.root_run_id), near)
        beyond = {each.use.run_id for each in away} - reached
        return [each for each in writings if each.use.run_id not in beyond]

    def _first_seen(self, dataset: DatasetRef) -> int:
        key = _key(dataset)
        if key not in self._seen:
            self._seen[key] = _first_seen(self._connection, dataset)
        return self._seen[key]

    def _is_changed(self, reading: Reading) -> bool:
        """Say whether another run wrote other contents under this name before it was read."""
        key = _key(reading.dataset)
        if key not in self._changed:
            self._changed[key] = _first_change(self._connection, reading.dataset)
        first = self._changed[key]
        if first is not None and first[0] == reading.run_id:
            first = _first_change(self._connection, reading.dataset, reading.run_id)
        return first is not None and first[1] < reading.seq


def _key(dataset: DatasetRef) -> _Key:
    return dataset.digest or None, dataset.namespace, dataset.name


def _passed(found: Sequence[_Writing], chosen: _Writing | None, reading: Reading) -> tuple[str, ...]:
    """Name the runs that it went through unchanged since it was written; since ever, where no run is known to have written it."""
    return tuple(
        each.use.run_id
        for each in found
        if each.unchanged
        and each.root_run_id == reading.root_run_id
        and each.use.dataset.digest == reading.dataset.digest
        and (chosen.use.seq if chosen is not None else -1) < each.use.seq < reading.seq
    )


def _named_origin(dataset: DatasetRef, same: Sequence[_Writing], reading: Reading) -> Origin:
    """Find the writer of what has no digest: by version where it has one, else by name alone."""
    if is_unidentified(dataset):
        return Origin(None, None)
    if dataset.version:
        if chosen := _nearest([each for each in same if each.use.dataset.version == dataset.version], reading):
            return Origin(chosen.use, "version")
        same = [each for each in same if not each.use.dataset.version]
    chosen = _nearest(same, reading)
    return Origin(chosen.use, "name") if chosen else Origin(None, None)


def _same_name(first: DatasetRef, second: DatasetRef) -> bool:
    return (first.namespace, first.name) == (second.namespace, second.name)


def _may_be(written: DatasetRef, read: DatasetRef) -> bool:
    """Say whether what was written can be told to be what was read: what is empty only by its name, for it is so everywhere."""
    return _same_name(written, read) or not (written.is_empty or read.is_empty)


def _writings(connection: Connection, dataset: DatasetRef) -> list[_Writing]:
    """Find who wrote a digest, or a name without saying what.

    Not who wrote other contents under this name: of a file that is made anew each day that is every day.
    """
    use = tables.use.c
    named = and_(use.name == dataset.name, use.namespace == dataset.namespace)
    return _written(connection, is_or_may_be(dataset) if dataset.digest else named)


def is_or_may_be(dataset: DatasetRef) -> ColumnElement[bool]:
    """Say of uses whether they are of a content that is known, or bear its name and do not tell what they are of."""
    use = tables.use.c
    named, same = and_(use.name == dataset.name, use.namespace == dataset.namespace), use.digest == dataset.digest
    if dataset.is_empty:
        return and_(named, or_(same, use.digest.is_(None)))
    return or_(same, and_(named, use.digest.is_(None)))


def _written(connection: Connection, condition: ColumnElement[bool]) -> list[_Writing]:
    use, run = tables.use.c, tables.run.c
    query = (
        select(tables.use, run.root_run_id, run.first_seq, run.state, _gave_back().label("unchanged"))
        .join_from(tables.use, tables.run, use.run_id == run.run_id)
        .where(use.direction == "output", condition)
        .order_by(use.seq, use.run_id, use.place)
    )
    return [
        _Writing(
            use_row(row), row["root_run_id"], row["first_seq"], row["state"] == State.CACHED, bool(row["unchanged"])
        )
        for row in connection.execute(query).mappings()
    ]


def _gave_back() -> Exists:
    """Say of a use whether its run read the same bytes under the same name."""
    use, taken = tables.use.c, _TAKEN.c
    return (
        select(taken.run_id)
        .where(
            taken.run_id == use.run_id,
            taken.direction == "input",
            taken.namespace == use.namespace,
            taken.name == use.name,
            taken.digest == use.digest,
        )
        .exists()
    )


def _first_change(connection: Connection, dataset: DatasetRef, but: str = "") -> tuple[str, int] | None:
    """Find the run that was the first to write other contents under this name, but for one run, and the place where it did."""
    use = tables.use.c
    query = select(use.run_id, use.seq).where(
        use.name == dataset.name,
        use.namespace == dataset.namespace,
        use.direction == "output",
        use.digest != dataset.digest,
        use.run_id != but,
        ~_gave_back(),
    )
    first = connection.execute(query.order_by(use.seq).limit(1)).first()
    return None if first is None else (first.run_id, first.seq)


def _first_seen(connection: Connection, dataset: DatasetRef) -> int:
    """Give the place in the log where somebody first read these bytes under this name."""
    use = tables.use.c
    query = select(func.min(use.seq)).where(
        use.direction == "input",
        use.digest == dataset.digest,
        use.name == dataset.name,
        use.namespace == dataset.namespace,
    )
    first = connection.execute(query).scalar()
    return _END_OF_LOG if first is None else int(first)


def _nearest(writings: Sequence[_Writing], reading: Reading) -> _Writing | None:
    earlier = [each for each in writings if each.use.seq < reading.seq]
    if earlier:
        return earlier[-1]
    for each in writings:
        overlapping = each.first_seq < reading.seq and _same_name(each.use.dataset, reading.dataset)
        claimed_before = each.use.at is not None and reading.at is not None and each.use.at <= reading.at
        if overlapping or claimed_before:
            return each
    return None


def readers_of(connection: Connection, dataset: DatasetRef | None) -> list[tuple[str, str]]:
    """List id and job name of the runs that read a data set: under its name, or equal bytes where none did so. None reads a run."""
    if dataset is None:
        return []
    use, run = tables.use.c, tables.run.c
    query = (
        select(run.run_id, run.job_name)
        .join_from(tables.use, tables.run, use.run_id == run.run_id)
        .where(use.direction == "input")
        .group_by(run.run_id, run.job_name, run.first_seq)
        .order_by(run.first_seq)
    )
    if dataset.digest:
        query = query.where(use.digest == dataset.digest)
    named = query.where(use.name == dataset.name, use.namespace == dataset.namespace)
    everywhere = dataset.digest and not dataset.is_empty
    found = connection.execute(named).all() or (connection.execute(query).all() if everywhere else [])
    return [(run_id, name) for run_id, name in found]
