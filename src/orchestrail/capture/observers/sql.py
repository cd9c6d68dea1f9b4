"""Which tables a SQL statement reads and writes, and the data sets that they are: what the observers of databases share.

Statements are read by `openlineage-sql`, the parser that OpenLineage's own integrations use; the extra `sql` installs it. No
statement, literal, parameter or message of the parser is kept or told: names of tables, and for what is not understood the
statement's first word where it is a word of SQL. The parser goes down one level for each operator in a row, and a stack that
overflows ends the process: so it runs on a stack that is larger than any statement that it is given (`stacks`).

Names follow OpenLineage's naming: `postgres://host:port` and `database.schema.table`, likewise for the other servers. For SQLite
and DuckDB, which the naming does not have, the namespace is `sqlite:` or `duckdb:` and the absolute path of the file, the name the
table's. A table in such a file has the digest of the file as its version; a server tells no version, and the record says so.

Not told: catalogues and temporary tables. What a view, a trigger, a function or a procedure touches besides is not visible.
"""

from __future__ import annotations

import importlib
import os
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import unquote, urlsplit

from orchestrail.capture import given
from orchestrail.capture.observers.stacks import NoThread, on_own_stack
from orchestrail.model import DatasetRef

MAX_STATEMENTS = 1000
"""Different statements of one run that are read; a program that writes values into its statements makes new ones without end."""
MAX_LENGTH = 100_000
"""Characters of a text of statements; longer ones hold data rather than names."""
STACK_BYTES = 128 << 20
"""Stack of the parser; memory is only taken as it is used. `MAX_LENGTH` characters of nothing but `+1` go 45,000 levels down,
which 64 MB hold and 8 MB do not (openlineage-sql 1.54)."""
MAX_SECONDS = 2.0
"""Time that the statements of one run are read for, all together; the one that passes it is read to its end."""

# Statements that name no table's rows; the parser does not know all of them.
_SILENT = frozenset((
    "ABORT", "ANALYZE", "ATTACH", "BEGIN", "CHECKPOINT", "CLOSE", "COMMIT", "DEALLOCATE", "DETACH", "DISCARD",
    "END", "EXPLAIN", "GRANT", "INSTALL", "LISTEN", "LOAD", "LOCK", "NOTIFY", "PRAGMA", "REINDEX", "RELEASE",
    "RESET", "REVOKE", "ROLLBACK", "SAVEPOINT", "SET", "SHOW", "START", "UNLISTEN", "USE", "VACUUM",
))  # fmt: skip
# Statements that may name no table.
_MAY_BE_EMPTY = frozenset((
    "SELECT", "VALUES", "WITH", "CREATE", "DROP", "ALTER", "COMMENT",
))  # fmt: skip
_OTHERS = frozenset((
    "CALL", "COPY", "DECLARE", "DELETE", "DO", "EXECUTE", "EXPORT", "FETCH", "IMPORT", "INSERT", "MERGE", "MOVE",
    "PIVOT", "PREPARE", "REFRESH", "REPLACE", "TRUNCATE", "UPDATE",
))  # fmt: skip
_WORDS = _SILENT | _MAY_BE_EMPTY | _OTHERS
_FIRST = re.compile(r"[\s(]*([A-Za-z]+)")
# What holds no end of a statement, comments, and ends. What is not closed goes on to the end of the text, as databases see it.
_QUOTED = r"""'(?:[^']|'')*(?:'|\Z)|"(?:[^"]|"")*(?:"|\Z)|`[^`]*(?:`|\Z)"""
_ESCAPED = r"""'(?:[^'\\]|\\(?:.|\Z)|'')*(?:'|\Z)"""
_DOLLARS = r"(?<![\w$])\$(?P<tag>\w*)\$.*?(?:\$(?P=tag)\$|\Z)"
_COMMENT = r"(?P<comment>--[^\n]*|/\*.*?(?:\*/|\Z))|;"
# Two dashes before anything but white space, a control character or the end are two minuses in MySQL: `1--1` is 2.
_COMMENT_MYSQL = r"(?P<comment>--(?=[\x00-\x20\x7f]|\Z)[^\n]*|\#[^\n]*|/\*.*?(?:\*/|\Z))|;|-(?=-)"
_PIECES = {
    "": re.compile(f"{_QUOTED}|{_COMMENT}", re.DOTALL),
    "postgres": re.compile(rf"\b[eE]{_ESCAPED}|{_QUOTED}|{_DOLLARS}|{_COMMENT}", re.DOTALL),
    "mysql": re.compile(f"{_ESCAPED}|{_QUOTED}|{_COMMENT_MYSQL}", re.DOTALL),
}
# What it explains is run: EXPLAIN ANALYZE in PostgreSQL, DuckDB and MySQL, ANALYZE alone in MariaDB.
_EXPLAINS = re.compile(
    r"EXPLAIN\s*\((?=[^()]*\bANALYZE\b(?!\s*(?:FALSE|OFF|0)\b))[^()]*\)\s*"
    r"|EXPLAIN\s+ANALY[SZ]E\b\s*(?:VERBOSE\b\s*)?(?:FORMAT\s*=\s*\w+\s*)?"
    r"|ANALYZE\s+(?:FORMAT\s*=\s*\w+\s+)?(?=(?:SELECT|INSERT|UPDATE|DELETE|REPLACE|WITH)\b)",
    re.IGNORECASE,
)
_TEMPORARY = re.compile(r"CREATE\s+(?:OR\s+REPLACE\s+)?(?:LOCAL\s+|GLOBAL\s+)?TEMP(?:ORARY)?\b", re.IGNORECASE)
_MADE = re.compile(r"CREATE\s+(?:OR\s+REPLACE\s+)?(?:UNLOGGED\s+)?TABLE\b(?!\s+IF\b)", re.IGNORECASE)
# Scheme by OpenLineage's naming, the parser's dialect, usual port, usual schema.
_SERVERS = {
    "mysql": ("mysql", "mysql", 3306, ""),
    "mariadb": ("mysql", "mysql", 3306, ""),
    "mssql": ("mssql", "mssql", 1433, "dbo"),
    "postgresql": ("postgres", "postgres", 5432, "public"),
}
_SHORT = {"postgres": "postgresql"}
# The parser does not tell the table of it.
_PART = r'(?:"[^"]+"|[A-Za-z_][\w$]*)'
_NAME_PARTS = re.compile(_PART)
_COPY = re.compile(rf"COPY\s+({_PART}(?:\.{_PART}){{0,2}})\s*(?:\([^()]*\)\s*)?\b(FROM|TO)\b", re.IGNORECASE)
# psycopg takes these for placeholders wherever they stand; the parser knows none of them.
_PLACEHOLDER = re.compile(r"%(?:\([^)]*\))?[sbt]\b")
_WITH_PLACEHOLDERS = ("postgres", "mysql")
_IN_FILES = ("sqlite", "duckdb")
_CATALOGUES = ("pg_catalog", "information_schema", "temp", "system")
_CATALOGUE_NAMES = ("pg_", "sqlite_", "duckdb_")

