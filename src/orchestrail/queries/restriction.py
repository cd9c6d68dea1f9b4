"""What some may see: a snapshot in which the rows of other systems are not there, for whichever question is put to it.

Every query meets, under the name of each table that it reads, a common table expression with the rows that may be seen, and never
the table. So no question has to think of it, and a new one cannot forget it. A table whose rows belong to no system, or of which
nobody said how they belong to one, refuses the question instead: less is an answer here, and too much is none.

A run belongs to the system that it names, or where it names none to that of the nearest run above it that does. What names no
system, as the events of other producers may not, is seen by those alone who may see all. A run whose root is not seen has the
outermost run above it that is seen for its root, as if the others had never been recorded. That a run took the result of one that
is not seen, and that only their common cache key told of, is not known either.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    FromClause,
    Select,
    Table,
    TableClause,
    and_,
    case,
    column,
    event,
    func,
    literal,
    or_,
    select,
    table,
)
from sqlalchemy.sql import visitors
from sqlalchemy.sql.selectable import CompoundSelect

from orchestrail.errors import Forbidden
from orchestrail.projections import tables

OF_RUNS = (tables.use, *tables.FACTS)
"""Tables of which each row is of one run."""

OPEN = frozenset({tables.meta.name, tables.persons.name})
"""Tables that say nothing of any system: which version of the tables this is, and how far they are; whose signatures count."""

NARROWED = frozenset({tables.manifest.name, tables.statement.name})
"""Tables of which one row may be of several systems: each is read by one question alone, which narrows what it gives by
`systems_seen`: `orchestrail.queries.manifests` and `orchestrail.queries.statements`."""

_DEEPEST = 1000
"""Runs inside each other that are followed upwards."""
_SYSTEMS = "orchestrail_systems"


def restrict(connection: Connection, systems: Collection[str]) -> None:
    """Have a connection see the rows of some systems alone, from here to its end.

    Args:
        connection: a read-only snapshot.
        systems: names of the AI systems.
    """
    seen = _seen(connection.dialect.default_schema_name or "main", tuple(sorted(systems)))

    def narrow(
        _connection: Connection, statement: Any, several: Any, parameters: Any, _options: Mapping[str, Any]
    ) -> tuple[Any, Any, Any]:
        return _narrowed(statement, seen), several, parameters

    event.listen(connection, "before_execute", narrow, retval=True)
    connection.execution_options(**{_SYSTEMS: frozenset(systems)})


def systems_seen(connection: Connection) -> frozenset[str] | None:
    """Name the AI systems whose rows may be seen; None where all may be, those that name no system among them."""
    systems: frozenset[str] | None = connection.get_execution_options().get(_SYSTEMS)
    return systems


def seen_tables() -> set[str]:
    """Name the tables of which those who may not see all see a part."""
    return set(_seen("main", ())) | NARROWED


def _narrowed(statement: Any, seen: Mapping[str, CTE]) -> Any:
    if not isinstance(statement, Select | CompoundSelect):
        raise _refused(type(statement).__name__)
    names = {part.name for part in visitors.iterate(statement) if isinstance(part, TableClause)}
    for name in sorted(names - OPEN - NARROWED):
        if name not in seen:
            raise _refused(name)
    return statement.add_cte(*(seen[name] for name in sorted(names - OPEN - NARROWED)))


def _refused(what: str) -> Forbidden:
    return Forbidden(
        "This cannot be answered for one system alone.",
        f"The answer would rest on what belongs to all of them ({what}).",
        "Ask with a token of all systems.",
    )


@lru_cache(maxsize=64)
def _seen(schema: str, systems: tuple[str, ...]) -> Mapping[str, CTE]:
    """Give what may be seen of each table, by the name of the table; to put it together takes longer than many a question."""

    def whole(of: Table) -> TableClause:
        return table(of.name, *(column(each.name, each.type) for each in of.columns), schema=schema)

    run, use, served, document, withdrawal, ran = map(
        whole, (tables.run, tables.use, tables.served, tables.document, tables.withdrawal, tables.ran)
    )
    of_system, change = whole(tables.of_system), whole(tables.change)
    one = whole(tables.run).alias("orchestrail_run")

    def one_seen(which: ColumnElement[bool]) -> ColumnElement[bool]:
        return select(one.c.run_id).where(which, one.c.belongs_to.in_(systems)).exists()

    def is_seen(run_id: ColumnElement[str]) -> ColumnElement[bool]:
        return one_seen(one.c.run_id == run_id)

    def are_seen(rows: FromClause) -> ColumnElement[bool]:
        return rows.c.belongs_to.in_(systems) if "belongs_to" in rows.c else is_seen(rows.c.run_id)

    alone = and_(run.c.parent_run_id.is_(None), run.c.root_run_id == run.c.run_id)
    # Most runs run in no other one, or right in their root run: for these nothing has to be followed.
    beside = and_(run.c.parent_run_id == run.c.root_run_id, is_seen(run.c.root_run_id))
    outermost = _outermost(run, whole(tables.run), systems)
    followed = case((alone, run.c.run_id), (beside, run.c.root_run_id), else_=outermost)
    # The root that a run has in its system is a column, and found by an index.
    root = run.c.system_root_run_id if len(systems) == 1 else followed
    others = [each for each in run.c if each.name not in ("root_run_id", "cached_from")]
    edge, happened = whole(tables.edge), whole(tables.event)
    taking = whole(tables.run).alias("orchestrail_taking")

    def is_hidden(origin: ColumnElement[str], key: ColumnElement[Any]) -> ColumnElement[bool]:
        # Under one cache key an origin is concluded, over all of the record.
        unseen = or_(one.c.belongs_to.is_(None), one.c.belongs_to.not_in(systems))
        return select(one.c.run_id).where(one.c.run_id == origin, one.c.cache_key == key, unseen).exists()

    cached_from = case((is_hidden(run.c.cached_from, run.c.cache_key), None), else_=run.c.cached_from)
    key_of = select(taking.c.cache_key).where(taking.c.run_id == edge.c.to_run).correlate(edge).scalar_subquery()
    shown = or_(edge.c.kind != "cached_from", ~is_hidden(edge.c.from_run, key_of))
    log = table("log", column("seq"), column("event_id"), schema=schema)
    named = and_(use.c.namespace == withdrawal.c.namespace, use.c.name == withdrawal.c.name)
    same = and_(use.c.digest == withdrawal.c.digest, tables.is_filled(use.c))
    used = and_(are_seen(use), or_(named, same))
    of_seen = one_seen(one.c.first_seq == happened.c.first_seq)
    modelled = [
        select(each.c.run_id).where(each.c.digest == document.c.model, are_seen(each)).exists()
        for each in (use, served)
    ]
    selected = {
        tables.run.name: select(*others, root.label("root_run_id"), cached_from.label("cached_from")).where(
            are_seen(run)
        ),
        tables.edge.name: select(edge).where(is_seen(edge.c.stated_by), shown),
        tables.document.name: select(document).where(or_(*modelled)),
        tables.withdrawal.name: select(withdrawal).where(select(use.c.run_id).where(used).exists()),
        tables.of_system.name: select(of_system).where(of_system.c.system.in_(systems)),
        tables.change.name: select(change).where(change.c.system.in_(systems)),
        tables.ran_as.name: _counted(ran).where(are_seen(ran)),
        tables.event.name: select(happened).where(of_seen),
        "log": select(log).where(select(happened.c.seq).where(happened.c.seq == log.c.seq, of_seen).exists()),
    }
    for each in map(whole, OF_RUNS):
        selected[each.name] = select(each).where(are_seen(each))
    # A query goes on by the indexes of the tables, and asks of the rows that it finds there whose they are.
    return {name: query.cte(name).prefix_with("NOT MATERIALIZED") for name, query in selected.items()}


def _outermost(run: FromClause, runs: TableClause, systems: Collection[str]) -> ColumnElement[str]:
    """Follow the parents of a run as far as they are seen; see `orchestrail.projections.tree` for how they are followed.

    Args:
        run: the run, which is seen. Who comes to the root that it has where all is seen goes no further, since parents may form
            a circle.
        runs: all runs.
        systems: names of those that are seen.
    """

    def is_seen(one: FromClause) -> ColumnElement[bool]:
        return one.c.belongs_to.in_(systems)

    above, parent = runs.alias("orchestrail_above"), runs.alias("orchestrail_parent")
    names = ("run_id", "parent_run_id", "stated_root_run_id")
    up = select(*(run.c[name].label(name) for name in names), literal(0).label("steps")).correlate(run)
    way = up.cte("orchestrail_up", recursive=True, nesting=True)
    named = select(parent.c.run_id).where(parent.c.run_id == way.c.parent_run_id, is_seen(parent)).correlate(way)
    stated = case((way.c.parent_run_id.is_not(None), way.c.stated_root_run_id))
    further = select(*(above.c[name] for name in names), way.c.steps + 1).where(
        above.c.run_id == func.coalesce(named.scalar_subquery(), stated),
        above.c.run_id != way.c.run_id,
        is_seen(above),
        or_(way.c.steps == 0, way.c.run_id != run.c.root_run_id),
        way.c.steps < _DEEPEST,
    )
    way = way.union_all(further.correlate(run))
    return select(way.c.run_id).order_by(way.c.steps.desc()).limit(1).scalar_subquery()


def _counted(ran: FromClause) -> Select[Any]:
    """Count anew as what code ran, as `proj_ran_as` counts over the whole record."""
    key = [ran.c[name] for name in ("operation", "version", "digest", "trial")]
    place = ran.c.first_seq
    spans = func.count().label("runs"), func.min(place).label("first_seq"), func.max(place).label("last_seq")
    return select(*key, *spans).group_by(*key)
