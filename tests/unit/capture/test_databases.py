"""Tables that SQL statements read and write, as the observers of the databases tell them: real databases, real statements."""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import sqlite3
import subprocess
import sys
import tempfile
import threading
from contextvars import copy_context
from dataclasses import astuple
from functools import partial
from pathlib import Path

import pandas as pd
import psycopg
import pytest
import sqlalchemy
from hypothesis import example, given, settings
from hypothesis import strategies as st
from psycopg import sql as composed

from orchestrail.capture import files
from orchestrail.capture.observers import sql
from orchestrail.capture.observers.sqlite import place_of
from orchestrail.testing.postgresql import started

MARKER = "ordinary-looking-value"


def sha256(path: Path) -> str:
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


def tables(found) -> list[str]:
    return sorted(one.name for one in found if one.type == "TABLE")


@pytest.fixture
def base(tmp_path) -> Path:
    path = tmp_path / "base.db"
    with sqlite3.connect(path) as made:
        made.execute("create table loans (id integer primary key, name text)")
        made.executemany("insert into loans (name) values (?)", [("a",), ("b",)])
        made.execute("create table rates (id integer, rate real)")
    made.close()
    return path


@pytest.fixture(scope="module")
def server():
    """A PostgreSQL server of this test's own. It acts as another user, who may not enter pytest's folders."""
    with tempfile.TemporaryDirectory() as folder:
        running = started(folder)
        with psycopg.connect(running.get_uri()) as connection:
            connection.execute("create schema raw")
            connection.execute("create table raw.loans (id int, name text)")
            connection.execute('create table "Rates" (id int)')
        yield running.get_uri()
        running.cleanup()


def test_tables_of_sqlite_are_read_and_written_with_the_file_as_their_version(observed, base):
    """The table that is read has the digest of the file before the step, the one that is written that of after it."""
    before = sha256(base)
    with observed() as seen, sqlite3.connect(base) as connection:
        rows = connection.execute("select name from Loans where id > ?", (0,)).fetchall()
        connection.execute("create table names as select name from loans")
    after = sha256(base)
    assert rows == [("a",), ("b",)]
    assert before != after
    assert seen.names() == (["base.db", "loans"], ["base.db", "names"])
    read, written = seen.one("inputs", "loans"), seen.one("outputs", "names")
    assert (read.namespace, read.version, read.observed, read.weak) == (f"sqlite:{base}", before, "at_read", None)
    assert (written.namespace, written.version, written.observed, written.weak) == (
        f"sqlite:{base}",
        after,
        "at_write",
        None,
    )
    assert (seen.one("inputs", "base.db").digest, seen.one("outputs", "base.db").digest) == (before, after)
    connection.close()


def test_a_connection_is_what_it_was(observed, base):
    """Rows, types, names, errors, row factories and classes of the host's own."""
    plain = sqlite3.Connection(base)
    with observed():
        connection = sqlite3.connect(base)
        assert isinstance(connection, sqlite3.Connection)
        assert repr(connection).startswith("<sqlite3.Connection object")
        assert isinstance(connection.cursor(), sqlite3.Cursor)
        connection.row_factory = sqlite3.Row
        assert connection.execute("select * from loans").fetchone().keys() == ["id", "name"]
        cursor = connection.executemany("insert into rates values (?, ?)", [(1, 0.5), (2, 0.25)])
        assert (cursor.rowcount, connection.in_transaction) == (2, True)
        connection.rollback()
        for statement in ("select from", "select * from no_table", ["select 1"], None):
            with pytest.raises((sqlite3.OperationalError, TypeError)) as ours:
                connection.execute(statement)
            with pytest.raises((sqlite3.OperationalError, TypeError)) as theirs:
                plain.execute(statement)
            assert type(ours.value) is type(theirs.value)
            assert str(ours.value) == str(theirs.value)

        class Mine(sqlite3.Connection):
            pass

        assert type(sqlite3.connect(base, factory=Mine)) is Mine


def test_what_failed_or_was_rolled_back_is_not_written(observed, base):
    """The file says so: it is as it was."""
    with observed() as seen:
        connection = sqlite3.connect(base)
        with pytest.raises(sqlite3.OperationalError):
            connection.execute("insert into no_table values (1)")
        connection.execute("select * from rates")
    assert seen.names() == (["base.db", "rates"], [])
    with observed() as seen:
        connection.execute("delete from loans")
        connection.rollback()
    (told,) = seen.outputs
    assert (told.name, told.version) == ("loans", None)
    assert told.weak == "the file that it lies in had not changed when the step ended"


