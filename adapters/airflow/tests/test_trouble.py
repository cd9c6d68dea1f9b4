"""What goes wrong because we are there is told to `doctor`."""

from __future__ import annotations

import subprocess
import sys

from airflow_home import IS_2, Home

from orchestrail import trouble

DAG = """
import datetime
from airflow.providers.standard.sensors.date_time import DateTimeSensorAsync
from airflow.providers.common.compat.sdk import DAG

with DAG("ended_by_its_trigger", schedule=None):
    DateTimeSensorAsync(task_id="wait", target_time=datetime.datetime(2020, 1, 1), end_from_trigger=True)
"""


PROCESS = """
import logging, sys
from airflow.dag_processing.processor import DagFileProcessor

folder, file = sys.argv[1:]
DagFileProcessor(dag_ids=None, dag_directory=folder, log=logging.getLogger("airflow.processor")).process_file(file, [])
"""
"""What the scheduler of 2.11 has a process do with each file of DAGs."""


def test_a_dag_that_airflow_refuses_because_of_listeners_is_told(database: Home) -> None:
    """Airflow imports no DAG with end_from_trigger=True beside any listener; `doctor` says which, why and what to do."""
    home = database.copy("refused")
    dags = home.path / "dags"
    dags.mkdir()
    (dags / "refused.py").write_text(DAG)
    if IS_2:  # there `reserialize` tells no listener
        command = [sys.executable, "-c", PROCESS, str(dags), str(dags / "refused.py")]
        subprocess.run(command, env=home.environment(), check=True, capture_output=True, timeout=300)
    else:
        done = home.run("dags", "reserialize", AIRFLOW__CORE__DAGS_FOLDER=str(dags))
        assert done.returncode == 0, done.stderr
    (note,) = [note for note in trouble.read(home.orchestrail) if note["where"] == "airflow: import a DAG"]
    assert "refused.py" in note["error"]
    assert "end_from_trigger" in note["error"]
