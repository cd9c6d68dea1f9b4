"""Airflow's OpenLineage provider beside us, and alone: whose events come to which run, and what they can change.

Under `airflow dags test` all tasks share one process, and the provider tells of a later task also what it collected in earlier
ones: its data sets are looked at where they are first told.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from airflow_home import COMMAND, GUEST, IS_2, OURS, WITHOUT, Home

HERE = Path(__file__).parent
SPOOL = {"type": "orchestrail.transport.openlineage.SpoolTransport"}
LISTENER = """
import os
from pathlib import Path

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin

class Noting:
    @hookimpl
    def on_task_instance_running(self, previous_state, task_instance):
        Path(os.environ["SHAPES_DATA"], "noted.txt").write_text(task_instance.task_id)
        if os.fork() == 0:
            Path(os.environ["SHAPES_DATA"], "noted-in-a-child.txt").write_text(task_instance.task_id)
            os._exit(0)
        os.wait()

class NotingPlugin(AirflowPlugin):
    name = "noting"
    listeners = [Noting()]
"""
"""A plugin of somebody's own that writes files whenever a task begins, in the task's process and in a child of it."""
TASKS = {"load": 1, "copy": 1, "second_time_lucky": 2, "wait": 1, "skip_itself": 1, "query": 1}


@dataclass
class Told:
    """A DAG run, and the record of it.

    Attributes:
        home: where it ran.
        record: a copy of the record, to be asked.
        runs: all runs, as the command line tells them.
    """

    home: Home
    record: Home
    runs: list[dict[str, Any]]

    def tries(self, task_id: str) -> list[dict[str, Any]]:
        """Give the runs of a task, first try first."""
        found = [run for run in self.runs if run["job"]["name"] == f"lineage.{task_id}"]
        return sorted(found, key=lambda run: run["attempt"] or 0)

    def ask(self, *arguments: str) -> dict[str, Any]:
        """Ask the command line."""
        done = subprocess.run(
            [COMMAND, *arguments, "--json"],
            env=self.record.environment(),
            cwd=self.home.path,
            capture_output=True,
            check=True,
            timeout=300,
        )
        found: dict[str, Any] = json.loads(done.stdout)
        return found


def run(home: Home, transport: object, **more: str) -> Told:
    """Run the DAG with the provider switched on."""
    home.variables |= {
        "AIRFLOW__CORE__DAGS_FOLDER": str(HERE / "guest"),
        "AIRFLOW_CONN_WAREHOUSE": json.dumps({"conn_type": "sqlite", "host": str(home.path / "warehouse.db")}),
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(transport),
    }
    done = home.dags_test("lineage", **more)
    assert done.returncode == 0, done.stdout + done.stderr
    assert home.trouble() == []
    record = home.copied()
    return Told(home, record, record.runs())


@pytest.fixture(scope="module")
def both(database: Home) -> Told:
    """With us, with another receiver of its events beside ours, and with another listener."""
    home = database.copy("both")
    (home.path / "airflow" / "plugins").mkdir()
    (home.path / "airflow" / "plugins" / "noting.py").write_text(LISTENER)
    elsewhere = {"type": "file", "log_file_path": str(home.path / "elsewhere.jsonl"), "append": True}
    return run(home, {"type": "composite", "transports": {"audit": SPOOL, "lineage": elsewhere}})


@pytest.fixture(scope="module")
def alone(database: Home) -> Told:
    """Without our plugin."""
    return run(database.copy("alone"), SPOOL, PYTHONPATH=str(WITHOUT))


def used(run: dict[str, Any], direction: str) -> dict[tuple[str, str], tuple[bool, bool]]:
    """Say of each data set of a run whether its contents and its fields are known; each is there once."""
    found = {
        (one["namespace"], Path(one["name"]).name): (one["digest"] is not None, bool(one["fields"]))
        for one in run[direction]
    }
    assert len(found) == len(run[direction])
    return found


def test_each_try_is_one_run_with_our_facts(both: Told) -> None:
    """Whatever the provider tells of it besides."""
    for task_id, count in TASKS.items():
        tries = both.tries(task_id)
        assert [run["attempt"] for run in tries] == list(range(1, count + 1)), task_id
        assert {run["orchestrator"]["version"] for run in tries} == {version("apache-airflow")}
        assert all(run["producer"].startswith(OURS) for run in tries)
    guests = {event["run"]["runId"] for event in both.home.spooled(GUEST) if event["job"]["name"].count(".") < 2}
    assert guests == {run["run_id"] for run in both.runs if run["job"]["name"].count(".") < 2}


def test_states_and_ends_are_ours(both: Told) -> None:
    """Of a deferred task the provider tells two STARTs, of a skipped one COMPLETE."""
    states = {task_id: [run["state"] for run in both.tries(task_id)] for task_id in TASKS}
    assert states == {
        "load": ["COMPLETE"],
        "copy": ["COMPLETE"],
        "second_time_lucky": ["FAIL", "COMPLETE"],
        "wait": ["COMPLETE"],
        "skip_itself": ["SKIPPED"],
        "query": ["COMPLETE"],
    }
    for task_id in TASKS:
        for run in both.tries(task_id):
            assert len([end for end in run["ends"] if end["producer"].startswith(OURS)]) == 1


def test_data_sets_of_both_are_one_use_each(both: Told) -> None:
    """Ours with the digest and the provider's fields; a table that only the provider knows; what was read back is no input."""
    (load,) = both.tries("load")
    assert used(load, "inputs") == {("postgres://warehouse:5432", "bank.public.applications"): (False, False)}
    assert used(load, "outputs") == {("file", "loaded.csv"): (True, True)}
    (copy,) = both.tries("copy")
    assert used(copy, "inputs") == {("file", "loaded.csv"): (True, False)}
    assert used(copy, "outputs") == {("file", "copied.csv"): (True, False)}


