"""The commands that keep the record: collect, ship, ingest, quarantine, verify, checkpoint, sweep, doctor."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orchestrail import trouble
from orchestrail.owner import this_process
from orchestrail.settings import load_settings
from orchestrail.testing.stores import rewrite


def test_an_empty_log_verifies_and_is_called_empty(run):
    """A file that was copied without what lies beside it may be one."""
    run("collect")
    done = run("verify")
    assert done.exit_code == 0
    assert "The log is empty." in done.stdout


def test_collect_counts(story, made, spooled, answer, run):
    """What is new, and what is refused: then exit code 1."""
    assert answer("collect") == {"appended": 6, "duplicates": 0, "quarantined": 0}
    spooled(b'{"not": "an event"}', made.event("START", 1))
    assert answer("collect", code=1) == {"appended": 1, "duplicates": 0, "quarantined": 1}
    assert "0 events appended" in run("collect").stdout


def test_a_shipped_spool_is_collected_from_its_folder(story, answer, tmp_path, monkeypatch):
    """From one home into another one."""
    shared = tmp_path / "shared"
    assert answer("ship", "--to", str(shared))["moved"] == 1
    monkeypatch.setenv("ORCHESTRAIL_HOME", str(tmp_path / "other"))
    assert answer("collect", "--from", str(shared))["appended"] == 6
    assert len(answer("runs")["runs"]) == 1


def test_shipping_needs_a_folder(story, run):
    """Wrong use: exit code 2."""
    result = run("ship")
    assert result.exit_code == 2
    assert "--to DIR" in result.stderr


def test_ingest_takes_files_and_sets_aside_what_is_no_event(made, answer, run, tmp_path):
    """Foreign events from JSON lines; a bad one goes to quarantine and can be seen and tried again."""
    file = tmp_path / "events.jsonl"
    good = made.body(made.event("COMPLETE", 1, producer=made.AIRFLOW))
    file.write_bytes(good + b'\n{"bad": 1}\n')
    assert answer("ingest", str(file), code=1) == {"appended": 1, "duplicates": 0, "quarantined": 1}
    (entry,) = answer("quarantine", "list")["entries"]
    assert entry["reason_code"] == "not_openlineage"
    assert "events.jsonl" in run("quarantine", "list").stdout
    assert "events.jsonl" in run("quarantine").stdout
    assert run("quarantine", "show", str(entry["id"])).stdout == '{"bad": 1}'
    assert answer("quarantine", "show", str(entry["id"]))["body"] == '{"bad": 1}'
    assert answer("quarantine", "retry", code=1) == {"appended": 0, "duplicates": 0, "quarantined": 1}
    assert run("quarantine", "show", "99").exit_code == 2
    assert run("ingest", str(tmp_path / "missing")).exit_code == 2


def test_verify_answers_yes_and_no(story, answer, run):
    """A record as it was written verifies; one in which somebody changed a byte does not: exit code 1."""
    answer("collect")
    assert "The log of 6 events verifies; the tables were made anew of it" in run("collect", "--rebuild").stderr
    good = answer("verify")
    assert (good["ok"], good["size"], good["problems"]) == (True, 6, [])
    told = run("verify")
    assert good["root_hash"] in told.stdout
    assert "--projections compares them" in told.stderr
    assert "--projections" not in run("verify", "--projections").stderr
    with sqlite3.connect(Path(load_settings().home) / "audit.db") as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f'DROP TRIGGER "{name}"')
        rewrite(connection.execute, lambda _, payload: payload.replace(b"train", b"trick"))
    bad = answer("verify", code=1)
    assert not bad["ok"]
    assert bad["problems"]
    assert "does not verify" in run("verify").stdout
    left = run("collect", "--rebuild")
    assert (left.exit_code, left.stdout) == (1, "0 events appended, 0 were there already.\n")
    assert "The tables were left as they are" in left.stderr
    assert bad["problems"][0] in left.stderr
    assert [row["job"]["name"] for row in answer("runs")["runs"]] == ["train"]


def test_tables_of_another_version_are_not_made_out_of_an_altered_log(story, answer, run):
    """`collect --rebuild` leaves them as they are, as it says; out of a log that holds they are made once."""
    answer("collect")
    file = Path(load_settings().home) / "audit.db"

    def versions():
        with sqlite3.connect(file) as connection:
            return connection.execute("SELECT value FROM proj_meta WHERE key = 'version'").fetchall()

    now = versions()
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE proj_meta SET value = 'old' WHERE key = 'version'")
    assert run("collect", "--rebuild").exit_code == 0
    assert versions() == now
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE proj_meta SET value = 'old' WHERE key = 'version'")
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f'DROP TRIGGER "{name}"')
        rewrite(connection.execute, lambda _, payload: payload.replace(b"train", b"trick"))
    left = run("collect", "--rebuild")
    assert (left.exit_code, versions()) == (1, [("old",)])
    assert "The tables were left as they are" in left.stderr


def test_a_store_that_was_named_is_made_by_what_collects_alone(story, run, tmp_path):
    """A name may be mistyped: nothing is taken from the spool for an answer, nor is an empty store asked."""
    there = f"sqlite:///{tmp_path}/mistyped.db"
    for arguments in (["runs"], ["trace", "/data"], ["check"], ["doctor"], ["withdraw", "/data", "--reason", "wrong"]):
        done = run(*arguments, "--store", there)
        assert done.exit_code in {1, 4}, done.output
        assert "no audit store at" in done.output
    assert not (tmp_path / "mistyped.db").exists()
    assert json.loads(run("collect", "--store", there, "--json").stdout)["appended"] == 6
    assert run("runs", "--store", there).exit_code == 0


def test_who_records_for_a_server_is_told_where_to_ask(run, monkeypatch):
    """`collect` would take away what goes to the server; it is not what one is told to do."""
    monkeypatch.setenv("ORCHESTRAIL_URL", "http://127.0.0.1:1")
    done = run("runs")
    assert done.exit_code == 4
    assert "goes to the server at ORCHESTRAIL_URL. Ask its pages or its API" in " ".join(done.stderr.split())
    assert "orchestrail collect" not in done.stderr


def test_verify_never_collects(story, run):
    """What is spooled stays there; without a store the answer is exit code 4."""
    assert run("verify").exit_code == 4
    assert list(load_settings().spool.iterdir())


def test_what_is_no_store_is_exit_code_4(run, tmp_path):
    """A text file is not an audit store."""
    file = tmp_path / "text"
    file.write_text("text" * 1000)
    for arguments in (["verify", str(file)], ["runs", "--store", f"sqlite:///{file}"]):
        result = run(*arguments)
        assert result.exit_code == 4
        assert "not an audit store" in result.stderr


def test_a_checkpoint_kept_outside_shows_what_came_after(story, made, spooled, answer, run, tmp_path):
    """A longer log contains it; another log does not."""
    file = tmp_path / "checkpoint"
    assert run("checkpoint", "--out", str(file)).stdout == ""
    assert run("checkpoint").stdout == file.read_text()
    assert answer("checkpoint")["size"] == 6
    spooled(made.event("START", 1))
    answer("collect")
    assert answer("verify", "--against", str(file))["size"] == 7
    assert answer("checkpoint", "--home", str(tmp_path / "other"))["size"] == 0
    assert run("verify", "--home", str(tmp_path / "other"), "--against", str(file)).exit_code == 1


def test_doctor_shows_what_the_settings_declare_of_steps(made, spooled, answer, run, tmp_path, monkeypatch):
    """And says of a pattern that no job on the record fits it; not where there is no record yet."""
    text = '[[steps]]\njob = "job.*"\noperation = "impute"\n[[steps]]\njob = "jab.*"\nrole = "train"\n'
    (tmp_path / "orchestrail.toml").write_text(text)
    monkeypatch.chdir(tmp_path)
    assert "steps-unmatched" not in [problem["code"] for problem in answer("doctor")["problems"]]
    spooled(made.event("START", 1, job="job.one"), made.event("COMPLETE", 1, job="job.one"))
    document = answer("doctor")
    assert document["settings"]["steps"] == [
        {"job": "job.*", "operation": "impute"},
        {"job": "jab.*", "role": "train"},
    ]
    (problem,) = document["problems"]
    assert (problem["code"], problem["severity"]) == ("steps-unmatched", "note")
    assert "`steps[2]` of the settings is about the jobs jab.*" in problem["what"]
    assert "steps  job.*  operation impute" in run("doctor").stdout


def test_sweep_closes_and_names_what_it_closed(made, spooled, answer, run):
    """The contract's runs, as ABORT with the concluded fields; nothing twice."""
    gone = this_process().as_dict() | {"startTicks": 1}
    spooled(made.event("START", 1, ours={"owner": gone, "closedBy": "process"}))
    assert [problem["code"] for problem in answer("doctor")["problems"]] == ["abandoned-runs"]
    (closed,) = answer("sweep")["closed"]
    assert (closed["run_id"], closed["state"], closed["inferred"]) == (made.run_id(1), "ABORT", ["ended_at", "state"])
    assert answer("sweep")["closed"] == []
    assert "0 runs closed" in run("sweep").stdout
    assert answer("doctor")["problems"] == []


