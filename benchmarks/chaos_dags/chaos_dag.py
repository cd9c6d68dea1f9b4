"""The DAG that `chaos_airflow.py` runs: as many mapped tasks as `CHAOS_TASKS` says, and one behind them."""

from __future__ import annotations

import os
import random
import time
from datetime import timedelta
from pathlib import Path

from airflow.sdk import TriggerRule, dag, get_current_context, task

FOLDER = Path(os.environ["CHAOS_FOLDER"])


@dag(dag_id="chaos", schedule=None)
def chaos() -> None:
    """Work at all items at once, as far as there are processes."""

    @task(retries=8, retry_delay=timedelta(seconds=1))
    def work(item: int) -> None:
        ti = get_current_context()["ti"]
        file = os.open(FOLDER / "witness.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(file, f"{ti.dag_id}/{ti.run_id}/{ti.task_id}/{ti.map_index}/{ti.try_number}\n".encode())
        os.close(file)
        (FOLDER / "at-work" / str(item)).write_text(f"{os.getpid()} {os.getppid()}")
        chance = random.Random(f"{os.environ['CHAOS_SEED']}.{item}.{ti.try_number}")
        time.sleep(chance.uniform(0.005, 0.1))
        if ti.try_number == 1 and chance.random() < 0.1:
            raise ValueError("the first time")
        (FOLDER / "done" / str(item)).write_text("done")

    @task(trigger_rule=TriggerRule.ALL_DONE)
    def behind() -> int:
        return len(list((FOLDER / "done").iterdir()))

    work.expand(item=list(range(int(os.environ["CHAOS_TASKS"])))) >> behind()


chaos()
