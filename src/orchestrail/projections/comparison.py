"""Showing that the tables are what the log gives: they are made anew beside those that are there, and held against them.

What is kept of judging is no statement of the log alone, but what a catalogue of some day said about it: whoever calls judges it
again, by the tables that were made anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from heapq import merge
from itertools import groupby
from operator import itemgetter
from typing import Any, Protocol

from sqlalchemy import Column, Connection, MetaData, RowMapping, Table, func, insert, inspect, select

from orchestrail.projections import tables
from orchestrail.projections.apply import applied, apply, begin_anew, version_of
from orchestrail.projections.outcomes import JUDGED
from orchestrail.store.base import Progress, Record

NAMED = 20
"""Differences of a table that are named; the others are counted."""
_OTHER, _SURPLUS, _MISSING = "is not what the log gives", "is there, and the log gives none", "is missing"
KEPT = (tables.touched, tables.outcome, tables.member, tables.report)
"""Tables of what is kept of judging."""
_NOT_OF_THE_LOG = (tables.meta, tables.change, *KEPT)
"""The words for changes are by chance: whoever makes the tables anew shall have other ones."""
_AT_ONCE = 1000
"""Rows that are taken over from the database at a time."""


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


Judge = Callable[[Connection], Iterable[Difference]]
"""Gives what is kept of judging and is not what the tables of a connection give."""


def compare(kept: Kept, judge: Judge, progress: Progress | None = None) -> Compared:
    """Make the tables anew from the log, as far as they hold it, and compare; nothing of the store is changed.

    Args:
        kept: the store.
        judge: is given the tables made anew, and beside them a copy of what is kept of judging, which it may use up.
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
        rows, found = 0, _Found()
        there = set(inspect(connection).get_table_names(schema=theirs))
        for table in tables.metadata.sorted_tables:
            if table.name not in there:
                found.add([Difference(table.name, None, _MISSING)])
            elif table not in _NOT_OF_THE_LOG:
                found.add(_differences(connection, table, theirs, own))
                rows += connection.execute(select(func.count()).select_from(_in(table, own))).scalar_one()
        if there.issuperset(table.name for table in KEPT):
            _take_over(connection, theirs, own)
            found.add(judge(connection))
        return Compared(version, size, rows, tuple(found.counts.items()), tuple(found.first))


class _Found:
    """Differences: the first of each table, and how many it has."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.first: list[Difference] = []

    def add(self, differences: Iterable[Difference]) -> None:
        for each in differences:
            if self.counts[each.table] < NAMED:
                self.first.append(each)
            self.counts[each.table] += 1


def _take_over(connection: Connection, theirs: str, own: str) -> None:
    """Copy what is kept of judging, and by what was judged, beside the tables that were made anew."""
    for table in (tables.meta, *KEPT):
        there = _in(table, theirs)
        rows = select(there).where(there.c.key == JUDGED) if table is tables.meta else select(there)
        connection.execute(insert(_in(table, own)).from_select(list(table.columns.keys()), rows))


def _in(table: Table, schema: str) -> Table:
    return table.to_metadata(MetaData(), schema=schema)


def _differences(connection: Connection, table: Table, theirs: str, own: str) -> Iterator[Difference]:
    """Go through both sides in the order of their keys, so that no more than the rows of one key are held."""
    key = [column.name for column in _key(table)]

    def rows_in(schema: str, side: int) -> Iterator[tuple[Any, int, RowMapping]]:
        query = select(_in(table, schema)).order_by(*key).execution_options(yield_per=_AT_ONCE)
        for row in connection.execute(query).mappings():
            yield tuple(row[name] for name in key), side, row

    both = merge(rows_in(theirs, 0), rows_in(own, 1), key=itemgetter(0))
    for values, group in groupby(both, key=itemgetter(0)):
        there: tuple[list[RowMapping], list[RowMapping]] = [], []
        for _, side, row in group:
            there[side].append(row)
        if not _same(*there):
            named = ", ".join(f"{name} {value}" for name, value in zip(key, values, strict=True))
            yield Difference(table.name, named, _said(table, *there))


def _same(one: list[RowMapping], other: list[RowMapping]) -> bool:
    if len(one) == len(other) == 1:
        return one[0] == other[0]
    return Counter(tuple(row.values()) for row in one) == Counter(tuple(row.values()) for row in other)


def _said(table: Table, surplus: list[RowMapping], missing: list[RowMapping]) -> str:
    if not missing:
        return _SURPLUS
    if not surplus:
        return _MISSING
    if len(surplus) > 1 or len(missing) > 1:
        return _OTHER
    others = [column.name for column in table.columns if surplus[0][column.name] != missing[0][column.name]]
    return f"{_OTHER}: {', '.join(others)}" if others else _OTHER


def _key(table: Table) -> list[Column[Any]]:
    return list(table.primary_key) or [table.c.get("run_id", next(iter(table.columns)))]
