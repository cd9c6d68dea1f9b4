"""What crosses a process: killed runs, deployments' runs with their carrier, runs that a runner ends, runs that are suspended."""

from __future__ import annotations

import os
import signal
from typing import Any
from uuid import uuid4

import prefect
import pytest

from orchestrail.run_id import attempt_run_id
from orchestrail.versions import within

PARENT, ROOT = "01a20924-5340-7ee2-9a16-f08ce2ea956f", "01a20924-5340-7ee2-9a16-f08ce2ea0000"

HANGING = """
    @task
    def hangs():
        Path("running.txt").write_text("x")
        time.sleep(600)

    @audited
    @flow(name="killed")
    def killed():
        hangs()

    killed()
"""


def test_a_killed_process_leaves_its_starts(program: Any) -> None:
    """Flow and task run are on disk before the task's body runs; no end is made up."""
    process = program.begin(HANGING)
    program.wait_for(lambda left: (left.folder / "running.txt").exists())
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    left = program.left()
    assert {run.job: run.types for run in left.runs()} == {"killed": ["START"], "killed.hangs": ["START"]}
    assert {run.said["owner"]["pid"] for run in left.runs()} == {process.pid}
    assert left.problems() == []
    assert closed_by_sweep(program) == {"killed", "killed.hangs"}


KILLED_BEFORE = """
    def falls(task, task_run, state):
        os.kill(os.getpid(), 9)

    @task
    def gives():
        return 7

    @task(on_running=[falls])
    def takes(number):
        Path("running.txt").write_text("x")

    @audited
    @flow(name="killed")
    def killed():
        takes(gives.submit())

    killed()
"""


def test_what_prefect_says_is_running_is_on_the_record(program: Any) -> None:
    """It is before Prefect tells anybody, and so where the process falls before the body begins; with the values of its futures."""
    process = program.begin(KILLED_BEFORE)
    process.communicate()
    left = program.left()
    assert process.returncode == -signal.SIGKILL
    assert not (left.folder / "running.txt").exists()
    assert {run.job: run.types for run in left.runs()} == {
        "killed": ["START"],
        "killed.gives": ["START", "COMPLETE"],
        "killed.takes": ["START"],
    }
    (takes,) = left.runs("killed.takes")
    assert takes.parameters == {"number": 7}


def closed_by_sweep(program: Any) -> set[str]:
    """Sweep, and name the jobs whose runs were closed: as ABORT, marked as concluded."""
    swept = program.orchestrail("sweep")["closed"]
    assert {(run["state"], "state" in run["inferred"]) for run in swept} <= {("ABORT", True)}
    return {run["job"]["name"] for run in swept}


CACHED = """
    @task(persist_result=True, cache_key_fn=lambda context, arguments: os.environ["KEY"])
    def prepares():
        Path("prepared.txt").write_text("x")

    @audited
    @flow(name="twice")
    def twice():
        prepares()

    twice()
"""


def test_a_result_of_another_process_leads_to_who_computed_it(program: Any) -> None:
    """Its adapter cannot tell; the record can, with what that run wrote, and says that it was concluded."""
    key = str(uuid4())  # results of other sessions may be kept where this one's are
    program(CACHED, KEY=key)
    program(CACHED, KEY=key)
    computed, cached = program.left().runs("twice.prepares")
    assert (cached.said["state"], cached.said["cachedFrom"]) == ("CACHED", None)
    run = next(run for run in program.orchestrail("show", cached.id)["runs"] if run["run_id"] == cached.id)
    assert (run["state"], run["cached_from"], run["inferred"]) == ("CACHED", computed.id, ["cached_from", "outputs"])
    assert [dataset["name"].rpartition("/")[2] for dataset in run["outputs"]] == ["prepared.txt"]


TERMINATED = HANGING.replace("killed", "terminated")
FLOWS_OF_SIGTERM = within(prefect.__version__, ">=3.8.4")
"""Whether Prefect tells of the flow run whose process a SIGTERM ends; before, its handler kills the process first."""


def test_a_terminated_process_aborts_its_runs(program: Any) -> None:
    """SIGTERM is told to the engine, and by it to us; what an earlier Prefect does not tell of the flow run is concluded."""
    process = program.begin(TERMINATED)
    program.wait_for(lambda left: (left.folder / "running.txt").exists())
    process.terminate()
    process.communicate(timeout=120)
    assert {run.job: run.types for run in program.left().runs()} == {
        "terminated": ["START", "ABORT"] if FLOWS_OF_SIGTERM else ["START"],
        "terminated.hangs": ["START", "ABORT"],
    }
    assert closed_by_sweep(program) == (set() if FLOWS_OF_SIGTERM else {"terminated"})


STOPPED = """
    from prefect.client.orchestration import get_client
    from prefect.context import FlowRunContext

    client = get_client(sync_client=True)

    @audited
    @flow(name="stopped")
    def stopped(kind):
        native = FlowRunContext.get().flow_run.id
        client._client.post(f"/flow_runs/{native}/set_state", json={"state": {"type": kind, "name": kind.title()}})
        Path(f"{kind}.txt").write_text("x")

    for kind in ("CANCELLING", "CANCELLED"):
        print(kind, stopped(kind, return_state=True).type.value)
"""


