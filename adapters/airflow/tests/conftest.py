"""What the tests share: DAG runs that take long enough to be made once."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from airflow_home import BUNDLES, DAGS, IS_2, OUTSIDE, STATES, WITHOUT, Home, Scheduled, dag_runs

from orchestrail.testing.once import made_once
from orchestrail.testing.patience import be_patient

be_patient()

GUEST_TRANSPORT = '{"type": "orchestrail.transport.openlineage.SpoolTransport"}'

collect_ignore = ["test_examples.py", "test_reconcile.py"] if IS_2 else []
"""The examples are those of the newest Airflow. The interface of 2.11 is read too, but by nothing here."""


LONG = ("test_scheduler.py", "test_examples.py", "test_conformance.py")
"""Files that take longest: they are begun first, whatever number of tests they hold, so that none is left alone at the end."""


def pytest_configure(config: pytest.Config) -> None:
    """Have pytest-xdist take the files in the order that is given here."""
    config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long files first."""
    items.sort(key=lambda item: [*LONG, item.path.name].index(item.path.name))


@dataclass(frozen=True)
class Done:
    """A DAG that ran: where, and what the command line said."""

    home: Home
    said: subprocess.CompletedProcess[str]


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Make what is only read once for all processes of the tests."""
    return partial(made_once, tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def database(once: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Home:
    """An installation that nothing ran in yet; others are copies of it."""
    return once("database", lambda: Home(tmp_path_factory.mktemp("airflow") / "empty").migrate())


@pytest.fixture(scope="session")
def recorded(once: Callable[..., Any], database: Home) -> Done:
    """The DAG of all shapes, with Airflow's own OpenLineage provider beside us as a guest."""
    guest = {"AIRFLOW__OPENLINEAGE__TRANSPORT": GUEST_TRANSPORT, "AIRFLOW__OPENLINEAGE__NAMESPACE": "bank"}
    return once("recorded", lambda: _done(database.copy("recorded"), "shapes", **guest))


@pytest.fixture(scope="session")
def control(once: Callable[..., Any], database: Home) -> Done:
    """The same without us."""
    return once("control", lambda: _done(database.copy("control"), "shapes", PYTHONPATH=str(WITHOUT)))


@pytest.fixture(scope="session")
def failed(once: Callable[..., Any], database: Home) -> Done:
    """A DAG that fails, started by a run of somewhere else."""
    conf = {"openlineage": OUTSIDE, "password": "planted-conf-secret", "size": 3}
    return once("failed", lambda: _done(database.copy("failed"), "failing", conf))


def _done(home: Home, dag_id: str, conf: object = None, **variables: str) -> Done:
    return Done(home, home.dags_test(dag_id, conf, **variables))


@pytest.fixture(scope="session")
def scheduled(once: Callable[..., Any], database: Home) -> Scheduled:
    """All DAGs under a real scheduler, with processes of their own for scheduler, API server and each task.

    Airflow's scheduler fails a task that is due again before its executor told that it waits (deferred, rescheduled): on a busy
    machine that happens. Such a run says nothing about us and is made once more.
    """

    def make() -> Scheduled:
        done = _scheduled(database.copy("scheduled"))
        return done if dag_runs(done.home) == STATES else _scheduled(database.copy("scheduled-again"))

    return once("scheduled", make)


def _scheduled(home: Home) -> Scheduled:
    home.variables["SHAPES_PATIENCE"] = "20"
    if not IS_2:
        bundle = {"name": "release", "classpath": "versioned.Versioned", "kwargs": {"path": str(DAGS)}}
        home.variables["AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"] = json.dumps([bundle])
        home.variables["PYTHONPATH"] = str(BUNDLES)
    with home.standalone() as server:
        runs = {dag_id: server.trigger(dag_id) for dag_id in ("dying", "failing", "shapes", "slow")}
        server.unpause("daily")
        runs["marked"] = server.trigger("patient", {"openlineage": OUTSIDE}, "asked for, password=planted-note-secret")
        home.has_begun(runs["marked"])
        server.mark("patient", runs["marked"], "waits", "success", "seen by hand, password=planted-note-secret")
        for what, run_id in runs.items():
            home.finished("patient" if what == "marked" else what, run_id)
        for dag_id in ("triggered", "on_report", "daily"):
            for run_id in home.appeared(dag_id):
                home.finished(dag_id, run_id)
        server.backfill("daily", "2026-01-05")

        server.clear("failing", runs["failing"], "fails")
        home.finished("failing", runs["failing"])
        server.mark("failing", runs["failing"], "never", "success", "not needed")
        home.finished("failing", runs["failing"])
        server.mark("failing", runs["failing"], "fails", "success", "shipped by hand")
        runs["cleared"] = server.trigger("triggered")
        home.finished("triggered", runs["cleared"])
        server.clear("triggered", runs["cleared"])
        home.finished("triggered", runs["cleared"])

        runs["cleared_running"] = server.trigger("patient")
        home.has_begun(runs["cleared_running"])
        server.clear("patient", runs["cleared_running"], "first")
        server.mark("patient", runs["cleared_running"], "waits", "success", "long enough")
        home.finished("patient", runs["cleared_running"])

        runs["stopped"] = server.trigger("patient")
        home.has_begun(runs["stopped"])
        server.mark_dag_run("patient", runs["stopped"], "failed")
        home.is_gone("patient", runs["stopped"], "waits")

        runs["orphaned"] = server.trigger("patient")
        home.has_begun(runs["orphaned"])
        with server.without_scheduler():
            (home.data / "go-on").mkdir()
            home.finished_task("patient", runs["orphaned"], "waits")
        home.finished("patient", runs["orphaned"])
        return Scheduled(home, runs, {} if IS_2 else server.reconciled())
