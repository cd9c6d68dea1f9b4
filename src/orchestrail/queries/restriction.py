"""What some may see: a snapshot in which the rows of other systems are not there, for whichever question is put to it.

Every query meets, under the name of each table that it reads, a common table expression with the rows that may be seen, and never
the table. So no question has to think of it, and a new one cannot forget it. A table whose rows belong to no system, or of which
nobody said how they belong to one, refuses the question instead: less is an answer here, and too much is none.

A run belongs to the system that it names, or that its root run names where it names none. What names no system, as the events of
other producers may not, is seen by those alone who may see all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import CTE, Connection, Select, Table, TableClause, and_, column, event, func, select, table
from sqlalchemy.sql import visitors
from sqlalchemy.sql.selectable import CompoundSelect

from orchestrail.errors import Forbidden
from orchestrail.projections import tables

OF_RUNS = (tables.event, tables.use, *tables.FACTS)
"""Tables of which each row is of one run."""

OPEN = frozenset({tables.meta.name})
"""Tables that say nothing of any system: which version of the tables this is, and how far they are."""


def restrict(connection: Connection, systems: Collection[str]) -> None:
    """Have a connection see the rows of some systems alone, from here to its end.

    Args:
        connection: a read-only snapshot.
        systems: names of the AI systems.
    """
    seen = _seen(connection.dialect.default_schema_name or "main", sorted(systems))

    def narrow(
        _connection: Connection, statement: Any, several: Any, parameters: Any, _options: Mapping[str, Any]
    ) -> tuple[Any, Any, Any]:
        return _narrowed(statement, seen), several, parameters

    event.listen(connection, "before_execute", narrow, retval=True)


def seen_tables() -> set[str]:
    """Name the tables of which those who may not see all see a part."""
    return set(_seen("main", []))


def _narrowed(statement: Any, seen: Mapping[str, CTE]) -> Any:
    if not isinstance(statement, Select | CompoundSelect):
        raise _refused(type(statement).__name__)
    names = {part.name for part in visitors.iterate(statement) if isinstance(part, TableClause)}
    for name in sorted(names - OPEN):
        if name not in seen:
            raise _refused(name)
    return statement.add_cte(*(seen[name] for name in sorted(names - OPEN)))


def _refused(what: str) -> Forbidden:
    return Forbidden(
        "This cannot be answered for one system alone.",
        f"The answer would rest on what belongs to all of them ({what}).",
        "Ask with a token of all systems.",
    )


def _seen(schema: str, systems: list[str]) -> dict[str, CTE]:
    """Give what may be seen of each table, by the name of the table."""

    def whole(of: Table) -> TableClause:
        return table(of.name, *(column(each.name, each.type) for each in of.columns), schema=schema)

    run, root, use, document, withdrawal = map(
        whole, (tables.run, tables.run, tables.use, tables.document, tables.withdrawal)
    )
    above = root.alias("orchestrail_root")
    theirs = func.coalesce(run.c.system, above.c.system).in_(systems)
    runs = run.outerjoin(above, above.c.run_id == run.c.root_run_id)
    ids = select(run.c.run_id).select_from(runs).where(theirs)
    edge, happened = whole(tables.edge), whole(tables.event)
    log = table("log", column("seq"), column("event_id"), schema=schema)
    used = and_(use.c.run_id.in_(ids), use.c.namespace == withdrawal.c.namespace, use.c.name == withdrawal.c.name)
    selected = {
        tables.run.name: select(run).select_from(runs).where(theirs),
        tables.edge.name: select(edge).where(edge.c.from_run.in_(ids), edge.c.to_run.in_(ids)),
        tables.document.name: select(document).where(
            document.c.model.in_(select(use.c.digest).where(use.c.run_id.in_(ids)))
        ),
        tables.withdrawal.name: select(withdrawal).where(select(use.c.run_id).where(used).exists()),
        "log": select(log).where(log.c.seq.in_(select(happened.c.seq).where(happened.c.run_id.in_(ids)))),
    }
    for each in map(whole, OF_RUNS):
        selected[each.name] = select(each).where(each.c.run_id.in_(ids))
    return {name: query.cte(name) for name, query in selected.items()}
