"""`sqlite3`: SQLite opens its file in C, and its connections and cursors are types of C, which cannot be watched.

So a connection that is asked for without a class of its own becomes one of a subclass of `sqlite3.Connection` that watches, of the
same name, with cursors likewise. One that is made in another way (`factory`, `sqlite3.Connection` itself, a `connect` that another
module took before the recording began) is not seen, and the interpreter's audit event of every connection tells the record so.

Not seen: databases that a statement attaches, and what is read by `iterdump`, `backup` and blobs.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any
from urllib.parse import unquote

from orchestrail.capture import given
from orchestrail.capture.observers import Patches, sql
from orchestrail.capture.observing import capturing
from orchestrail.guard import guard


def attach(module: ModuleType, patches: Patches) -> None:
    """Watch connections that are made from now on."""
    library: Any = module
    watch = patches.watch

    def run(name: str, base: type) -> Any:
        original = getattr(base, name)

        def execute(self: Any, statement: Any, *args: Any) -> Any:
            capture = capturing.get()
            if capture is None:
                return original(self, statement, *args)
            place = self.connection.orchestrail_place
            if place is None or sql.is_told(capture, place, statement):
                return original(self, statement, *args)
            watch.tell(sql.before, capture, place, statement)
            result = original(self, statement, *args)
            watch.tell(sql.after, capture, place, statement)
            return result

        return _dressed(execute, original)

    names = ("execute", "executemany", "executescript")
    watched_cursor = type("Cursor", (library.Cursor,), {name: run(name, library.Cursor) for name in names})

    def cursor(self: Any, factory: Any = watched_cursor) -> Any:
        return library.Connection.cursor(self, factory)

    def through_cursor(name: str) -> Any:
        def execute(self: Any, *args: Any) -> Any:
            return getattr(self.cursor(), name)(*args)

        return _dressed(execute, getattr(library.Connection, name))

    methods = {name: through_cursor(name) for name in names}
    methods |= {"cursor": _dressed(cursor, library.Connection.cursor), "orchestrail_place": None}
    watched_connection = type("Connection", (library.Connection,), methods)
    for kind in (watched_cursor, watched_connection):
        kind.__module__ = "sqlite3"

    def watching(original: Any) -> Any:
        def connect(*args: Any, **kwargs: Any) -> Any:
            # The sixth argument is the class of the connection.
            if len(args) > 5 or "factory" in kwargs:
                return original(*args, **kwargs)
            made = original(*args, **kwargs, factory=watched_connection)
            with guard("observe sqlite3"):
                database = args[0] if args else kwargs.get("database")
                made.orchestrail_place = place_of(database, uri=bool(kwargs.get("uri")))
            return made

        connect.__module__ = "sqlite3"  # by which it is pickled
        return _dressed(connect, original)

    patches.replace(library, "connect", watching)
    patches.replace(library.dbapi2, "connect", lambda _: library.connect)


def _dressed(function: Any, original: Any) -> Any:
    """Give a function the name and text of what it stands for."""
    function.__name__, function.__qualname__, function.__doc__ = (
        original.__name__,
        original.__qualname__,
        original.__doc__,
    )
    return function


def place_of(database: object, *, uri: bool) -> sql.Place | None:
    """Say where a database is; None for one in memory or without a name."""
    path = given.path_text(database) or ""
    if uri and path.startswith("file:"):
        path, _, options = path.removeprefix("file:").partition("?")
        if "mode=memory" in options:
            return None
        path = unquote(path.partition("#")[0])
        if path.startswith("//"):
            path = "/" + path[2:].partition("/")[2]
    if not path or path == ":memory:":
        return None
    return sql.in_file("sqlite", path)
