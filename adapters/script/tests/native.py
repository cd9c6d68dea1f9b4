"""The kit's processes in plain Python: what an orchestrator calls a task is a decorated function here."""

from __future__ import annotations

import asyncio
import contextvars
import multiprocessing
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import orchestrail
from orchestrail.testing import installing, workload

if workload.is_recorded():
    from orchestrail_script import audited
else:

    def audited(function: Any) -> Any:
        """Leave the function as it is."""
        return function


ADAPTER = "script"
produce, copy, fail, sleep, die = map(
    audited, (workload.produce, workload.copy, workload.fail, workload.sleep, workload.die)
)
square, connect, talk = map(audited, (workload.square, workload.connect, workload.talk))
wait = audited(workload.wait)


@audited
def work(number: int, together: int) -> int:
    return workload.work(number, together)


@audited
def success() -> str:
    return copy(produce())


@audited
def failure() -> None:
    fail()


@audited
def mapped() -> list[int]:
    return [square(number) for number in (1, 2, 3)]


@audited
def nested() -> str:
    return middle()


@audited
def middle() -> str:
    return inner()


@orchestrail.step(role="other")
def inner() -> str:
    return workload.touch()


@audited
async def asynchronous() -> list[int]:
    return list(await asyncio.gather(*(wait(number, 3) for number in (1, 2, 3))))


@audited
def threads() -> list[int]:
    with ThreadPoolExecutor(4) as pool:
        # A thread of a bare pool has a context of its own; what carries it over is Python's own means.
        futures = [pool.submit(contextvars.copy_context().run, work, number, 4) for number in (1, 2, 3, 4)]
        return _results(futures)


@audited
def processes() -> list[int]:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as pool:
        return _results([pool.submit(work, number, 2) for number in (1, 2)])


def _results(futures: list[Future[int]]) -> list[int]:
    return [future.result() for future in futures]


@audited
def cancelled() -> None:
    stop()


@audited
def stop() -> None:
    workload.interrupt()


@audited
def killed() -> None:
    die()


@audited
def secrets() -> None:
    connect(**workload.SECRETS)


@orchestrail.preprocessing("impute")
def impute() -> str:
    return workload.touch()


@audited
def requirement() -> str:
    return impute()


@audited
@audited
def installed_twice() -> str:
    installing.install_again(ADAPTER)
    return copy(audited(produce)())


@audited
def uninstalled() -> str:
    name = produce()
    installing.uninstall(ADAPTER)
    return copy(name)


@audited
def unchanged() -> bool:
    for function in (talk, unchanged, wait):
        print(workload.describe(function))
    value = object()
    return talk(value) is value


if __name__ == "__main__":
    workload.main(globals())
