"""psycopg 3: the statements of its cursors. Those of psycopg 2 are types of C; through SQLAlchemy they are seen all the same."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from orchestrail.capture.observers import Patches, sql


def attach(module: ModuleType, patches: Patches) -> None:
    """Watch the cursors, those of asyncio and those on the server included."""
    library: Any = module

    def before(capture: Any, cursor: Any, query: Any, *args: Any, **kwargs: Any) -> None:
        sql.before(capture, place_of(cursor.connection), _text(cursor, query))

    def after(capture: Any, cursor: Any, query: Any, *args: Any, **kwargs: Any) -> None:
        sql.after(capture, place_of(cursor.connection), _text(cursor, query))

    for kind in (library.Cursor, library.ServerCursor, library.AsyncCursor, library.AsyncServerCursor):
        patches.around(kind, "execute", before, after)
    for kind in (library.Cursor, library.AsyncCursor):
        for name in ("executemany", "stream", "copy"):
            patches.around(kind, name, before, after)


def place_of(connection: Any) -> sql.Place | None:
    """Say where the tables of a connection of psycopg 2 or 3 are; None for one of another library."""
    info = getattr(connection, "info", None)
    if info is None or not hasattr(info, "dbname"):
        return None
    return sql.server("postgresql", info.host, info.port, info.dbname)


def _text(cursor: Any, query: Any) -> object:
    if isinstance(query, bytes):
        return query.decode("utf-8", "replace")
    compose = getattr(query, "as_string", None)  # psycopg's own composed statements
    return query if compose is None else compose(cursor)
