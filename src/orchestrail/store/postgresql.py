"""The store of a team: a PostgreSQL schema that any number of processes and hosts append to. Opening, transactions, appending.

An append is two transactions. The first makes the events durable: payloads, and one row in `pending`. The second, under a lock
that one process holds at a time, moves whatever is pending into the log. Whoever dies between the two, or within the second, leaves
to the next one what is there: nothing that was acknowledged depends on a process.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import psycopg
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool, QueuePool

from orchestrail.errors import StoreError
from orchestrail.store import postgresql_schema, schema
from orchestrail.store.appending import Batch, Entry, begin_log, candidates, ingest
from orchestrail.store.base import Appended, Incoming, Progress, Refused, Verification
from orchestrail.store.copying import copy_log, verified_copy
from orchestrail.store.keys import create_signer
from orchestrail.store.log import MARK_RESOLVED, LogStore, own_verifier
from orchestrail.store.note import Verifier
from orchestrail.store.outside import Growth
from orchestrail.store.server import Server
from orchestrail.store.session import Damage, Examined, places, returns
from orchestrail.store.verify import check_revision, verify

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

MOST_AT_ONCE = 50
"""Appends whose events one transaction moves from `pending` into the log."""

IDLE_SECONDS = 60
"""How long a process that sequences may stand still before the server ends its transaction."""

_PAGE = 500
_ARRAYS = {bytes: "bytea[]", str: 'text[] COLLATE "C"', int: "bigint[]"}
_SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
_KEPT_OPEN = 5
_WAIT = "INSERT INTO pending (envelopes, digests) VALUES (%b::bytea[], %b::bytea[]) RETURNING id"
_TAKE = (
    "DELETE FROM pending WHERE id IN (SELECT id FROM pending ORDER BY id LIMIT ?)"
    " RETURNING id, CASE WHEN id = ? THEN NULL ELSE envelopes END, digests"
)

# Numbers of the advisory locks, which are the database's: one lock to make a store, one to sequence, one to project.
_MAKE, _SEQUENCE, _PROJECT = (int.from_bytes(b"orch" + kind, "big") for kind in (b"make", b"seqn", b"proj"))


@dataclass(slots=True)
class _Sequenced:
    """What a process did while it sequenced.

    Attributes:
        quarantined: number of new entries of quarantine.
        size: of the log afterwards.
        first: place of the first of its own entries, whoever gave it; None where it has none.
    """

    quarantined: int = 0
    size: int = 0
    first: int | None = None


@dataclass(frozen=True, slots=True)
class _Own:
    """What a process has let wait, and need not read again.

    Attributes:
        number: of its row in `pending`, from 1; 0 where nothing was new.
        entries: what waits there.
    """

    number: int = 0
    entries: Sequence[Entry] = ()


_NOTHING = _Own()


class PostgresSession:
    """A connection as the shared code uses it; see `orchestrail.store.session`."""

    engine = "PostgreSQL"
    error: type[Exception] = psycopg.Error

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self._streams = 0

    def execute(self, statement: str, values: Sequence[object] = ()) -> psycopg.Cursor[Any]:
        """Run a statement."""
        return self.connection.execute(_own_marks(statement), values, binary=True)

    def each(
        self,
        statement: str,
        columns: Mapping[str, type],
        rows: Sequence[Sequence[object]],
        values: Sequence[object] = (),
    ) -> list[Any]:
        """Run a statement over rows of values; see `orchestrail.store.session`. The rows travel as an array for each column."""
        if not rows:
            return []
        arrays = ", ".join(f"%b::{_ARRAYS[kind]}" for kind in columns.values())
        new = f"unnest({arrays}) AS new({', '.join(columns)})"
        whole = _own_marks(statement).format(new=new)
        cursor = self.connection.execute(whole, [*map(list, zip(*rows, strict=True)), *values], binary=True)
        return cursor.fetchall() if returns(statement) else []

    def stream(self, statement: str) -> Iterator[Any]:
        """Run a statement whose rows may not fit into memory."""
        self._streams += 1
        with self.connection.cursor(name=f"stream_{self._streams}") as cursor:
            cursor.itersize = _PAGE
            yield from cursor.execute(cast(Any, statement))

    def step(self) -> AbstractContextManager[object]:
        """Open a block after whose failure others can go on."""
        return self.connection.transaction()

    def complaints(self) -> Iterator[str]:
        """Say nothing: the files are the server's own."""
        return iter(())

    def objects(self) -> dict[tuple[str, str], object]:
        """Describe everything in the schema but the projections, by kind and name."""
        return postgresql_schema.objects(self)

    def expected_objects(self) -> dict[tuple[str, str], object]:
        """Give what `objects` gives for a new store."""
        return postgresql_schema.expected_objects()

    def pending(self) -> Iterator[tuple[int, bytes]]:
        """Yield number and envelope of events that are stored and have no place in the log yet."""
        return self.stream("SELECT id, unnest(envelopes) FROM pending ORDER BY id")

    def lock(self, number: int) -> None:
        """Wait for one of our locks; it is held to the end of the transaction, or of the process."""
        self.execute("SELECT pg_advisory_xact_lock(?)", (number,))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Open a transaction, which commits at the end of the block, or rolls back on an error.

        Statements are waited for together, up to the next one whose rows are asked for: to wait for each costs more than they do.
        """
        with self.connection.pipeline(), self.connection.transaction():
            yield

    @contextmanager
    def sequencing(self) -> Iterator[None]:
        """Open the one transaction that may give places in the log."""
        with self.transaction():
            # A process that is stopped in here must not stop the log for good.
            self.execute(
                "SELECT set_config('idle_in_transaction_session_timeout', ?, true), pg_advisory_xact_lock(?)",
                (f"{IDLE_SECONDS}s", _SEQUENCE),
            )
            yield


class PostgresStore(LogStore):
    """An audit store in a PostgreSQL database; see `orchestrail.store.base.Store` for what it does.

    Safe to use from threads and after a fork: a child opens connections of its own.

    Attributes:
        home: folder that holds the keys.
    """

    def __init__(self, server: Server, home: Path, verifier: Verifier) -> None:
        super().__init__(home, verifier)
        self._server = server
        self._engine: Engine | None = None
        self._pid = os.getpid()
        self._lock = threading.Lock()

    @classmethod
    def open(cls, url: str, *, home: Path, create: bool = False) -> PostgresStore:
        """Open a store, bringing an older schema up to date; with `create`, make one where there is none.

        Raises:
            ConfigurationError: the URL cannot be read.
            StoreError: it is missing, damaged, of a newer version, or the server cannot be reached or refuses.
        """
        server = Server(url)
        with server.translated(), server.connect() as connection:
            session = PostgresSession(connection)
            revision = schema.known_revision(server.called, postgresql_schema.version(session))
            if revision is None and not create:
                raise server.missing()
            verifier = own_verifier(session) if revision == schema.HEAD else None
        opened = cls(server, home, verifier or _make(server, home))
        if create:
            opened._take_over()
        return opened

    def close(self) -> None:
        """Close the connections; the next call opens one again."""
        if self._engine is not None and self._pid == os.getpid():
            self._engine.dispose()

    def append(self, items: Sequence[Incoming], refused: Sequence[Refused] = ()) -> Appended:
        """Append events and quarantine refused bytes; durable, in the log and under a signed checkpoint when it returns.

        Args:
            items: events that were found acceptable, in the order in which they shall stand.
            refused: bytes that were not.

        Raises:
            StoreError: it may have been stored or not; appending the same once more stores nothing twice.
        """
        now = datetime.now(UTC)
        given = candidates(self._sign(), items, now)
        with self._connection() as session:
            with session.transaction():
                ingested = ingest(session, given, now)
                waits = _put_off(session, ingested.entries)
            sequenced = self._sequence(session, refused, waits())
        return Appended(
            len(ingested.entries), ingested.duplicates, sequenced.quarantined, sequenced.first, sequenced.size
        )

    def resolve(self, entry_id: int, incoming: Incoming) -> Appended:
        """Append a quarantined event that is acceptable by now, and mark its entry; the entry stays."""
        given = candidates(self._sign(), [incoming], datetime.now(UTC))
        with self._connection() as session:
            self._sequence(session, ())
            with session.sequencing():
                batch = Batch(session, self._sign())
                self._require_grown(session, batch.before)
                ingested = ingest(session, given, batch.moment)
                batch.add(ingested.entries)
                size = batch.finish()
                session.execute(MARK_RESOLVED, (ingested.identities[0], entry_id))
            self._grown(size, batch.note)
        first = batch.before if ingested.entries else None
        return Appended(len(ingested.entries), ingested.duplicates, 0, first, size)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a read-only snapshot for queries.

        Raises:
            StoreError: what the database says, within the block too.
        """
        snapshot = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with self._server.translated(), _original(), self._pool().connect() as opened:
            connection = opened.execution_options(**snapshot)
            with connection.begin():
                yield connection

    @contextmanager
    def beside(self) -> Iterator[tuple[Connection, str, str]]:
        """Open a snapshot in which tables can be made that come first, that nobody else sees, and that are gone with it.

        Raises:
            StoreError: what the database says, within the block too.
        """
        with self._server.translated(), _original(), self._pool().connect() as opened:
            connection = opened.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin() as transaction:
                yield connection, postgresql_schema.SCHEMA, "pg_temp"
                transaction.rollback()

    @contextmanager
    def project(self) -> Iterator[Connection]:
        """Open a write transaction for the `proj_` tables; it commits at the end of the block, or rolls back on an error.

        Raises:
            StoreError: what the database says, within the block too.
        """
        with self._server.translated(), _original(), self._pool().begin() as connection:
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (_PROJECT,))
            yield connection

    def verify(self, progress: Progress | None = None, against: bytes | None = None) -> Verification:
        """Recompute the whole log from what is stored, without writing anything.

        Args:
            progress: called with entries done and entries there are.
            against: a signed checkpoint from outside that this log shall contain.
        """
        return self.verify_at(self._server.url, self.home, progress, against)

    @staticmethod
    def verify_at(
        url: str,
        home: Path,
        progress: Progress | None = None,
        against: bytes | None = None,
        trusted: Sequence[Path] = (),
        growth: Growth | None = None,
    ) -> Verification:
        """Recompute the store in a database; see `orchestrail.store.verify_store`."""
        with PostgresStore.held_still(url) as session:
            return verify(session, home, progress, against, trusted, growth)

    @staticmethod
    @contextmanager
    def held_still(url: str) -> Iterator[PostgresSession]:
        """Hold the store in a database still, to read all of it; see `orchestrail.store.sqlite.reading_file`."""
        server = Server(url)
        with server.translated(), server.connect() as connection:
            session = PostgresSession(connection)
            session.execute(_SNAPSHOT)
            if not postgresql_schema.exists(session):
                raise server.missing()
            check_revision(server.called, schema.known_revision(server.called, postgresql_schema.version(session)))
            yield session

    @staticmethod
    def copied(url: str, home: Path, source: Examined, progress: Progress | None = None) -> Verification:
        """Make a store out of the log of another one; see `orchestrail.store.copy_store`."""
        server = Server(url)
        with _making(server) as (connection, session):
            if postgresql_schema.exists(session):
                raise StoreError(
                    f"{server.called} is there already.", "A copy needs an empty place.", "Name another database."
                )
            schema.upgrade(connection)
            copy_log(source, session, progress)
            return verified_copy(server.called, session, source, home)

    @staticmethod
    def exists_at(url: str) -> bool:
        """Whether a database holds a store."""
        server = Server(url)
        with server.translated(), server.connect() as connection:
            return postgresql_schema.exists(PostgresSession(connection))

    @staticmethod
    def name_of(url: str) -> str:
        """Name the store of a URL for people, without a password."""
        return Server(url).name

    def _take_over(self) -> None:
        """Sequence what a process that died has left."""
        with self._connection() as session:
            with session.transaction():
                left = session.execute("SELECT 1 FROM pending LIMIT 1").fetchone()
            if left is not None:
                self._sequence(session, ())

    def _sequence(self, session: PostgresSession, refused: Sequence[Refused], own: _Own = _NOTHING) -> _Sequenced:
        """Move what is pending into the log; nothing may be, where another process was here first."""
        done = _Sequenced()
        while True:
            with session.sequencing():
                taken = _take(session, own)  # answered together with what the batch asks for
                batch = Batch(session, self._sign())
                self._require_grown(session, batch.before)
                waited = _waited(taken, own)
                batch.add(chain.from_iterable(waited.values()))
                done.quarantined += batch.quarantine(refused)
                done.size = batch.finish()
                last = len(waited) < MOST_AT_ONCE
                if own.number in waited:
                    done.first = batch.before + sum(len(each) for number, each in waited.items() if number < own.number)
                elif last and own.entries and done.first is None:
                    done.first = _place(session, own.entries[0].identity)
            self._grown(done.size, batch.note)
            if last:
                return done
            refused = ()

    @contextmanager
    def _reading(self) -> Iterator[PostgresSession]:
        with self._connection() as session, session.transaction():
            session.execute(_SNAPSHOT)
            yield session

    @contextmanager
    def _connection(self) -> Iterator[PostgresSession]:
        with self._server.translated(), _original():
            pooled = self._pool().raw_connection()
            connection = cast("psycopg.Connection[Any]", pooled.driver_connection)
            try:
                yield PostgresSession(connection)
            finally:
                if connection.closed:
                    pooled.invalidate()  # there is nothing to roll back, and the attempt would be told on standard error
                pooled.close()

    def _pool(self) -> Engine:
        if self._pid != os.getpid():
            # Connections must not be used, nor closed, in a child of the process that opened them.
            if self._engine is not None:
                self._engine.dispose(close=False)
            self._engine, self._lock, self._pid = None, threading.Lock(), os.getpid()
        with self._lock:
            if self._engine is None:
                self._engine = create_engine(
                    "postgresql+psycopg://",
                    creator=self._server.connect,
                    poolclass=QueuePool,
                    pool_size=_KEPT_OPEN,
                    max_overflow=-1,
                    pool_pre_ping=True,
                    use_native_hstore=False,
                )
            return self._engine