def test_doctor_asks_for_reconciling_where_an_orchestrator_keeps_quiet_for_long(made, spooled, answer):
    """About runs that it ends itself: those that are open for more than a day, not those of today."""
    today = made.event("START", 2, ours={"closedBy": "host", "orchestrator": "airflow"})
    spooled(made.event("START", 1, ours={"closedBy": "host", "orchestrator": "airflow"}))
    spooled(today | {"eventTime": datetime.now(UTC).isoformat()})
    (problem,) = answer("doctor")["problems"]
    assert (problem["code"], problem["severity"]) == ("open-runs", "warning")
    assert "1 run that airflow ends is open" in problem["what"]
    assert "orchestrail reconcile airflow" in problem["do"]


def codes(document, severity):
    return {problem["code"] for problem in document["problems"] if problem["severity"] == severity}


def test_doctor_finds_a_new_installation_well(answer, run):
    """Nothing recorded yet is a note; exit code 0; nothing is made on the way."""
    document = answer("doctor")
    assert codes(document, "error") == set()
    assert codes(document, "note") == {"no-store"}
    assert document["distributions"]["orchestrail"]
    assert not load_settings().home.exists()
    assert "no store" in run("doctor").stdout


def test_doctor_says_what_is_switched_off(answer, monkeypatch):
    """Recording off is an error; another producer off is a warning."""
    monkeypatch.setenv("ORCHESTRAIL_DISABLED", "true")
    monkeypatch.setenv("OPENLINEAGE_DISABLED", "true")
    document = answer("doctor", code=1)
    assert codes(document, "error") == {"disabled"}
    assert codes(document, "warning") == {"openlineage-disabled"}


