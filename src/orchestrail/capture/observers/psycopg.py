"""psycopg 3: the statements of its cursors. Those of psycopg 2 are types of C; through SQLAlchemy they are seen all the same."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

from orchestrail.capture.observers import Patches, Watch, sql
from orchestrail.capture.observing import capturing


def attach(module: ModuleType, patches: Patches) -> None:
    """Watch the cursors, those of asyncio and those on the server included."""
    library: Any = module

    def before(capture: Any, cursor: Any, query: Any, *args: Any, **kwargs: Any) -> None:
        sql.before(capture, place_of(cursor.connection), _text(cursor, query))

    def after(capture: Any, cursor: Any, query: Any, *args: Any, **kwargs: Any) -> None:
        sql.after(capture, place_of(cursor.connection), _text(cursor, query))

    for kind in (library.Cursor, library.ServerCursor):
        patches.around(kind, "execute", before, after)
    for name in ("executemany", "stream", "copy"):
        patches.around(library.Cursor, name, before, after)
    for kind in (library.AsyncCursor, library.AsyncServerCursor):
        patches.replace(kind, "execute", functools.partial(_later, patches.watch, before, after))
    patches.replace(library.AsyncCursor, "executemany", functools.partial(_later, patches.watch, before, after))
    for name in ("stream", "copy"):
        patches.around(library.AsyncCursor, name, before, after)


def _later(watch: Watch, before: Any, after: Any, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    async def watched(*args: Any, **kwargs: Any) -> Any:
        capture = capturing.get()
        if capture is None:
            return await original(*args, **kwargs)
        watch.tell(before, capture, *args, **kwargs)
        result = await original(*args, **kwargs)
        watch.tell(after, capture, *args, **kwargs)
        return result

    return watched


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
