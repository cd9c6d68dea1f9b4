"""The embedded store: one SQLite file in WAL mode. Opening and transactions; verification's way into a file.

The append path is plain SQL. SQLAlchemy is imported only for `read` and `project`.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrail.durable import sync_folder
from orchestrail.errors import StoreError
from orchestrail.store import schema
from orchestrail.store.appending import begin_log
from orchestrail.store.base import Progress, Verification
from orchestrail.store.connect import SqliteSession, check_ours, open_reader, open_writer, store_error, translated
from orchestrail.store.copying import copy_log, verified_copy
from orchestrail.store.erasure import GUARDED
from orchestrail.store.keys import create_signer
from orchestrail.store.log import LogStore, own_verifier
from orchestrail.store.note import Verifier
from orchestrail.store.session import Examined

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from orchestrail.store.outside import Growth

PAGE_BYTES = 8192
"""A bundle takes a few pages of this size; of the default size, twice as many."""


class SqliteStore(LogStore):
    """An audit store in one file; see `orchestrail.store.base.Store` for what it does.

    Safe to use from threads and after a fork: a child opens a connection of its own.

    Attributes:
        path: the file.
        home: folder that holds the keys.
    """

    def __init__(self, path: Path, home: Path, verifier: Verifier) -> None:
        super().__init__(home, verifier)
        self.path = path
        self._writer: sqlite3.Connection | None = None
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._engines: dict[bool, Engine] = {}

    @classmethod
    def open(cls, path: Path, *, home: Path, create: bool = False) -> SqliteStore:
        """Open a store, bringing an older schema up to date; with `create`, make one where there is none.

        Raises:
            StoreError: it is missing, damaged, not ours, or of a newer version.
        """
        with translated(path):
            if create and not path.exists():
                _create(path, home)
            with closing(open_reader(path)) as connection:
                revision = check_ours(connection, path)
                verifier = own_verifier(SqliteSession(connection)) if revision == schema.HEAD else None
            if verifier is None:
                with closing(open_writer(path)) as connection:
                    schema.migrate(connection)
                    verifier = own_verifier(SqliteSession(connection))
        return cls(path, home, verifier)

    def close(self) -> None:
        """Close the connection; the next append opens one again."""
        with self._exclusive():
            if self._writer is not None:
                self._writer.close()
                self._writer = None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a read-only snapshot for queries.

        Raises:
            StoreError: what the database says about the file, within the block too.
        """
        with self._engine_block(write=False) as connection:
            yield connection

    @contextmanager
    def beside(self) -> Iterator[tuple[Connection, str, str]]:
        """Open a snapshot in which tables can be made that come first, that nobody else sees, and that are gone with it.

        Raises:
            StoreError: what the database says about the file, within the block too.
        """
        with self.read() as connection:
            connection.exec_driver_sql("PRAGMA query_only = OFF")  # the file itself was opened for reading
            yield connection, "main", "temp"

    @contextmanager
    def project(self) -> Iterator[Connection]:
        """Open a write transaction for the `proj_` tables; it commits at the end of the block, or rolls back on an error.

        Raises:
            StoreError: what the database says about the file, within the block too.
        """
        with self._engine_block(write=True) as connection:
            yield connection

    def verify(self, progress: Progress | None = None, against: bytes | None = None) -> Verification:
        """Recompute the whole log from what is stored, without writing anything.

        Args:
            progress: called with entries done and entries there are.
            against: a signed checkpoint from outside that this log shall contain.
        """
        return verify_file(self.path, self.home, progress, against)

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        if self._pid != os.getpid():
            # A connection must not be used, nor closed, in a child of the process that opened it.
            _inherited.append(self._writer)
            self._writer, self._lock, self._pid = None, threading.Lock(), os.getpid()
        with self._lock:
            yield

    @contextmanager
    def _writing(self) -> Iterator[SqliteSession]:
        with self._exclusive(), translated(self.path):
            if self._writer is None:
                self._writer = open_writer(self.path)
            connection = self._writer
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield SqliteSession(connection)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _unguarded(self, session: SqliteSession) -> Iterator[None]:
        session.execute("PRAGMA secure_delete = ON")  # what is taken out is overwritten
        marks = ", ".join("?" * len(GUARDED))
        of = f"FROM sqlite_master WHERE type = 'trigger' AND tbl_name IN ({marks})"
        guards = list(session.execute(f"SELECT name, sql {of}", GUARDED))
        for name, _ in guards:
            session.execute(f"DROP TRIGGER {name}")
        yield
        for _, statement in guards:
            session.execute(statement)

    def give_back(self) -> bool:
        """Write the file anew without what was taken out of it, and empty the one beside it; False where a reader kept that one."""
        with translated(self.path), closing(open_writer(self.path)) as connection:
            connection.execute("VACUUM")
            busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            return not busy

    @contextmanager
    def _reading(self) -> Iterator[SqliteSession]:
        with translated(self.path), closing(open_reader(self.path)) as connection:
            yield SqliteSession(connection)

    @contextmanager
    def _engine_block(self, *, write: bool) -> Iterator[Connection]:
        from sqlalchemy.exc import DBAPIError

        try:
            with translated(self.path), self._engine(write).begin() as connection:
                yield connection
        except DBAPIError as error:
            raise store_error(self.path, error.orig or error) from error

    def _engine(self, write: bool) -> Engine:
        from sqlalchemy import create_engine, event
        from sqlalchemy.pool import NullPool

        if write not in self._engines:
            opener = open_writer if write else open_reader
            begin = "BEGIN IMMEDIATE" if write else "BEGIN"
            engine = create_engine("sqlite://", creator=lambda: opener(self.path), poolclass=NullPool)
            event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
            self._engines[write] = engine
        return self._engines[write]


