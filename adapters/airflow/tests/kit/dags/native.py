"""The kit's processes as DAGs: each function is a DAG of its name, its steps are tasks or marked functions called in a task.

Airflow finds the file as one of DAGs; run as a program it does what `airflow dags test` does.
"""

from __future__ import annotations

import asyncio
import contextvars
import multiprocessing
import sys
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import dag, task

import orchestrail
from orchestrail.testing import installing, workload

ADAPTER = "airflow"
AT_ONCE = timedelta(seconds=0)

produce, copy, fail, square, connect = map(
    task, (workload.produce, workload.copy, workload.fail, workload.square, workload.connect)
)


def process(function: Any) -> Any:
    """Make a DAG of a function that puts tasks together."""
    return dag(dag_id=function.__name__, schedule=None)(function)()


@process
def success():
    copy(produce())


@process
def failure():
    fail()


@process
def retry():
    task(retries=2, retry_delay=AT_ONCE)(workload.flaky)()


@process
def mapped():
    square.expand(number=[1, 2, 3])


@orchestrail.step(role="other")
def inner() -> str:
    return workload.touch()


@process
def nested():
    @task
    def middle():
        return inner()

    middle()


@process
def skipped():
    @task.short_circuit
    def decide():
        return False

    @task
    def never():
        workload.touch()

    decide() >> never()


@orchestrail.step(role="other")
async def wait(number: int, together: int) -> int:
    return await workload.wait(number, together)


@orchestrail.step(role="other")
def work(number: int, together: int) -> int:
    return workload.work(number, together)


@process
def asynchronous():
    @task
    def gather():
        async def all_of_them() -> list[int]:
            return list(await asyncio.gather(*(wait(number, 3) for number in (1, 2, 3))))

        return asyncio.run(all_of_them())

    gather()


@process
def threads():
    @task
    def pool():
        with ThreadPoolExecutor(4) as threads:
            futures = [threads.submit(contextvars.copy_context().run, work, number, 4) for number in (1, 2, 3, 4)]
            return _results(futures)

    pool()


@process
def processes():
    @task
    def pool():
        with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as processes:
            return _results([processes.submit(work, number, 2) for number in (1, 2)])

    pool()


def _results(futures: list[Future[int]]) -> list[int]:
    return [future.result() for future in futures]


@process
def cancelled():
    @task
    def stop():
        workload.interrupt()

    stop()


@process
def timed_out():
    task(execution_timeout=timedelta(seconds=1))(workload.sleep)()


@process
def changed_by_hand():
    fail()


@process
def killed():
    task(workload.die)()


@process
def secrets():
    connect(**workload.SECRETS)


@process
def requirement():
    @task
    @orchestrail.preprocessing("impute")
    def impute():
        return workload.touch()

    impute()


@process
def installed_twice():
    @task(task_id="produce")
    def install_and_produce():
        installing.install_again(ADAPTER)
        return workload.produce()

    copy(install_and_produce())


@process
def uninstalled():
    @task
    def uninstall():
        installing.uninstall(ADAPTER)

    produced = produce()
    removed = uninstall()
    produced >> removed >> copy(produced)


@process
def unchanged():
    @task
    def talk():
        for function in (workload.talk, inner, wait):
            print(workload.describe(function))
        value = object()
        return workload.talk(value) is value

    talk()


def _change_by_hand(dag_run: Any) -> None:
    """Do what a person does on Airflow's pages: send the request that marks the failed task, to Airflow's own application."""
    from airflow.api_fastapi.app import create_app
    from fastapi.testclient import TestClient

    with TestClient(create_app(apps="core"), base_url="http://testserver") as client:
        token = client.get("/auth/token").json()["access_token"]
        answer = client.patch(
            f"/api/v2/dags/{dag_run.dag_id}/dagRuns/{dag_run.run_id}/taskInstances/fail",
            headers={"Authorization": f"Bearer {token}"},
            json={"new_state": "success", "note": "looked at it"},
        )
        answer.raise_for_status()


if __name__ == "__main__":
    name = sys.argv[1]
    if not hasattr(globals().get(name), "test"):
        sys.exit(f"This program has no process {name}.")
    dag_run = globals()[name].test()
    if name == "changed_by_hand":
        _change_by_hand(dag_run)
    print(f"{name} came to {dag_run.state}", flush=True)
    sys.exit(0 if dag_run.state == "success" else 1)
