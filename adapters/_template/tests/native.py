"""The kit's processes as native tasks of newhost. Each lacking one is a gap that `plugin.py` declares."""

from __future__ import annotations

import contextvars
import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import orchestrail
from orchestrail.testing import installing, workload
from orchestrail_newhost import stand_in
from orchestrail_newhost.stand_in import Task

ADAPTER = "newhost"
before = installing.snapshot(stand_in)

if workload.is_recorded():
    import orchestrail_newhost

    orchestrail_newhost.install()

produce, copy, fail, die = map(Task, (workload.produce, workload.copy, workload.fail, workload.die))
square, connect, talk, inner = map(Task, (workload.square, workload.connect, workload.talk, workload.touch))
inner.name = "inner"


@Task
def success() -> str:
    return copy(produce())


@Task
def failure() -> None:
    fail()


@Task
def mapped() -> list[int]:
    return [square(number) for number in (1, 2, 3)]


@Task
def nested() -> str:
    return middle()


@Task
def middle() -> str:
    return inner()


def at_work(number: int, together: int) -> int:
    return work(number, together)


@Task
def work(number: int, together: int) -> int:
    return workload.work(number, together)


@Task
def threads() -> list[int]:
    with ThreadPoolExecutor(4) as pool:
        # A thread of a bare pool has a context of its own; a host that has threads carries it over, or its adapter does.
        futures = [pool.submit(contextvars.copy_context().run, at_work, number, 4) for number in (1, 2, 3, 4)]
        return [future.result() for future in futures]


@Task
def processes() -> list[int]:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as pool:
        return [future.result() for future in [pool.submit(at_work, number, 2) for number in (1, 2)]]


@Task
def cancelled() -> None:
    stop()


@Task
def stop() -> None:
    workload.interrupt()


@Task
def killed() -> None:
    die()


@Task
def secrets() -> None:
    connect(**workload.SECRETS)


@Task
@orchestrail.preprocessing("impute")
def impute() -> str:
    return workload.touch()


@Task
def requirement() -> str:
    return impute()


@Task
def installed_twice() -> str:
    installing.install_again(ADAPTER)
    return copy(produce())


@Task
def uninstalled() -> tuple[str, list[str]]:
    name = produce()
    installing.uninstall(ADAPTER)
    return copy(name), installing.changes(before, stand_in)


@Task
def unchanged() -> bool:
    print(workload.describe(talk))
    value = object()
    return talk(value) is value


if __name__ == "__main__":
    workload.main(globals())
