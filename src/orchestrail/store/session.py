"""What the shared code of the stores asks of a database: statements with `?` for values. Opening one is each engine's matter."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

# Asked for one by one, not as a join: for that PostgreSQL may read the whole log, as it does where it believes a table to be small.
_PLACES = (
    "SELECT event_id, seq FROM (SELECT event_id, (SELECT seq FROM log WHERE log.event_id = new.event_id) AS seq FROM {new})"
    " AS asked WHERE seq IS NOT NULL"
)


def storable(text: str) -> str:
    """Give a text as every database can hold it."""
    # PostgreSQL cannot hold a zero character; JSON can hold half a surrogate pair, which UTF-8 cannot.
    text = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


class Damage(Exception):
    """Something in a store is not what a store writes; says what."""


class Rows(Protocol):
    """What a statement finds; it need not have run before the first row is asked for."""

    def fetchone(self) -> Any:
        """Return the next row, None where there is none left."""
        ...

    def __iter__(self) -> Iterator[Any]: ...


class Session(Protocol):
    """A transaction on an open database."""

    def execute(self, statement: str, values: Sequence[object] = ()) -> Rows:
        """Run a statement."""
        ...

    def each(
        self,
        statement: str,
        columns: Mapping[str, type],
        rows: Sequence[Sequence[object]],
        values: Sequence[object] = (),
    ) -> Iterable[Any]:
        """Run a statement over rows of values, in their order, and give what it returns; see `Rows`.

        Args:
            statement: names the rows `{new}`, in the place of a table.
            columns: their names, and what is in them: bytes, text or whole numbers.
            rows: the values; None may stand anywhere.
            values: of the marks behind `{new}`.
        """
        ...

    def stream(self, statement: str, at_once: int = 500) -> Iterator[Any]:
        """Run a statement whose rows may not fit into memory: no more than so many have to."""
        ...


class Examined(Session, Protocol):
    """A database that is being verified, held still and not written to.

    Attributes:
        engine: the name of the database's make.
        error: what it raises where something cannot be read.
    """

    engine: str
    error: type[Exception]

    def step(self) -> AbstractContextManager[object]:
        """Open a block after whose failure others can go on."""
        ...

    def complaints(self) -> Iterable[str]:
        """Say what the database itself finds wrong with its files."""
        ...

    def objects(self) -> dict[tuple[str, str], object]:
        """Describe every table, index, trigger and function but the projections', by kind and name."""
        ...

    def expected_objects(self) -> dict[tuple[str, str], object]:
        """Give what `objects` gives for a new store."""
        ...


def places(session: Session, identities: Sequence[bytes]) -> Iterable[tuple[bytes, int]]:
    """Give those of the event ids that the log holds, with their sequence numbers; see `Rows`."""
    return session.each(_PLACES, {"event_id": bytes}, [(identity,) for identity in identities])