_ignored: frozenset[tuple[str, str]] = frozenset()

Name = tuple[str, ...]
"""A table as a statement names it: database, schema and name, as far as they are there."""


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where the tables of a connection are; the same place is the same object, which is quick to look up.

    Attributes:
        namespace: of the data sets.
        dialect: what the parser calls the language.
        prefix: what stands before each name: the database.
        schema: the schema of a table that is named without one.
        file: the file that holds the tables, for a database in a file.
        weak: why a table of it cannot be pinned.
    """

    namespace: str
    dialect: str
    prefix: str = ""
    schema: str = ""
    file: str | None = None
    weak: str | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """What is known of a statement.

    Attributes:
        reads: tables that it reads, as it names them.
        writes: tables that it changes.
        makes: whether what it writes was not there before.
        temporary: whether what it writes is gone with the connection.
        missed: what of it was not understood.
    """

    reads: tuple[Name, ...] = ()
    writes: tuple[Name, ...] = ()
    makes: bool = False
    temporary: bool = False
    missed: str | None = None


class _Known:
    """What is remembered of the statements of one run."""

    def __init__(self) -> None:
        self.statements: dict[tuple[Place, str], tuple[Statement, ...]] = {}
        self.seconds = 0.0
        self.told: set[tuple[Place | None, object]] = set()
        self.temporary: set[str] = set()


def is_told(capture: Any, place: Place | None, text: object) -> bool:
    """Say whether there is nothing to note of a statement: it was told in this run before, or is no text."""
    if type(text) is not str:
        return not issubclass(type(text), str)
    known = capture.told.notes.get("sql")
    return known is not None and (place, text) in known.told


def before(capture: Any, place: Place | None, text: object) -> None:
    """Note what a statement is about to do to the file that holds its tables.

    Args:
        capture: the run's.
        place: where its tables are; None where that is no place that lasts.
        text: the statement.
    """
    statements = _statements(capture, place, text)
    if place is None or place.file is None:
        return
    if any((one.writes and not one.temporary) or one.missed for one in statements):
        capture.written(place.file, database=True)
    elif any(one.reads for one in statements):
        capture.read(place.file, database=True)


def after(capture: Any, place: Place | None, text: object) -> None:
    """Tell which tables a text of statements that succeeded read and wrote; arguments as for `before`."""
    text = given.plain_text(text)
    statements = _statements(capture, place, text)
    if place is None or not statements:
        return
    known: _Known = capture.told.notes["sql"]
    if (place, text) in known.told:
        return
    if (place, text) in known.statements:
        known.told.add((place, text))
    for one in statements:
        _tell(capture, known, place, one)


def _tell(capture: Any, known: _Known, place: Place, statement: Statement) -> None:
    if statement.missed:
        capture.told.misses(f"tables of {place.namespace}", statement.missed)
    if place.file is not None and capture.leaves_out(place.file):
        return
    if statement.temporary:
        known.temporary.update(_name(place, name) for name in statement.writes)
    for name in statement.reads:
        if _name(place, name) not in known.temporary:
            capture.told.reads(_table(place, name, "at_read"), place.file)
    for name in statement.writes:
        if _name(place, name) not in known.temporary:
            capture.told.writes(_table(place, name, "at_write"), place.file, made=statement.makes)


@lru_cache(maxsize=256)
def server(kind: str, host: str | None, port: object, database: str | None) -> Place | None:
    """Describe a database on a server.

    Args:
        kind: which server, as SQLAlchemy calls it.
        host: name or address; a socket's folder counts as this machine.
        port: number of the port, None for the usual one.
        database: name.

    Returns:
        None for a server whose tables are not known to be named.
    """
    if kind not in _SERVERS:
        return None
    scheme, dialect, usual, schema = _SERVERS[kind]
    machine = host if host and not host.startswith(("/", "@")) else "localhost"
    weak = "the database tells no version of a table"
    if schema:
        weak += f"; a name without a schema is taken to be in {schema}"
    return Place(f"{scheme}://{machine}:{port or usual}", dialect, database or "", schema, None, weak)


def in_file(scheme: str, path: str) -> Place:
    """Describe a database in a file."""
    return _in_file(scheme, os.path.abspath(path))  # noqa: PTH100 - a place is worked out on a host's path


@lru_cache(maxsize=256)
def _in_file(scheme: str, file: str) -> Place:
    return Place(f"{scheme}:{file}", scheme, file=file)


def at_address(address: str) -> Place | None:
    """Describe the database at an address as SQLAlchemy has it: `postgresql+psycopg2://user:password@host:5432/airflow`,
    `sqlite:////data/airflow.db`; of user and password nothing is kept."""
    parts = urlsplit(address)
    kind = _SHORT.get(parts.scheme, parts.scheme).partition("+")[0]
    path = unquote(parts.path[1:])
    try:
        return in_file(kind, path) if kind in _IN_FILES else server(kind, parts.hostname, parts.port, path)
    except ValueError:  # an address of several machines
        return None


def leave_out(addresses: Iterable[str]) -> None:
    """Leave out the tables of these databases, an orchestrator's own; replaces what was set before."""
    global _ignored
    places = [place for address in addresses if (place := at_address(address)) is not None]
    _ignored = frozenset((place.namespace, place.prefix) for place in places)


