"""What was judged, kept so that one more run costs no more than that run: outcomes of units, and what has changed since.

A unit is judged anew when a run that it rests on changed. Where nothing was judged, nothing is noted. How a unit is judged is not
known here; the results are text.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, literal, select

from orchestrail.projections import tables
from orchestrail.projections.chunks import chunks

JUDGED = "judged"
"""Key of what the outcomes were judged by: stands there from when changes are noted."""


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    """The subjects of one unit that have one status by one requirement.

    Attributes:
        requirement: its id.
        kind: kind of the unit.
        unit: its key.
        status: of the subjects.
        place: place in the log by which units are listed.
        subjects: how many there are.
        results: what is said of them, as text.
    """

    requirement: str
    kind: str
    unit: str
    status: str
    place: int
    subjects: int
    results: str


def touch(connection: Connection, run_ids: Iterable[str]) -> None:
    """Note that runs change, or have changed, under the roots that they have now."""
    run, noted = tables.run.c, tables.touched.c
    known = select(literal(1)).where(noted.run_id == run.run_id, noted.root_run_id == run.root_run_id)
    for chunk in chunks(run_ids):
        new = select(run.run_id, run.root_run_id).where(run.run_id.in_(chunk), ~known.exists())
        connection.execute(insert(tables.touched).from_select(["run_id", "root_run_id"], new))


def touched(connection: Connection) -> set[tuple[str, str]]:
    """Give the runs that changed, each with the roots that it had and has."""
    return {(run_id, root) for run_id, root in connection.execute(select(tables.touched))}


def untouch(connection: Connection, seen: Iterable[tuple[str, str]]) -> None:
    """Take back what was noted, as far as it was seen when the outcomes were made."""
    noted = tables.touched.c
    for run_id, root in seen:
        connection.execute(delete(tables.touched).where(noted.run_id == run_id, noted.root_run_id == root))


def judged_by(connection: Connection) -> str | None:
    """Say what the outcomes were judged by; None where nothing was judged."""
    return connection.execute(select(tables.meta.c.value).where(tables.meta.c.key == JUDGED)).scalar()


def begin(connection: Connection, by: str) -> None:
    """Forget all outcomes, and note from now on what changes."""
    for table in (tables.outcome, tables.member, tables.touched):
        connection.execute(delete(table))
    say(connection, by)


def say(connection: Connection, by: str) -> None:
    """Say what the outcomes were judged by."""
    connection.execute(delete(tables.meta).where(tables.meta.c.key == JUDGED))
    connection.execute(insert(tables.meta), {"key": JUDGED, "value": by})


def forget(connection: Connection, kind: str, units: Iterable[str]) -> None:
    """Forget the outcomes of units."""
    for chunk in chunks(units):
        connection.execute(
            delete(tables.outcome).where(tables.outcome.c.kind == kind, tables.outcome.c.unit.in_(chunk))
        )
        connection.execute(delete(tables.member).where(tables.member.c.unit.in_(chunk)))


def keep(connection: Connection, rows: Iterable[OutcomeRow], members: Iterable[tuple[str, str]] = ()) -> None:
    """Keep the outcomes of units, and the parts that units rest on."""
    if listed := [{name: getattr(row, name) for name in OutcomeRow.__slots__} for row in rows]:
        connection.execute(insert(tables.outcome), listed)
    if pairs := [{"unit": unit, "part": part} for unit, part in dict.fromkeys(members)]:
        connection.execute(insert(tables.member), pairs)


def kept_of(connection: Connection, kind: str, units: Collection[str]) -> Iterator[OutcomeRow]:
    """Give the outcomes of units of a kind."""
    columns = tables.outcome.c
    for chunk in chunks(units):
        for row in connection.execute(
            select(tables.outcome).where(columns.kind == kind, columns.unit.in_(chunk))
        ).mappings():
            yield OutcomeRow(**row)


def members_of(connection: Connection, units: Collection[str]) -> set[tuple[str, str]]:
    """Give units with the parts that they are said to rest on."""
    query = select(tables.member.c.unit, tables.member.c.part)
    return {
        (unit, part)
        for chunk in chunks(units)
        for unit, part in connection.execute(query.where(tables.member.c.unit.in_(chunk)))
    }


def all_kept(connection: Connection) -> Iterator[OutcomeRow]:
    """Give all outcomes, those of a unit together."""
    columns = tables.outcome.c
    query = select(tables.outcome).order_by(columns.kind, columns.unit, columns.requirement)
    for row in connection.execute(query.execution_options(yield_per=1000)).mappings():
        yield OutcomeRow(**row)


def units_of(connection: Connection, kind: str) -> set[str]:
    """Name the units of a kind that have outcomes."""
    query = select(tables.outcome.c.unit).where(tables.outcome.c.kind == kind).distinct()
    return set(connection.execute(query).scalars())


def units_resting_on(connection: Connection, parts: Iterable[str]) -> set[str]:
    """Name the units that rest on one of some parts."""
    return {
        unit
        for chunk in chunks(parts)
        for unit in connection.execute(
            select(tables.member.c.unit).where(tables.member.c.part.in_(chunk)).distinct()
        ).scalars()
    }


def units_with(connection: Connection, kind: str, requirements: Iterable[str]) -> set[str]:
    """Name the units of a kind with a subject that does not pass one of some requirements."""
    columns = tables.outcome.c
    query = select(columns.unit).where(
        columns.kind == kind, columns.requirement.in_(list(requirements)), columns.status != "pass"
    )
    return set(connection.execute(query.distinct()).scalars())


def counts(connection: Connection) -> Iterator[tuple[str, str, int]]:
    """Give the number of subjects by requirement and status."""
    columns = tables.outcome.c
    query = select(columns.requirement, columns.status, func.sum(columns.subjects))
    for requirement, status, subjects in connection.execute(query.group_by(columns.requirement, columns.status)):
        yield requirement, status, int(subjects)


def results(connection: Connection, requirement: str, status: str, limit: int) -> Iterator[str]:
    """Give what is said of subjects, by place in the log, at most that of so many units."""
    columns = tables.outcome.c
    query = select(columns.results).where(columns.requirement == requirement, columns.status == status)
    yield from connection.execute(query.order_by(columns.place, columns.unit).limit(limit)).scalars()
