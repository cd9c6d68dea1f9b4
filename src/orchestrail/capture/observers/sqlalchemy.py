"""SQLAlchemy: every statement of every engine, by its own events. An engine's address gives machine, port and database, no more."""

from __future__ import annotations

import functools
from types import ModuleType
from typing import Any
from weakref import WeakKeyDictionary

from orchestrail.capture.observers import Patches, sql
from orchestrail.capture.observers.psycopg import place_of as postgres_place
from orchestrail.capture.observers.sqlite import place_of as sqlite_place
from orchestrail.capture.observing import capturing


def attach(module: ModuleType, patches: Patches) -> None:
    """Listen to all engines, those that exist included."""
    library: Any = module
    engine, event = library.engine.Engine, library.event
    places: WeakKeyDictionary[Any, sql.Place | None] = WeakKeyDictionary()

    def heard(notice: Any) -> Any:
        def hear(connection: Any, cursor: Any, statement: Any, parameters: Any, context: Any, executemany: Any) -> None:
            capture = capturing.get()
            if capture is not None:
                patches.watch.tell(tell, capture, notice, connection, statement)

        return hear

    def tell(capture: Any, notice: Any, connection: Any, statement: Any) -> None:
        if connection.engine not in places:
            places[connection.engine] = place_of(connection)
        place = places[connection.engine]
        if place is None and connection.dialect.name not in ("sqlite", "duckdb"):
            capture.told.misses("tables", f"how tables of {connection.dialect.name} are named is not known")
        notice(capture, place, statement)

    for name, notice in (("before_cursor_execute", sql.before), ("after_cursor_execute", sql.after)):
        listener = heard(notice)
        event.listen(engine, name, listener)
        patches.on_undo(functools.partial(event.remove, engine, name, listener))


def place_of(connection: Any) -> sql.Place | None:
    """Say where the tables of a connection are; None where they do not last or are of an unknown kind."""
    url, name = connection.engine.url, connection.dialect.name
    if name == "sqlite":
        return sqlite_place(url.database, uri=str(url.database).startswith("file:"))
    if name == "duckdb":
        return sql.in_file("duckdb", url.database) if url.database not in (None, "", ":memory:") else None
    known = postgres_place(getattr(connection.connection, "dbapi_connection", None)) if name == "postgresql" else None
    return known or sql.server(name, url.host, url.port, url.database)
