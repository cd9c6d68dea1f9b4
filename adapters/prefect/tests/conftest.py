"""What the Prefect adapter's tests share: one real Prefect server, programs run in processes of their own, and what they left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orchestrail import guard
from orchestrail.testing import schema_problems, spooled_events
from orchestrail.testing.patience import be_patient

be_patient()

SPECIFICATION = Path(__file__).parents[4] / "shared" / "data" / "openlineage-spec"
SERVER = """
import sys
from prefect.server.api.server import SubprocessASGIServer
server = SubprocessASGIServer()
for last in (False, False, True):  # on a busy machine Prefect gives a server up that has only begun to answer
    try:
        server.start(timeout=300)
        break
    except Exception:
        server.server_process.kill()
        if last:
            raise
print(server.api_url, flush=True)
sys.stdin.read()
server.stop()
"""
HEAD = """
import asyncio, atexit, os, sys, time
from pathlib import Path
import prefect.settings
import orchestrail
from prefect import flow, task
{audited}
# Joining the heartbeat thread costs every flow a second; the environment cannot switch it off.
heartbeat = getattr(prefect.settings, "PREFECT_FLOWS_HEARTBEAT_FREQUENCY", None)
if heartbeat is not None:
    prefect.settings.temporary_settings({{heartbeat: None}}).__enter__()
"""
WITH = """
from orchestrail_prefect import audited
from orchestrail import guard
from orchestrail.testing.patience import be_patient

@atexit.register
def tell_what_was_swallowed():
    if guard.swallowed:
        Path("swallowed.txt").write_text(repr(guard.swallowed))
"""
WITHOUT = "def audited(f=None, **options): return f if f else audited"
OUR_VARIABLES = ("ORCHESTRAIL_", "OPENLINEAGE_", "PREFECT_", "PYTEST_CURRENT_TEST")


@dataclass(frozen=True)
class Run:
    """One run of the record: its events in the order in which they were spooled."""

    events: tuple[dict[str, Any], ...]

    @property
    def types(self) -> list[str]:
        """The event types."""
        return [event["eventType"] for event in self.events]

    @property
    def id(self) -> str:
        """The run id."""
        return str(self.events[0]["run"]["runId"])

    @property
    def job(self) -> str:
        """The job's name."""
        return str(self.events[0]["job"]["name"])

    @property
    def start(self) -> dict[str, Any]:
        """The facets of the first event."""
        facets: dict[str, Any] = self.events[0]["run"]["facets"]
        return facets

    @property
    def end(self) -> dict[str, Any]:
        """The facets of the last event."""
        facets: dict[str, Any] = self.events[-1]["run"]["facets"]
        return facets

    @property
    def said(self) -> dict[str, Any]:
        """The run facet of ours on the last event."""
        facet: dict[str, Any] = self.end["orchestrail_run"]
        return facet

    @property
    def parent(self) -> str | None:
        """The parent's run id."""
        return self.start["parent"]["run"]["runId"] if "parent" in self.start else None

    @property
    def root(self) -> str:
        """The root's run id."""
        return str(self.start["parent"]["root"]["run"]["runId"]) if "parent" in self.start else self.id

    @property
    def upstream(self) -> list[str]:
        """The run ids that it waited for."""
        return [one["run"]["runId"] for one in self.start.get("jobDependencies", {}).get("upstream", [])]

    @property
    def error(self) -> str:
        """The text of the error."""
        return str(self.end.get("errorMessage", {}).get("message", ""))

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters' values."""
        described = self.start["orchestrail_parameters"]["parameters"]
        return {name: one.get("value") for name, one in described.items()}

    def files(self, direction: str) -> dict[str, str]:
        """Give base name and digest of the `inputs` or `outputs`."""
        found = self.events[-1][direction]
        return {Path(one["name"]).name: one["facets"]["orchestrail_dataset"]["digest"] for one in found}


@dataclass(frozen=True)
class Outcome:
    """What a program printed, how it ended, and what it left on the record."""

    stdout: str
    stderr: str
    status: int
    folder: Path
    home: Path

    @property
    def events(self) -> list[dict[str, Any]]:
        """All events, in the order in which they were spooled."""
        return spooled_events(self.home / "spool")

    def runs(self, job: str | None = None) -> list[Run]:
        """Give the runs, or those of one job, in order of their first event."""
        found: dict[str, list[dict[str, Any]]] = {}
        for event in self.events:
            found.setdefault(event["run"]["runId"], []).append(event)
        runs = [Run(tuple(events)) for events in found.values()]
        return [run for run in runs if job is None or run.job == job]

    def run(self, job: str) -> Run:
        """Give the only run of a job."""
        (run,) = self.runs(job)
        return run

    def problems(self) -> list[str]:
        """Hold every event against the schemas: ours always, OpenLineage's where they stand beside the project."""
        specification = SPECIFICATION if SPECIFICATION.is_dir() else None
        return [problem for event in self.events for problem in schema_problems(event, specification)]


