"""Prefect's own records against the store, by the real server: `orchestrail reconcile prefect`."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from orchestrail.operations import open_record
from orchestrail.settings import load_settings
from orchestrail.testing import schema_problems

FLOWS = """
    from prefect.states import Cancelled

    tries = {"task": 0, "flow": 0}

    @task(retries=2)
    def flaky():
        tries["task"] += 1
        if tries["task"] < 3:
            raise ValueError("again")

    @task(persist_result=True, cache_key_fn=lambda context, arguments: "NAME")
    def stored():
        return {"a": 1}

    @task
    def fails():
        raise KeyError("boom")

    @task
    def uses(value):
        return 1

    @task(timeout_seconds=0.3)
    def slow():
        time.sleep(1)

    @flow(name="NAME-below")
    def below():
        uses(1)

    @audited
    @flow(name="NAME-main", retries=1)
    def main():
        tries["flow"] += 1
        flaky(), stored(), stored(), below()
        uses.submit(fails.submit()).wait()
        try:
            slow()
        except Exception:
            pass
        if tries["flow"] == 1:
            raise RuntimeError("again")
        return 1

    @audited
    @flow(name="NAME-cancelled")
    def cancelled():
        return Cancelled(message="no")

    @audited
    @flow(name="NAME-typed")
    def typed(number: int):
        pass

    @audited
    @flow(name="NAME-slow", timeout_seconds=0.5)
    def slow_flow():
        time.sleep(2)

    for one, arguments in ((main, ()), (cancelled, ()), (typed, ("x",)), (slow_flow, ())):
        try:
            one(*arguments)
        except Exception as error:
            print(type(error).__name__)
"""
PLAIN = """
    @flow(name="NAME-plain")
    def plain():
        pass

    plain()
"""
KILLED = """
    @task
    def before():
        pass

    @audited
    @flow(name="NAME-killed")
    def killed():
        before()
        os.kill(os.getpid(), 9)

    killed()
"""
CRASHED = """
    import httpx

    @audited
    @flow(name="NAME-crashed")
    def crashed():
        from prefect.context import FlowRunContext
        native = FlowRunContext.get().flow_run.id
        state = {"type": "CRASHED", "name": "Crashed", "message": "as a runner has it"}
        where = f"{os.environ['PREFECT_API_URL']}/flow_runs/{native}/set_state"
        httpx.post(where, json={"state": state, "force": True}).raise_for_status()
        os.kill(os.getpid(), 9)

    crashed()
