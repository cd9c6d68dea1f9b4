"""Pipelines that were not written for us, wrapped with nothing but `audited`.

What the kernel and the database say they touched is in the record with a digest or a version, and nothing else is.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from inotify_simple import INotify, flags
from sklearn.datasets import load_diabetes, load_wine

from orchestrail.capture.digest import digest_folder
from orchestrail.transport.segments import read_segment, segments

HERE = Path(__file__).parent
SCRIPT = HERE.parents[1] / "adapters" / "script" / "src"
RUN = "import sys; sys.path.insert(0, sys.argv[1]); from orchestrail_script import audited; import {0}; print(audited({0}.main)())"
PLAIN = "import sys; sys.path.insert(0, sys.argv[1]); import {0}; print({0}.main())"
# The database's own word: SQLite calls this for each table that a statement which it compiles reads or writes.
AUTHORIZED = """
import sys, sqlalchemy, sqlite3
sys.path.insert(0, sys.argv[1])
touched = set()
def heard(action, first, second, database, trigger):
    if action == sqlite3.SQLITE_READ and database == "main": touched.add(("read", first))
    if action in (sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE): touched.add(("write", first))
    return sqlite3.SQLITE_OK
@sqlalchemy.event.listens_for(sqlalchemy.engine.Engine, "connect")
def connected(connection, record): connection.set_authorizer(heard)
import shop_sqlalchemy, json
shop_sqlalchemy.main()
print(json.dumps(sorted(pair for pair in touched if not pair[1].startswith("sqlite_"))))
"""
WATCHED = flags.OPEN | flags.CLOSE_WRITE | flags.CREATE


def prepared(name: str, folder: Path) -> None:
    """Lay out what a pipeline starts from; some time ago."""
    folder.mkdir()
    if name == "wine_pandas":
        load_wine(as_frame=True).frame.to_csv(folder / "wine.csv", index=False)
    elif name == "diabetes_polars":
        frame = load_diabetes(as_frame=True).frame
        frame.iloc[:200].to_csv(folder / "diabetes-1.csv", index=False)
        frame.iloc[200:].to_csv(folder / "diabetes-2.csv", index=False)
        (folder / "groups.ndjson").write_text('{"group": "high", "label": "H"}\n{"group": "low", "label": "L"}\n')
    else:
        with sqlite3.connect(folder / "shop.db") as base:
            base.execute("create table customers (id integer primary key, city text)")
            base.execute("create table orders (id integer primary key, customer_id integer, amount float)")
            base.executemany("insert into customers (city) values (?)", [("Ghent",), ("Porto",)])
            base.execute("insert into orders (customer_id, amount) values (1, 5.0)")
        base.close()
        (folder / "new_orders.csv").write_text("customer_id,amount\n1,2.5\n2,7\n2,1\n")
    for file in folder.iterdir():
        os.utime(file, (1_600_000_000, 1_600_000_000))


def ran(program: str, folder: Path, *, home: Path | None = None) -> str:
    """Run a program in a folder; give what it printed last."""
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("ORCHESTRAIL_", "OPENLINEAGE_"))
    }
    environment |= {"PYTHONPATH": str(SCRIPT), "PYTHONDONTWRITEBYTECODE": "1"}
    if home is not None:
        environment["ORCHESTRAIL_HOME"] = str(home)
    command = [sys.executable, "-c", program, str(HERE / "programs")]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def opened(watch: INotify, folders: dict[int, Path], folder: Path) -> tuple[set[Path], set[Path]]:
    """Give the files that were opened and those that were opened for writing, as the kernel tells; folders of parts as one."""
    touched, written = set(), set()
    for event in watch.read(timeout=0):
        assert not event.mask & flags.Q_OVERFLOW
        path = folders[event.wd] / event.name
        if path == folder or (event.mask & flags.ISDIR and not event.mask & flags.CREATE):
            continue  # a folder that was listed
        path = folder / path.relative_to(folder).parts[0]
        touched.add(path)
        # What comes to be in a folder that was made meanwhile is not watched, but that it was made is.
        if event.mask & (flags.CLOSE_WRITE | flags.CREATE):
            written.add(path)
    assert touched
    return touched, written


def recorded(home: Path) -> tuple[dict[str, dict], dict[str, dict]]:
    """Give inputs and outputs of the one run by name; where capture could not look is nowhere."""
    events = [json.loads(record.body) for path in segments(home / "spool") for record in read_segment(path).lines]
    (end,) = [event for event in events if event["eventType"] == "COMPLETE"]
    assert "orchestrail_capture" not in end["run"]["facets"]
    found = [{dataset["name"]: dataset["facets"] for dataset in end[side]} for side in ("inputs", "outputs")]
    return found[0], found[1]


def digest_of(path: Path) -> str:
    """As `sha256sum` has it; of a folder that of the manifest."""
    if path.is_dir():
        found = digest_folder(path)
        assert found is not None
        return str(found.digest)
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


@pytest.mark.parametrize(
    ("name", "inputs"),
    [
        ("wine_pandas", {"wine.csv"}),
        ("diabetes_polars", {"diabetes-1.csv", "diabetes-2.csv", "groups.ndjson"}),
        ("shop_sqlalchemy", {"new_orders.csv", "shop.db"}),
    ],
)
def test_a_pipeline_leaves_what_it_touched_and_nothing_else(tmp_path, name, inputs):
    """Read against what the kernel saw being opened; each with the digest of its content."""
    data, home = tmp_path / "data", tmp_path / "home"
    prepared(name, data)
    before = {file.name: digest_of(file) for file in data.iterdir()}
    with INotify() as watch:
        folders = {watch.add_watch(one, WATCHED): one for one in (data, *data.rglob("*/"))}
        result = ran(RUN.format(name), data, home=home)
        touched, written = opened(watch, folders, data)
    there = {path for path in written if path.exists()}
    told = recorded(home)
    files = [
        {Path(file): facets for file, facets in side.items() if facets["datasetType"]["datasetType"] != "TABLE"}
        for side in told
    ]
    # Nothing else that was there before was opened; what came to be was opened for writing, or renamed.
    assert {file.name for file in files[0]} == inputs == {path.name for path in touched} & set(before)
    renamed = {data / "model.joblib"} if name == "wine_pandas" else set()
    assert (
        set(files[1])
        == there | renamed
        == {path for path in data.iterdir() if before.get(path.name) != digest_of(path)}
    )
    for file, facets in files[0].items():
        assert facets["orchestrail_dataset"]["digest"] == before[file.name]
    for file, facets in files[1].items():
        assert facets["orchestrail_dataset"]["digest"] == digest_of(file)
    assert not any(facets["orchestrail_dataset"]["weak"] for side in told for facets in side.values())

    # Without the decorator it does the same.
    prepared(name, tmp_path / "plain")
    assert ran(PLAIN.format(name), tmp_path / "plain") == result
    assert {file.name for file in (tmp_path / "plain").iterdir()} == {file.name for file in data.iterdir()}


def test_tables_are_those_that_the_database_names(tmp_path):
    """Against SQLite's own compiler, which authorizes each table that a statement touches."""
    data, home = tmp_path / "data", tmp_path / "home"
    prepared("shop_sqlalchemy", data)
    ran(RUN.format("shop_sqlalchemy"), data, home=home)
    inputs, outputs = recorded(home)
    tables = [
        {name: facets for name, facets in side.items() if facets["datasetType"]["datasetType"] == "TABLE"}
        for side in (inputs, outputs)
    ]
    prepared("shop_sqlalchemy", tmp_path / "plain")
    touched = json.loads(ran(AUTHORIZED, tmp_path / "plain"))
    made = {"staged", "totals"}  # by the step itself
    assert set(tables[0]) == {table for verb, table in touched if verb == "read"} - made
    assert set(tables[1]) == {table for verb, table in touched if verb == "write"}
    for side, base in zip(tables, (inputs, outputs), strict=True):
        digest = base[str(data / "shop.db")]["orchestrail_dataset"]["digest"]
        assert {facets["version"]["datasetVersion"] for facets in side.values()} == {digest}


