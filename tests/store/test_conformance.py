"""The store in a SQLite file holds what every store must hold."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from orchestrail.testing import StoreConformance


class SqlitePlace:
    """The store of one test; see `orchestrail.testing.stores.Place`."""

    refusal = sqlite3.IntegrityError

    def __init__(self, home: Path, tamper: Any) -> None:
        self.home = home
        self.path = home / "audit.db"
        self.url = f"sqlite:///{self.path}"
        self._tamper = tamper

    def execute(self, statement: str) -> Sequence[Any]:
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            return connection.execute(statement).fetchall()

    def literal(self, data: bytes) -> str:
        return f"x'{data.hex()}'"

    @contextmanager
    def unguarded(self) -> Iterator[Callable[[str], Any]]:
        with self._tamper.unguarded(self.path) as connection:
            yield connection.execute


@pytest.fixture
def place(home, tamper) -> SqlitePlace:
    return SqlitePlace(home, tamper)


class TestSqlite(StoreConformance):
    pass
