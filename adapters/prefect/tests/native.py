"""The kit's processes as Prefect flows and tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import prefect.settings
from prefect import flow, get_client, task
from prefect.context import FlowRunContext, TaskRunContext, get_run_context
from prefect.events.worker import EventsWorker
from prefect.flows import Flow
from prefect.states import Completed
from prefect.task_runners import ProcessPoolTaskRunner, ThreadPoolTaskRunner

import orchestrail
from orchestrail.testing import installing, workload

SEAMS = (Flow, FlowRunContext, TaskRunContext, EventsWorker)
before = installing.snapshot(*SEAMS)

if workload.is_recorded():
    from orchestrail_prefect import audited
else:

    def audited(function: Any) -> Any:
        """Leave the flow as it is."""
        return function


ADAPTER = "prefect"
KEY = uuid4().hex
"""Under which a result is kept: nothing that an earlier run left may be found."""
# Joining the heartbeat thread costs every flow a second; the environment cannot switch it off.
heartbeat = getattr(prefect.settings, "PREFECT_FLOWS_HEARTBEAT_FREQUENCY", None)
if heartbeat is not None:
    prefect.settings.temporary_settings({heartbeat: None}).__enter__()

produce, copy, fail, die = map(task, (workload.produce, workload.copy, workload.fail, workload.die))
square, connect, talk, wait = map(task, (workload.square, workload.connect, workload.talk, workload.wait))
sleep = task(timeout_seconds=1)(workload.sleep)
flaky = task(retries=2)(workload.flaky)


def process(function: Callable[..., Any]) -> Any:
    """Make a flow of a function, with its own name, which Prefect would write with dashes."""
    return flow(name=function.__name__)(function)


@audited
@process
def success() -> str:
    return copy(produce())


@audited
@process
def failure() -> None:
    fail()


@audited
@process
def retry() -> int:
    return flaky()


@audited
@process
def mapped() -> list[int]:
    return [future.result() for future in square.map([1, 2, 3])]


@audited
@process
def nested() -> str:
    return middle()


@process
def middle() -> str:
    return inner()


@task
def inner() -> str:
    return workload.touch()


@audited
@process
def cached() -> list[str]:
    kept = produce.with_options(persist_result=True, cache_key_fn=lambda _, __: KEY)
    return [kept(), kept()]


@audited
@process
def skipped() -> str:
    failed = fail.submit()
    return str(never.submit(wait_for=[failed]).wait())


@task
def never() -> str:
    return workload.touch()


@audited
@process
async def asynchronous() -> list[int]:
    return list(await asyncio.gather(*(wait(number, 3) for number in (1, 2, 3))))


@task
def work(number: int, together: int) -> int:
    return workload.work(number, together)


@audited
@flow(task_runner=ThreadPoolTaskRunner(max_workers=4))
def threads() -> list[int]:
    return [future.result() for future in [work.submit(number, 4) for number in (1, 2, 3, 4)]]


@audited
@flow(task_runner=ProcessPoolTaskRunner(max_workers=2))
def processes() -> list[int]:
    return [future.result() for future in [work.submit(number, 2) for number in (1, 2)]]


@audited
@process
def cancelled() -> None:
    stop()


@task
def stop() -> None:
    workload.interrupt()


@audited
@process
def timed_out() -> None:
    sleep()


@audited
@process
def changed_by_hand() -> str:
    failed = fails(return_state=True)
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(failed.state_details.flow_run_id, Completed(message="by hand"), force=True)
    return "changed"


@flow(name="fail")
def fails() -> None:
    workload.fail()


@audited
@process
def killed() -> None:
    die()


@audited
@process
def secrets() -> None:
    connect(**workload.SECRETS)


@audited
@process
def requirement() -> str:
    return impute()


@task
@orchestrail.preprocessing("impute")
def impute() -> str:
    return workload.touch()


@audited
@audited
@process
def installed_twice() -> str:
    installing.install_again(ADAPTER)
    return copy(produce())


@audited
@process
def uninstalled() -> tuple[str, list[str]]:
    name = produce()
    installing.uninstall(ADAPTER)
    return copy(name), installing.changes(before, *SEAMS)


@audited
@process
def unchanged() -> bool:
    for function in (talk, unchanged, wait, asynchronous):
        print(workload.describe(function))
    value = object()
    return talk(value) is value and get_run_context().flow is unchanged


if __name__ == "__main__":
    workload.main(globals())