_inherited: list[sqlite3.Connection | None] = []


def verify_file(
    path: Path,
    home: Path,
    progress: Progress | None = None,
    against: bytes | None = None,
    trusted: Sequence[Path] = (),
    growth: Growth | None = None,
) -> Verification:
    """Recompute the store in a file; see `orchestrail.store.verify.verify`.

    Raises:
        StoreError: the file cannot be read as a store at all, or is of another schema version.
    """
    from orchestrail.store.verify import verify

    with reading_file(path) as session:
        return verify(session, home, progress, against, trusted, growth)


@contextmanager
def reading_file(path: Path) -> Iterator[SqliteSession]:
    """Hold the store in a file still, to read all of it.

    Raises:
        StoreError: the file cannot be read as a store at all, or is of another schema version.
    """
    from orchestrail.store.verify import check_revision

    with translated(path), closing(open_reader(path)) as connection:
        check_revision(f"The store {path}", check_ours(connection, path))
        # A flipped bit may leave text that is not UTF-8: that is for a check to name, not for the driver to refuse.
        connection.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
        connection.execute("BEGIN")
        yield SqliteSession(connection)


def _create(path: Path, home: Path) -> None:
    """Make a store, and its keys, where there is none."""
    from filelock import FileLock

    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with FileLock(path.with_name(path.name + ".lock"), mode=0o600):
        if path.exists():
            return
        with _making(path) as connection:
            signer = create_signer(home)
            connection.execute("BEGIN IMMEDIATE")
            begin_log(SqliteSession(connection), signer)
            connection.execute("COMMIT")


@contextmanager
def _making(path: Path) -> Iterator[sqlite3.Connection]:
    """Open an empty store under a temporary name; it gets its own only when the block has made it complete."""
    unmerged = path.with_name(path.name + "-wal")
    if unmerged.exists() and unmerged.stat().st_size:
        raise StoreError(
            f"The store {path} is gone, but {unmerged.name} is still there.",
            "The store was removed or moved without it, and it may hold events.",
            "Put the store back beside it, or move it away too.",
        )
    unmerged.unlink(missing_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    temporary.unlink(missing_ok=True)
    os.close(os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with closing(open_writer(temporary)) as connection:
            connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
            connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
            schema.migrate(connection)
            yield connection
            connection.execute("PRAGMA journal_mode = WAL")
        temporary.rename(path)
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def copied_file(path: Path, home: Path, source: Examined, progress: Progress | None = None) -> Verification:
    """Make a file out of the log of another store; see `orchestrail.store.copy_store`."""
    with translated(path):
        if path.exists():
            raise StoreError(f"{path} is there already.", "A copy needs an empty place.", "Name another file.")
        with _making(path) as connection:
            session = SqliteSession(connection)
            connection.execute("BEGIN IMMEDIATE")
            copy_log(source, session, progress)
            connection.execute("COMMIT")
            return verified_copy(str(path), session, source, home)
