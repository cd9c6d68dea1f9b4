"""A real Airflow in a folder of its own: `dags test` and `standalone` as a user starts them, and what they left behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from orchestrail import trouble
from orchestrail.testing import spooled_events

AIRFLOW = Path(sys.executable).with_name("airflow")
DAGS = Path(__file__).parent / "dags"
OURS = "urn:orchestrail:airflow:"
GUEST = "https://github.com/apache/airflow/"
ENDS = ("COMPLETE", "FAIL", "ABORT")
OUTSIDE = {
    "parentRunId": "0192f000-0000-7000-8000-00000000000a",
    "parentJobNamespace": "https://prefect.example/team",
    "parentJobName": "nightly.ingest",
    "rootParentRunId": "0192f000-0000-7000-8000-00000000000b",
    "rootParentJobNamespace": "outside",
    "rootParentJobName": "nightly",
}
"""A run of another orchestrator, as the conf of a trigger names it."""


STATES = [
    ("dying", "success"),
    ("failing", "queued"),  # marking one of its tasks makes Airflow look at the whole again
    ("on_report", "success"),
    ("shapes", "success"),
    ("triggered", "success"),
    ("triggered", "success"),
]
"""What the DAGs were written to come to under a scheduler."""


def facts(event: dict[str, Any]) -> dict[str, Any]:
    """Give what an event says of its run beyond OpenLineage's words."""
    found: dict[str, Any] = event["run"]["facets"]["orchestrail_run"]
    return found


def ends(events: list[dict[str, Any]]) -> dict[tuple[str, int, int], list[str]]:
    """Give the ends that were told of each task instance's try: by task, map index and attempt."""
    found: dict[tuple[str, int, int], list[str]] = {}
    for event in events:
        said = facts(event)
        if said["state"] == "SKIPPED" or event["eventType"] in ENDS:
            key = (event["job"]["name"].partition(".")[2], said.get("mapIndex", -1), said["attempt"])
            found.setdefault(key, []).append(said["state"] or event["eventType"])
    return found


