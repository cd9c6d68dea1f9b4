"""A real Airflow in a folder of its own: `dags test` and `standalone` as a user starts them, and what they left behind."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import uuid4

from orchestrail import trouble
from orchestrail.testing import spooled_events
from orchestrail.testing.ports import kept_port

AIRFLOW = Path(sys.executable).with_name("airflow")
COMMAND = os.environ.get("ORCHESTRAIL_COMMAND") or str(AIRFLOW.with_name("orchestrail"))
"""The command line: in this environment, or in one of its own where the two do not fit together."""
IS_2 = version("apache-airflow").startswith("2.")
DAGS = Path(__file__).parent / "dags"
BUNDLES = Path(__file__).parent / "bundles"
VERSION = "3f2a9c1"
"""Of the bundle that the DAGs come from under a scheduler."""
WITHOUT = Path(__file__).parent / "without"
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
    *[("daily", "success")] * 2,
    ("dying", "success"),
    ("failing", "success"),  # once a person has marked the task before its last one
    ("on_report", "success"),
    ("patient", "failed"),
    *[("patient", "success")] * 3,
    ("shapes", "success"),
    ("slow", "success"),
    *[("triggered", "success")] * 3,
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
        if IS_2:  # there a DAG can only trigger one that the database knows
            self.run("dags", "reserialize", PYTHONPATH=str(WITHOUT)).check_returncode()
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

    def dags_test(
        self, dag_id: str, conf: object = None, day: str | None = None, **more: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a DAG in one process; for now, or for a day."""
        given = ["--conf", json.dumps(conf)] if conf is not None else []
        return self.run("dags", "test", dag_id, *([day] if day else []), *given, **more)

    def table(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask Airflow's own database."""
        with closing(sqlite3.connect(self.path / "airflow" / "airflow.db", timeout=120)) as connection:
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

    def command(self, *arguments: str) -> dict[str, Any]:
        """Run orchestrail's command line and give the document that it prints."""
        done = subprocess.run(
            [COMMAND, *arguments, "--json"],
            env=self.environment(),
            cwd=self.path,
            capture_output=True,
            check=True,
            timeout=300,
        )
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def runs(self) -> list[dict[str, Any]]:
        """Give all runs as the command line tells them, after the spool was collected."""
        found: list[dict[str, Any]] = self.command("runs", "--all")["runs"]
        return found

    def appeared(self, dag_id: str, kind: str = "%") -> list[str]:
        """Wait for a DAG to have runs that Airflow itself began, of any kind or of one."""
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline:
            found = self.table("select run_id from dag_run where dag_id = ? and run_type like ?", dag_id, kind)
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

    def has_begun(self, run_id: str) -> None:
        """Wait for the task that waits to run."""
        deadline = time.monotonic() + 300
        while not (self.data / "waiting" / run_id).exists():
            assert time.monotonic() < deadline, f"{run_id} does not begin: {self.instances('patient')}"
            time.sleep(0.2)

    def finished_task(self, dag_id: str, run_id: str, task_id: str) -> None:
        """Wait for a task instance to succeed."""
        query = "select state from task_instance where dag_id = ? and run_id = ? and task_id = ?"
        deadline = time.monotonic() + 300
        while self.table(query, dag_id, run_id, task_id) != [("success",)]:
            assert time.monotonic() < deadline, f"{task_id} does not succeed: {self.instances(dag_id)}"
            time.sleep(0.5)

    def is_gone(self, dag_id: str, run_id: str, task_id: str) -> None:
        """Wait for the process of a task to be gone."""
        query = "select pid from task_instance where dag_id = ? and run_id = ? and task_id = ?"
        ((pid,),) = self.table(query, dag_id, run_id, task_id)
        deadline = time.monotonic() + 300
        while _command(pid):
            assert time.monotonic() < deadline, f"process {pid} of {task_id} lives"
            time.sleep(0.5)

    @contextmanager
    def standalone(self) -> Iterator[Server]:
        """Run scheduler, API server, triggerer and DAG processor; whatever happens, all of them are gone afterwards."""
        with kept_port() as port:
            yield from self._standalone(port)

    def _standalone(self, port: int) -> Iterator[Server]:
        if IS_2:
            database = self.path / "airflow" / "airflow.db"
            with closing(sqlite3.connect(database)) as connection:
                connection.execute("pragma journal_mode = wal")
            more = {
                "AIRFLOW__WEBSERVER__WEB_SERVER_PORT": str(port),
                "AIRFLOW__WEBSERVER__WEB_SERVER_HOST": "127.0.0.1",
                "AIRFLOW__WEBSERVER__WORKERS": "1",
                "AIRFLOW__API__AUTH_BACKENDS": "airflow.api.auth.backend.basic_auth",
                "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
                "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{database}?timeout=60",
                "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "120",
                "AIRFLOW__SCHEDULER__LOCAL_TASK_JOB_HEARTBEAT_SEC": "2",
                "AIRFLOW__SCHEDULER__SCHEDULE_AFTER_TASK_EXECUTION": "False",  # with it, two count one try
                "AIRFLOW__SCHEDULER__SCHEDULER_ZOMBIE_TASK_THRESHOLD": "40",
                "AIRFLOW__SCHEDULER__ZOMBIE_DETECTION_INTERVAL": "5",
                "_AIRFLOW__SKIP_DATABASE_EXECUTOR_COMPATIBILITY_CHECK": "1",  # Airflow's own tests set it too
            }
        else:
            more = {
                "AIRFLOW__API__PORT": str(port),
                "AIRFLOW__API__HOST": "127.0.0.1",
                "AIRFLOW__API__WORKERS": "1",
                "AIRFLOW__API__EXPOSE_STACKTRACE": "True",  # an answer says what failed
                "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
                "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",  # on a busy machine 5 seconds are too few, and tasks fail
                "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "2",
                "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "40",
                "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
            }
        more["AIRFLOW__CORE__PARALLELISM"] = "2"
        with (self.path / "standalone.log").open("wb") as log:
            process = subprocess.Popen(
                [str(AIRFLOW), "standalone"],
                env=self.environment(**more),
                cwd=self.path,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a group of its own: some of its processes survive their parent
            )
        server = Server(f"http://127.0.0.1:{port}", [process], self, more)
        try:
            yield server.wait()
        finally:
            for number in (signal.SIGTERM, signal.SIGKILL):
                for process in server.processes:
                    with suppress(ProcessLookupError):
                        os.killpg(process.pid, number)
                time.sleep(3 if number == signal.SIGTERM else 0)
            for process in server.processes:
                process.wait(timeout=30)


@dataclass(slots=True)
class Server:
    """Airflow's REST interface, in the version that is here.

    Attributes:
        url: its address.
        processes: the parents of Airflow's processes, each in a group of its own.
        home: the installation.
        variables: environment variables of its processes.
    """

    url: str
    processes: list[subprocess.Popen[bytes]]
    home: Home
    variables: dict[str, str]
    _authorization: str = ""

    @property
    def _api(self) -> str:
        return "/api/v1" if IS_2 else "/api/v2"

    def wait(self) -> Server:
        """Wait until scheduler and API server are healthy."""
        deadline = time.monotonic() + 600
        parts = ("metadatabase", "scheduler", "triggerer") if IS_2 else ("scheduler", "dag_processor", "triggerer")
        while time.monotonic() < deadline:
            assert self.processes[0].poll() is None, f"airflow standalone ended. {self.last_words()}"
            try:
                health = self.ask("GET", "/health" if IS_2 else "/api/v2/monitor/health")
                if all(health[part]["status"] == "healthy" for part in parts):
                    self._authorization = self._log_in()
                    return self
            except OSError:
                pass
            time.sleep(1)
        raise AssertionError(f"airflow standalone did not get healthy. {self.last_words()}")

    def _log_in(self) -> str:
        if IS_2:
            password = (self.home.path / "airflow" / "standalone_admin_password.txt").read_text()
            return "Basic " + base64.b64encode(f"admin:{password}".encode()).decode()
        return f"Bearer {self.ask('GET', '/auth/token')['access_token']}"

    def ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Send a request and give the answer; again where SQLite kept Airflow from doing anything about it."""
        headers = {"Content-Type": "application/json"}
        if self._authorization:
            headers["Authorization"] = self._authorization
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        deadline = time.monotonic() + 120
        while True:
            try:
                with urllib.request.urlopen(request, timeout=120) as answer:
                    found: dict[str, Any] = json.load(answer)
                    return found
            except urllib.error.HTTPError as error:
                said = error.read().decode(errors="replace")
                if not _is_undone(said) or time.monotonic() > deadline:
                    error.add_note(f"{method} {path} was answered with {said}\n\n{self.last_words()}")
                    raise
                time.sleep(1)

    def last_words(self) -> str:
        """Give the end of what Airflow's processes have logged: why a request failed stands there."""
        log = (self.home.path / "standalone.log").read_text(errors="replace")
        return "\n".join(["The end of standalone.log:", *log.splitlines()[-200:]])

    def trigger(self, dag_id: str, conf: Mapping[str, object] | None = None, note: str | None = None) -> str:
        """Start a DAG run, and say why; waits for the DAG to be known."""
        deadline = time.monotonic() + 180
        body: dict[str, object] = {"conf": conf or {}, "note": note}
        if not IS_2:
            body["logical_date"] = None
        while True:
            try:
                run_id: str = self.ask("POST", f"{self._api}/dags/{dag_id}/dagRuns", body)["dag_run_id"]
                return run_id
            except urllib.error.HTTPError as error:
                if error.code != 404 or time.monotonic() > deadline:
                    raise
                time.sleep(2)

    def unpause(self, dag_id: str) -> None:
        """Let the scheduler begin runs of a DAG."""
        self.ask("PATCH", f"{self._api}/dags/{dag_id}", {"is_paused": False})

    def mark(self, dag_id: str, run_id: str, task_id: str, state: str, note: str) -> None:
        """Give a task instance another state, as a person does on Airflow's pages, and say why."""
        path = f"{self._api}/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}"
        if IS_2:
            self.ask("PATCH", f"{path}/setNote", {"note": note})
            self.ask("PATCH", path, {"new_state": state, "dry_run": False})
        else:
            self.ask("PATCH", path, {"new_state": state, "note": note})

    def mark_dag_run(self, dag_id: str, run_id: str, state: str) -> None:
        """Give a DAG run another state."""
        self.ask("PATCH", f"{self._api}/dags/{dag_id}/dagRuns/{run_id}", {"state": state})

    def clear(self, dag_id: str, run_id: str, task_id: str | None = None) -> None:
        """Have a DAG run run again, or one of its tasks."""
        if task_id is None:
            self.ask("POST", f"{self._api}/dags/{dag_id}/dagRuns/{run_id}/clear", {"dry_run": False})
        else:
            body = {"dry_run": False, "dag_run_id": run_id, "task_ids": [task_id], "only_failed": False}
            self.ask("POST", f"{self._api}/dags/{dag_id}/clearTaskInstances", body | {"reset_dag_runs": True})

    def backfill(self, dag_id: str, day: str) -> None:
        """Run a DAG for a day of the past, and wait for it."""
        if IS_2:
            command = ("dags", "backfill", "-s", day, "-e", day, dag_id)
            done = self.home.run(*command, **self.variables)
            assert done.returncode == 0, done.stderr
            return
        times = {"from_date": f"{day}T00:00:00Z", "to_date": f"{day}T00:00:00Z"}
        self.ask("POST", "/api/v2/backfills", {"dag_id": dag_id, "max_active_runs": 1} | times)
        for run_id in self.home.appeared(dag_id, "backfill"):
            self.home.finished(dag_id, run_id)

    def reconciled(self) -> dict[str, Any]:
        """Hold the record, in a copy, against Airflow's own; again while the two differ, for what is still on its way."""
        deadline = time.monotonic() + 60
        while True:
            done = subprocess.run(
                [COMMAND, "reconcile", "airflow", "--settle", "0", "--json"],
                env=self.home.copied().environment(ORCHESTRAIL_AIRFLOW_URL=self.url),
                cwd=self.home.path,
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
            assert done.returncode in (0, 1), done.stderr
            found: dict[str, Any] = json.loads(done.stdout)
            if done.returncode == 0 or time.monotonic() > deadline:
                return found
            time.sleep(5)

    @contextmanager
    def without_scheduler(self) -> Iterator[None]:
        """Kill the scheduler, so that it can say nothing, and start it again after the block."""
        pids = [pid for pid in _group(self.processes[0].pid) if _command(pid).endswith("airflow scheduler")]
        assert pids
        os.kill(min(pids), signal.SIGKILL)
        yield
        self.start_scheduler()

    def start_scheduler(self) -> subprocess.Popen[bytes]:
        """Start another scheduler, after the death of the one before; it ends with the rest."""
        with (self.home.path / "scheduler.log").open("ab") as log:
            scheduler = subprocess.Popen(
                [str(AIRFLOW), "scheduler"],
                env=self.home.environment(**self.variables),
                cwd=self.home.path,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.processes.append(scheduler)
        return scheduler


@dataclass(frozen=True)
class Scheduled:
    """What happened under a real scheduler.

    Attributes:
        home: the installation.
        runs: DAG runs by what was done to them.
        reconciled: what `orchestrail reconcile` said at the end.
    """

    home: Home
    runs: dict[str, str]
    reconciled: dict[str, Any]


def dag_runs(home: Home) -> list[tuple[str, str]]:
    """Give the states of all DAG runs, as Airflow has them."""
    return home.table("select dag_id, state from dag_run order by 1, 2")


def _is_undone(said: str) -> bool:
    """Say whether an answer is one of the two with which Airflow 3 on SQLite says that it has done nothing: then it is asked again.

    What a person asks for it first writes into its log (`action_logging`), in its event loop. A task's request that has SQLite's
    lock, in a thread, ends its transaction only when that loop goes on, which waits for the lock: after 5 seconds it gives up.
    Seen with 3.3.2 while tasks run on a busy machine, in one of twenty changes, alike with our plugin and without it.

    A backfill fails where anybody writes between its first look and its first write, which SQLite does not let wait; Airflow takes
    back what it had begun, "so the user can retry".
    """
    try:
        detail = json.loads(said)["detail"]
    except (ValueError, LookupError, TypeError):
        return False
    if isinstance(detail, dict):
        error, statement = str(detail.get("orig_error")), str(detail.get("statement"))
        return "database is locked" in error and statement.startswith("INSERT INTO log ")
    return str(detail).startswith("Database is locked. Backfill creation is not supported on SQLite")


def _group(leader: int) -> list[int]:
    """List the processes of a group."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(ProcessLookupError):
                if os.getpgid(int(folder.name)) == leader:
                    found.append(int(folder.name))
    return found


def _command(pid: int) -> str:
    """Give the command line of a process; empty where it is gone."""
    try:
        return Path("/proc", str(pid), "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""
