"""A PostgreSQL server of these tests' own, and an empty database of it for each test."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from orchestrail.testing.postgresql import Cluster

_NUMBERS = itertools.count()


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
        # Processes are killed here, and never the machine.
        started = Cluster(Path(folder), fsync="off")
        yield started
        started.stop()


@pytest.fixture
def place(cluster: Cluster, tmp_path: Path) -> PostgresPlace:
    database = f"test_{next(_NUMBERS)}"
    cluster.create(database)
    return PostgresPlace(cluster, database, tmp_path / "home")
