"""What two sides read and wrote, held against each other: matched by name, else by contents, else by step and last part of name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from orchestrail.model import DatasetRef
from orchestrail.projections.rows import RunRow, Use
from orchestrail.queries.differences import Differences, one_of
from orchestrail.queries.loading import dataset_key, wrote_itself
from orchestrail.queries.sides import Side


@dataclass(slots=True)
class _Item:
    """A data set in the hands of one side, in all its versions.

    Attributes:
        name: namespace and name.
        refs: as it was read from outside, or written.
        jobs: which jobs did so.
        written: True where a run of the side wrote it.
        passed_on: True where a run of the side read what another one wrote.
    """

    name: tuple[str, str]
    refs: list[DatasetRef] = field(default_factory=list)
    jobs: set[str] = field(default_factory=set)
    written: bool = False
    passed_on: bool = False

    @property
    def digests(self) -> frozenset[str]:
        """Digests of all its versions."""
        return frozenset(ref.digest for ref in self.refs if ref.digest)

    @property
    def kind(self) -> str:
        """`model` where anybody says so."""
        return "model" if any(ref.kind == "model" for ref in self.refs) else "data"


def hold_data(found: Differences, a: Side, b: Side, mine: Sequence[RunRow], other: Sequence[RunRow]) -> None:
    """Hold what was read from outside, and what was written, against each other.

    Args:
        found: takes the answers.
        a: side A.
        b: side B.
        mine: the runs of side A that count.
        other: those of side B.
    """
    for written in (False, True):
        left, right = _items(mine, written), _items(other, written)
        for one, another in _matched(left, right, (a.dataset, b.dataset) if written else (None, None)):
            if one is not None and another is not None:
                _hold(found, one, another)
            else:
                there = one or another
                if there is not None:
                    where = "A" if one is not None else "B"
                    verb = "written" if written else "read"
                    category = _category(there, there)
                    identity = [_identity(item) or "by name only" if item else "absent" for item in (one, another)]
                    found.hold(category, there.name[1], "contents", *identity, note=f"{verb} by {where} alone")


def _items(rows: Iterable[RunRow], written: bool) -> list[_Item]:
    made: dict[tuple[str, str], set[str | None]] = defaultdict(set)
    listed = list(rows)
    for row in listed:
        for use in _made(row) if wrote_itself(row) else ():
            made[use.dataset.namespace, use.dataset.name].add(use.dataset.digest)
    items: dict[tuple[str, str], _Item] = {}
    for row in listed:
        for use in _made(row) if written else row.inputs:
            name = use.dataset.namespace, use.dataset.name
            inside = name in made and (use.dataset.digest in made[name] or not use.dataset.digest or None in made[name])
            if not written and inside:
                continue
            item = items.setdefault(name, _Item(name, written=written))
            item.jobs.add(row.job.name)
            if use.dataset not in item.refs:
                item.refs.append(use.dataset)
    if written:
        for row in listed:
            for use in row.inputs:
                name = use.dataset.namespace, use.dataset.name
                if name in items and row.job.name not in items[name].jobs:
                    items[name].passed_on = True
    return list(items.values())


def _made(row: RunRow) -> Iterator[Use]:
    """List what a run wrote, without what it read and gave back unchanged: that is none of its own."""
    taken = {dataset_key(use.dataset) for use in row.inputs if use.dataset.digest}
    yield from (use for use in row.outputs if dataset_key(use.dataset) not in taken)


def _matched(
    mine: Sequence[_Item], other: Sequence[_Item], asked: tuple[DatasetRef | None, DatasetRef | None]
) -> list[tuple[_Item | None, _Item | None]]:
    """Match the data sets of both sides; each is in one match."""
    pairs: list[tuple[_Item | None, _Item | None]] = []
    left, right = {item.name: item for item in mine}, {item.name: item for item in other}

    def pair(one: tuple[str, str], another: tuple[str, str]) -> None:
        pairs.append((left.pop(one), right.pop(another)))

    if asked[0] is not None and asked[1] is not None:
        names = [(ref.namespace, ref.name) for ref in asked if ref is not None]
        if names[0] in left and names[1] in right:
            pair(names[0], names[1])
    for name in [name for name in left if name in right]:
        pair(name, name)
    for way in (_by_contents, _by_step):
        here, there = _keyed(left.values(), way), _keyed(right.values(), way)
        for key, names in here.items():
            if len(names) == len(there.get(key, ())) == 1:
                pair(names[0], there[key][0])
    pairs += [(item, None) for item in left.values()]
    pairs += [(None, item) for item in right.values()]
    return pairs


def _keyed(items: Iterable[_Item], way: Callable[[_Item], object]) -> dict[object, list[tuple[str, str]]]:
    groups: dict[object, list[tuple[str, str]]] = defaultdict(list)
    for item in items:
        if (key := way(item)) is not None:
            groups[key].append(item.name)
    return groups


def _by_contents(item: _Item) -> object:
    return item.digests if not any(ref.is_empty for ref in item.refs) else None


def _by_step(item: _Item) -> object:
    return frozenset(item.jobs), item.name[1].rpartition("/")[2]


def _hold(found: Differences, a: _Item, b: _Item) -> None:
    category, subject = _category(a, b), a.name[1]
    other = b.name[1] if b.name != a.name else None
    weak = next((ref.weak for item in (a, b) for ref in item.refs if ref.weak), None)
    doubt = f"weak digest: {weak}" if weak else None
    if not (a.digests or b.digests):
        doubt = "the version is the source's word; no digest was taken"
    mine, theirs = _identity(a), _identity(b)
    if bool(a.digests) != bool(b.digests) and mine is not None and theirs is not None:
        why = "one side has a digest, the other one a version alone"
        found.leave(category, subject, "contents", mine, theirs, why, other)
    else:
        note = f"weak digest: {weak}" if weak else None
        found.hold(category, subject, "contents", mine, theirs, doubt=doubt, note=note, expected=True, subject_b=other)
    for fact in ("version", "rows", "format", "framework", "role"):
        values = [
            one_of(getattr(ref, fact) for ref in item.refs if fact != "version" or ref.version != ref.digest)
            for item in (a, b)
        ]
        if fact != "version" or a.digests or b.digests:
            found.hold(category, subject, fact, *values, subject_b=other)
    found.hold(category, subject, "fields", *(one_of(_fields(ref) for ref in item.refs) for item in (a, b)))


def _category(a: _Item, b: _Item) -> str:
    if not a.written:
        return "input"
    if "model" in (a.kind, b.kind):
        return "model"
    return "intermediate" if a.passed_on or b.passed_on else "output"


def _identity(item: _Item) -> object:
    return one_of(ref.digest or ref.version for ref in item.refs)


def _fields(ref: DatasetRef) -> dict[str, str] | None:
    return dict(ref.fields) or None
