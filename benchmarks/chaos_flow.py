"""The flows that `chaos_prefect.py` kills: one maps over threads, one over processes; both are served or run as a program."""

from __future__ import annotations

import os
import random
import sys
import time
from pathlib import Path

from prefect import flow, task
from prefect.context import TaskRunContext
from prefect.futures import wait
from prefect.task_runners import ProcessPoolTaskRunner, ThreadPoolTaskRunner

from orchestrail_prefect import audited

FOLDER = Path(os.environ["CHAOS_FOLDER"])


def note(text: str) -> None:
    """Add to the witness in one write, as the first thing that a body does."""
    file = os.open(FOLDER / "witness.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(file, f"{text}\n".encode())
    os.close(file)


@task(retries=2)
def work(item: int) -> None:
    """Take a moment; one in ten fails at first."""
    run = TaskRunContext.get().task_run
    note(f"{run.id}/{run.run_count}")
    (FOLDER / "at-work" / str(item)).write_text(str(os.getpid()))
    chance = random.Random(f"{os.environ['CHAOS_SEED']}.{item}.{run.run_count}")
    time.sleep(chance.uniform(0.005, 0.1))
    if run.run_count == 1 and chance.random() < 0.1:
        raise ValueError("the first time")
    (FOLDER / "done" / str(item)).write_text("done")


def all_of(items: list[int]) -> None:
    """Map the work over items; what fails is seen to by whoever reads the folder."""
    wait(work.map(items))


@audited
@flow(name="chaos-threads", task_runner=ThreadPoolTaskRunner(max_workers=4))
def threads(items: list[int]) -> None:
    """Work in threads of the flow's process."""
    all_of(items)


@audited
@flow(name="chaos-processes", task_runner=ProcessPoolTaskRunner(max_workers=2))
def processes(items: list[int]) -> None:
    """Work in processes of their own."""
    all_of(items)


if __name__ == "__main__":
    how, *chosen = sys.argv[1:]
    if how == "serve":
        threads.serve(name="chaos")
    else:
        (processes if how == "processes" else threads)([int(item) for item in chosen])