def test_what_is_not_in_the_file_when_the_step_ends_is_told(observed, base):
    """An open transaction, a write-ahead log: the file's digest is not that of the content."""
    with observed() as seen:
        connection = sqlite3.connect(base)
        connection.execute("pragma journal_mode=wal")
        connection.execute("insert into rates values (1, 2)")
        connection.commit()
        connection.execute("select * from rates").fetchall()
    assert seen.one("outputs", "base.db").weak == "a log beside the database holds a part of its content"
    assert seen.one("outputs", "rates").weak == "a log beside the database holds a part of its content"
    connection.close()


def test_databases_in_memory_and_temporary_tables_are_no_data(observed, base):
    """Nothing of them lasts."""
    with observed() as seen:
        for name, uri in ((":memory:", False), ("", False), ("file:x?mode=memory&cache=shared", True)):
            sqlite3.connect(name, uri=uri).execute("create table t (x)")
        connection = sqlite3.connect(base)
        connection.execute("create temp table short as select * from loans")
        connection.execute("insert into short select * from loans")
        connection.execute("select * from short join sqlite_master").fetchall()
    assert seen.names() == (["base.db", "loans"], [])


@pytest.mark.parametrize(
    ("given", "uri", "path"),
    [
        ("x.db", False, "x.db"),
        (b"x.db", False, "x.db"),
        (Path("x.db"), False, "x.db"),
        ("file:x.db?mode=ro", True, "x.db"),
        ("file:/data/a%20b.db", True, "/data/a b.db"),
        ("file:///data/x.db#part", True, "/data/x.db"),
        ("file:x.db", False, "file:x.db"),
    ],
)
def test_a_database_is_named_by_its_file(given, uri, path):
    """However it is written."""
    assert place_of(given, uri=uri) == sql.in_file("sqlite", path)


def test_a_statement_that_is_run_again_in_another_step_counts_there_too(observed, base):
    """A connection that lives through many steps, as a pool's do."""
    connection = sqlite3.connect(base)
    for _ in range(2):
        with observed() as seen:
            connection.execute("select * from rates").fetchall()
        assert seen.names() == (["base.db", "rates"], [])


def test_a_thread_counts_where_the_context_is_carried_into_it(observed, base):
    """As for files; a thread without it is nobody's."""

    def work() -> None:
        sqlite3.connect(base).execute("select * from rates").fetchall()

    with observed() as seen:
        for target in (partial(copy_context().run, work), work):
            thread = threading.Thread(target=target)
            thread.start()
            thread.join()
    assert seen.names() == (["base.db", "rates"], [])


def test_an_orchestrators_own_database_is_left_out(observed, base, tmp_path, server):
    """By its folder or by its address."""
    for folders, addresses in (([tmp_path], []), ([], [f"sqlite:///{base}"])):
        files.set_ignored(folders)
        sql.leave_out(addresses)
        try:
            with observed() as seen:
                sqlite3.connect(base).execute("select * from rates").fetchall()
            assert seen.names() == ([], [])
        finally:
            files.set_ignored([])
            sql.leave_out([])
    sql.leave_out(
        [
            f"postgresql+psycopg2://user:{MARKER}@localhost:5432/postgres",
            "postgresql:///other",
            "unknown://x/y",
            "postgresql://a:1,b:2/c",
        ]
    )
    try:
        with psycopg.connect(server) as connection, observed() as seen:
            connection.execute("select * from raw.loans")
        assert seen.names() == ([], [])
        assert MARKER not in str(sql._ignored)
    finally:
        sql.leave_out([])


def test_sqlalchemy_and_pandas_are_seen_through_engines(observed, base):
    """Also an engine that was made before the recording began; nothing is told twice."""
    engine = sqlalchemy.create_engine(f"sqlite:///{base}")
    before = sha256(base)
    with observed() as seen:
        frame = pd.read_sql("select * from loans where id < 100", engine)
        frame.to_sql("copies", engine, index=False)
        with engine.begin() as connection:
            connection.execute(sqlalchemy.text("insert into rates select id, :rate from copies"), {"rate": 0.5})
    assert seen.names() == (["base.db", "loans"], ["base.db", "copies", "rates"])
    assert seen.one("inputs", "loans").version == before
    assert seen.one("outputs", "rates").version == sha256(base)
    assert not seen.missing
    engine.dispose()


