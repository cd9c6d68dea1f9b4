"""`flow.serve()`: a runner starts each run in a process of its own, ends what dies or is cancelled, and calls hooks by keyword."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

PROGRAM = """
    import signal

    @task
    def waits():
        Path("waiting.txt").write_text("x")
        time.sleep(600)

    @audited(system="served")
    @flow(name="served")
    def served(how: str = "quick"):
        if how == "waits":
            waits()
        if how == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        Path(f"{how}.txt").write_text("x")

    if __name__ == "__main__":
        served.serve(name="test")
"""


class Server:
    """Prefect's API, as a person or another program uses it."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=60)

    def post(self, path: str, body: Any) -> Any:
        """Send a request and give the answer; again while the server says that it is busy, as Prefect's own client does."""
        answer = self._client.post(path, json=body)
        while answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            time.sleep(0.5)
            answer = self._client.post(path, json=body)
        answer.raise_for_status()
        return answer.json()

    def deployment(self, flow: str) -> str | None:
        """Give the id of a flow's deployment, once there is one."""
        found = self.post("/deployments/filter", {"flows": {"name": {"any_": [flow]}}})
        return found[0]["id"] if found else None

    def run(self, deployment: str, **parameters: Any) -> str:
        """Have a deployment run, and give the id of the flow run."""
        body = {"state": {"type": "SCHEDULED"}, "parameters": parameters}
        return str(self.post(f"/deployments/{deployment}/create_flow_run", body)["id"])

    def cancel(self, native: str) -> None:
        """Do what the button and the command line do."""
        self.post(f"/flow_runs/{native}/set_state", {"state": {"type": "CANCELLING", "name": "Cancelling"}})

    def state(self, native: str) -> str:
        """Give the name of a flow run's state."""
        answer = self._client.get(f"/flow_runs/{native}")
        return str(answer.json()["state"]["name"])


@pytest.fixture(scope="module")
def served(shared_program: Any) -> tuple[Any, dict[str, str]]:
    """What a serving process and its runs left: one that completed, one that was cancelled, one that was killed."""
    server = Server(shared_program.environment["PREFECT_API_URL"])
    process = shared_program.begin(PROGRAM, PREFECT_RUNNER_POLL_FREQUENCY="1", PREFECT_RUNNER_HEARTBEAT_FREQUENCY="30")
    natives: dict[str, str] = {}

    def wait_for(condition: Callable[[], Any]) -> Any:
        assert process.poll() is None, process.communicate()
        return shared_program.wait_for(lambda left: condition())

    try:
        deployment = wait_for(lambda: server.deployment("served"))
        for how in ("quick", "waits", "dies"):
            natives[how] = server.run(deployment, how=how)
        wait_for(lambda: (shared_program.folder / "waiting.txt").exists())
        server.cancel(natives["waits"])
        expected = {"quick": "Completed", "waits": "Cancelled", "dies": "Crashed"}
        wait_for(lambda: all(server.state(natives[how]) == name for how, name in expected.items()))
        shared_program.wait_for(
            lambda left: all(run.types[-1] != "START" for run in left.runs("served")) and len(left.runs("served")) == 3
        )
    finally:
        process.terminate()
        natives["runner"] = str(process.pid)
        process.communicate(timeout=120)
    return shared_program.left(), natives


def run_of(served: tuple[Any, dict[str, str]], how: str) -> Any:
    """Give the run of one of the flow runs."""
    outcome, natives = served
    (run,) = (run for run in outcome.runs("served") if run.said["nativeId"] == natives[how])
    return run


def test_a_served_run_is_recorded_in_its_own_process(served: Any) -> None:
    """By the flow that its entrypoint gave."""
    run = run_of(served, "quick")
    assert run.types == ["START", "COMPLETE"]
    assert (run.said["trigger"], run.said["system"]) == ("deployment", "served")
    assert str(run.said["owner"]["pid"]) != served[1]["runner"]
    assert run.files("outputs").keys() == {"quick.txt"}


def test_a_cancelled_run_is_aborted(served: Any) -> None:
    """Through the API; its task run too; once each."""
    run = run_of(served, "waits")
    assert run.types == ["START", "ABORT"]
    (task,) = (task for task in served[0].runs("served.waits") if task.parent == run.id)
    assert task.types == ["START", "ABORT"]


def test_the_runner_ends_what_was_killed(served: Any) -> None:
    """The start is of the process that ran, the end of the runner's."""
    run = run_of(served, "dies")
    assert run.types == ["START", "ABORT"]
    started, ended = (event["run"]["facets"]["orchestrail_run"]["owner"]["pid"] for event in run.events)
    assert (str(ended), started != ended) == (served[1]["runner"], True)
    assert "-9" in run.error


def test_it_fits_the_schemas(served: Any) -> None:
    """Ours, and OpenLineage's where they stand beside the project."""
    assert served[0].problems() == []
    assert not (served[0].folder / "swallowed.txt").exists()
