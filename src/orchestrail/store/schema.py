"""The versions of the schema and how a database is brought to the newest one. The statements live in `migrations/versions`.

Alembic and SQLAlchemy are imported only where a migration has to run or a schema has to be compared: opening a store that is
up to date must stay cheap.
"""

from __future__ import annotations

import sqlite3
import threading
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

from orchestrail.errors import StoreError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from orchestrail.store.appending import Candidate

APPLICATION_ID = int.from_bytes(b"orch", "big")
"""Marks a SQLite file as one of ours."""

REVISIONS = ("0001", "0002", "0003")
"""Every revision of the schema, oldest first."""

HEAD = REVISIONS[-1]

PROJECTION_PREFIX = "proj_"
"""Tables of this prefix are derived, may be dropped, and are no part of the schema."""

_MIGRATING = threading.Lock()
"""Alembic keeps what it migrates for the whole process."""

_VERSION_TABLE = "CREATE TABLE IF NOT EXISTS alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"


def version(connection: sqlite3.Connection) -> str | None:
    """Return the revision of a database, None where it has none yet."""
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone() is None:
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a database to the newest schema, in one transaction; nothing happens where it is there already."""
    from sqlalchemy import create_engine, event
    from sqlalchemy.pool import StaticPool

    engine = create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool)
    event.listen(engine, "begin", lambda begun: begun.exec_driver_sql("BEGIN IMMEDIATE"))
    with engine.begin() as adopted:
        upgrade(adopted)


def upgrade(connection: Connection) -> list[Candidate]:
    """Run the migrations that a database of either engine lacks, in its open transaction.

    Returns:
        Events that waited for a place in the log, and get one no longer by themselves.
    """
    from alembic import command
    from alembic.config import Config

    config = Config()
    # The configuration reads a percent sign as the start of a reference.
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    # Made here and not by alembic: its wording must not depend on the version of a library, since it is compared.
    connection.exec_driver_sql(_VERSION_TABLE)
    config.attributes["connection"] = connection
    with _MIGRATING:
        command.upgrade(config, HEAD)
    return cast("list[Candidate]", config.attributes.get("waited", []))


def known_revision(store: str, revision: str | None) -> str | None:
    """Require that a revision is not newer than this version knows; return it.

    Args:
        store: what an error calls the store.
        revision: the revision that it has.

    Raises:
        StoreError: it is newer.
    """
    if revision is not None and revision not in REVISIONS:
        raise StoreError(
            f"{store} cannot be used by this version.",
            f"Its schema is {revision}; this version knows them up to {HEAD}.",
            "Upgrade orchestrail in this environment.",
        )
    return revision


def objects(connection: sqlite3.Connection) -> dict[tuple[str, str], object]:
    """Return (table, statement) by (kind, name) for every table, index, trigger and view but the projections'."""
    rows = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master")
    return {
        (kind, name): (table, sql) for kind, name, table, sql in rows if not str(table).startswith(PROJECTION_PREFIX)
    }


@cache
def expected_objects() -> dict[tuple[str, str], object]:
    """Return what `objects` gives for a new database."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        migrate(connection)
        return objects(connection)
    finally:
        connection.close()