def test_doctor_shows_trouble_until_it_is_cleared(answer, run):
    """What guard swallowed inside a host."""
    home = load_settings().home
    trouble.prepare(home)
    trouble.note(home, "begin recording", "OSError: no space", host="prefect")
    (problem,) = [found for found in answer("doctor", code=1)["problems"] if found["code"] == "trouble"]
    assert "in prefect, while trying to begin recording: OSError: no space" in problem["what"]
    assert run("doctor", "--clear").exit_code == 0
    assert answer("doctor")["problems"][0]["code"] == "no-store"


def test_doctor_sees_what_is_open_to_others_and_what_is_refused(story, spooled, answer):
    """Modes of home and spool; the quarantine; events that never arrived."""
    settings = load_settings()
    settings.home.chmod(0o755)
    settings.spool.chmod(0o2770)
    spooled(b"{}")
    document = answer("doctor", code=1)
    assert codes(document, "error") == {"quarantine"}
    assert codes(document, "warning") == {"home-not-private"}


def test_doctor_sees_missing_events(made, story, answer):
    """A line was taken out of a segment before it was collected."""
    (segment,) = load_settings().spool.glob("*.seg")
    lines = segment.read_bytes().splitlines(keepends=True)
    segment.write_bytes(b"".join(lines[:4] + lines[5:]))
    document = answer("doctor", code=1)
    assert codes(document, "error") == {"events-missing"}
    assert "1 event was numbered" in document["problems"][0]["what"]


