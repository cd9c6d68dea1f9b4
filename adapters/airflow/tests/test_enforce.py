"""Mode `enforce` under Airflow: a task that misses a requirement is refused before its code runs, and not tried again."""

from __future__ import annotations

import json

from airflow_home import IS_2, Home, ends, facts

DAG = """
import os
from datetime import timedelta
from pathlib import Path

import orchestrail
from airflow.providers.common.compat.sdk import dag, task

DATA = Path(os.environ["SHAPES_DATA"])


def note(context):
    (DATA / "pre-execute.txt").write_text("ran")


@dag(dag_id="strict", schedule=None)
def strict():
    @task(retries=2, retry_delay=timedelta(seconds=0), pre_execute=note)
    @orchestrail.preprocessing("impute")
    def impute():
        (DATA / "ran.txt").write_text("ran")

    @task(trigger_rule="all_done")
    def unmarked():
        (DATA / "unmarked.txt").write_text("ran")

    impute() >> unmarked()


strict()
"""


def run(database: Home, name: str, **variables: str) -> tuple[Home, int]:
    """Run the DAG with `airflow dags test`."""
    home = database.copy(name)
    dags = home.path / "dags"
    dags.mkdir()
    (dags / "strict.py").write_text(DAG)
    done = home.dags_test("strict", AIRFLOW__CORE__DAGS_FOLDER=str(dags), **variables)
    return home, done.returncode


def test_a_task_that_misses_a_requirement_is_refused(database: Home) -> None:
    """One try, failed; none of its code ran; the record says which requirement. Others run on."""
    home, _ = run(database, "strict", ORCHESTRAIL_MODE="enforce")
    assert home.instances("strict") == [("impute", -1, 1, "failed"), ("unmarked", -1, 1, "success")]
    ran = {path.name for path in home.data.iterdir()}
    # Airflow 2.11 runs pre_execute before it tells listeners of the task: a declared gap.
    assert ran == {"unmarked.txt", *(["pre-execute.txt"] if IS_2 else [])}
    assert ends(home.spooled())["impute", -1, 1] == ["FAIL"]
    (refused,) = [
        event for event in home.spooled() if event["eventType"] == "FAIL" and "impute" in event["job"]["name"]
    ]
    assert "PREP-01" in refused["run"]["facets"]["errorMessage"]["message"]
    assert facts(refused)["mode"] == "enforce"
    assert home.trouble() == []


def test_in_mode_record_it_runs_and_the_start_tells(database: Home) -> None:
    """The same finding, and nothing else."""
    home, status = run(database, "lenient")
    assert (status, {path.name for path in home.data.iterdir()}) == (0, {"pre-execute.txt", "ran.txt", "unmarked.txt"})
    (start,) = [one for one in home.spooled() if (one["job"]["name"], one["eventType"]) == ("strict.impute", "START")]
    assert "PREP-01" in json.dumps(start["run"]["facets"]["orchestrail_requirements"])


def test_a_task_that_can_leave_no_evidence_is_refused(database: Home) -> None:
    """The spool cannot be written, or the settings cannot be used."""
    for name, variables in (
        ("no-spool", {"ORCHESTRAIL_SPOOL": "/dev/null/spool"}),
        ("bad", {"ORCHESTRAIL_DISABLED": "?"}),
    ):
        home, _ = run(database, name, ORCHESTRAIL_MODE="enforce", **variables)
        states = {task_id: state for task_id, _, _, state in home.instances("strict")}
        assert states == {"impute": "failed", "unmarked": "failed"}
        assert "ran.txt" not in {path.name for path in home.data.iterdir()}
        assert home.spooled() == []
