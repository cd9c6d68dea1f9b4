"""Threads: what they read belongs to the step that hands them the work."""

# What is tested are these very calls.
# ruff: noqa: PTH123
from __future__ import annotations

import asyncio
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.pool import ThreadPool
from pathlib import Path

import pytest


def read(name: str) -> str:
    with open(name) as stream:
        return stream.read()


@pytest.fixture(autouse=True)
def _files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in "abcdefgh":
        Path(name).write_text(name)


def in_thread(name: str) -> None:
    thread = threading.Thread(target=read, args=(name,))
    thread.start()
    thread.join()


class Reader(threading.Thread):
    """A thread with a `run` of its own."""

    def run(self) -> None:
        """Read a file."""
        read("a")


async def coroutines() -> None:
    await asyncio.gather(asyncio.to_thread(read, "a"), asyncio.get_running_loop().run_in_executor(None, read, "b"))


def test_a_thread_takes_the_run_along(observed):
    """Its own `run` or a target, and what threads in it start; the object has nothing of ours afterwards."""
    with observed() as seen:
        reader = Reader()
        reader.start()
        reader.join()
        in_thread("b")
        outer = threading.Thread(target=in_thread, args=("c",))
        outer.start()
        outer.join()
        timer = threading.Timer(0, read, ("d",))
        timer.start()
        timer.join()
    assert seen.names()[0] == ["a", "b", "c", "d"]
    assert "run" not in vars(reader) | vars(outer)


def test_a_thread_that_cannot_start_is_left_as_it_was(observed):
    """A second start is refused by Python itself, and leaves nothing of ours."""
    with observed():
        thread = threading.Thread(target=read, args=("a",))
        thread.start()
        thread.join()
        with pytest.raises(RuntimeError, match="once"):
            thread.start()
    assert "run" not in vars(thread)


def test_pools_of_threads_and_coroutines(observed):
    """Each call of a pool, in every way to make one, and the two ways of asyncio."""
    with observed() as seen:
        with ThreadPoolExecutor(1, initializer=read, initargs=("a",)) as pool:
            pool.submit(read, "b").result()
            list(pool.map(read, "c"))
        with ThreadPool(1, read, ("d",)) as old:
            old.apply(read, ("e",))
            old.map(read, "f")
            list(old.imap_unordered(func=read, iterable="g"))
            old.starmap(read, [("h",)])
    assert seen.names()[0] == list("abcdefgh")
    with observed() as seen:
        asyncio.run(coroutines())
    assert seen.names()[0] == ["a", "b"]


def test_a_worker_belongs_to_nobody(observed):
    """Two runs, and nobody, use one pool: each has what it handed in, and no more."""
    with observed() as first:
        pool = ThreadPoolExecutor(1)
        pool.submit(read, "a").result()
        with observed() as second:
            pool.submit(read, "b").result()
            late = pool.submit(in_thread, "c")
            late.result()
        outside = threading.Thread(target=pool.submit, args=(read, "d"))
    outside.start()
    outside.join()
    pool.submit(read, "e").result()
    pool.shutdown()
    assert (first.names()[0], second.names()[0]) == (["a"], ["b", "c"])


def test_a_thread_that_outlives_its_run_adds_nothing(observed):
    """The run has ended and its record is made."""
    go = threading.Event()
    with observed() as seen:
        thread = threading.Thread(target=lambda: (go.wait(), read("a")))
        thread.start()
        read("b")
    go.set()
    thread.join()
    assert seen.names()[0] == ["b"]


def test_errors_and_results_are_the_hosts(observed):
    """What the function raises and returns comes out as without us."""
    with observed(), ThreadPoolExecutor(1) as pool:
        assert pool.submit(read, "a").result() == "a"
        with pytest.raises(FileNotFoundError):
            pool.submit(read, "missing").result()
        with pytest.raises(TypeError):
            pool.submit()
        with pytest.raises(TypeError):
            ThreadPoolExecutor(nonsense=1)


def test_programs_are_told_by_their_name_alone(observed, tmp_path):
    """Not what is given to them: a shell's line, an argument and a folder may hold a secret."""
    import os
    import subprocess

    with observed() as seen:
        subprocess.run(["/bin/echo", "hunter2secret"], check=True, capture_output=True)
        subprocess.run("true hunter2secret", shell=True, check=True)
        os.system("true hunter2secret")
        os.waitpid(os.posix_spawn("/bin/true", ["true", "hunter2secret"], os.environ), 0)
        subprocess.run([sys.executable, "-c", "1"], check=True)
        with pytest.raises(FileNotFoundError):
            subprocess.run(["PASSWORD=hunter2secret prog"], check=False)
    python = Path(sys.executable).name
    assert sorted(what for what, _ in seen.missing) == sorted(["a program", "echo", "sh", "true", python])
    assert "hunter2" not in str(seen.missing)


def test_uninstalling_puts_everything_back():
    """Every function that was replaced is again what it was."""
    import os
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing.pool import Pool
    from multiprocessing.process import BaseProcess

    from orchestrail.capture import observers

    def found() -> list[object]:
        names = ((threading.Thread, "start"), (BaseProcess, "start"), (os, "_exit"), (os, "execv"), (os, "execve"), (os, "open"),
                 *((pool, name) for pool in (ThreadPoolExecutor, ProcessPoolExecutor) for name in ("submit", "__init__")),
                 *((Pool, name) for name in ("apply_async", "_guarded_task_generation", "__init__")))  # fmt: skip
        return [vars(holder)[name] for holder, name in names]

    before = found()
    observers.install()
    assert not set(before) & set(found())
    observers.uninstall()
    assert found() == before
