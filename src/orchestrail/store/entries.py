"""What the entries of the log consist of, by their place, whether in a bundle or among the recent ones. Only reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from orchestrail.store.bundle import Bundle, BundleError, Stored, read_envelopes
from orchestrail.store.session import Damage, Rows

if TYPE_CHECKING:
    from sqlalchemy import Connection

Read = Callable[[str, Sequence[object]], Rows]
"""What runs a statement with `?` for its values, as `Session.execute` does."""

TABLES = ("bundle", "recent")
"""Where entries stand, from the first one on: small bundles are recent until there are enough for one of the usual size."""

_AT_ONCE = 8
"""Bundles that are loaded at a time."""

_FROM = (
    "SELECT first, count, envelopes, payloads FROM {table}"
    " WHERE first >= coalesce((SELECT max(first) FROM {table} WHERE first <= ?), 0) AND first + count > ?"
    " ORDER BY first LIMIT ?"
)


class Opened(NamedTuple):
    """Neighbouring entries out of one bundle.

    Attributes:
        first: place of the first one.
        entries: all of them.
    """

    first: int = 0
    entries: Sequence[Stored] = ()

    def holds(self, seq: int) -> bool:
        """Whether the entry of a place is among them."""
        return self.first <= seq < self.first + len(self.entries)


def reader(connection: Connection) -> Read:
    """Read through a connection of SQLAlchemy."""
    mark = "?" if connection.dialect.name == "sqlite" else "%s"

    def read(statement: str, values: Sequence[object]) -> Any:
        return connection.exec_driver_sql(statement.replace("?", mark), tuple(values))

    return read


def bundles_in(read: Read, table: str) -> Iterator[Bundle]:
    """Yield the bundles of a table.

    Raises:
        Damage: one is none.
    """
    seq = 0
    while page := _page(read, table, seq):
        yield from page
        seq = page[-1].end


def page_from(read: Read, seq: int) -> list[Bundle]:
    """Load some neighbouring bundles, from the one on in which a place lies; none where the log is not so long.

    Raises:
        Damage: one is none, or is missing.
    """
    page = next((page for table in TABLES if (page := _page(read, table, seq))), [])
    for before, bundle in pairwise(page):
        if before.end != bundle.first:
            raise Damage(f"the log has nothing at its place {before.end}")
    if page and page[0].first > seq:
        raise Damage(f"the log has nothing at its place {seq}")
    return page


def entries_in(bundle: Bundle, first: int = 0) -> Iterator[tuple[int, Stored]]:
    """Yield the entries of a bundle and their places, from a place on.

    Raises:
        Damage: they cannot be read.
    """
    for seq, entry in enumerate(_opened(bundle).entries, start=bundle.first):
        if seq >= first:
            yield seq, entry


def holding(read: Read, seq: int) -> Opened:
    """Load the entries among which the one of a place is.

    Raises:
        Damage: it is not there, or cannot be read.
    """
    for table in TABLES:
        for bundle in _page(read, table, seq, 1):
            if bundle.first <= seq:
                return _opened(bundle)
    raise Damage(f"the log has nothing at its place {seq}")


def entries_at(read: Read, places: Iterable[int]) -> Iterator[tuple[int, Stored]]:
    """Yield the entries at some places; those of one bundle are best asked for together.

    Raises:
        Damage: one is not there, or cannot be read.
    """
    opened = Opened()
    for seq in places:
        if not opened.holds(seq):
            opened = holding(read, seq)
        yield seq, opened.entries[seq - opened.first]


def envelopes_between(read: Read, first: int, count: int) -> list[bytes]:
    """Load the envelopes of neighbouring entries, as far as they are there.

    Raises:
        Damage: they cannot be read.
    """
    found: list[bytes] = []
    while len(found) < count and (page := page_from(read, first + len(found))):
        for bundle in page:
            found += _read(read_envelopes, bundle)[first + len(found) - bundle.first :]
    return found[:count]


def _page(read: Read, table: str, seq: int, limit: int = _AT_ONCE) -> list[Bundle]:
    page = [Bundle(*row) for row in read(_FROM.format(table=table), (seq, seq, limit))]
    if not all(isinstance(bundle.count, int) for bundle in page):
        raise Damage(f"the entries from {page[0].first} on: their number is none")
    return page


def _opened(bundle: Bundle) -> Opened:
    return Opened(bundle.first, _read(Bundle.entries, bundle))


def _read(read: Callable[[Bundle], list[Any]], bundle: Bundle) -> list[Any]:
    try:
        return read(bundle)
    except BundleError as error:
        raise Damage(f"the entries from {bundle.first} on: {error}") from error