def test_a_run_that_somebody_cancels_ends_as_prefect_says(program: Any) -> None:
    """Through the API, of a program that nothing interrupts: aborted, unless Prefect lets it complete all the same."""
    outcome = program(STOPPED)
    said = dict(line.split() for line in outcome.stdout.splitlines())
    assert said["CANCELLING"] == "CANCELLING"
    for run in outcome.runs("stopped"):
        kind = run.parameters["kind"]
        assert run.types == ["START", "COMPLETE" if said[kind] == "COMPLETED" else "ABORT"]
        assert run.files("outputs").keys() == {f"{kind}.txt"}


DEPLOYED = """
    from uuid import UUID
    from prefect.client.orchestration import get_client
    from prefect.flow_engine import run_flow
    from prefect.flow_runs import suspend_flow_run
    from prefect.states import Crashed

    @task
    def one(x):
        Path(f"one{x}.txt").write_text("x")

    @audited(system="deployed")
    @flow(name="deployed")
    def deployed(x: int = 1):
        one(x)

    @audited
    @flow(name="suspended")
    def suspended():
        Path("before.txt").write_text("x")
        if len(list(Path().glob("gone_*"))) == 0:
            Path("gone_on").write_text("x")
            suspend_flow_run(timeout=600)
        Path("behind.txt").write_text("x")

    @audited
    @flow(name="bare")
    def bare():
        pass

    client = get_client(sync_client=True)

    def deploy(run, **more):
        found = client._client.post("/flows/", json={"name": run.name}).json()["id"]
        made = client._client.post("/deployments/", json={"name": "test", "flow_id": found}).json()["id"]
        body = {"state": {"type": "SCHEDULED"}, **more}
        return client._client.post(f"/deployments/{made}/create_flow_run", json=body).json()["id"]

    def execute(run, native):
        try:
            return run_flow(run, flow_run=client.read_flow_run(UUID(native)))
        except BaseException as error:
            print(type(error).__name__)

    bare()
    execute(deployed, deploy(deployed, tags=["mine"]))
    tags = ["mine", "openlineage.parent=airflow/prod/etl.load/PARENT", "openlineage.root=airflow/prod/etl/ROOT"]
    execute(deployed, deploy(deployed, tags=tags))

    native = deploy(suspended)
    execute(suspended, native)
    print(client._client.post(f"/flow_runs/{native}/resume", json={}).json()["status"])
    execute(suspended, native)

    # As a runner does it: by keyword, with a copy of the flow run, in another process than the run's.
    for begun in (0, 1, 2):
        native = deploy(deployed)
        for time_begun in range(begun):
            for state in ({"type": "RUNNING"}, {"type": "SCHEDULED", "name": "AwaitingRetry"}):
                client._client.post(f"/flow_runs/{native}/set_state", json={"state": state, "force": True})
        flow_run = client.read_flow_run(UUID(native))
        for hook in deployed.on_crashed_hooks:
            hook(flow=deployed, flow_run=flow_run, state=Crashed(message=f"runner saw it after {begun}"))
"""


@pytest.fixture(scope="module")
def deployed(shared_program: Any) -> Any:
    """What the program left."""
    text = DEPLOYED.replace("PARENT", PARENT).replace("ROOT", ROOT)
    return shared_program(text, OPENLINEAGE_PARENT_ID=f"shell/make.all/{ROOT[:-4]}ffff")


def test_a_bare_run_takes_its_parent_from_the_environment(deployed: Any) -> None:
    """It is the child of what started its process."""
    assert deployed.run("bare").parent == f"{ROOT[:-4]}ffff"


def test_a_deployments_run_takes_its_parent_from_its_tags_alone(deployed: Any) -> None:
    """Not from the environment of the process that serves it; the tags that say so are no tags of the run."""
    without, with_tags = deployed.runs("deployed")[:2]
    assert without.parent is None
    assert (with_tags.parent, with_tags.root) == (PARENT, ROOT)
    assert with_tags.start["parent"]["job"] == {"namespace": "airflow/prod", "name": "etl.load"}
    assert [tag["key"] for tag in with_tags.start["tags"]["tags"]] == ["mine"]
    for run in (without, with_tags):
        assert run.said["trigger"] == "deployment"
        assert run.said["deploymentId"]
        (task,) = (task for task in deployed.runs("deployed.one") if task.parent == run.id)
        assert task.root == run.root
        assert task.files("outputs").keys() == {"one1.txt"}


def test_a_suspended_run_goes_on_as_the_same_run(deployed: Any) -> None:
    """RUNNING with what it had written, RUNNING when it goes on, one end."""
    run = deployed.run("suspended")
    assert run.types == ["START", "RUNNING", "RUNNING", "COMPLETE"]
    assert run.said["attempt"] == 1
    written = [name for event in run.events for name in (one["name"].rpartition("/")[2] for one in event["outputs"])]
    assert written == ["before.txt", "gone_on", "before.txt", "behind.txt"]


def test_a_runner_ends_the_attempt_that_it_knows_of(deployed: Any) -> None:
    """The end alone: the start is that of the process that ran."""
    ended = {run.error: run for run in deployed.runs("deployed") if run.types == ["ABORT"]}
    before, once, twice = (ended[f"runner saw it after {begun}"] for begun in (0, 1, 2))
    assert [run.said["attempt"] for run in (before, once, twice)] == [1, 1, 2]
    for run in (before, once):
        assert run.id == run.said["nativeId"]
    assert twice.id == attempt_run_id(twice.said["nativeId"], 2)


def test_all_of_it_fits_the_schemas(deployed: Any) -> None:
    """Ours, and OpenLineage's where they stand beside the project."""
    assert deployed.problems() == []