"""


@dataclass
class Record:
    """The programs of one test, and the command on what they left."""

    program: Any
    name: str = field(default_factory=lambda: f"r{uuid4().hex[:8]}")

    def run(self, text: str, expect: int = 0, **more: str) -> None:
        """Run flows whose names begin with this test's own: the server is shared."""
        self.program(text.replace("NAME", self.name), expect=expect, **more)

    def command(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Type a command."""
        return subprocess.run(
            [Path(sys.executable).with_name("orchestrail"), *arguments],
            cwd=self.program.folder,
            env=self.program.variables() | more,
            capture_output=True,
            text=True,
            timeout=300,
        )

    def reconcile(self, *more: str) -> Any:
        """Compare at once; exit code and answer say the same."""
        done = self.command("reconcile", "prefect", "--json", "--settle", "0", *more)
        assert done.returncode in (0, 1), done.stderr
        answer = json.loads(done.stdout)
        assert done.returncode == bool(answer["missing"] or answer["surplus"] or answer["different"])
        return answer

    def until(self, condition: Callable[[Any], bool]) -> Any:
        """Compare until Prefect's server has written what it was sent."""
        deadline = time.monotonic() + 120
        while not condition(answer := self.reconcile("--job", f"{self.name}-*")):
            assert time.monotonic() < deadline, answer
            time.sleep(1)
        return answer


@pytest.fixture
def record(program: Any) -> Record:
    """A record of its own on the shared server."""
    return Record(program)


def alike(answer: Any) -> bool:
    """Say whether all attempts are on both sides, and told alike."""
    return not any(answer["counts"].values())


def test_every_attempt_of_every_shape_agrees(record: Record) -> None:
    """Tries of tasks and flows, cached, skipped, timed out, cancelled, refused, nested."""
    record.run(FLOWS)
    answer = record.until(alike)
    runs = json.loads(record.command("runs", "--all", "--json").stdout)["runs"]
    assert answer["attempts"] == {"orchestrator": len(runs), "record": len(runs), "agreed": len(runs)}
    assert len(runs) > 15
    assert {run["state"] for run in runs} == {"COMPLETE", "FAIL", "ABORT", "CACHED", "SKIPPED"}


def test_what_was_not_recorded_is_missing(record: Record) -> None:
    """Because recording was off, or the flow has no decorator; of that the reader is told."""
    record.run(FLOWS)
    record.until(alike)
    record.run(PLAIN)
    record.run("@audited\n@flow(name='NAME-cancelled')\ndef again():\n    pass\nagain()", ORCHESTRAIL_DISABLED="true")
    answer = record.until(lambda answer: len(answer["missing"]) == 2)
    reasons = {one["job"].rpartition("-")[2]: one["reason"] for one in answer["missing"]}
    assert reasons.keys() == {"plain", "cancelled"}
    assert reasons["cancelled"] is None
    assert "perhaps it is not recorded" in reasons["plain"]
    assert (answer["surplus"], answer["different"]) == ([], [])


def test_what_a_killed_process_did_not_tell_prefect_is_explained(record: Record) -> None:
    """Prefect has the flow run as running for ever, and may lack the task run that had ended."""
    record.run(KILLED, expect=-9)
    assert json.loads(record.command("sweep", "--json").stdout)["closed"]
    answer = record.reconcile("--job", f"{record.name}-*")
    (flow,) = answer["different"]
    assert (flow["orchestrator_state"], flow["recorded_state"]) == ("Running", "ABORT")
    assert "before it could tell" in flow["reason"]
    assert answer["counts"]["surplus"] == answer["counts"]["surplus_explained"]
    assert answer["missing"] == []


def test_a_run_that_prefect_alone_has_ended_is_closed(record: Record) -> None:
    """As Prefect has it, marked as concluded; once."""
    record.run(CRASHED, expect=-9)
    (closed,) = record.reconcile("--job", f"{record.name}-*")["closed"]
    (run,) = json.loads(record.command("runs", "--json").stdout)["runs"]
    assert (run["run_id"], run["state"], run["inferred"]) == (closed["run_id"], "ABORT", ["ended_at", "state"])
    assert run["ends"][0]["reason"] == "prefect has this attempt as Crashed"
    assert alike(record.reconcile("--job", f"{record.name}-*"))
    assert record.command("verify").returncode == 0


def test_the_result_is_on_the_record(record: Record) -> None:
    """As an event of our own, that fits its schema; what was there before the record is counted apart."""
    record.run(FLOWS, ORCHESTRAIL_DISABLED="true")
    time.sleep(1)
    record.run("@audited\n@flow(name='NAME-only')\ndef only():\n    pass\nonly()")
    answer = record.reconcile()
    assert answer["not_compared"]["runs_before_record"] > 0
    assert answer["missing"] == []
    store = open_record(load_settings(home=Path(record.program.variables()["ORCHESTRAIL_HOME"])))
    (stored,) = [json.loads(one.body or b"") for one in store.records() if one.seq == answer["sequence"]]
    assert schema_problems(stored) == []
    facet = stored["job"]["facets"]["orchestrail_reconciliation"]
    assert facet["attempts"] == answer["attempts"]
    assert facet["recordBegins"] == answer["record_begins"]
    assert stored["job"]["name"] == "orchestrail.reconcile.prefect"
    last = record.command("reconcile", "--last", "prefect", "--json", PREFECT_API_URL="http://127.0.0.1:9/api")
    assert json.loads(last.stdout) == answer


def test_a_server_that_does_not_answer_leaves_nothing_on_the_record(record: Record) -> None:
    """An error with what to do; the exit code is not that of a difference."""
    record.run("@audited\n@flow(name='NAME-only')\ndef only():\n    pass\nonly()")
    record.command("collect")
    store = open_record(load_settings(home=Path(record.program.variables()["ORCHESTRAIL_HOME"])))
    size = store.size()
    done = record.command("reconcile", "prefect", "--url", "http://user:planted-password@127.0.0.1:9/api")
    assert (done.returncode, done.stdout) == (4, "")
    assert "cannot be reached" in done.stderr
    assert "planted-password" not in done.stderr
    assert store.size() == size
