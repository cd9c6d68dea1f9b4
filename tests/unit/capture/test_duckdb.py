"""DuckDB: the files that it is given are seen, its statements are left alone and told as not seen."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from types import ModuleType

import duckdb
import pandas as pd
import pytest

from orchestrail.capture import observers

BLIND = [("duckdb", "what its statements name is not seen: state it with record_input and record_output")]


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_statement_still_finds_the_callers_variables(observed):
    """As DuckDB does without us: no frame of ours stands between."""
    frame = pd.DataFrame({"a": [1, 2]})
    with observed() as seen:
        assert duckdb.sql("select sum(a) from frame").fetchall() == [(3,)]
    assert seen.missing == BLIND
    with observed() as seen:
        assert duckdb.execute("select count(*) from frame").fetchall() == [(2,)]
        assert duckdb.connect().execute("select max(a) from frame").fetchall() == [(2,)]
    assert seen.names() == ([], [])
    assert seen.missing == BLIND
    with observed() as seen:
        duckdb.connect().close()
    assert not seen.missing
    del frame


def test_the_module_is_left_as_it_was(observed):
    """Functions can be looked up and replaced as ever; uninstalled, nothing of ours is left."""
    assert duckdb.sql is vars(duckdb)["sql"]
    assert callable(duckdb.DuckDBPyConnection.execute)
    theirs, before = object(), duckdb.query
    duckdb.query = theirs
    assert duckdb.query is theirs
    duckdb.query = before
    observers.uninstall()
    assert type(duckdb) is ModuleType
    assert "Noticed" not in type(vars(duckdb.DuckDBPyConnection)["execute"]).__name__


def test_files_that_it_is_given_by_path_are_seen(observed):
    """Read and written by relations."""
    with observed() as seen:
        duckdb.sql("select 1 as a").write_parquet("x.parquet")
        duckdb.sql("select 1 as a").write_csv("x.csv")
    assert seen.names() == ([], ["x.csv", "x.parquet"])
    with observed() as seen:
        assert duckdb.read_parquet("x.parquet").fetchall() == [(1,)]
        assert duckdb.connect().read_csv("x.csv").fetchall() == [(1,)]
    assert seen.names() == (["x.csv", "x.parquet"], [])
    assert all(one.digest and not one.weak for one in seen.inputs)


def test_a_database_file_is_read_or_changed(observed):
    """With the digest that it has when the step ends."""
    with observed() as seen, duckdb.connect("base.duckdb") as connection:
        connection.execute("create table t as select 1 as a")
    (made,) = seen.outputs
    assert (made.digest, made.weak) == (f"sha256:{hashlib.sha256(Path('base.duckdb').read_bytes()).hexdigest()}", None)
    os.utime("base.duckdb", (1_600_000_000, 1_600_000_000))
    with observed() as seen, duckdb.connect("base.duckdb", read_only=True) as connection:
        connection.execute("select * from t").fetchall()
    assert ([one.digest for one in seen.inputs], seen.outputs) == ([made.digest], [])
    with observed() as seen, duckdb.connect("base.duckdb") as connection:
        connection.execute("select * from t").fetchall()
    assert ([one.digest for one in seen.inputs], seen.outputs) == ([made.digest], [])
    with observed() as seen, duckdb.connect("base.duckdb") as connection:
        connection.execute("insert into t values (2)")
    assert seen.one("inputs", "base.duckdb").digest == made.digest != seen.one("outputs", "base.duckdb").digest


def test_an_open_transaction_of_another_connection_keeps_its_lock(observed, run):
    """A digest in between does not let another process in."""
    connection = duckdb.connect("base.duckdb")
    connection.execute("create table t (a int)")
    connection.execute("checkpoint")
    with observed():
        duckdb.connect("base.duckdb").execute("select 1")
    program = """
    import duckdb, json
    try:
        duckdb.connect("base.duckdb")
    except duckdb.IOException:
        print(json.dumps("locked"))
    else:
        print(json.dumps("not locked"))
    """
    assert run(program, cwd=Path.cwd()) == "locked"
    connection.close()
