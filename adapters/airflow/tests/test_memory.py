"""Frames that go from task to task by XCom: joined by their content, or told as not captured."""

from __future__ import annotations

import pytest
from airflow_home import Home

DAG = """
import os
from pathlib import Path

import pandas
from airflow.providers.common.compat.sdk import dag, get_current_context, task

DATA = Path(os.environ["SHAPES_DATA"])


@dag(dag_id="handing", schedule=None)
def handing():
    @task
    def load():
        return pandas.read_csv(DATA / "in.csv")

    @task
    def tell():
        return "nothing"

    @task
    def double(frame):
        return frame * 2

    @task
    def save(frame):
        frame.to_csv(DATA / "out.csv", index=False)

    @task
    def pull():
        return get_current_context()["ti"].xcom_pull(task_ids="tell")

    doubled = double(load())
    told = tell()
    told >> [save(doubled), pull()]


handing()
"""


@pytest.fixture(scope="module")
def handed(database: Home) -> Home:
    """A DAG of TaskFlow that hands a frame on by XCom, and one task that only waits for another."""
    home = database.copy("handing")
    dags = home.path / "dags"
    dags.mkdir()
    (dags / "handing.py").write_text(DAG)
    (home.data / "in.csv").write_text("a,b\n1,2\n3,4\n")
    home.variables |= {
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__ALLOWED_DESERIALIZATION_CLASSES": "pandas.* airflow.*",
    }
    done = home.dags_test("handing")
    assert done.returncode == 0, done.stdout + done.stderr
    return home


def test_a_frame_handed_on_by_xcom_joins_its_tasks(handed: Home) -> None:
    """What one task returned is what the next was given, with the same digest."""
    given, gave = {}, {}
    for event in handed.spooled():
        task = event["job"]["name"].partition(".")[2]
        for found, side in ((given, "inputs"), (gave, "outputs")):
            for dataset in event[side]:
                if dataset["namespace"] == "inmemory":
                    found[task] = dataset["facets"]["orchestrail_dataset"]["digest"]
    assert set(gave) == {"load", "double"}
    assert given == {"double": gave["load"], "save": gave["double"]}
    assert handed.trouble() == []


def test_a_task_that_was_only_waited_for_gives_nothing(handed: Home) -> None:
    """The trace of the file at the end goes through the frames to the file at the beginning, and not by the order of tasks."""
    order = {
        event["job"]["name"]: event["run"]["facets"]["orchestrail_run"].get("orderOnly")
        for event in handed.spooled()
        if event["eventType"] == "START"
    }
    assert order["handing.double"] is order["handing.pull"] is None
    assert len(order["handing.save"]) == 1
    traced = handed.copied().command("trace", str(handed.data / "out.csv"))
    assert any(dataset["name"].endswith("in.csv") for dataset in traced["datasets"])
    assert (traced["unproven"], [edge for edge in traced["edges"] if not edge["captured"]]) == ([], [])
    waited = {edge["from"]: edge["note"] for edge in traced["edges"] if edge["kind"] == "after"}
    assert waited == {order["handing.save"][0]: "waited for: no value of it is known to have been handed on"}
