"""Over the whole record: which contents bear a version name, and which code ran as a version of an operation."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, case, func, select

from orchestrail.projections import tables
from orchestrail.projections.chunks import chunks


@dataclass(frozen=True, slots=True)
class Seen:
    """One content that bears a version name, where it was seen first.

    Attributes:
        digest: the content; None where no digest was taken.
        run_id: the run.
        direction: `input` or `output`.
        seq: place in the log.
    """

    digest: str | None
    run_id: str
    direction: str
    seq: int


@dataclass(frozen=True, slots=True)
class Version:
    """A version name of a data set, beside digests.

    Attributes:
        key: `namespace:name@version`.
        seen: the contents that bear it, by place in the log.
        uses: how often it was read or written.
        without_digest: how often without a digest that is surely of the content.
    """

    key: str
    seen: tuple[Seen, ...]
    uses: int
    without_digest: int


def versions(connection: Connection, roots: Collection[str] | None = None) -> Iterator[Version]:
    """Load the version names that are used: all, or those that runs below some roots use, with all that bears them anywhere."""
    use = tables.use.c
    named = tables.NAMED_VERSION
    digest_of = case((use.weak.is_(None), use.digest))
    grouped = (
        select(use.namespace, use.name, use.version, digest_of, func.count(), func.min(use.seq))
        .where(named)
        .group_by(use.namespace, use.name, use.version, digest_of)
    )
    by_place = func.min(use.seq), use.namespace, use.name, use.version, digest_of.nulls_first()
    found: dict[tuple[str, str, str], list[tuple[str | None, int, int]]] = defaultdict(list)
    wanted = None if roots is None else _used_below(connection, roots)
    for namespace, name, version, digest, count, first in connection.execute(grouped.order_by(*by_place)):
        if wanted is None or (namespace, name, version) in wanted:
            found[namespace, name, version].append((digest, count, first))
    for (namespace, name, version), contents in found.items():
        seen = [_first(connection, namespace, name, version, digest, first) for digest, _, first in contents]
        without = sum(count for digest, count, _ in contents if digest is None)
        yield Version(f"{namespace}:{name}@{version}", tuple(seen), sum(count for _, count, _ in contents), without)


def _used_below(connection: Connection, roots: Collection[str]) -> set[tuple[str, str, str]]:
    use, run = tables.use.c, tables.run.c
    return {
        (namespace, name, version)
        for chunk in chunks(roots)
        for namespace, name, version in connection.execute(
            select(use.namespace, use.name, use.version)
            .join_from(tables.use, tables.run, use.run_id == run.run_id)
            .where(run.root_run_id.in_(chunk), use.version.is_not(None))
            .distinct()
        )
    }


def _first(connection: Connection, namespace: str, name: str, version: str, digest: str | None, seq: int) -> Seen:
    use = tables.use.c
    same = use.digest.is_(None) | use.weak.is_not(None) if digest is None else use.digest == digest
    query = select(use.run_id, use.direction).where(
        use.namespace == namespace, use.name == name, use.version == version, use.seq == seq, same
    )
    row = connection.execute(query.order_by(use.direction, use.place).limit(1)).first()
    return Seen(digest, row[0] if row else "", row[1] if row else "input", seq)


@dataclass(frozen=True, slots=True)
class CodeOf:
    """One code that ran as a version of an operation.

    Attributes:
        digest: of the code, with algorithm id; None where none was taken.
        runs: how many runs it had.
        first_run: the first of them, by place in the log.
        first_seq: that place.
        last_run: the last of them.
        last_seq: that place.
    """

    digest: str | None
    runs: int
    first_run: str
    first_seq: int
    last_run: str
    last_seq: int


@dataclass(frozen=True, slots=True)
class Operation:
    """A declared version of a data-preparation operation, with every code that ran as it.

    Attributes:
        operation: its name.
        version: as it was declared.
        codes: by place in the log; runs of an environment for development are left out, unless a deployed model descends from them.
        left_out: how many runs were left out.
    """

    operation: str
    version: str
    codes: tuple[CodeOf, ...]
    left_out: int

    @property
    def key(self) -> str:
        """Names it."""
        return f"{self.operation}@{self.version}"


def operations(
    connection: Connection, roots: Collection[str] | None = None, deployed: Collection[str] = ()
) -> Iterator[Operation]:
    """Load the declared versions of operations: all, or those that runs below some roots have, with all runs anywhere.

    The code of a run that was skipped, or that took a stored result, did not run.

    Args:
        connection: a snapshot of the store.
        roots: root run ids; None for all.
        deployed: runs from which a deployed model descends, which count whatever their environment.
    """
    ran = tables.ran.c
    wanted = None if roots is None else _operations_below(connection, roots)
    codes: dict[tuple[str, str], dict[str, tuple[int, int, int]]] = defaultdict(dict)
    trials: Counter[tuple[str, str]] = Counter()

    def count(key: tuple[str, str], digest: str, runs: int, first: int, last: int) -> None:
        before, start, end = codes[key].get(digest, (0, first, last))
        codes[key][digest] = before + runs, min(start, first), max(end, last)

    for key, digest, trial, span in _ran_as(connection, wanted):
        if trial:
            trials[key] += span[0]
            codes.setdefault(key, {})
        else:
            count(key, digest, *span)
    behind = select(ran.operation, ran.version, ran.digest, ran.first_seq).where(ran.trial.is_(True))
    for chunk in chunks(sorted(deployed)):
        for operation, version, digest, seq in connection.execute(behind.where(ran.run_id.in_(chunk))):
            if (operation, version) in codes:
                trials[operation, version] -= 1
                count((operation, version), digest, 1, seq, seq)
    for key, found in sorted(codes.items()):
        made = [_code(connection, digest, *span) for digest, span in sorted(found.items(), key=lambda one: one[1][1])]
        yield Operation(*key, tuple(made), trials[key])


def _ran_as(
    connection: Connection, wanted: Collection[tuple[str, str]] | None
) -> Iterator[tuple[tuple[str, str], str, bool, tuple[int, int, int]]]:
    tally = select(tables.ran_as)
    names = None if wanted is None else sorted({operation for operation, _ in wanted})
    queries = [tally] if names is None else [tally.where(tables.ran_as.c.operation.in_(some)) for some in chunks(names)]
    for query in queries:
        for operation, version, digest, trial, runs, first, last in connection.execute(query):
            if wanted is None or (operation, version) in wanted:
                yield (operation, version), digest, trial, (runs, first, last)


def _code(connection: Connection, digest: str, runs: int, first: int, last: int) -> CodeOf:
    run = tables.run.c
    rows = connection.execute(select(run.first_seq, run.run_id).where(run.first_seq.in_((first, last)))).all()
    named = {seq: run_id for seq, run_id in rows}  # noqa: C416 - rows are no pairs to a type checker
    return CodeOf(digest or None, runs, named.get(first, ""), first, named.get(last, ""), last)


def _operations_below(connection: Connection, roots: Collection[str]) -> set[tuple[str, str]]:
    step, run = tables.step.c, tables.run.c
    return {
        (operation, version)
        for chunk in chunks(roots)
        for operation, version in connection.execute(
            select(step.operation, step.version)
            .join_from(tables.step, tables.run, step.run_id == run.run_id)
            .where(run.root_run_id.in_(chunk), step.operation.is_not(None))
            .distinct()
        )
    }
