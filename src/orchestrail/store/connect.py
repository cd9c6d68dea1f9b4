"""Connections to a SQLite file, for writing and for reading only, and their errors in our words. No tables live here."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from itertools import chain
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from orchestrail.errors import NoStore, StoreError, Unstorable
from orchestrail.store import schema
from orchestrail.store.session import Damage

_ROWS = 25
"""Rows that a statement takes at once: in half the time of one by one, and more are not faster."""

BUSY_SECONDS = 60.0
CACHE_KIB = 64 * 1024
"""Event ids are random, so their indexes are read all over: the default of 2 MB is outgrown after some ten thousand events."""

_DISK = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}
_READ_ONLY = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


class SqliteSession:
    """A connection as the shared code uses it; see `orchestrail.store.session`."""

    engine = "SQLite"
    error: type[Exception] = sqlite3.Error

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, statement: str, values: Sequence[object] = ()) -> sqlite3.Cursor:
        """Run a statement."""
        return self._connection.execute(statement, cast(Any, values))

    def each(
        self,
        statement: str,
        columns: Mapping[str, type],
        rows: Sequence[Sequence[object]],
        values: Sequence[object] = (),
    ) -> list[Any]:
        """Run a statement over rows of values; see `orchestrail.store.session`."""
        named = ", ".join(f"column{place} AS {name}" for place, name in enumerate(columns, start=1))
        marks = f"({', '.join('?' * len(columns))})"
        found: list[Any] = []
        for start in range(0, len(rows), _ROWS):
            some = rows[start : start + _ROWS]
            new = f"(SELECT {named} FROM (VALUES {', '.join([marks] * len(some))})) AS new"  # noqa: S608
            found += self.execute(statement.format(new=new), (*chain.from_iterable(some), *values))
        return found

    def stream(self, statement: str, at_once: int = 500) -> Iterator[Any]:
        """Run a statement whose rows may not fit into memory; SQLite has one of them there."""
        return iter(self.execute(statement))

    def step(self) -> AbstractContextManager[object]:
        """Open a block after whose failure others can go on."""
        return nullcontext()

    def complaints(self) -> Iterator[str]:
        """Say what SQLite itself finds wrong with the file."""
        return (str(line) for (line,) in self.execute("PRAGMA integrity_check") if line != "ok")

    def objects(self) -> dict[tuple[str, str], object]:
        """Describe every table, index, trigger and view but the projections', by kind and name."""
        return schema.objects(self._connection)

    def expected_objects(self) -> dict[tuple[str, str], object]:
        """Give what `objects` gives for a new store."""
        return schema.expected_objects()


def open_writer(path: Path) -> sqlite3.Connection:
    """Open an existing file for writing: every commit is on disk when it returns."""
    connection = _connect(path, "mode=rw")
    try:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    except BaseException:
        connection.close()
        raise
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """Open an existing file so that it cannot be changed.

    SQLite wants to make two side files even for reading. Where it may not, the file is read as immutable, or, with unmerged writes
    beside it, from a private copy.
    """
    if not path.exists():
        raise NoStore(
            f"There is no audit store at {path}.",
            "Nothing was collected into it.",
            "Run `orchestrail collect`, or name the store that is meant.",
        )
    connection = _connect(path, "mode=ro")
    try:
        connection.execute("SELECT 1 FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        connection.close()
        if error.sqlite_errorcode & 0xFF not in _READ_ONLY or not path.is_file():
            raise
        connection = _open_immutable(path)
    except BaseException:
        connection.close()
        raise
    connection.execute("PRAGMA query_only = ON")
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    return connection


def check_ours(connection: sqlite3.Connection, path: Path) -> str | None:
    """Require that a database is one of ours and not newer than this version knows; return its revision.

    Raises:
        StoreError: it is another program's, or newer.
    """
    if connection.execute("PRAGMA application_id").fetchone()[0] != schema.APPLICATION_ID:
        raise _not_ours(path, "It is a SQLite database of another program.")
    return schema.known_revision(f"The store {path}", schema.version(connection))


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what SQLite and the file system raise about a store into `StoreError`."""
    try:
        yield
    except sqlite3.Error as error:
        raise store_error(path, error) from error
    except (UnicodeEncodeError, OverflowError) as error:
        raise Unstorable(
            f"The store {path} cannot hold what was given.", f"{error}.", "Report it; nothing of it was stored."
        ) from error
    except (Damage, UnicodeDecodeError) as error:  # where a schema is damaged, SQLite may cite what is no text
        raise StoreError(
            f"The store {path} is damaged.", f"{error}.", "Run `orchestrail verify`; restore a copy where it fails."
        ) from error
    except OSError as error:
        raise StoreError(
            f"The store {path} cannot be used.", f"{error.strerror}.", "See that the folder exists and is yours."
        ) from error


def store_error(path: Path, error: BaseException) -> StoreError:
    """Say in our words what SQLite means about the file of a store."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    why = f"SQLite says: {error}."
    if code == sqlite3.SQLITE_NOTADB:
        return _not_ours(path, "It is not a SQLite database.")
    if code in _DISK:
        do = "See whether that disk is full or failing; what was stored before is unharmed, and the spool keeps the rest."
        return StoreError(f"The store {path} could not be written.", why, do)
    if code in _READ_ONLY:
        return StoreError(
            f"The store {path} could not be opened or written.", why, "See who owns the file and its folder."
        )
    if code in _BUSY:
        return StoreError(f"The store {path} is in use.", why, "Try again when the other command has ended.")
    return StoreError(
        f"The store {path} is damaged or could not be used.",
        why,
        "Run `orchestrail verify`; restore a copy where it fails.",
    )


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?{mode}",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )


def _open_immutable(path: Path) -> sqlite3.Connection:
    unmerged = path.with_name(path.name + "-wal")
    if not unmerged.exists() or not unmerged.stat().st_size:
        return _connect(path, "mode=ro&immutable=1")
    folder = Path(tempfile.mkdtemp(prefix="orchestrail-"))
    try:
        for file in (path, unmerged):
            shutil.copyfile(file, folder / file.name)
        connection = _connect(folder / path.name, "mode=rw")
        # From here the open descriptors keep the copy alive; its names are not needed any more.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("SELECT 1 FROM sqlite_master").fetchone()
        return connection
    finally:
        with suppress(OSError):
            shutil.rmtree(folder)


def _not_ours(path: Path, why: str) -> StoreError:
    return StoreError(f"{path} is not an audit store.", why, "Set ORCHESTRAIL_STORE to the store, or to a new file.")