def test_tables_of_postgresql_are_named_by_server_database_and_schema(observed, server):
    """psycopg's own cursors: plain, composed, many, copied; what is quoted keeps its case."""
    with psycopg.connect(server) as connection, observed() as seen:
        host, port = "localhost", connection.info.port
        connection.execute("select * from raw.Loans where id = %s", (1,))
        cursor = connection.cursor()
        connection.execute(
            "create table results as select id from raw.loans where name like '100%%' and id = %(n)s", {"n": 1}
        )
        cursor.executemany('insert into "Rates" values (%s)', [(1,), (2,)])
        cursor.execute(composed.SQL("select * from {}").format(composed.Identifier("Rates")))
        with cursor.copy("copy raw.loans (id, name) from stdin") as copy:
            copy.write_row((1, MARKER))
        with cursor.copy("COPY raw.loans TO STDOUT") as copy:
            assert list(copy.rows())
    assert {one.namespace for one in (*seen.inputs, *seen.outputs)} == {f"postgres://{host}:{port}"}
    assert tables(seen.inputs) == ["postgres.public.Rates", "postgres.raw.loans"]
    assert tables(seen.outputs) == ["postgres.public.Rates", "postgres.public.results", "postgres.raw.loans"]
    assert seen.inputs[0].weak == (
        "the database tells no version of a table; a name without a schema is taken to be in public"
    )
    assert not seen.missing


def test_postgresql_through_sqlalchemy_and_asyncio_has_the_same_names(observed, server):
    """One table, one data set, whoever tells of it; and the password of an address is nowhere."""
    engine = sqlalchemy.create_engine(server.replace("postgresql://", "postgresql+psycopg://"))

    async def later() -> None:
        async with await psycopg.AsyncConnection.connect(server) as connection:
            await connection.execute("select * from raw.loans")

    with observed() as seen:
        pd.read_sql(
            sqlalchemy.text("select count(*) from raw.loans where name = :name"), engine, params={"name": MARKER}
        )
        asyncio.run(later())
    assert tables(seen.inputs) == ["postgres.raw.loans"]
    assert MARKER not in str(seen.inputs)
    engine.dispose()


def test_what_is_not_understood_is_told_and_nothing_is_guessed(observed, server):
    """By the first word of the statement; its text, its values and the parser's message stay where they are."""
    with psycopg.connect(server) as connection, observed() as seen:
        connection.execute(f"do $$ begin perform '{MARKER}'; end $$")
        connection.execute("select * from generate_series(1, 3)")
        connection.execute("select set_config('application_name', %s, false)", (MARKER,))
        connection.execute("set search_path to raw")
    assert not seen.inputs
    assert not seen.outputs
    assert sorted(reason for _, reason in seen.missing) == [
        "a statement DO was not understood by openlineage-sql",
        "what a function in FROM reads is not visible",
    ]
    for text, missed in (
        ("call prepare(1)", "what a statement CALL reads and writes is not visible"),
        ("select 1; execute prepared", "what a statement EXECUTE reads and writes is not visible"),
        (f"{MARKER} '{MARKER}'", "a statement of a kind that is not known was not understood by openlineage-sql"),
        (f"insert insert '{MARKER}'", "a statement INSERT was not understood by openlineage-sql"),
    ):
        assert sql.analyse(text, "postgres")[-1].missed == missed


def test_statements_without_end_are_read_up_to_a_bound(observed, base, monkeypatch):
    """A program that writes values into its statements; the file that they change is seen all the same."""
    monkeypatch.setattr(sql, "MAX_SECONDS", float("inf"))  # on a busy machine the other bound may come first
    with observed() as seen, sqlite3.connect(base) as connection:
        for number in range(sql.MAX_STATEMENTS + 5):
            connection.execute(f"insert into rates values ({number}, {number})")
        connection.execute(f"select '{'x' * sql.MAX_LENGTH}'")
    assert seen.names() == (["base.db"], ["base.db", "rates"])
    assert seen.missing == [
        (f"tables of sqlite:{base}", f"more than {sql.MAX_STATEMENTS} different statements: the others were not read")
    ]
    connection.close()


