"""The store of a team: a PostgreSQL schema that any number of processes and hosts append to. Opening and transactions.

An append is one transaction under a lock that one process holds at a time: what belongs to one event alone is computed before it.
Whoever dies within it has stored nothing and lets go of the lock.
"""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import psycopg
from sqlalchemy import create_engine, event
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.pool import NullPool, QueuePool

from orchestrail.errors import StoreError
from orchestrail.store import postgresql_schema, schema
from orchestrail.store.appending import Batch, Candidate, Prepared, begin_log
from orchestrail.store.base import Behind, Progress, Refused, Verification
from orchestrail.store.copying import copy_log, verified_copy
from orchestrail.store.erasure import GUARDED
from orchestrail.store.keys import create_signer, load_signer
from orchestrail.store.known import known_notes
from orchestrail.store.log import LogStore, ask, lacking, own_verifier
from orchestrail.store.note import Verifier
from orchestrail.store.outside import Growth
from orchestrail.store.server import Server
from orchestrail.store.session import Examined
from orchestrail.store.verify import check_revision, verify

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

IDLE_SECONDS = 60
"""How long a process that appends may stand still before the server ends its transaction."""

_ARRAYS = {bytes: "bytea[]", str: 'text[] COLLATE "C"', int: "bigint[]"}
_SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
_KEPT_OPEN = 5

# Numbers of the advisory locks, which are the database's: one lock to make a store, one to append, one to project.
_MAKE, _APPEND, _PROJECT = (int.from_bytes(b"orch" + kind, "big") for kind in (b"make", b"seqn", b"proj"))


class PostgresSession:
    """A connection as the shared code uses it; see `orchestrail.store.session`."""

    engine = "PostgreSQL"
    error: type[Exception] = psycopg.Error

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self._pipeline: psycopg.Pipeline | None = None
        self._sent = False
        self._streams = 0

    def execute(self, statement: str, values: Sequence[object] = ()) -> _Found:
        """Run a statement."""
        self._sent = True
        return _Found(self, self.connection.execute(_own_marks(statement), values, binary=True))

    def each(
        self,
        statement: str,
        columns: Mapping[str, type],
        rows: Sequence[Sequence[object]],
        values: Sequence[object] = (),
    ) -> Iterable[Any]:
        """Run a statement over rows of values; see `orchestrail.store.session`. The rows travel as an array for each column."""
        if not rows:
            return []
        arrays = ", ".join(f"%b::{_ARRAYS[kind]}" for kind in columns.values())
        new = f"unnest({arrays}) AS new({', '.join(columns)})"
        return self.execute(statement.format(new=new), [*map(list, zip(*rows, strict=True)), *values])

    def stream(self, statement: str, at_once: int = 500) -> Iterator[Any]:
        """Run a statement whose rows may not fit into memory: no more than so many have to."""
        self._streams += 1
        with self.connection.cursor(name=f"stream_{self._streams}") as cursor:
            cursor.itersize = at_once
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

    def settle(self) -> None:
        """Wait for all that was sent, in the way after which the server counts how long the process stands still."""
        if self._pipeline is not None and self._sent:
            self._pipeline.sync()
            self._sent = False

    def lock(self, number: int) -> None:
        """Wait for one of our locks; it is held to the end of the transaction, or of the process."""
        self.execute("SELECT pg_advisory_xact_lock(?)", (number,))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Open a transaction, which commits at the end of the block, or rolls back on an error.

        Statements are waited for together, up to the next one whose rows are asked for: to wait for each costs more than they do.
        """
        connection = self.connection
        connection.autocommit = True  # the driver would wait for its own BEGIN and COMMIT
        try:
            with connection.pipeline() as self._pipeline:
                self.execute("BEGIN")
                yield
                self.execute("COMMIT")
        finally:
            self._pipeline = None
            if not connection.closed:
                connection.rollback()  # nothing, where it was committed
                connection.autocommit = False

    @contextmanager
    def appending(self) -> Iterator[None]:
        """Open the one transaction that may append."""
        with self.transaction():
            # A process that is stopped in here must not stop the log for good.
            self.execute(
                "SELECT set_config('idle_in_transaction_session_timeout', ?, true), pg_advisory_xact_lock(?)",
                (f"{IDLE_SECONDS}s", _APPEND),
            )
            yield


class _Found:
    """What a statement finds, once its rows are asked for."""

    def __init__(self, session: PostgresSession, cursor: psycopg.Cursor[Any]) -> None:
        self._session = session
        self._cursor = cursor

    def fetchone(self) -> Any:
        """Return the next row, None where there is none left."""
        self._session.settle()
        return self._cursor.fetchone()

    def __iter__(self) -> Iterator[Any]:
        self._session.settle()  # not before the first row is asked for
        yield from self._cursor


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
        return cls(server, home, verifier or _make(server, home))

    def close(self) -> None:
        """Close the connections; the next call opens one again."""
        if self._engine is not None and self._pid == os.getpid():
            self._engine.dispose()

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

    @contextmanager
    def _writing(self) -> Iterator[PostgresSession]:
        with self._connection() as session, session.appending():
            yield session

    @contextmanager
    def _unguarded(self, session: PostgresSession) -> Iterator[None]:
        for table in GUARDED:
            session.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        yield
        for table in GUARDED:
            session.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")

    def give_back(self) -> bool:
        """Write the tables anew without what was taken out; the server's own log of its writes has it as long as it is kept."""
        with self._server.translated(), self._server.connect() as connection:
            connection.autocommit = True
            for table in GUARDED:
                connection.execute(f"VACUUM (FULL) {table}")
        return True

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
                    use_native_hstore=False,
                )
                event.listen(self._engine, "checkout", _require_open)
            return self._engine


def _require_open(connection: psycopg.Connection[Any], *_: object) -> None:
    """Have the pool open another connection where the server has ended this one: what it said at that lies there to be read.

    To ask the server would tell no more, and would be waited for before each append.
    """
    asked = select.poll()
    asked.register(connection.fileno(), select.POLLIN)
    if asked.poll(0):
        raise DisconnectionError


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


def _put_aside(waited: Candidate, behind: Behind) -> Refused:
    """Keep an event that waited for a place in a log which signs nothing."""
    item = waited.item
    why = f"it waited for its place when the log was found to be behind a checkpoint that it had signed: {behind}"
    nonce = None if waited.digest is not None else waited.nonce  # of a foreign event the store draws one anew
    return Refused(item.body, "log_behind", why, item.source, nonce, item.emitter, item.counter)


def _make(server: Server, home: Path) -> Verifier:
    """Make a store, or bring one to the newest schema; return its public key."""
    with _making(server) as (connection, session):
        if postgresql_schema.version(session) != schema.HEAD:
            waited = schema.upgrade(connection)
            if session.execute("SELECT 1 FROM meta").fetchone() is None:
                begin_log(session, create_signer(home))
            if waited:
                verifier = own_verifier(session)
                behind = lacking(session, ask(session, known_notes(home, verifier)), verifier)
                given, aside = (waited, []) if behind is None else ([], [_put_aside(each, behind) for each in waited])
                Batch(session, load_signer(home, verifier), Prepared.of(given), aside).write()
        return own_verifier(session)
