"""A PostgreSQL server that a URL names: connections, and its errors in our words, without a password. No tables are here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from orchestrail.errors import ConfigurationError, NoStore, StoreError, Unstorable
from orchestrail.store.postgresql_schema import SCHEMA
from orchestrail.store.session import Damage

CONNECT_SECONDS = 10
ENCODING = "UTF8"
BUSY_SECONDS = 60
"""How long a lock is waited for."""

_BUSY = (errors.LockNotAvailable, errors.DeadlockDetected, errors.QueryCanceled, errors.IdleInTransactionSessionTimeout)
_REFUSED = (errors.InsufficientPrivilege, errors.ReadOnlySqlTransaction)
_FULL = (errors.DiskFull, errors.OutOfMemory, errors.TooManyConnections, errors.ConfigurationLimitExceeded)
_UNFIT = (psycopg.DataError, errors.ProgramLimitExceeded)
_UNREACHABLE = (psycopg.OperationalError, psycopg.InterfaceError)


class Server:
    """Where a store is, and how it is reached.

    Attributes:
        url: the URL, which may hold a password.
        name: host and database, for people.
        called: what errors call the store.
    """

    def __init__(self, url: str) -> None:
        """Read a URL.

        Raises:
            ConfigurationError: it cannot be read.
        """
        self.url = url
        try:
            parts = conninfo_to_dict(url)
        except psycopg.Error:
            # What the driver says of it repeats parts of the URL.
            raise ConfigurationError(
                "The URL of the store cannot be read.",
                "It is not of the form postgresql://user:password@host:port/database.",
                "Set ORCHESTRAIL_STORE; write special characters of a password as %XX.",
            ) from None
        self._password = str(parts.get("password") or "")
        where = f"{parts.get('host') or 'localhost'}{':' + str(parts['port']) if parts.get('port') else ''}"
        self.name = f"postgresql://{where}/{parts.get('dbname') or ''}"
        self.called = f"The store {self.name}"
        ours = (
            f"-c search_path={SCHEMA} -c lock_timeout={BUSY_SECONDS}s"
            " -c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3"
        )
        self._conninfo = make_conninfo(
            url,
            client_encoding=ENCODING,  # whatever the environment says of this user's terminal
            options=f"{parts.get('options') or ''} {ours}".strip(),
            connect_timeout=parts.get("connect_timeout") or CONNECT_SECONDS,
            application_name=parts.get("application_name") or "orchestrail",
        )

    def connect(self) -> psycopg.Connection[Any]:
        """Open a connection.

        Raises:
            StoreError: the database cannot hold every text.
        """
        connection = psycopg.connect(self._conninfo)
        encoding = connection.info.parameter_status("server_encoding")
        if encoding != ENCODING:
            connection.close()
            raise StoreError(
                f"{self.called} cannot be used.",
                f"The encoding of the database is {encoding}: it cannot hold the names that runs and data may have.",
                "Make one with `CREATE DATABASE ... ENCODING 'UTF8' LOCALE 'C' TEMPLATE template0`.",
            )
        return connection

    def missing(self) -> NoStore:
        """Say that there is no store."""
        return NoStore(
            f"{self.called} does not exist.",
            "Nothing was collected into it.",
            "Run `orchestrail collect`, or name the store that is meant.",
        )

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn what PostgreSQL raises about a store into `StoreError`."""
        try:
            yield
        except psycopg.Error as error:
            raise self._in_our_words(error) from None
        except Damage as error:
            raise StoreError(
                f"{self.called} is damaged.", f"{error}.", "Run `orchestrail verify`; restore a copy where it fails."
            ) from error

    def _in_our_words(self, error: psycopg.Error) -> StoreError:
        said = " ".join((error.diag.message_primary or str(error)).split()).rstrip(".?")
        if self._password:
            said = said.replace(self._password, "***")
        why = f"PostgreSQL says: {said}."
        if isinstance(error, _BUSY):
            return StoreError(
                f"{self.called} is in use.", why, "Try again; what was stored already is not stored twice."
            )
        if isinstance(error, _REFUSED):
            return StoreError(f"{self.called} refuses this user.", why, "See docs/how-to/postgresql.md for roles.")
        if isinstance(error, _FULL):
            return StoreError(
                f"{self.called} could not be written.",
                why,
                "See to the server; what was stored before is unharmed, and the spool keeps the rest.",
            )
        if isinstance(error, _UNFIT):
            return Unstorable(f"{self.called} cannot hold what was given.", why, "Report it; nothing of it was stored.")
        if isinstance(error, _UNREACHABLE):
            return StoreError(
                f"{self.called} cannot be reached.",
                why,
                "See that the server runs; then try again: what was stored already is not stored twice.",
            )
        return StoreError(
            f"{self.called} is damaged or could not be used.",
            why,
            "Run `orchestrail verify`; restore a copy where it fails.",
        )