def analyse(text: str, dialect: str) -> tuple[Statement, ...]:
    """Say which tables the statements of a text read and write.

    Raises:
        ModuleNotFoundError: the parser is not installed.
        NoThread: there is no stack to run it on.
    """
    if len(text) > MAX_LENGTH:
        return (Statement(missed=f"a statement {_shown(text)} is longer than {MAX_LENGTH} characters"),)
    parser = importlib.import_module("openlineage_sql")
    return on_own_stack(STACK_BYTES, lambda: tuple(_analyse(parser, one, dialect) for one in split(text, dialect)))


def split(text: str, dialect: str) -> Iterator[str]:
    """Give the statements of a text, without comments; two minuses stand apart, so that what follows makes no comment of them."""
    statement, begin = "", 0
    for piece in _PIECES.get(dialect, _PIECES[""]).finditer(text):
        if piece["comment"] is None and piece[0] not in (";", "-"):
            continue
        kept = "- " if piece[0] == "-" else " "
        statement, begin = statement + text[begin : piece.start()] + kept, piece.end()
        if piece[0] == ";":
            if statement.strip():
                yield statement.strip()
            statement = ""
    statement = (statement + text[begin:]).strip()
    if statement:
        yield statement


def _analyse(parser: Any, text: str, dialect: str) -> Statement:
    explained = _EXPLAINS.match(text)
    text = text[explained.end() :] if explained else text
    shown = _shown(text)
    if shown in _SILENT:
        return Statement()
    copied = _COPY.match(text)
    if copied is not None:
        name = tuple(_part(part) for part in _NAME_PARTS.findall(copied[1]))
        return Statement(reads=(name,)) if copied[2].upper() == "TO" else Statement(writes=(name,))
    found = _parse(parser, text, dialect)
    if found is None:
        return Statement(missed=f"a statement {shown} was not understood by openlineage-sql")
    reads, writes = found
    functions = [name for name in reads if _is_function(name, text)]
    missed = None
    if functions:
        missed = "what a function in FROM reads is not visible"
    elif not reads and not writes and shown not in _MAY_BE_EMPTY:
        missed = f"what a statement {shown} reads and writes is not visible"
    reads = tuple(name for name in reads if name not in functions and not _is_catalogue(name))
    writes = tuple(name for name in writes if not _is_catalogue(name))
    return Statement(reads, writes, bool(_MADE.match(text)), bool(_TEMPORARY.match(text)), missed)


