"""Many at once: coroutines, threads, processes. Each file stands with the run that opened it, and no run is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

PROGRAM = """
    import threading
    from prefect.task_runners import ProcessPoolTaskRunner, ThreadPoolTaskRunner

    COUNT = 8

    @task
    async def waits(i):
        with open(f"in{i}.txt") as source:
            await asyncio.sleep(0.02 * (i % 3))
            with open(f"async{i}.txt", "w") as target:
                target.write(source.read())
                await asyncio.sleep(0.01)
        return i

    @task
    def reads(i):
        text = Path(f"in{i}.txt").read_text()
        time.sleep(0.01 * (i % 3))
        Path(f"thread{i}.txt").write_text(text)
        return i

    @flow(name="inner")
    async def inner(i: int):
        Path(f"inner{i}a.txt").write_text("x")
        await waits(i)
        Path(f"inner{i}b.txt").write_text("x")

    @audited
    @flow(name="gather")
    async def gather():
        await asyncio.gather(*(waits(i) for i in range(COUNT)))
        await asyncio.gather(*(inner(i) for i in range(3)))
        Path("gather.txt").write_text("x")

    @audited
    @flow(name="mapped", task_runner=ThreadPoolTaskRunner(max_workers=4))
    def mapped():
        reads.map(list(range(COUNT))).wait()
        for future in [waits.submit(i) for i in range(COUNT)]:
            future.wait()
        Path("mapped.txt").write_text("x")

    @audited
    @flow(name="beside")
    def beside(i: int):
        reads(i)
        Path(f"beside{i}.txt").write_text("x")

    @task
    def produces(n):
        for i in range(n):
            Path(f"produced{i}.txt").write_text("x")
            yield i

    @audited
    @flow(name="stream")
    def stream():
        Path("streamed.txt").write_text(str(list(produces(3))))

    @task
    async def produces_slowly(n):
        for i in range(n):
            Path(f"slow{i}.txt").write_text("x")
            await asyncio.sleep(0.01)
            yield i

    @audited
    @flow(name="stream-slowly")
    async def stream_slowly():
        Path("streamed_slowly.txt").write_text(str([i async for i in produces_slowly(3)]))

    @audited
    @flow(name="generator")
    def generator(n: int):
        for i in range(n):
            Path(f"generated{i}.txt").write_text("x")
            yield reads(i)

    @audited
    @flow(name="async-generator")
    async def async_generator(n: int):
        for i in range(n):
            Path(f"agenerated{i}.txt").write_text("x")
            yield await waits(i)

    async def use_up(items):
        return [i async for i in items]

    @task
    def forks():
        child = os.fork()
        if not child:
            try:
                Path("child.txt").write_text("x")
                reads(0)
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        Path("parent.txt").write_text("x")

    @audited
    @flow(name="forking")
    def forking():
        forks()

    begun = threading.Event()

    @task
    def late():
        begun.set()
        time.sleep(0.5)
        Path("late.txt").write_text("x")

    @audited
    @flow(name="left")
    def left():
        late.submit()
        begun.wait(120)  # what has not begun by the flow's end never does
        raise ValueError("does not wait")

    @task
    def elsewhere(i):
        Path(f"process{i}.txt").write_text("x")
        return os.getpid()

    @audited(system="pool")
    @flow(name="pool", task_runner=ProcessPoolTaskRunner(max_workers=2))
    def pool():
        return [elsewhere.submit(i).result() for i in range(2)]

    if __name__ == "__main__":
        for i in range(COUNT):
            Path(f"in{i}.txt").write_text(f"text {i}")
        asyncio.run(gather())
        mapped()
        threads = [threading.Thread(target=beside, args=(i,)) for i in range(3)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        stream()
        asyncio.run(stream_slowly())
        assert list(generator(2)) == [0, 1]
        assert asyncio.run(use_up(async_generator(2))) == [0, 1]
        for i in generator(3):
            break
        del i
        forking()
        try:
            left()
        except ValueError:
            time.sleep(1)
        print(os.getpid() in pool(), orchestrail.current_run())
"""


@pytest.fixture(scope="module")
def many(shared_program: Any) -> Any:
    """What the program left."""
    return shared_program(PROGRAM)


def names(run: Any, direction: str = "outputs") -> set[str]:
    return set(run.files(direction))


def test_all_runs_are_whole(many: Any) -> None:
    """A start and an end each, in the process that ran it."""
    assert {run.job: run.types for run in many.runs() if run.types != ["START", "COMPLETE"]} == {
        "left": ["START", "FAIL"],
        "forking.forks": ["START", "RUNNING", "COMPLETE"],
    }
    assert many.problems() == []
    assert many.stdout == "False None\n"


@pytest.mark.parametrize(
    ("job", "prefix"), [("gather.waits", "async"), ("mapped.reads", "thread"), ("mapped.waits", "async")]
)
def test_files_do_not_mix(many: Any, job: str, prefix: str) -> None:
    """Interleaved coroutines and pool threads: what each read and wrote is its own."""
    runs = many.runs(job)
    assert len(runs) == len({run.id for run in runs}) == 8
    for run in runs:
        number = run.parameters["i"]
        assert (names(run, "inputs"), names(run)) == ({f"in{number}.txt"}, {f"{prefix}{number}.txt"})
    (root,) = many.runs(job.partition(".")[0])
    assert {run.parent for run in runs} == {root.id}
    assert names(root) == {f"{root.job}.txt"}


def test_subflows_at_once_do_not_mix(many: Any) -> None:
    """Each has its own task below and its own files."""
    runs = many.runs("inner")
    assert [names(run) for run in runs] == [{f"inner{run.parameters['i']}{part}.txt" for part in "ab"} for run in runs]
    assert {run.parent for run in many.runs("inner.waits")} == {run.id for run in runs}


def test_flows_in_threads_are_roots_of_their_own(many: Any) -> None:
    """Bare threads share nothing."""
    for run in many.runs("beside"):
        number = run.parameters["i"]
        below = next(task for task in many.runs("beside.reads") if task.parameters["i"] == number)
        assert (run.parent, names(run)) == (None, {f"beside{number}.txt"})
        assert (below.parent, names(below)) == (run.id, {f"thread{number}.txt"})


def test_a_generator_task_ends_when_it_is_used_up(many: Any) -> None:
    """With the files that it wrote on the way."""
    assert names(many.run("stream.produces")) == {f"produced{i}.txt" for i in range(3)}
    assert names(many.run("stream")) == {"streamed.txt"}


def test_an_async_generator_task_ends_when_it_is_used_up(many: Any) -> None:
    """The same in a coroutine."""
    assert names(many.run("stream-slowly.produces_slowly")) == {f"slow{i}.txt" for i in range(3)}
    assert names(many.run("stream-slowly")) == {"streamed_slowly.txt"}


def test_generator_flows(many: Any) -> None:
    """They are open while somebody uses them; one that is closed early has done what it was asked for, as Prefect says too."""
    used_up, closed = many.runs("generator")
    assert names(used_up) == {"generated0.txt", "generated1.txt"}
    assert names(closed) == {"generated0.txt"}
    assert [task.parent for task in many.runs("generator.reads")] == [used_up.id, used_up.id, closed.id]
    slow = many.run("async-generator")
    assert names(slow) == {"agenerated0.txt", "agenerated1.txt"}
    assert {task.parent for task in many.runs("async-generator.waits")} == {slow.id}


def test_a_fork_records_on_its_own(many: Any) -> None:
    """What the child does it tells itself, of the task that forked; its task run is on the record below that."""
    forked = many.run("forking.forks")
    assert names(forked) == {"parent.txt"}
    assert [Path(one["name"]).name for one in forked.events[1]["outputs"]] == ["child.txt"]
    child = many.run("forking.reads")
    assert (child.parent, child.types) == (forked.id, ["START", "COMPLETE"])
    assert child.said["owner"]["pid"] != forked.said["owner"]["pid"]


def test_a_task_may_outlive_its_flow(many: Any) -> None:
    """It keeps its parent and its own end."""
    assert many.run("left.late").parent == many.run("left").id
    assert names(many.run("left.late")) == {"late.txt"}


def test_tasks_in_other_processes(many: Any) -> None:
    """A process pool's tasks are below the flow run, with its labels and their files, once each."""
    root = many.run("pool")
    runs = many.runs("pool.elsewhere")
    assert [names(run) for run in runs] == [{"process0.txt"}, {"process1.txt"}]
    for run in runs:
        assert (run.parent, run.said["system"]) == (root.id, "pool")
        assert run.said["owner"]["pid"] != root.said["owner"]["pid"]


DASK = """
    from prefect_dask import DaskTaskRunner

    @task
    def within(i):
        Path(f"within{i}.txt").write_text("x")

    @task(retries=1)
    def elsewhere(i):
        Path(f"dask{i}.txt").write_text("x")
        within(i)
        if i == 1 and not Path("tried").exists():
            Path("tried").write_text("x")
            raise ValueError("first try")
        return os.getpid()

    cluster = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "silence_logs": 50}

    @audited(system="dask")
    @flow(name="dask", task_runner=DaskTaskRunner(cluster_kwargs=cluster))
    def dask():
        return elsewhere.map(range(3)).result()

    if __name__ == "__main__":
        print(os.getpid() in dask())
"""


def test_tasks_in_dask_workers(program: Any) -> None:
    """Below the flow run, with its labels, each with its tries and what it calls, recorded where it ran."""
    outcome = program(DASK)
    assert outcome.stdout == "False\n"
    root = outcome.run("dask")
    assert (root.types, names(root)) == (["START", "COMPLETE"], set())
    runs = outcome.runs("dask.elsewhere")
    assert sorted((run.parameters["i"], run.said["attempt"], run.types[-1]) for run in runs) == [
        (0, 1, "COMPLETE"),
        (1, 1, "FAIL"),
        (1, 2, "COMPLETE"),
        (2, 1, "COMPLETE"),
    ]
    for run in runs:
        assert (run.parent, run.said["system"]) == (root.id, "dask")
        assert run.said["owner"]["pid"] != root.said["owner"]["pid"]
        (below,) = (one for one in outcome.runs("dask.within") if one.parent == run.id)
        assert names(below) == {f"within{run.parameters['i']}.txt"}
    assert outcome.problems() == []