def test_without_the_parser_the_record_says_what_to_install(observed, base, monkeypatch):
    """And the file of the database is there still."""
    real = importlib.import_module

    def missing(name: str, *rest: object) -> object:
        if name == "openlineage_sql":
            raise ModuleNotFoundError(name)
        return real(name, *rest)

    monkeypatch.setattr(importlib, "import_module", missing)
    sql._analysed.cache_clear()
    with observed() as seen:
        sqlite3.connect(base).execute("select * from rates where id = 5").fetchall()
    assert seen.names() == (["base.db"], [])
    assert seen.missing == [
        (f"tables of sqlite:{base}", "openlineage-sql is not installed: pip install 'orchestrail[sql]'")
    ]


@pytest.mark.parametrize(
    ("text", "reads", "writes"),
    [
        ("select a.x from a join s.b on true where x in (select y from c)", ["a", "s.b", "c"], []),
        ("with w as (select * from a) insert into b select * from w", ["a"], ["b"]),
        ("-- it's\n/* a 'comment' */ update a set x = 'b' from c where c.id = a.id", ["c"], ["a"]),
        ("merge into a using b on a.x = b.x when matched then delete", ["b"], ["a"]),
        ("select 1; insert into a select * from b", ["b"], ["a"]),
        ("begin; insert into a values (1); commit", [], ["a"]),
        ("create view v as select * from a", ["a"], ["v"]),
        ("truncate table a", [], ["a"]),
        ('copy "S p"."T" (a, b) from stdin with csv', [], ["S p.T"]),
        ("copy a to '/data/out.csv'", ["a"], []),
        ("select * from pg_catalog.pg_class, information_schema.tables", [], []),
        ("savepoint a", [], []),
        ("select now()", [], []),
        ("explain analyze delete from a", [], ["a"]),
        ("EXPLAIN (analyze, buffers) insert into a select * from b", ["b"], ["a"]),
        ("explain /* it runs */ analyze verbose update a set x = 1", [], ["a"]),
        ("explain (analyze off) delete from a", [], []),
        ("explain delete from a", [], []),
        ("select 1; -- and\nexplain analyze delete from a; select * from b", ["b"], ["a"]),
        ("select * from a where x = $x$;delete from b$x$ or y = E'\\';' or z = ';'", ["a"], []),
        ("create temp table a (x int); insert into b values (1)", [], ["a", "b"]),
        (";;-- nothing", [], []),
    ],
)
def test_statements_name_their_tables(text, reads, writes):
    """What the parser finds, and what it leaves to us."""
    found = sql.analyse(text, "postgres")
    assert sorted(".".join(name) for one in found for name in one.reads) == sorted(reads)
    assert [".".join(name) for one in found for name in one.writes] == writes
    assert not any(one.missed for one in found)


@settings(deadline=None)
@given(st.text(min_size=6), st.sampled_from(("sqlite", "postgres", "mysql", "mssql")))
def test_no_part_of_a_statement_but_names_of_tables_is_kept(literal, dialect):
    """Whatever stands in a literal or in a statement that is none: it is not in what is known of it."""
    marker = f"{MARKER}{literal}"
    quoted = marker.replace("'", "''").replace("\\", "\\\\").replace("\0", "")
    for text in (
        f"select * from a where x = '{quoted}'",
        f"select from '{quoted}'",
        f"insert into a values ('{quoted}') {literal}",
    ):
        assert MARKER not in str([astuple(one) for one in sql.analyse(text, dialect)])


@settings(deadline=None)
@given(st.text())
def test_any_text_is_understood_or_told(text):
    """Nothing raises, a panic of the parser's neither."""
    for dialect in ("postgres", "mysql", "sqlite"):
        assert all(isinstance(one, sql.Statement) for one in sql.analyse(text, dialect))


