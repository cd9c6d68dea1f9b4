"""What the tests share: DAG runs that take long enough to be made once."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from airflow_home import OUTSIDE, STATES, Home, dag_runs

GUEST_TRANSPORT = '{"type": "orchestrail.transport.openlineage.SpoolTransport"}'


@dataclass(frozen=True)
class Done:
    """A DAG that ran: where, and what the command line said."""

    home: Home
    said: subprocess.CompletedProcess[str]


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """An installation that nothing ran in yet; others are copies of it."""
    return Home(tmp_path_factory.mktemp("airflow") / "empty").migrate()


@pytest.fixture(scope="session")
def recorded(database: Home) -> Done:
    """The DAG of all shapes, with Airflow's own OpenLineage provider beside us as a guest."""
    home = database.copy("recorded")
    said = home.dags_test(
        "shapes", AIRFLOW__OPENLINEAGE__TRANSPORT=GUEST_TRANSPORT, AIRFLOW__OPENLINEAGE__NAMESPACE="bank"
    )
    return Done(home, said)


@pytest.fixture(scope="session")
def control(database: Home) -> Done:
    """The same without us."""
    home = database.copy("control")
    return Done(home, home.dags_test("shapes", PYTHONPATH=str(Path(__file__).parent / "without")))


@pytest.fixture(scope="session")
def failed(database: Home) -> Done:
    """A DAG that fails, started by a run of somewhere else."""
    home = database.copy("failed")
    return Done(home, home.dags_test("failing", {"openlineage": OUTSIDE, "password": "planted-conf-secret", "size": 3}))


@pytest.fixture(scope="session")
def scheduled(database: Home) -> Home:
    """All DAGs under a real scheduler, with processes of their own for scheduler, API server and each task.

    Airflow's scheduler fails a task that is due again before its executor told that it waits (deferred, rescheduled): on a busy
    machine that happens. Such a run says nothing about us and is made once more.
    """
    home = _scheduled(database.copy("scheduled"))
    return home if dag_runs(home) == STATES else _scheduled(database.copy("scheduled-again"))


def _scheduled(home: Home) -> Home:
    home.variables["SHAPES_PATIENCE"] = "20"
    with home.standalone() as server:
        runs = {dag_id: server.trigger(dag_id) for dag_id in ("dying", "failing", "shapes")}
        for dag_id, run_id in runs.items():
            home.finished(dag_id, run_id)
        for dag_id in ("triggered", "on_report"):
            for run_id in home.appeared(dag_id):
                home.finished(dag_id, run_id)
        server.mark("failing", runs["failing"], "never", "success")
    return home