def test_what_other_listeners_do_is_no_part_of_a_task(both: Told) -> None:
    """Neither in its process nor in a child: it is told to all of them that a task begins, and then the task begins."""
    noted = {"noted.txt", "noted-in-a-child.txt", "elsewhere.jsonl"}
    assert noted <= {path.name for path in (*both.home.data.iterdir(), *both.home.path.iterdir())}
    used = [one for event in both.home.spooled() for one in (*event["inputs"], *event["outputs"])]
    names = {Path(one["name"]).name for one in used}
    assert {"loaded.csv", "copied.csv"} <= names
    assert not noted & names
    kinds = [event["eventType"] for event in both.home.spooled() if event["job"]["name"] == "lineage.load"]
    assert kinds == ["START", "COMPLETE"]


def test_a_trace_goes_back_to_what_only_the_provider_knows(both: Told) -> None:
    """Through our digests to its table."""
    told = both.ask("trace", str(both.home.data / "copied.csv"))
    assert {run["job"]["name"] for run in told["runs"]} == {"lineage", "lineage.load", "lineage.copy"}
    assert [source["name"] for source in told["sources"]] == ["bank.public.applications"]
    assert {edge["proof"] for edge in told["edges"] if edge["kind"] == "wrote"} == {"digest"}


def test_statements_are_runs_of_the_provider_below_their_task(both: Told) -> None:
    """Two of them, told with the end of the task."""
    (query,) = both.tries("query")
    below = [run for run in both.runs if run["parent_run_id"] == query["run_id"]]
    assert {run["job"]["name"] for run in below} == {"lineage.query.query.1", "lineage.query.query.2"}
    assert {run["root_run_id"] for run in below} == {query["root_run_id"]}
    assert {run["attempt"] for run in below} == {None}


def test_other_receivers_of_a_composite_get_the_same_events(both: Told) -> None:
    """Ours takes nothing away."""
    lines = (both.home.path / "elsewhere.jsonl").read_text().splitlines()
    told = [json.loads(line) for line in lines]
    ours = both.home.spooled(GUEST)
    assert len(told) == len(ours) > 12
    assert {event["run"]["runId"] for event in told} == {event["run"]["runId"] for event in ours}


def test_alone_it_is_a_foreign_producer_and_what_it_does_not_say_is_unknown(alone: Told, both: Told) -> None:
    """The same jobs; its states; no attempt, no digest, no code, no parameters, no capability."""
    assert alone.home.spooled(OURS) == []
    assert {run["job"]["name"] for run in alone.runs} == {run["job"]["name"] for run in both.runs}
    assert len(alone.tries("second_time_lucky")) == 2
    (skipped,) = alone.tries("skip_itself")
    assert skipped["state"] == ("RUNNING" if IS_2 else "COMPLETE")  # 2.11 tells no listener of a task that skips itself
    for run in alone.runs:
        assert run["producer"].startswith(GUEST)
        assert (run["attempt"], run["code"]["digest"], run["parameters"], run["capabilities"]) == (None,) * 4
        assert [
            one for one in [*run["inputs"], *run["outputs"]] if one["digest"] or one["observed"] != "declared"
        ] == []
