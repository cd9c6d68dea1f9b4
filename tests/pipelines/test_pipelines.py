"""Pipelines that were not written for us, wrapped with nothing but `audited`.

What the kernel and the database say they touched is in the record with a digest or a version, and nothing else is. The programs
follow public examples of the libraries, which each names, in words of our own and on data that is laid out here.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import psycopg
import pytest
from inotify_simple import INotify, flags
from sklearn.datasets import load_diabetes, load_wine

from orchestrail.capture.digest import digest_folder
from orchestrail.testing.postgresql import started
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
PARTITIONED = {
    "wine_pandas": {"wine"},
    "diabetes_polars": {"by-label"},
    "taxi_parquet": {"trips", "by_borough", "dear"},
}
"""The folders that each program reads or writes as one data set."""
MODELS = {"wine_pandas": {"model.joblib"}, "titanic_columns": {"titanic.joblib"}, "reviews_text": {"reviews.pkl"}}


def wine_pandas(folder: Path) -> None:
    load_wine(as_frame=True).frame.to_csv(folder / "wine.csv", index=False)


def diabetes_polars(folder: Path) -> None:
    frame = load_diabetes(as_frame=True).frame
    frame.iloc[:200].to_csv(folder / "diabetes-1.csv", index=False)
    frame.iloc[200:].to_csv(folder / "diabetes-2.csv", index=False)
    (folder / "groups.ndjson").write_text('{"group": "high", "label": "H"}\n{"group": "low", "label": "L"}\n')


def shop_sqlalchemy(folder: Path) -> None:
    with sqlite3.connect(folder / "shop.db") as base:
        base.execute("create table customers (id integer primary key, city text)")
        base.execute("create table orders (id integer primary key, customer_id integer, amount float)")
        base.executemany("insert into customers (city) values (?)", [("Ghent",), ("Porto",)])
        base.execute("insert into orders (customer_id, amount) values (1, 5.0)")
    base.close()
    (folder / "new_orders.csv").write_text("customer_id,amount\n1,2.5\n2,7\n2,1\n")


def titanic_columns(folder: Path) -> None:
    chance = random.Random(1)
    with (folder / "titanic.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["survived", "pclass", "sex", "age", "fare", "embarked"])
        for _ in range(200):
            sex, age = chance.choice(["female", "male"]), chance.choice(["", chance.randrange(80)])
            survived = int(chance.random() < (0.7 if sex == "female" else 0.2))
            rows.writerow([survived, chance.randint(1, 3), sex, age, chance.randrange(500) / 4, chance.choice("CSQ")])


def reviews_text(folder: Path) -> None:
    for kind, words in (("pos", "fine great lovely warm"), ("neg", "dull awful long cold")):
        (folder / "reviews" / kind).mkdir(parents=True)
        for number in range(12):
            text = " ".join(random.Random(number).sample(words.split(), 3))
            (folder / "reviews" / kind / f"cv{number:03}.txt").write_text(f"a {text} film\n")


def taxi_parquet(folder: Path) -> None:
    chance = np.random.default_rng(1)
    frame = {"year": [2023, 2024] * 60, "month": [1, 1, 2, 2] * 30, "zone": chance.integers(1, 5, 120)}
    frame |= {"miles": chance.uniform(1, 9, 120), "fare": chance.uniform(5, 30, 120)}
    pd.DataFrame(frame).to_parquet(folder / "trips", partition_cols=["year", "month"])
    zones = pd.DataFrame({"zone": range(1, 6), "borough": ["Bronx", "Queens", "Bronx", "Queens", "Kings"]})
    zones.to_csv(folder / "zones.csv.gz", index=False)


def pokemon_polars(folder: Path) -> None:
    lines = [
        f"p{number},{'water' if number % 3 else 'fire'},{number * 7 % 50},{number * 3 % 20}" for number in range(30)
    ]
    (folder / "pokemon.csv").write_text("\n".join(["name,type,speed,attack", *lines, ""]))
    (folder / "types.ndjson").write_text(
        '{"type": "fire", "weak_to": "water"}\n{"type": "water", "weak_to": "grass"}\n'
    )


def columns_joblib(folder: Path) -> None:
    np.save(folder / "data.npy", np.random.default_rng(1).normal(size=(500, 3)))


def laid_out(name: str, folder: Path) -> None:
    """Lay out what a pipeline starts from; some time ago."""
    folder.mkdir()
    globals()[name](folder)
    for file in folder.rglob("*"):
        os.utime(file, (1_600_000_000, 1_600_000_000))


def shown(path: Path, folder: Path, partitioned: set[str]) -> str:
    """Name a file as a data set: relative to the folder, or the partitioned folder that it is in."""
    relative = path.relative_to(folder)
    return relative.parts[0] if relative.parts[0] in partitioned else str(relative)


def content(folder: Path) -> dict[Path, str]:
    """Give the digest of each file below a folder."""
    return {file: digest_of(file) for file in folder.rglob("*") if file.is_file()}


def ran(program: str, folder: Path, *, home: Path | None = None, **more: str) -> str:
    """Run a program in a folder; give what it printed last."""
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("ORCHESTRAIL_", "OPENLINEAGE_"))
    }
    environment |= {"PYTHONPATH": str(SCRIPT), "PYTHONDONTWRITEBYTECODE": "1"} | more
    if home is not None:
        environment["ORCHESTRAIL_HOME"] = str(home)
    command = [sys.executable, "-c", program, str(HERE / "programs")]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def opened(watch: INotify, folders: dict[int, Path]) -> set[Path]:
    """Give the files that were opened in folders that were there before, as the kernel tells."""
    found = set()
    for event in watch.read(timeout=0):
        assert not event.mask & flags.Q_OVERFLOW
        if event.name and not event.mask & flags.ISDIR:
            found.add(folders[event.wd] / event.name)
    return found


def recorded(home: Path) -> tuple[dict[str, dict], dict[str, dict]]:
    """Give inputs and outputs of the one run by name, without frames in memory; where capture could not look is nowhere."""
    events = [json.loads(record.body) for path in segments(home / "spool") for record in read_segment(path).lines]
    assert [event["eventType"] for event in events].count("COMPLETE") == 1
    assert not any("orchestrail_capture" in event["run"]["facets"] for event in events)
    inputs, outputs = (
        {one["name"]: one["facets"] for event in events for one in event[side] if one["namespace"] != "inmemory"}
        for side in ("inputs", "outputs")
    )
    return inputs, outputs


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
        ("titanic_columns", {"titanic.csv"}),
        ("reviews_text", {f"reviews/{kind}/cv{number:03}.txt" for kind in ("pos", "neg") for number in range(12)}),
        ("taxi_parquet", {"trips", "zones.csv.gz"}),
        ("pokemon_polars", {"pokemon.csv", "types.ndjson"}),
        ("columns_joblib", {"data.npy"}),
    ],
)
def test_a_pipeline_leaves_what_it_touched_and_nothing_else(tmp_path, name, inputs):
    """Read as the kernel saw files being opened, written as they changed on the disk; with the digests of what was there."""
    data, home, partitioned = tmp_path / "data", tmp_path / "home", PARTITIONED.get(name, set())
    laid_out(name, data)
    shutil.copytree(data, tmp_path / "before")
    before = content(data)
    with INotify() as watch:
        folders = {watch.add_watch(one, flags.OPEN): one for one in (data, *data.rglob("*/"))}
        result = ran(RUN.format(name), data, home=home)
        touched = opened(watch, folders) & before.keys()
    changed = {file for file, digest in content(data).items() if before.get(file) != digest}
    told = recorded(home)
    files = [
        {Path(file): facets for file, facets in side.items() if facets["datasetType"]["datasetType"] != "TABLE"}
        for side in told
    ]
    assert {str(file.relative_to(data)) for file in files[0]} == inputs
    assert inputs == {shown(file, data, partitioned) for file in touched}
    assert {str(file.relative_to(data)) for file in files[1]} == {shown(file, data, partitioned) for file in changed}
    for file, facets in files[0].items():
        assert facets["orchestrail_dataset"]["digest"] == digest_of(tmp_path / "before" / file.relative_to(data))
    for file, facets in files[1].items():
        assert facets["orchestrail_dataset"]["digest"] == digest_of(file)
    assert not any(facets["orchestrail_dataset"]["weak"] for side in files for facets in side.values())
    models = {file.name for file, facets in files[1].items() if facets["datasetType"]["datasetType"] == "MODEL"}
    assert models == MODELS.get(name, set())

    # Without the decorator it does the same.
    laid_out(name, tmp_path / "plain")
    assert ran(PLAIN.format(name), tmp_path / "plain") == result
    assert {one.name for one in (tmp_path / "plain").iterdir()} == {one.name for one in data.iterdir()}


def test_tables_are_those_that_the_database_names(tmp_path):
    """Against SQLite's own compiler, which authorizes each table that a statement touches."""
    data, home = tmp_path / "data", tmp_path / "home"
    laid_out("shop_sqlalchemy", data)
    ran(RUN.format("shop_sqlalchemy"), data, home=home)
    inputs, outputs = recorded(home)
    tables = [
        {name: facets for name, facets in side.items() if facets["datasetType"]["datasetType"] == "TABLE"}
        for side in (inputs, outputs)
    ]
    laid_out("shop_sqlalchemy", tmp_path / "plain")
    touched = json.loads(ran(AUTHORIZED, tmp_path / "plain"))
    made = {"staged", "totals"}  # by the step itself
    assert set(tables[0]) == {table for verb, table in touched if verb == "read"} - made
    assert set(tables[1]) == {table for verb, table in touched if verb == "write"}
    for side, base in zip(tables, (inputs, outputs), strict=True):
        digest = base[str(data / "shop.db")]["orchestrail_dataset"]["digest"]
        assert {facets["version"]["datasetVersion"] for facets in side.values()} == {digest}