@pytest.fixture(scope="session")
def prefect_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of every program: a Prefect server and home for this session, and nothing of the user's."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(OUR_VARIABLES)}
    home = tmp_path_factory.mktemp("prefect")
    environment = kept | {
        "PREFECT_HOME": str(home),
        # Prefect 3.5.0 keeps results below ~/.prefect whatever its home is.
        "PREFECT_LOCAL_STORAGE_PATH": str(home / "storage"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    with subprocess.Popen(
        [sys.executable, "-c", SERVER],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        assert url.startswith("http"), "the Prefect server did not start"
        yield environment | {"PREFECT_API_URL": url}
        server.communicate("")


@dataclass(frozen=True)
class Programs:
    """Runs programs in a folder of its own.

    Attributes:
        folder: where they run; the orchestrail home is in it.
        environment: what they get.
    """

    folder: Path
    environment: Mapping[str, str]

    def write(self, text: str, *, audited: bool = True) -> Path:
        """Write a program: `text` after the imports that all of them need."""
        path = self.folder / "program.py"
        path.write_text(HEAD.format(audited=WITH if audited else WITHOUT) + textwrap.dedent(text))
        return path

    def variables(self, **more: str) -> dict[str, str]:
        """Give a program's environment."""
        home = {"ORCHESTRAIL_HOME": str(self.folder / "home"), "PREFECT_LOGGING_LEVEL": "CRITICAL"}
        return {**self.environment, **home, **more}

    def __call__(self, text: str, *, audited: bool = True, expect: int | None = 0, **more: str) -> Outcome:
        """Run a program to its end; `audited=False` runs the same without us."""
        return self.execute(self.write(text, audited=audited), expect=expect, **more)

    def execute(self, path: Path, *, expect: int | None = 0, prefix: Sequence[str] = (), **more: str) -> Outcome:
        """Run a program that has been written, by way of the command `prefix`."""
        variables = self.variables(**more)
        done = subprocess.run(
            [*prefix, sys.executable, path.name],
            cwd=self.folder,
            env=variables,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert expect is None or done.returncode == expect, done.stderr
        swallowed = self.folder / "swallowed.txt"
        assert not swallowed.exists(), swallowed.read_text()
        # Prefect says on a slow machine what it still has to send when the process ends.
        said = "".join(line for line in done.stderr.splitlines(keepends=True) if "Still processing items" not in line)
        return Outcome(done.stdout, said, done.returncode, self.folder, Path(variables["ORCHESTRAIL_HOME"]))

    def begin(self, text: str, **more: str) -> subprocess.Popen[str]:
        """Start a program and do not wait for it."""
        path = self.write(text)
        return subprocess.Popen(
            [sys.executable, path.name],
            cwd=self.folder,
            env=self.variables(**more),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def orchestrail(self, *arguments: str) -> Any:
        """Run a command of ours on what programs in this folder have left, and give its document."""
        command = [str(Path(sys.executable).with_name("orchestrail")), *arguments, "--json"]
        done = subprocess.run(
            command, cwd=self.folder, env=self.variables(), capture_output=True, text=True, timeout=300
        )
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    def left(self) -> Outcome:
        """Give what programs in this folder have left so far."""
        return Outcome("", "", 0, self.folder, self.folder / "home")

    def wait_for(self, condition: Callable[[Outcome], Any], seconds: float = 300) -> Any:
        """Wait until a condition holds of what was left, and give what it gave."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = condition(self.left())
            if found:
                return found
            time.sleep(0.05)
        raise AssertionError("what was waited for did not happen")


@pytest.fixture
def program(tmp_path: Path, prefect_environment: dict[str, str]) -> Programs:
    """Run programs in this test's folder."""
    return Programs(tmp_path, prefect_environment)


@pytest.fixture(scope="module")
def shared_program(tmp_path_factory: pytest.TempPathFactory, prefect_environment: dict[str, str]) -> Programs:
    """Run programs in a folder that a module's tests share."""
    return Programs(tmp_path_factory.mktemp("module"), prefect_environment)


@pytest.fixture(autouse=True)
def _nothing_swallowed() -> Iterator[None]:
    """Raise what guard kept from the host in this process."""
    guard.swallowed.clear()
    yield
    kept = list(guard.swallowed)
    guard.swallowed.clear()
    assert kept == []