def _shown(text: str) -> str:
    """Name the kind of a statement by its first word, which is only told where it is a word of SQL."""
    first = _FIRST.match(text)
    word = first[1].upper() if first else ""
    return word if word in _WORDS else "of a kind that is not known"


def _part(text: str) -> str:
    return text[1:-1] if text.startswith('"') else text.lower()


def _is_function(name: Name, text: str) -> bool:
    return (
        re.search(rf"(?:\bFROM|\bJOIN|\bLATERAL|,)\s*{re.escape('.'.join(name))}\s*\(", text, re.IGNORECASE) is not None
    )


def _is_catalogue(name: Name) -> bool:
    return name[-1].startswith(_CATALOGUE_NAMES) or any(part in _CATALOGUES for part in name[:-1])


def _statements(capture: Any, place: Place | None, text: object) -> tuple[Statement, ...]:
    text = given.plain_text(text)
    if place is None or text is None or (place.namespace, place.prefix) in _ignored:
        return ()
    known: _Known = capture.told.notes.setdefault("sql", _Known())
    found = known.statements.get((place, text))
    if found is None:
        enough = None
        if len(known.statements) >= MAX_STATEMENTS:
            enough = f"more than {MAX_STATEMENTS} different statements: the others were not read"
        elif known.seconds > MAX_SECONDS:
            enough = f"reading its statements took more than {MAX_SECONDS:g} s: the others were not read"
        if enough is not None:
            return (Statement(missed=enough),)
        started = time.perf_counter()
        try:
            found = _analysed(text, place.dialect)
        except ModuleNotFoundError:
            found = (Statement(missed="openlineage-sql is not installed: pip install 'orchestrail[sql]'"),)
        except NoThread:
            found = (Statement(missed="no thread could be started to read its statements"),)
        known.seconds += time.perf_counter() - started
        known.statements[place, text] = found
    return found


@lru_cache(maxsize=1024)
def _analysed(text: str, dialect: str) -> tuple[Statement, ...]:
    return analyse(text, dialect)


def _parse(parser: Any, text: str, dialect: str) -> tuple[tuple[Name, ...], tuple[Name, ...]] | None:
    """Give the tables that are read and those that are written; None where the parser does not understand all of the text."""
    if dialect in _WITH_PLACEHOLDERS:
        text = _PLACEHOLDER.sub(" NULL ", text).replace("%%", "%")
    try:
        found = parser.parse([text], dialect=dialect)
    except BaseException as error:
        # A panic of the parser's is no Exception, and not the host's to deal with.
        if isinstance(error, Exception) or type(error).__name__ == "PanicException":
            return None
        raise
    both = found.in_tables, found.out_tables
    if found.errors or (dialect not in _IN_FILES and any(_is_literal(one) for one in (*both[0], *both[1]))):
        return None
    reads, writes = (tuple(dict.fromkeys(_as_named(one, dialect) for one in tables)) for tables in both)
    return reads, writes


def _is_literal(table: Any) -> bool:
    """Say whether the parser took a text in single quotes for a table, which no server does."""
    quotes = table.quote_style
    return quotes is not None and "'" in (quotes.database, quotes.schema, quotes.name)


def _as_named(table: Any, dialect: str) -> Name:
    """Give a table's name. A part that is not quoted is the same in any case; SQLite and DuckDB never tell cases apart."""
    quotes = None if dialect in _IN_FILES else table.quote_style
    parts = [(getattr(table, part), getattr(quotes, part, None)) for part in ("database", "schema", "name")]
    return tuple(text if quote else text.lower() for text, quote in parts if text)


def _name(place: Place, name: Name) -> str:
    if place.file is not None:
        return ".".join(name[1:] if name[0] == "main" and len(name) > 1 else name)
    if place.schema and len(name) == 1:
        name = (place.schema, *name)
    if place.prefix and len(name) < (3 if place.schema else 2):
        name = (place.prefix, *name)
    return ".".join(name)


def _table(place: Place, name: Name, observed: str) -> DatasetRef:
    return DatasetRef(place.namespace, _name(place, name), observed=observed, weak=place.weak, type="TABLE")
