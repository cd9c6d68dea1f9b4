"""Both engines give the same answers: one log in a file and, migrated, in a database; each command asked of both."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import made
import pytest
from typer.testing import CliRunner

from orchestrail.cli.app import app
from orchestrail.operations import standing
from orchestrail.operations.checking import Question
from orchestrail.projections.apply import rebuild
from orchestrail.queries.datasets import datasets
from orchestrail.queries.snapshot import snapshot
from orchestrail.requirements.catalogue import load_catalogue
from orchestrail.settings import load_settings
from orchestrail.store import open_store
from orchestrail.store.base import Incoming
from orchestrail.testing.stores import quarantined
from orchestrail.transport.spool import Spool

ROOT = Path(__file__).parents[2]
EVENTS = ROOT / "tests" / "data" / "events"


def type_in(*arguments, code=None):
    done = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert code is None or done.exit_code == code, done.output
    return done


def told():
    """A story of two processes that hand a table on, with a failure, other producers, and odd texts."""
    step = {"role": "preprocess", "roleSource": "declared", "operation": "impute", "version": "1.2.0", "derived": False}
    train = {"role": "train", "roleSource": "declared", "operation": "fit", "version": "2", "derived": False}
    code = {"digest": "py-tokens-1:sha256:" + "ab" * 32, "path": "steps.py", "name": "steps.clean", "modules": []}
    raw, clean, model = (("/data/raw.csv", "a"), ("/data/clean.csv", "b"), ("/data/model.joblib", "c"))
    events = []
    for number, (root, second) in enumerate(((0xA001, 0), (0xB001, 200))):
        ours = {"system": "scoring", "environment": ("dev", "production")[number], "orchestrator": "prefect"}
        events += [
            made.event("START", root, second=second, job="train", ours=ours),
            made.event("START", root + 1, second=second + 1, job="train.Clean", parent=root, ours=ours, orchestrail_step=step),
            made.event(
                "FAIL" if number else "COMPLETE", root + 1, second=second + 2, job="train.Clean", parent=root, ours=ours,
                orchestrail_step=step, orchestrail_code=code,
                inputs=[made.dataset(*raw)], outputs=[made.dataset(*clean)],
            ),
            made.event(
                "COMPLETE", root + 2, second=second + 3, job="train.fit", parent=root, ours=ours, orchestrail_step=train,
                inputs=[made.dataset(*clean)], outputs=[made.dataset(*model)],
            ),
            made.event("COMPLETE", root, second=second + 4, job="train", ours=ours),
        ]  # fmt: skip
    events += [
        made.event("COMPLETE", 0xC001, second=300, job="zero\0", inputs=[made.dataset("é" * 40_000, "d")]),
        made.event(
            "START", 0xC002, second=301, job="Ümlaut%_", parent=0xC001, outputs=[made.dataset("x" * 90_000, "e")]
        ),
        made.event("COMPLETE", 0xD001, second=302, job="other", producer=made.AIRFLOW),
    ]
    return [made.body(event) for event in events]


@pytest.fixture
def both(place, monkeypatch, tmp_path):
    """Make the record in a file, and migrate it; give the two URLs."""
    monkeypatch.setenv("ORCHESTRAIL_HOME", str(place.home))
    monkeypatch.chdir(tmp_path)
    settings = load_settings()
    settings.home.mkdir(mode=0o700)
    spool = Spool(settings.spool)
    for body in told():
        spool.append(body)
    spool.append(b'{"not": "an event"}')
    spool.close()
    type_in("collect", code=1)
    for file in sorted(EVENTS.glob("*.json*")):
        type_in("ingest", file)
    type_in("withdraw", "/data/raw.csv", "--reason", "It is of the wrong year.")
    moved = type_in("migrate", place.url, "--json", code=0)
    checked = json.loads(type_in("verify", "--json", code=0).stdout)
    assert json.loads(moved.stdout) == {"size": checked["size"], "root_hash": checked["root_hash"]}
    return settings.store, place.url


def commands(url):
    """Every command that asks, with what the record holds to ask it for."""
    runs = json.loads(type_in("runs", "--all", "--json", "--store", url).stdout)["runs"]
    yield from (
        ["runs"],
        ["runs", "--all"],
        ["runs", "--all", "--job", "TRAIN*"],
        ["runs", "--orchestrator", "Prefect"],
    )
    yield from (["runs", "--state", "FAIL", "--all"], ["runs", "--system", "scoring"], ["runs", "--since", "1000d"])
    for run in runs:
        yield from ([command, run["run_id"]] for command in ("show", "trace", "impact"))
        yield ["show", run["run_id"][-9:]]
    digests = {dataset["digest"] for run in runs for dataset in run["inputs"] + run["outputs"] if dataset["digest"]}
    for target in (*sorted(digests), "/data/model.joblib", "clean.csv", "/data/raw.csv", "sha256:", "nothing"):
        yield from ([command, target] for command in ("trace", "impact", "gate"))
    roots = [run["run_id"] for run in runs if run["run_id"] == run["root_run_id"]]
    yield from (["diff", one, other] for one, other in pairwise(roots))
    for profile in ("build", "release", "operate"):
        yield ["check", "--profile", profile, "--date", "2026-12-01"]
        yield ["check", "clean.csv", "--profile", profile, "--date", "2026-12-01"]
    yield from (["at", "2026-03-01T12:03:30Z"], ["at", "2030-01-01T00:00:00Z"], ["quarantine", "list"], ["manifest"])
    yield from (["checkpoint"], ["verify"], ["verify", "--projections"], ["requirements"])
    yield ["document", "/data/model.joblib", "--date", "2026-12-01", "--out"]


def answer(arguments, url, folder):
    out = [folder] if arguments[-1] == "--out" else []
    store = [url] if arguments[0] == "verify" else ["--store", url] if arguments[0] != "requirements" else []
    done = type_in(*arguments, *out, *store, *(["--json"]))
    written = {path.name: path.read_bytes() for path in sorted(folder.glob("*"))} if out else {}
    return done.exit_code, done.stdout.replace(str(folder), ""), re.sub(r"\S*audit\S*", "", done.stderr), written


def test_every_command_answers_alike(both, tmp_path):
    """The same document, byte for byte, and the same exit code."""
    file, server = both
    asked = list(commands(file))
    assert len(asked) > 80
    for number, arguments in enumerate(asked):
        folders = [tmp_path / f"{number}-{name}" for name in ("file", "server")]
        for folder in folders:
            folder.mkdir()
        of_file, of_server = (
            answer(arguments, url, folder) for url, folder in zip((file, server), folders, strict=True)
        )
        assert of_server == of_file, arguments


def test_data_sets_are_listed_alike(place, tmp_path):
    """By the bytes of their names, page by page, whatever these have in common and however long they are."""
    long = "n" * 250
    names = [*(long + end for end in ("", "a", "é", "z" * 90_000)), "n" * 249, "n" * 249 + "é", "Ümlaut", "a", "z"]
    body = made.body(made.event("COMPLETE", 1, outputs=[made.dataset(name, name) for name in names]))
    listed = {}
    for url in (f"sqlite:///{tmp_path}/audit.db", place.url):
        store = open_store(url, home=tmp_path / url[:4], create=True)
        store.append([Incoming(body, "a")])
        rebuild(store)
        with snapshot(store) as record:
            found = datasets(record, 100)
            assert [each.name for each in found] == sorted(names, key=str.encode)
            for limit in (1, 4):
                paged = datasets(record, limit)
                while more := datasets(record, limit, after=(paged[-1].name, paged[-1].namespace)):
                    paged += more
                assert paged == found
            listed[url] = found, datasets(record, 100, name="N*É"), datasets(record, 100, kind="data")
    of_file, of_server = listed.values()
    assert of_server == of_file


def test_tables_grow_alike(place, tmp_path):
    """After each event the tables of both engines hold the same rows, and rebuilt ones hold them too."""
    stores = [
        open_store(f"sqlite:///{tmp_path / 'file' / 'audit.db'}", home=tmp_path / "file", create=True),
        open_store(place.url, home=place.home, create=True),
    ]
    from orchestrail.projections import tables
    from orchestrail.projections.apply import apply
    from orchestrail.store.base import Incoming

    def rows(store):
        with store.read() as connection:
            return {
                table.name: sorted(map(repr, connection.execute(table.select())))
                for table in tables.metadata.sorted_tables
                if table is not tables.change
            }

    for number, body in enumerate(told()):
        for store in stores:
            store.append([Incoming(body, "spool", number.to_bytes(32))])
            apply(store)
        assert rows(stores[0]) == rows(stores[1])
    grown = rows(stores[1])
    rebuild(stores[1])
    assert rows(stores[1]) == grown


def test_every_writing_command_works_on_a_server(place, monkeypatch, tmp_path):
    """Collecting, ingesting, retrying, sweeping, scanning, withdrawing and the doctor, typed as a user types them."""
    monkeypatch.setenv("ORCHESTRAIL_HOME", str(place.home))
    monkeypatch.setenv("ORCHESTRAIL_STORE", place.url)
    monkeypatch.chdir(tmp_path)
    settings = load_settings()
    settings.home.mkdir(mode=0o700)
    assert "There is no store at postgresql://" in type_in("doctor").output
    spool = Spool(settings.spool)
    for body in told():
        spool.append(body)
    spool.close()
    type_in("collect", code=0)
    file = tmp_path / "foreign.jsonl"
    file.write_bytes(made.body(made.event("COMPLETE", 1, producer=made.AIRFLOW)) + b'\n{"bad": 1}\n')
    assert json.loads(type_in("ingest", file, "--json", code=1).stdout) == {
        "appended": 1,
        "duplicates": 0,
        "quarantined": 1,
    }
    type_in("quarantine", "retry", code=1)
    type_in("sweep", code=0)
    type_in("withdraw", "/data/raw.csv", "--reason", "It is of the wrong year.", code=0)
    type_in("scan")
    type_in("manifest", "record")
    type_in("checkpoint", "--out", tmp_path / "kept", code=0)
    type_in("runs", code=0)
    type_in("verify", "--against", tmp_path / "kept", code=0)
    assert "audit.db" not in [path.name for path in settings.home.iterdir()]
    assert place.database in type_in("doctor").output


def test_tables_that_somebody_changed_are_found(both, place):
    """By whoever may read the database alone; nothing is left behind in it."""
    type_in("check", "--store", place.url)
    asked = Question(profile="build", day=datetime.now(UTC).date(), afar=True)
    standing.answer(open_store(place.url, home=place.home), load_catalogue(), asked)  # as the overview does
    untouched = json.loads(type_in("verify", place.url, "--projections", "--json", code=0).stdout)
    assert "kept ready for the pages, asked for again and the same: 1 answer" in untouched["notes"]
    place.execute("UPDATE proj_report SET said = replace(said, 'fail', 'pass')")
    place.execute("UPDATE proj_run SET state = 'FAIL' WHERE run_id = (SELECT min(run_id) FROM proj_run)")
    ((requirement, unit),) = place.execute(
        "UPDATE proj_outcome SET status = 'pass', results = '[]' WHERE ctid ="
        " (SELECT min(ctid) FROM proj_outcome WHERE status = 'fail' AND subjects = 1) RETURNING requirement, unit"
    )
    place.execute("CREATE ROLE only_looks LOGIN; GRANT USAGE ON SCHEMA orchestrail TO only_looks")
    place.execute("GRANT SELECT ON ALL TABLES IN SCHEMA orchestrail TO only_looks")
    reader = place.url.replace("//postgres:", "//only_looks:")
    assert reader != place.url
    found = json.loads(type_in("verify", reader, "--projections", "--json", code=1).stdout)
    ((changed,),) = place.execute("SELECT min(run_id) FROM proj_run")
    of_run, of_answer, of_verdict = found["problems"]
    assert of_run == f"proj_run run_id {changed}: is not what the log gives: state"
    assert of_answer.startswith('proj_report [null, null, "build"]: ')
    assert "is kept as pass; the record gives fail" in of_answer
    assert of_verdict.startswith(
        f"proj_outcome {requirement} of process {unit}: kept as 1 pass; the record gives 1 fail ("
    )
    assert found["tables"]["differences"] == 3
    assert place.execute("SELECT 1 FROM pg_class WHERE relname LIKE 'proj%' AND relpersistence = 't'") == []
    type_in("collect", "--rebuild", "--store", place.url, code=0)
    assert (
        json.loads(type_in("verify", place.url, "--projections", "--json", code=0).stdout)["tables"]["differences"] == 0
    )


def test_migrating_needs_an_empty_place(both, place, tmp_path):
    """A database with a store, or a target that is a file: nothing is copied."""
    assert type_in("migrate", place.url).exit_code == 4
    assert type_in("migrate", f"sqlite:///{tmp_path / 'other.db'}").exit_code == 2
    assert type_in("migrate", place.url, "--store", place.url).exit_code == 2


def test_a_migrated_log_goes_on(both, place):
    """Each checkpoint of the file is a checkpoint of the database, and what is appended there is signed by the same key."""
    file, server = (open_store(url, home=place.home) for url in both)
    kept = file.checkpoint()
    assert server.checkpoint() == kept
    assert [*server.records()] == [*file.records()]
    assert quarantined(server, resolved=True) == quarantined(file, resolved=True)
    assert server.gaps() == file.gaps()
    server.append([made_incoming()])
    assert server.verify(against=kept.note).ok


def made_incoming():
    from orchestrail.testing.stores import spooled

    return spooled(5, "a" * 32)
