"""What becomes of Prefect's states between a flow and the command line: killed, tried again, cached, skipped, nested."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PROGRAM = """
import os, time
from pathlib import Path
from prefect import flow, task
from orchestrail_prefect import audited

@task(retries=1)
def flaky():
    if not Path("tried.txt").exists():
        Path("tried.txt").write_text("x")
        raise ValueError("first try")

@task(persist_result=True, cache_key_fn=lambda context, arguments: "same")
def stored():
    Path("stored.txt").write_text("x")
    return {"at": "stored.txt"}

@task
def uses(found):
    return Path(found["at"]).read_text()

@task
def fails():
    raise KeyError("boom")

@flow(name="below")
def below():
    uses(stored())

@audited(system="states")
@flow(name="states")
def states():
    flaky()
    found = stored()
    uses(found)
    below()
    failed = fails.submit()
    uses.submit(failed).wait()
    return "the end"

@task
def hangs():
    Path("written.txt").write_text("x")
    time.sleep(600)

@audited
@flow(name="killed")
def killed():
    hangs()

print(states())
killed()
"""


@dataclass(frozen=True)
class Record:
    """A record and the command line on it."""

    folder: Path
    environment: dict[str, str]

    def json(self, *arguments: str) -> Any:
        """Run `orchestrail ... --json` and give the document that it prints."""
        done = subprocess.run(
            [Path(sys.executable).with_name("orchestrail"), *arguments, "--json"],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def runs(self) -> dict[str, list[dict[str, Any]]]:
        """Give all runs by job, oldest first."""
        found: dict[str, list[dict[str, Any]]] = {}
        for run in sorted(self.json("runs", "--all")["runs"], key=lambda run: run["started_at"] or ""):
            found.setdefault(run["job"]["name"], []).append(run)
        return found


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Record]:
    """Run the program and kill it while its last task runs."""
    folder = tmp_path_factory.mktemp("states")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("ORCHESTRAIL_", "OPENLINEAGE_", "PREFECT_"))}
    environment = kept | {
        "ORCHESTRAIL_HOME": str(folder / "home"),
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_LOGGING_LEVEL": "CRITICAL",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "300",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    (folder / "program.py").write_text(PROGRAM)
    # In a session of its own: the server that Prefect starts outlives a killed process and goes with the session.
    process = subprocess.Popen(
        [sys.executable, "program.py"], cwd=folder, env=environment, start_new_session=True, stderr=subprocess.PIPE
    )
    try:
        end = time.monotonic() + 600
        while not (folder / "written.txt").exists():
            assert process.poll() is None, process.stderr.read() if process.stderr else ""
            assert time.monotonic() < end
            time.sleep(0.1)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        yield Record(folder, environment)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture(scope="module")
def swept(states: Record) -> Any:
    """What `sweep` says, after what was there before."""
    before = {name: [run["state"] for run in runs] for name, runs in states.runs().items()}
    return {"before": before, "sweep": states.json("sweep"), "after": states.runs()}


def test_a_killed_run_is_closed_by_sweep(swept: Any) -> None:
    """Open until then; afterwards aborted, and the record says that this was concluded."""
    assert (swept["before"]["killed"], swept["before"]["killed.hangs"]) == (["RUNNING"], ["RUNNING"])
    assert {run["job"]["name"] for run in swept["sweep"]["closed"]} == {"killed", "killed.hangs"}
    for job in ("killed", "killed.hangs"):
        (run,) = swept["after"][job]
        assert (run["state"], set(run["inferred"])) == ("ABORT", {"state", "ended_at"})


def test_what_ended_by_itself_stays(swept: Any) -> None:
    """Reported states are reported ones."""
    runs = swept["after"]
    own = {name: sorted(run["state"] for run in runs[name]) for name in runs if not name.startswith("killed")}
    assert own == {
        "states": ["COMPLETE"],
        "states.flaky": ["COMPLETE", "FAIL"],
        "states.stored": ["COMPLETE"],
        "states.uses": ["COMPLETE", "SKIPPED"],
        "states.fails": ["FAIL"],
        "below": ["COMPLETE"],
        "below.stored": ["CACHED"],
        "below.uses": ["COMPLETE"],
    }
    inferred = {name: field for name in own for run in runs[name] for field in run["inferred"]}
    assert inferred == {"below.stored": "outputs"}  # those of the run that computed
    assert [run["attempt"] for run in runs["states.flaky"]] == [1, 2]
    assert runs["states.fails"][0]["error"] == "KeyError: 'boom'"
    assert runs["below.stored"][0]["cached_from"] == runs["states.stored"][0]["run_id"]


def test_the_tree_and_its_edges(states: Record, swept: Any) -> None:
    """`show` gives the whole run: parents, what waited for what, what was taken from a cache."""
    runs = swept["after"]
    (root,) = runs["states"]
    shown = states.json("show", root["run_id"])
    edges = {(edge["kind"], edge["from"], edge["to"]) for edge in shown["edges"]}
    below, fails = runs["below"][0], runs["states.fails"][0]
    skipped = next(run for run in runs["states.uses"] if run["state"] == "SKIPPED")
    assert {run["root_run_id"] for run in shown["runs"]} == {root["run_id"]}
    assert below["parent_run_id"] == root["run_id"]
    assert runs["below.uses"][0]["parent_run_id"] == below["run_id"]
    kinds = {kind for kind, _, _ in edges}
    assert kinds >= {"parent", "after", "read", "wrote", "cached_from"}
    assert any(kind == "after" and {one, other} == {fails["run_id"], skipped["run_id"]} for kind, one, other in edges)


def test_the_record_is_sound(states: Record, swept: Any) -> None:
    """The log verifies, and nothing of it was refused."""
    assert states.json("verify")["ok"] is True
    assert states.json("doctor")["problems"] == []
