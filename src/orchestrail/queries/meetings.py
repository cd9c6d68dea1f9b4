"""Where a data set was met: the runs that wrote and read it, and all contents that its name stood for."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, func, or_, select

from orchestrail.model import DatasetRef
from orchestrail.projections import tables
from orchestrail.queries.loading import load_runs, load_uses
from orchestrail.queries.targets import Target

OTHERS = 100
"""Other contents of one name in one answer."""


@dataclass(frozen=True, slots=True)
class Met:
    """A run that read or wrote a data set.

    Attributes:
        run_id: the run.
        job: name of its job.
        direction: `input` or `output`.
        dataset: as the run met it.
        seq: place in the log of the event that says so.
        at: time which that event claims, RFC 3339 in UTC.
    """

    run_id: str
    job: str
    direction: str
    dataset: DatasetRef
    seq: int
    at: str | None


@dataclass(frozen=True, slots=True)
class Content:
    """A content that a name stood for.

    Attributes:
        digest: of the content; None where none was taken.
        version: a version name; None where it has none beside the digest.
        first: place in the log where it was met first.
        last: place where it was met last.
        at: time which the first event claims, RFC 3339 in UTC.
        written: how often a run wrote it.
        read: how often a run read it.
    """

    digest: str | None
    version: str | None
    first: int
    last: int
    at: str | None
    written: int
    read: int


@dataclass(frozen=True, slots=True)
class Others:
    """What the name of a content stood for beside it: an answer that is of that content alone says nothing of them.

    Attributes:
        contents: the newest first.
        more: True where there are more.
    """

    contents: tuple[Content, ...] = ()
    more: bool = False


def met(connection: Connection, dataset: DatasetRef, limit: int) -> list[Met]:
    """List who wrote and read a data set, by place in the log: equal bytes under any name, where its digest is known and it is
    not empty.

    Args:
        connection: a snapshot of the store.
        dataset: the data set.
        limit: no more than so many.
    """
    use = tables.use.c
    named = (use.namespace == dataset.namespace) & (use.name == dataset.name)
    if dataset.digest:
        meant = use.digest == dataset.digest
        meant = named & meant if dataset.is_empty else meant
    else:
        meant = named & use.digest.is_(None)
        meant &= use.version == dataset.version if dataset.version else use.version.is_(None)
    places = connection.execute(select(use.seq).where(meant).order_by(use.seq).limit(limit)).scalars().all()
    uses = load_uses(connection, meant, use.seq <= places[-1])[:limit] if places else []
    rows = load_runs(connection, (each.run_id for each in uses))
    return [
        Met(each.run_id, rows[each.run_id].job.name, each.direction, each.dataset, each.seq, each.at) for each in uses
    ]


def contents(
    connection: Connection, namespace: str, name: str, limit: int, *conditions: ColumnElement[bool]
) -> list[Content]:
    """List the contents that a name stood for, the newest first.

    Args:
        connection: a snapshot of the store.
        namespace: of the data set.
        name: of the data set.
        limit: no more than so many.
        conditions: on its uses.
    """
    use = tables.use.c
    version = func.nullif(use.version, use.digest)
    first = func.min(use.seq)
    query = (
        select(
            use.digest,
            version,
            first,
            func.max(use.seq),
            func.min(use.at),
            func.count().filter(use.direction == "output"),
            func.count().filter(use.direction == "input"),
        )
        .where(use.namespace == namespace, use.name == name, *conditions)
        .group_by(use.digest, version)
        .order_by(first.desc())
        .limit(limit)
    )
    return [Content(*row) for row in connection.execute(query)]


def others_of(connection: Connection, target: Target, limit: int = OTHERS) -> Others:
    """Find what else the name stood for of which a target is one content; a run has none.

    Args:
        connection: a snapshot of the store.
        target: from `orchestrail.queries.targets.find_target`.
        limit: no more than so many.
    """
    dataset = target.dataset
    if dataset is None:
        return Others()
    use = tables.use.c
    if dataset.digest:
        other = or_(use.digest != dataset.digest, use.digest.is_(None))
    else:
        other = or_(use.digest.is_not(None), use.version.is_distinct_from(dataset.version))
    found = contents(connection, dataset.namespace, dataset.name, limit + 1, other)
    return Others(tuple(found[:limit]), len(found) > limit)


def left_out(connection: Connection, target: Target) -> Others:
    """Find what an answer about what a target stands for leaves out: nothing of a name; of a content, what else its name bore."""
    return Others() if target.is_name else others_of(connection, target)