def lately(made, run, version, hours):
    """A run that an adapter of some version told of, so many hours ago."""
    event = made.event("COMPLETE", run, producer=f"urn:orchestrail:prefect:{version}")
    moment = datetime.now(UTC) - timedelta(hours=hours)
    return event | {"eventTime": moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")}


def test_doctor_says_where_the_record_begins_and_who_wrote_lately(made, story, spooled, answer, run):
    """The first event of each orchestrator, and the adapters of the last week in their versions."""
    spooled(lately(made, 1, "0.1.0", 30), lately(made, 2, "0.1.0", 20), lately(made, 3, "0.2.0", 2))
    document = answer("doctor")
    assert document["record_begins"] == {"prefect": "2026-03-01T12:00:00.000000Z"}
    assert [(one["adapter"], one["version"], one["runs"]) for one in document["writers"]] == [
        ("prefect", "0.1.0", 2),
        ("prefect", "0.2.0", 1),
    ]
    assert codes(document, "warning") == set()
    text = run("doctor").stdout
    assert "lately prefect 0.1.0  2 runs" in text
    assert "begins prefect" in text


def test_doctor_says_what_an_adapter_that_is_not_installed_here_cannot_see(made, spooled, answer, run):
    """By what it stated on the record, the latest run that did; of one that stated nothing, nothing is known."""
    said = {"capabilities": ["code_digest", "attempts", "parameters"]}
    for number, version, facets in (
        (1, "0.1.0", {}),
        (2, "0.1.0", {"orchestrail_capabilities": said}),
        (3, "0.2.0", {}),
    ):
        event = lately(made, number, version, 30 - number)
        event["run"]["facets"] = event["run"].get("facets", {}) | facets
        spooled(event)
    told = {one["version"]: one["cannot_see"] for one in answer("doctor")["writers"]}
    unseen = ["cache_origin", "dataset_version", "environment", "manual_changes", "skips"]
    assert told == {"0.1.0": unseen, "0.2.0": None}
    assert f"cannot see: {', '.join(unseen)}" in run("doctor").stdout


def test_versions_of_an_adapter_side_by_side_are_told(made, spooled, answer):
    """Both are taken into the store; an upgrade, which leaves one behind the other, is none."""
    spooled(lately(made, 1, "0.1.0", 30), lately(made, 2, "0.2.0", 20), lately(made, 3, "0.1.0", 10))
    document = answer("doctor")
    assert codes(document, "warning") == {"adapter-versions-differ"}
    assert "0.1.0, 0.2.0" in document["problems"][0]["what"]
    assert document["events"] == 3


def test_doctor_tells_a_store_that_is_none(answer, tmp_path, monkeypatch):
    """An error among the findings, and no failure of the command."""
    file = tmp_path / "text"
    file.write_text("text" * 1000)
    monkeypatch.setenv("ORCHESTRAIL_STORE", f"sqlite:///{file}")
    assert "store" in codes(answer("doctor", code=1), "error")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('hoem = "/srv"', "The setting `hoem` cannot be used."),
        ('mode = "enfroce"', "The setting `mode` cannot be used."),
        ("home = ", "orchestrail.toml cannot be read."),
    ],
)
def test_doctor_tells_of_settings_that_cannot_be_used(story, answer, run, tmp_path, monkeypatch, text, told):
    """One problem of all that it shows; what is installed is shown, and nothing is collected on a guess."""
    (tmp_path / "orchestrail.toml").write_text(text)
    home = load_settings().home
    trouble.prepare(home)
    trouble.note(home, "begin recording", "ConfigurationError", host="prefect")
    monkeypatch.chdir(tmp_path)
    document = answer("doctor", code=1)
    assert codes(document, "error") == {"configuration", "trouble"}
    assert told in document["problems"][0]["what"]
    assert document["distributions"]["orchestrail"]
    assert (document["settings"]["home"], document["events"]) == (str(home), None)
    assert "  orchestrail " in run("doctor").stdout


def test_json_documents_hold_nothing_else(story, run):
    """One document and a line break, whatever the command."""
    for arguments in (["runs"], ["show", "a001"], ["trace", "a004"], ["verify"], ["checkpoint"], ["sweep"], ["doctor"]):
        result = run(*arguments, "--json")
        assert result.exit_code == 0
        json.loads(result.stdout)
        assert result.stdout.endswith("}\n")