SECRETIVE = """
import sqlite3
from orchestrail_script import audited
import pandas, polars, sqlalchemy

MARK = "harmless-looking-" + "value"

@audited
def main():
    base = sqlite3.connect("shop.db")
    base.execute(f"update orders set amount = 1 where '{MARK}' = ?", (MARK,))
    base.execute(f"insert into customers (city) values ('{MARK}')")
    base.execute(f"with c as (select '{MARK}' as city) select * from c, customers -- {MARK}").fetchall()
    for broken in (f"select from '{MARK}'", f"{MARK} '{MARK}'", f"select * from no_such_table where x = '{MARK}'"):
        try:
            base.execute(broken)
        except sqlite3.Error:
            pass
    engine = sqlalchemy.create_engine("sqlite:///shop.db")
    pandas.read_sql(sqlalchemy.text("select * from customers where city = :city"), engine, params={"city": MARK})
    pandas.DataFrame({"city": [MARK]}).to_parquet("cities.parquet")
    polars.DataFrame({"city": polars.Series([MARK], dtype=polars.Enum([MARK]))}).write_parquet("enum.parquet")
    polars.read_parquet("cities.parquet").filter(polars.col("city") == MARK)
    try:
        polars.read_csv(f"http://user:{MARK}@127.0.0.1:9/a.csv?sig={MARK}")
    except OSError:
        pass
    base.commit()

main()
print("done")
"""


def test_no_literal_value_or_password_reaches_the_record(tmp_path):
    """Whatever stands in statements, parameters, cells, categories and addresses; the names of what was touched are there."""
    data, home = tmp_path / "data", tmp_path / "home"
    prepared("shop_sqlalchemy", data)
    assert ran(SECRETIVE, data, home=home) == "done"
    stored = b"".join(file.read_bytes() for file in home.rglob("*") if file.is_file())
    assert b"harmless-looking-value" not in stored
    for name in (b"customers", b"orders", b"cities.parquet", b"enum.parquet"):
        assert name in stored


UNSEEN = """
import sqlite3
from orchestrail_script import audited

@audited
def settle():
    base = sqlite3.connect("shop.db")
    base.execute("select value from json_each('[1]')").fetchall()

settle()
print("done")
"""


def test_doctor_lists_what_a_run_could_not_see(tmp_path):
    """By run: which library, and why."""
    data, home = tmp_path / "data", tmp_path / "home"
    prepared("shop_sqlalchemy", data)
    ran(UNSEEN, data, home=home)
    command = [Path(sys.executable).with_name("orchestrail"), "doctor", "--json", "--home", home]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    (found,) = [one for one in json.loads(done.stdout)["problems"] if one["code"] == "not-captured"]
    assert found["severity"] == "note"
    assert "settle" in found["what"]
    assert f"tables of sqlite:{data / 'shop.db'}: what a function in FROM reads is not visible" in found["what"]