STATEMENT = re.compile(r"LOG:  (?:statement|execute [^:\n]*): (.*?)(?=^\d{4}-\d\d-\d\d |\Z)", re.DOTALL | re.MULTILINE)
READS = r"(?<!delete )(?:from|join)\s+"
WRITES = r"(?:insert\s+into|update|delete\s+from|create\s+table)\s+"
MAKES = r"create\s+table\s+"


def test_tables_of_postgresql_are_those_that_its_log_names(tmp_path):
    """Against the server's own log of all statements, and the tables that it has; those of the record are no more and no fewer."""
    data, home = tmp_path / "data", tmp_path / "home"
    data.mkdir()
    (data / "users.csv").write_text("name,fullname\nspongebob,Spongebob\nsandy,Sandy Cheeks\npatrick,Patrick Star\n")
    # The server acts as another user, who may not enter pytest's folders.
    with tempfile.TemporaryDirectory() as folder:
        server = started(folder)
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            for statement in (
                "create schema crm",
                "create table crm.regions (id int, name text, open bool)",
                "create table crm.untouched (id int)",
                "create table audit_log (what text)",
                "create table stale (id int)",
                "create table user_account (id serial primary key, name varchar(30) not null, fullname text)",
                "alter database postgres set log_statement = 'all'",
            ):
                connection.execute(statement)
        before = len(server.log.read_text())
        engine = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        assert ran(RUN.format("users_postgresql"), data, home=home, DATABASE=engine) == "2"
        said = [text.lower() for text in STATEMENT.findall(server.log.read_text()[before:])]
        with psycopg.connect(server.get_uri()) as connection:
            there = connection.execute(
                "select schemaname, tablename from pg_tables where schemaname in ('public', 'crm')"
            )
            tables = {name if schema == "public" else f"{schema}.{name}": f"{schema}.{name}" for schema, name in there}
        server.cleanup()
    assert len(said) > 20
    read, written, made = (
        {
            f"postgres.{full}"
            for name, full in tables.items()
            if any(re.search(verb + re.escape(name) + r"\b", text) for text in said)
        }
        for verb in (READS, WRITES, MAKES)
    )
    assert read - made == {"postgres.crm.regions", "postgres.public.user_account"}
    assert written == {
        f"postgres.public.{name}" for name in ("user_account", "address", "audit_log", "stale", "report")
    }
    inputs, outputs = recorded(home)
    assert inputs.keys() == {str(data / "users.csv")} | (read - made)  # what it made itself and reads is no input
    assert outputs.keys() == {str(data / "report.csv")} | written
    assert inputs[str(data / "users.csv")]["orchestrail_dataset"]["digest"] == digest_of(data / "users.csv")
    assert outputs[str(data / "report.csv")]["orchestrail_dataset"]["digest"] == digest_of(data / "report.csv")


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
    laid_out("shop_sqlalchemy", data)
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
    laid_out("shop_sqlalchemy", data)
    ran(UNSEEN, data, home=home)
    command = [Path(sys.executable).with_name("orchestrail"), "doctor", "--json", "--home", home]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    (found,) = [one for one in json.loads(done.stdout)["problems"] if one["code"] == "not-captured"]
    assert found["severity"] == "note"
    assert "settle" in found["what"]
    assert f"tables of sqlite:{data / 'shop.db'}: what a function in FROM reads is not visible" in found["what"]
