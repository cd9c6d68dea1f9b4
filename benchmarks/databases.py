"""Fresh databases of either engine, for the benchmarks of the store. What is measured is not here."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

PAGE_BYTES = 8192


class Databases:
    """Makes fresh databases of an engine.

    Args:
        engine: its name.
        folder: where they are.
    """

    def __init__(self, engine: str, folder: Path) -> None:
        self.engine = engine
        self.folder = folder
        self.number = 0
        self.cluster = None
        if engine == "postgresql":
            from orchestrail.testing.postgresql import Cluster

            self.cluster = Cluster(folder / "cluster")

    def fresh(self) -> str:
        """Make one, and give its URL."""
        self.number += 1
        name = f"bench_{self.number}"
        return self.cluster.create(name) if self.cluster else f"sqlite:///{self.folder / name}.db"

    def with_table(self) -> str:
        """Make one with the table for rows, and give its URL."""
        url = self.fresh()
        columns = "event_id {0} PRIMARY KEY, nonce {0} NOT NULL, body {0} NOT NULL"
        if self.cluster:
            import psycopg

            with psycopg.connect(url) as connection:
                connection.execute(f"CREATE TABLE raw ({columns.format('BYTEA')})")
        else:
            with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as connection:
                connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute(f"CREATE TABLE raw ({columns.format('BLOB')})")
        return url

    def stop(self) -> None:
        """End the server, where there is one."""
        if self.cluster:
            self.cluster.stop()