def _own_marks(statement: str) -> Any:
    return statement.replace("?", "%s")


@contextmanager
def _original() -> Iterator[None]:
    """Raise what the driver said, and not what SQLAlchemy made of it."""
    try:
        yield
    except DBAPIError as error:
        raise (error.orig or error) from error


@contextmanager
def _making(server: Server) -> Iterator[tuple[Connection, PostgresSession]]:
    """Open a transaction to make a store in, which one process can do at a time; the PostgreSQL schema is there."""
    engine = create_engine("postgresql+psycopg://", creator=server.connect, poolclass=NullPool, use_native_hstore=False)
    with server.translated(), _original(), engine.begin() as connection:
        session = PostgresSession(cast("psycopg.Connection[Any]", connection.connection.driver_connection))
        session.lock(_MAKE)
        # Asked first: who may only write in it may not make it.
        if session.execute("SELECT to_regnamespace(?)", (postgresql_schema.SCHEMA,)).fetchone() == (None,):
            session.execute(f"CREATE SCHEMA {postgresql_schema.SCHEMA}")
        yield connection, session


def _make(server: Server, home: Path) -> Verifier:
    """Make a store, or bring one to the newest schema; return its public key."""
    with _making(server) as (connection, session):
        if postgresql_schema.version(session) != schema.HEAD:
            schema.upgrade(connection)
            if session.execute("SELECT 1 FROM meta").fetchone() is None:
                begin_log(session, create_signer(home))
        return own_verifier(session)


def _put_off(session: PostgresSession, entries: Sequence[Entry]) -> Callable[[], _Own]:
    """Let entries wait for their places; what is given says which row is theirs, once the transaction is over."""
    if not entries:
        return _Own
    put = session.execute(_WAIT, ([entry.envelope for entry in entries], [entry.digest for entry in entries]))
    return lambda: _Own(put.fetchall()[0][0], entries)


def _take(session: PostgresSession, own: _Own) -> Iterable[Any]:
    """Take what is pending; of it the own entries need not be sent again."""
    return session.execute(_TAKE, (MOST_AT_ONCE, own.number))


def _waited(taken: Iterable[Any], own: _Own) -> dict[int, Sequence[Entry]]:
    """Give what was taken, by the number of its row, as it came: rows that are seen late are taken later, none is passed over."""
    return {
        number: own.entries if number == own.number else [*map(Entry.read, envelopes, digests)]
        for number, envelopes, digests in sorted(taken)
    }


def _place(session: PostgresSession, identity: bytes) -> int:
    """Look up the place that another process has given an event."""
    found = places(session, [identity])
    if not found:
        raise Damage("events were taken out of `pending` and did not get into the log")
    return found[identity]