@dataclass(slots=True)
class Home:
    """An installation: its folder, and what is set for it.

    Attributes:
        path: the folder; Airflow's home, the spool and the data of the DAGs lie below it.
        variables: environment variables beside the ordinary ones.
    """

    path: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        """Where the DAGs read and write."""
        return self.path / "data"

    @property
    def orchestrail(self) -> Path:
        """Orchestrail's home."""
        return self.path / "orchestrail"

    def environment(self, **more: str) -> dict[str, str]:
        """Give the environment of its processes: nothing of the caller's Airflow, OpenLineage or orchestrail."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AIRFLOW", "ORCHESTRAIL", "OPENLINEAGE", "PYTHONPATH"))
        }
        settings = {
            "AIRFLOW_HOME": str(self.path / "airflow"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "SHAPES_DATA": str(self.data),
            "ORCHESTRAIL_HOME": str(self.orchestrail),
            "HOME": str(self.path),
            "PATH": f"{AIRFLOW.parent}{os.pathsep}{os.environ['PATH']}",  # `standalone` starts `airflow` by its name
            "NO_COLOR": "1",
        }
        return kept | settings | self.variables | more

    def migrate(self) -> Home:
        """Make the database."""
        self.data.mkdir(parents=True)
        self.run("db", "migrate").check_returncode()
        return self

    def copy(self, name: str) -> Home:
        """Make another installation with the same database; its configuration names places, so it gets its own."""
        other = Home(self.path.with_name(name), dict(self.variables))
        other.data.mkdir(parents=True)
        (other.path / "airflow").mkdir()
        shutil.copy(self.path / "airflow" / "airflow.db", other.path / "airflow")
        return other

    def run(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run Airflow's command line."""
        return subprocess.run(
            [str(AIRFLOW), *arguments],
            env=self.environment(**more),
            cwd=self.path,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    def dags_test(self, dag_id: str, conf: object = None, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a DAG in one process."""
        return self.run("dags", "test", dag_id, *(["--conf", json.dumps(conf)] if conf is not None else []), **more)

    def table(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask Airflow's own database."""
        with closing(sqlite3.connect(self.path / "airflow" / "airflow.db")) as connection:
            return connection.execute(query, values).fetchall()

    def instances(self, dag_id: str) -> list[tuple[Any, ...]]:
        """List the task instances of a DAG with Airflow's own states."""
        columns = "task_id, map_index, try_number, state"
        return sorted(self.table(f"select {columns} from task_instance where dag_id = ?", dag_id))

    def spooled(self, producer: str = OURS) -> list[dict[str, Any]]:
        """Give the events of a producer, in the order of their spooling."""
        return [event for event in spooled_events(self.orchestrail / "spool") if event["producer"].startswith(producer)]

    def trouble(self) -> list[Mapping[str, Any]]:
        """Give the notes of what went wrong in our own code."""
        return trouble.read(self.orchestrail)

    def copied(self) -> Home:
        """Copy the record, so that collecting it leaves the spool to other tests."""
        other = Home(self.path.with_name(f"{self.path.name}-{uuid4().hex}"), dict(self.variables))
        shutil.copytree(self.orchestrail, other.orchestrail)
        return other

    def runs(self) -> list[dict[str, Any]]:
        """Give all runs as the command line tells them, after the spool was collected."""
        command = [str(AIRFLOW.with_name("orchestrail")), "runs", "--all", "--json"]
        done = subprocess.run(
            command, env=self.environment(), cwd=self.path, capture_output=True, check=True, timeout=120
        )
        found: list[dict[str, Any]] = json.loads(done.stdout)["runs"]
        return found

    def appeared(self, dag_id: str) -> list[str]:
        """Wait for a DAG to have runs that Airflow itself began."""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            found = self.table("select run_id from dag_run where dag_id = ?", dag_id)
            if found:
                return [run_id for (run_id,) in found]
            time.sleep(1)
        raise AssertionError(f"{dag_id} did not begin")

    def finished(self, dag_id: str, run_id: str) -> str:
        """Wait for a DAG run to end and give its state."""
        deadline = time.monotonic() + 900
        while time.monotonic() < deadline:
            ((state,),) = self.table("select state from dag_run where dag_id = ? and run_id = ?", dag_id, run_id)
            if state in ("success", "failed"):
                return str(state)
            time.sleep(1)
        raise AssertionError(f"{dag_id} {run_id} did not end: {self.instances(dag_id)}")

    @contextmanager
    def standalone(self) -> Iterator[Server]:
        """Run scheduler, API server, triggerer and DAG processor; whatever happens, all of them are gone afterwards."""
        with closing(socket.socket()) as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        more = {
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
            "AIRFLOW__CORE__PARALLELISM": "2",
            "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",  # on a busy machine 5 seconds are too few, and tasks fail
        }
        with (self.path / "standalone.log").open("wb") as log:
            process = subprocess.Popen(
                [str(AIRFLOW), "standalone"],
                env=self.environment(**more),
                cwd=self.path,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a group of its own: some of its processes survive their parent
            )
        try:
            yield Server(f"http://127.0.0.1:{port}", process).wait()
        finally:
            for number in (signal.SIGTERM, signal.SIGKILL):
                try:
                    os.killpg(process.pid, number)
                except ProcessLookupError:
                    break
                time.sleep(3 if number == signal.SIGTERM else 0)
            process.wait(timeout=30)


@dataclass(slots=True)
class Server:
    """Airflow's REST interface.

    Attributes:
        url: its address.
        process: the parent of all of Airflow's processes.
    """

    url: str
    process: subprocess.Popen[bytes]
    _token: str = ""

    def wait(self) -> Server:
        """Wait until scheduler and API server are healthy."""
        deadline = time.monotonic() + 600
        while time.monotonic() < deadline:
            assert self.process.poll() is None, "airflow standalone ended"
            try:
                health = self.ask("GET", "/api/v2/monitor/health")
                if all(health[part]["status"] == "healthy" for part in ("scheduler", "dag_processor", "triggerer")):
                    self._token = self.ask("GET", "/auth/token")["access_token"]
                    return self
            except OSError:
                pass
            time.sleep(1)
        raise AssertionError("airflow standalone did not get healthy")

    def ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Send a request and give the answer."""
        headers = {"Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=120) as answer:
            found: dict[str, Any] = json.load(answer)
            return found

    def trigger(self, dag_id: str, conf: Mapping[str, object] | None = None) -> str:
        """Start a DAG run; waits for the DAG to be known."""
        deadline = time.monotonic() + 180
        while True:
            try:
                body = {"logical_date": None, "conf": conf or {}}
                run_id: str = self.ask("POST", f"/api/v2/dags/{dag_id}/dagRuns", body)["dag_run_id"]
                return run_id
            except urllib.error.HTTPError as error:
                if error.code != 404 or time.monotonic() > deadline:
                    raise
                time.sleep(2)

    def mark(self, dag_id: str, run_id: str, task_id: str, state: str) -> None:
        """Give a task instance another state, as a person does on Airflow's pages."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}"
        self.ask("PATCH", f"{path}?update_mask=new_state", {"new_state": state})


def dag_runs(home: Home) -> list[tuple[str, str]]:
    """Give the states of all DAG runs, as Airflow has them."""
    return home.table("select dag_id, state from dag_run order by 1, 2")
