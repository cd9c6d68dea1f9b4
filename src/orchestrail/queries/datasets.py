"""The names of data sets, in their order: what kind each is, what it stood for of late, who wrote and read it last.

Of each the last few uses are looked at, however often it was used, and it is told where there are more.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, func, literal, select, tuple_

from orchestrail.projections import tables
from orchestrail.projections.texts import TEXT, beginnings, fits

LOOKED_AT = 20
"""Of each data set, writings that are looked at, and readings."""


@dataclass(frozen=True, slots=True)
class Last:
    """The last times that a data set was written, or read.

    Attributes:
        at: time which the event of the last one claims, RFC 3339 in UTC; None where it tells none.
        run_id: the run of the last one.
        jobs: names of the jobs that did it of late, the last one first.
        more: True where not all times were looked at.
    """

    at: str | None
    run_id: str
    jobs: tuple[str, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class Listed:
    """A data set by its name.

    Attributes:
        namespace: of the data set.
        name: of the data set.
        kind: `model` where one of the uses that were looked at says so: who reads a model often does not; else `data`.
        written: None where no recorded run wrote it.
        read: None where no recorded run read it.
        contents: digests, and versions without one, that it stood for in the uses that were looked at.
    """

    namespace: str
    name: str
    kind: str
    written: Last | None
    read: Last | None
    contents: int

    @property
    def more(self) -> bool:
        """True where it may have stood for more."""
        return any(each is not None and each.more for each in (self.written, self.read))


def datasets(
    connection: Connection,
    limit: int,
    *,
    kind: str | None = None,
    namespace: str | None = None,
    name: str | None = None,
    after: tuple[str, str] | None = None,
) -> list[Listed]:
    """List data sets by name, then by namespace.

    Args:
        connection: a snapshot of the store.
        limit: no more than so many.
        kind: only those that were ever used as of this kind.
        namespace: only those of this namespace.
        name: a name; `*` stands for any text.
        after: name and namespace; only those that come after them.
    """
    use = tables.use.c
    wanted: list[ColumnElement[bool]] = []
    if kind is not None:
        # Not by the index of kinds, which would have all names of the kind sorted for each that is found.
        wanted.append(func.coalesce(use.kind, "") == kind)
    if namespace is not None:
        wanted.append(use.namespace == namespace)
    if name is not None:
        wanted.append(fits(use.name, name))
    if after is not None:
        wanted.append(tuple_(use.name, use.namespace) > after)
        if begins := beginnings(connection, use.name, literal(after[0], TEXT)):
            wanted.append(begins[0] >= begins[1])
    order = *beginnings(connection, use.name), use.name, use.namespace
    named = select(use.name, use.namespace).where(*wanted).group_by(*order).order_by(*order).limit(limit)
    return [_listed(connection, name, namespace) for name, namespace in connection.execute(named).all()]


def _listed(connection: Connection, name: str, namespace: str) -> Listed:
    use, run = tables.use.c, tables.run.c
    kinds: set[str] = set()
    contents: set[tuple[str | None, str | None]] = set()
    last: dict[str, Last] = {}
    for direction in ("output", "input"):
        query = (
            select(use.seq, use.kind, use.digest, use.version, use.at, use.run_id, run.job_name)
            .join_from(tables.use, tables.run, use.run_id == run.run_id)
            .where(use.name == name, use.namespace == namespace, use.direction == direction)
            .order_by(use.seq.desc())
            .limit(LOOKED_AT + 1)
        )
        rows = connection.execute(query).all()
        if not rows:
            continue
        looked_at = rows[:LOOKED_AT]
        kinds |= {row.kind for row in looked_at}
        contents |= {(row.digest, None if row.digest else row.version) for row in looked_at}
        jobs = tuple(dict.fromkeys(row.job_name for row in looked_at))
        last[direction] = Last(rows[0].at, rows[0].run_id, jobs, len(rows) > LOOKED_AT)
    kind = "model" if "model" in kinds else "data"
    return Listed(namespace, name, kind, last.get("output"), last.get("input"), len(contents))
