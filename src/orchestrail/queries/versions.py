"""Over the whole record: which contents bear a version name, and which code ran as a version of an operation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, or_, select

from orchestrail.projections import tables

_CHUNK = 400


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
        without_digest: how often without a digest.
    """

    key: str
    seen: tuple[Seen, ...]
    uses: int
    without_digest: int


def versions(connection: Connection, roots: Collection[str] | None = None) -> Iterator[Version]:
    """Load the version names that are used: all, or those that runs below some roots use, with all that bears them anywhere."""
    use = tables.use.c
    named = tables.NAMED_VERSION
    grouped = (
        select(use.namespace, use.name, use.version, use.digest, func.count(), func.min(use.seq))
        .where(named)
        .group_by(use.namespace, use.name, use.version, use.digest)
    )
    found: dict[tuple[str, str, str], list[tuple[str | None, int, int]]] = defaultdict(list)
    wanted = None if roots is None else _used_below(connection, roots)
    for namespace, name, version, digest, count, first in connection.execute(grouped.order_by(func.min(use.seq))):
        if wanted is None or (namespace, name, version) in wanted:
            found[namespace, name, version].append((digest, count, first))
    for (namespace, name, version), contents in found.items():
        seen = [_first(connection, namespace, name, version, digest, first) for digest, _, first in contents]
        without = sum(count for digest, count, _ in contents if digest is None)
        yield Version(f"{namespace}:{name}@{version}", tuple(seen), sum(count for _, count, _ in contents), without)


def _used_below(connection: Connection, roots: Collection[str]) -> set[tuple[str, str, str]]:
    use, run = tables.use.c, tables.run.c
    listed = list(roots)
    return {
        (namespace, name, version)
        for start in range(0, len(listed), _CHUNK)
        for namespace, name, version in connection.execute(
            select(use.namespace, use.name, use.version)
            .join_from(tables.use, tables.run, use.run_id == run.run_id)
            .where(run.root_run_id.in_(listed[start : start + _CHUNK]), use.version.is_not(None))
            .distinct()
        )
    }


def _first(connection: Connection, namespace: str, name: str, version: str, digest: str | None, seq: int) -> Seen:
    use = tables.use.c
    same = use.digest.is_(None) if digest is None else use.digest == digest
    query = select(use.run_id, use.direction).where(
        use.namespace == namespace, use.name == name, use.version == version, use.seq == seq, same
    )
    row = connection.execute(query.limit(1)).first()
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

    Args:
        connection: a snapshot of the store.
        roots: root run ids; None for all.
        deployed: runs from which a deployed model descends, which count whatever their environment.
    """
    step, run = tables.step.c, tables.run.c
    counts = or_(run.environment.is_(None), run.environment != "dev")
    kept = list(deployed)
    if kept:
        counts = or_(counts, run.run_id.in_(kept[:_MOST]))
    declared = step.operation.is_not(None), step.version.is_not(None), step.derived.is_(False)
    base = select(step.operation, step.version).join_from(tables.step, tables.run, step.run_id == run.run_id)
    wanted = None if roots is None else _operations_below(connection, roots)
    grouped = (
        base.add_columns(step.code_digest, counts, func.count(), func.min(run.first_seq), func.max(run.first_seq))
        .where(*declared)
        .group_by(step.operation, step.version, step.code_digest, counts)
    )
    codes: dict[tuple[str, str], list[tuple[str | None, int, int, int]]] = defaultdict(list)
    out: dict[tuple[str, str], int] = defaultdict(int)
    for operation, version, digest, in_scope, runs, first, last in connection.execute(grouped):
        if wanted is not None and (operation, version) not in wanted:
            continue
        codes.setdefault((operation, version), [])
        if in_scope:
            codes[operation, version].append((digest, runs, first, last))
        else:
            out[operation, version] += runs
    for (operation, version), found in sorted(codes.items()):
        made = [_code(connection, *one) for one in sorted(found, key=lambda one: one[2])]
        yield Operation(operation, version, tuple(made), out[operation, version])


_MOST = 30_000
"""Runs behind deployed models that one statement can name."""


def _code(connection: Connection, digest: str | None, runs: int, first: int, last: int) -> CodeOf:
    run = tables.run.c
    rows = connection.execute(select(run.first_seq, run.run_id).where(run.first_seq.in_((first, last)))).all()
    named = {seq: run_id for seq, run_id in rows}  # noqa: C416 - rows are no pairs to a type checker
    return CodeOf(digest, runs, named.get(first, ""), first, named.get(last, ""), last)


def _operations_below(connection: Connection, roots: Sequence[str] | Collection[str]) -> set[tuple[str, str]]:
    step, run = tables.step.c, tables.run.c
    listed = list(roots)
    return {
        (operation, version)
        for start in range(0, len(listed), _CHUNK)
        for operation, version in connection.execute(
            select(step.operation, step.version)
            .join_from(tables.step, tables.run, step.run_id == run.run_id)
            .where(run.root_run_id.in_(listed[start : start + _CHUNK]), step.operation.is_not(None))
            .distinct()
        )
    }
