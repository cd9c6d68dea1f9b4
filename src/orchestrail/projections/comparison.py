"""Showing that the tables are what the log gives: they are made anew beside those that are there, and held against them.

What is kept of judging is not compared: it is no statement of the log, but what a catalogue of some day said about it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Connection, MetaData, Select, Table, except_, func, inspect, select

from orchestrail.projections import tables
from orchestrail.projections.apply import applied, apply, begin_anew, version_of
from orchestrail.store.base import Progress, Record

NAMED = 20
"""Differences of a table that are named; the others are counted."""
_OTHER, _SURPLUS, _MISSING = "is not what the log gives", "is there, and the log gives none", "is missing"
JUDGED = (tables.meta, tables.touched, tables.outcome, tables.member, tables.report)
"""Tables that are not compared."""


class Kept(Protocol):
    """What is needed of a store: its records, and tables beside its own."""

    def records(self, after: int = -1) -> Iterator[Record]:
        """Yield the log entries past a sequence number, in order."""
        ...

    def beside(self) -> AbstractContextManager[tuple[Connection, str, str]]:
        """Open a snapshot in which tables can be made that nobody else sees: with the names of the store's schema and of theirs."""
        ...


@dataclass(frozen=True, slots=True)
class Difference:
    """A row that is not what the log gives.

    Attributes:
        table: its name.
        row: what it is about, such as `run_id 0192...`; None where the whole table is meant.
        said: what is the matter with it.
    """

    table: str
    row: str | None
    said: str


@dataclass(frozen=True, slots=True)
class Compared:
    """The tables of a store, held against what its log gives.

    Attributes:
        version: of the tables; None where there are none. Those of another version than ours are not compared.
        entries: number of log entries that they hold.
        rows: number of rows that were compared.
        counts: number of differences by table, of those that have some.
        differences: the first of each table.
    """

    version: str | None
    entries: int = 0
    rows: int = 0
    counts: tuple[tuple[str, int], ...] = ()
    differences: tuple[Difference, ...] = ()

    @property
    def is_of_ours(self) -> bool:
        """Whether they are tables of this version, which alone are compared."""
        return self.version == tables.VERSION


class _Beside:
    """A log up to some place, and tables of its own on one connection."""

    def __init__(self, kept: Kept, connection: Connection, size: int) -> None:
        self._kept = kept
        self._connection = connection
        self._size = size

    def records(self, after: int = -1) -> Iterator[Record]:
        return self._kept.records(after)

    def size(self) -> int:
        return self._size

    @contextmanager
    def read(self) -> Iterator[Connection]:
        yield self._connection

    @contextmanager
    def project(self) -> Iterator[Connection]:
        yield self._connection


def compare(kept: Kept, progress: Progress | None = None) -> Compared:
    """Make the tables anew from the log, as far as they hold it, and compare; nothing of the store is changed.

    Args:
        kept: the store.
        progress: called with the log entries applied and those to apply.
    """
    with kept.beside() as (connection, theirs, own):
        version = version_of(connection)
        if version != tables.VERSION:
            return Compared(version)
        size = applied(connection) + 1
        connection.execution_options(schema_translate_map={None: own})
        tables.metadata.create_all(connection, checkfirst=False)
        connection.execution_options(schema_translate_map={})
        begin_anew(connection)
        apply(_Beside(kept, connection, size), progress)
        rows, counts, differences = 0, [], []
        there = set(inspect(connection).get_table_names(schema=theirs))
        for table in tables.metadata.sorted_tables:
            if table in JUDGED:
                continue
            rows += connection.execute(select(func.count()).select_from(_in(table, own))).scalar_one()
            if table.name in there:
                found = _differences(connection, table, theirs, own)
            else:
                found = [Difference(table.name, None, _MISSING)]
            if found:
                counts.append((table.name, len(found)))
                differences += found[:NAMED]
        return Compared(version, size, rows, tuple(counts), tuple(differences))


def _in(table: Table, schema: str) -> Table:
    return table.to_metadata(MetaData(), schema=schema)


def _differences(connection: Connection, table: Table, theirs: str, own: str) -> list[Difference]:
    one, other = _counted(_in(table, theirs)), _counted(_in(table, own))
    surplus, missing = (
        dict.fromkeys(_named(table, row) for row in connection.execute(except_(*sides)))
        for sides in ((one, other), (other, one))
    )
    return [
        *(Difference(table.name, row, _OTHER if row in missing else _SURPLUS) for row in surplus),
        *(Difference(table.name, row, _MISSING) for row in missing if row not in surplus),
    ]


def _counted(table: Table) -> Select[Any]:
    """Ask for each row, with the number of those that are the same: not every table has a key."""
    return select(*table.columns, func.count()).group_by(*table.columns)


def _named(table: Table, row: Sequence[Any]) -> str:
    key = list(table.primary_key) or [table.c.get("run_id", next(iter(table.columns)))]
    places = [list(table.columns).index(column) for column in key]
    return ", ".join(f"{table.columns[place].name} {row[place]}" for place in places)