def test_a_database_is_opened_where_its_place_cannot_be_told(tmp_path, monkeypatch):
    """A working folder that is gone keeps us from naming the file, and the step from nothing."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with sqlite3.connect("file:of_this_process?vfs=memdb", uri=True) as made:
        assert made.execute("select 1").fetchall() == [(1,)]


@settings(deadline=None)
@given(
    st.lists(
        st.one_of(
            st.sampled_from(
                ("select * from a", "insert into b values (1)", "/* ; */ select 1", "update a set x = ';'")
            ),
            st.text("ab1 ';\"-/*$\\\n"),
        )
    ),
    st.sampled_from(("postgres", "mysql", "sqlite")),
)
@example(["--", "select * from a"], "mysql")
@example(["select 1---/**/ 2 from a"], "mysql")
@example(["select '\\'", "\\\n"], "mysql")
def test_statements_of_a_text_are_told_one_by_one(statements, dialect):
    """A split statement is not split again, and what is no comment stays in its order."""
    found = list(sql.split(";".join(statements), dialect))
    assert all(part.strip() == part and list(sql.split(part, dialect)) == [part] for part in found)


def test_what_another_database_writes_is_read_as_it_does():
    """MariaDB runs what ANALYZE stands before; MySQL has other comments and escapes."""
    for text in (
        "analyze format=json delete from a",
        "# ;\ndelete from a where x = 'it\\'; s'",
        "select 1--1; delete from a",
        "select 1--/* no comment */ 1 from b; delete from a",
        "select 1 -- ; select 2\n; delete from a",
    ):
        assert [name for one in sql.analyse(text, "mysql") for name in one.writes] == [("a",)]
    reads = [name for one in sql.analyse("select x--/* no comment */ 1 from b", "mysql") for name in one.reads]
    assert reads == [("b",)]
    assert [*sql.split("--;select 1", "mysql")] == ["- -", "select 1"]
    assert [*sql.split("--;select 1", "sqlite")] == []
    assert sql.analyse("analyze", "sqlite") == (sql.Statement(),)


DEEP = """
import sys, threading
from orchestrail.capture.observers import sql

def read():
    for text in (
        "select " + "+".join(["a"] * 49_990) + " from t",
        "select " + "+".join(["a"] * 49_990) + " from",
        "select * from t where " + " or ".join(["a = 1"] * 9_000),
        "select " + "->".join(["a"] * 30_000) + " from t",
        "select " + "(" * 40_000 + "1" + ")" * 40_000 + " from t",
        "select " + "case when a then " * 4_500 + "1" + " end" * 4_500 + " from t",
        "select * from " + "(select * from " * 4_000 + "t" + ") x" * 4_000,
        " union all ".join(["select 1 from t"] * 3_500),
    ):
        (found,) = sql.analyse(text, "postgres")
        print(found.reads == (("t",),), found.missed)

threading.stack_size(512 << 10)
thread = threading.Thread(target=read)
thread.start()
thread.join()
assert threading.stack_size() == 512 << 10
"""


def test_a_statement_that_goes_deep_is_read_on_a_thread_with_a_small_stack():
    """The process goes on, with all that the parser is given, however little of its own stack the thread of the step has."""
    done = subprocess.run([sys.executable, "-c", DEEP], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    said = "a statement SELECT was not understood by openlineage-sql"
    wanted = ["True None", f"False {said}", *["True None"] * 2, *[f"False {said}"] * 3, "True None"]
    assert done.stdout.splitlines() == wanted


def test_a_process_that_gets_no_thread_is_told(observed, base, monkeypatch):
    """Out of threads or of address space, the step goes on, and the record says what was not seen."""
    monkeypatch.setattr(sql, "STACK_BYTES", 1 << 60)
    with observed() as seen, sqlite3.connect(base) as connection:
        connection.execute("select 'no thread', name from loans").fetchall()
    assert seen.missing == [(f"tables of sqlite:{base}", "no thread could be started to read its statements")]


def test_reading_statements_takes_a_bounded_time(observed, base, monkeypatch):
    """After that the others are told as not seen."""
    monkeypatch.setattr(sql, "MAX_SECONDS", 0.0)
    with observed() as seen, sqlite3.connect(base) as connection:
        connection.execute("select 'first', name from loans").fetchall()
        connection.execute("select 'second', name from loans").fetchall()
    assert tables(seen.inputs) == ["loans"]
    said = "reading its statements took more than 0 s: the others were not read"
    assert seen.missing == [(f"tables of sqlite:{base}", said)]
