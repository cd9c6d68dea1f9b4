"""From a model file back to where its data came from: the example's record, asked through the command line."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from orchestrail.store import open_store
from orchestrail.testing import schema_problems, spooled_events
from orchestrail.testing.stores import rewrite

EXAMPLE = Path(__file__).parents[2] / "examples" / "mortgage"
RUN = {
    "run_id", "root_run_id", "parent_run_id", "job", "orchestrator", "native_id", "attempt",
    "role", "state", "started_at", "ended_at", "system", "environment", "trigger",
    "actor", "preprocessing", "code", "parameters", "environment_facts", "inputs", "outputs",
    "cached_from", "error", "inferred",
}  # fmt: skip
DATASET = {"namespace", "name", "version", "digest", "kind", "role", "observed", "rows", "bytes", "fields"}
CODE = re.compile(r"^py-tokens-2:sha256:[0-9a-f]{64}$")


def sha256(path: Path) -> str:
    return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def traced(recorded: Any) -> Any:
    return recorded.json("trace", recorded.out / "model.joblib")


def test_the_trace_leads_back_to_the_source(recorded: Any, traced: Any) -> None:
    """Every step is there, every file has the digest that sha256sum gives, nothing is unproven, and it ends at the CSV."""
    names = {run["job"]["name"] for run in traced["runs"]}
    steps = ("ingest", "clean", "split", "fit_imputation", "impute", "encode", "train_model", "package")
    assert names >= {"mortgage", *(f"mortgage.{step}" for step in steps)}
    assert traced["unproven"] == []
    assert traced["target"]["digest"] == sha256(recorded.out / "model.joblib")
    for dataset in traced["datasets"]:
        if dataset["namespace"] == "file":
            assert dataset["digest"] == sha256(Path(dataset["name"])), dataset["name"]
    assert [Path(source["name"]).name for source in traced["sources"]] == ["hmda-boston-1990.csv"]
    assert {run["root_run_id"] for run in traced["runs"]} == {
        run["run_id"] for run in traced["runs"] if run["job"]["name"] == "mortgage"
    }


def test_every_step_says_what_it_was(traced: Any) -> None:
    """Role, code digest and times stand with each step of the trace."""
    for run in traced["runs"]:
        assert CODE.match(run["code"]["digest"]), run["job"]
        assert run["started_at"] <= run["ended_at"]
        if run["job"]["name"] != "mortgage":
            assert run["role"], run["job"]
    versions = {
        run["preprocessing"]["operation"]: run["preprocessing"]["version"]
        for run in traced["runs"]
        if run["preprocessing"]
    }
    assert versions.items() >= {"clean": "1.0.0", "encode": "1.0.0"}.items()


def test_the_documents_hold_the_fields_of_the_contract(recorded: Any, traced: Any) -> None:
    """`runs`, `show` and `trace` give what other programs hold on to."""
    assert traced.keys() >= {"target", "runs", "datasets", "edges", "unproven", "sources"}
    listed = recorded.json("runs")
    (root,) = listed["runs"]
    assert (root["state"], root["system"], root["orchestrator"]["name"]) == ("COMPLETE", "mortgage-approval", "prefect")
    shown = recorded.json("show", root["run_id"])
    assert shown.keys() >= {"root", "runs", "edges"}
    assert len(recorded.json("runs", "--all")["runs"]) == len(shown["runs"])
    for run in [*traced["runs"], *shown["runs"], shown["root"], root]:
        assert run.keys() >= RUN
        for dataset in [*run["inputs"], *run["outputs"]]:
            assert dataset.keys() >= DATASET
    for edge in [*traced["edges"], *shown["edges"]]:
        assert edge.keys() >= {"from", "to", "kind", "proof"}
    assert shown["root"]["environment_facts"]["python"]["version"]


def test_runs_are_named_by_suffix_and_native_id(recorded: Any) -> None:
    """Whatever a person has at hand of a run finds it; what fits none, or several, is wrong use."""
    (root,) = recorded.json("runs")["runs"]
    for name in (root["run_id"], root["run_id"][-8:], root["native_id"]):
        assert recorded.json("show", name)["root"]["run_id"] == root["run_id"]
    tasks = [run["run_id"] for run in recorded.json("runs", "--all")["runs"] if run["parent_run_id"] == root["run_id"]]
    unknown = recorded.command("show", "ffffffff-unknown")
    ambiguous = recorded.command("show", tasks[0][:6])  # ids of one minute begin alike
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert ambiguous.returncode == 2
    assert "Traceback" not in unknown.stderr + ambiguous.stderr


def test_another_file_was_not_produced_by_a_recorded_run(recorded: Any, tmp_path: Path) -> None:
    """One byte changed, and the answer is no."""
    content = bytearray((recorded.out / "model.joblib").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "model.joblib").write_bytes(content)
    answer = recorded.command("trace", tmp_path / "model.joblib")
    assert answer.returncode == 1
    assert "not produced by a recorded run" in answer.stdout + answer.stderr


def test_people_can_read_the_trace(recorded: Any) -> None:
    """Without a terminal it is plain text in which orchestrator, steps, versions and digests can be found."""
    text = recorded.command("trace", "model.joblib").stdout
    for expected in (
        "prefect",
        "train_model",
        "preprocess",
        "1.0.0",
        sha256(recorded.out / "train.csv")[7:19],
        "hmda-boston-1990.csv",
    ):
        assert expected in text
    assert "\x1b[" not in text


def test_the_log_verifies_and_any_change_shows(recorded: Any, tmp_path: Path) -> None:
    """`verify` recomputes the log; a flipped bit in a payload is found and named."""
    assert recorded.json("verify")["ok"] is True
    damaged = recorded.copy(tmp_path)
    with sqlite3.connect(damaged.home / "audit.db") as database:
        triggers = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            database.execute(f"DROP TRIGGER {name}")
        rewrite(database.execute, lambda seq, payload: payload[:-1] + bytes([payload[-1] ^ 1]) if seq == 3 else payload)
        for _, sql in triggers:
            database.execute(sql)
    answer = damaged.json("verify", status=1)
    assert answer["ok"] is False
    assert "seq 3" in str(answer["problems"][0])


def test_every_event_fits_the_schemas(recorded: Any, tmp_path: Path) -> None:
    """What the adapter emits is OpenLineage, by the official schemas where they are at hand and by ours always."""
    specification = Path(__file__).parents[2].parent / "shared" / "data" / "openlineage-spec"
    copy = recorded.copy(tmp_path)
    events = spooled_events(copy.home / "spool") or _stored_events(copy.home / "audit.db")
    assert len(events) > 30
    for event in events:
        assert schema_problems(event, specification if specification.is_dir() else None) == []


def _stored_events(database: Path) -> list[dict[str, Any]]:
    with open_store(f"sqlite:///{database}", home=database.parent) as store:
        return [json.loads(record.body or b"") for record in store.records()]
