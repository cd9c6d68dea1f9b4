"""The DAG behind `airflow.jsonl`: files and a table, a second try, a task that fails, and nothing of orchestrail."""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.providers.common.compat.sdk import ObjectStoragePath, dag, task
from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.providers.standard.operators.bash import BashOperator

FOLDER = ObjectStoragePath(f"file://{os.environ.get('LOANS_DATA', '/data')}")
CLEAN = [
    "create table if not exists applications (age int, income int)",
    "insert into applications values (30, 1000), (41, 1700)",
    "create table if not exists clean as select age, income from applications where income > 0",
]


@dag(dag_id="loans", schedule=None)
def loans():
    fetch = BashOperator(task_id="fetch", bash_command=f"echo 'age,income' > {FOLDER.path}/raw.csv")
    clean = SQLExecuteQueryOperator(task_id="clean", conn_id="warehouse", sql=CLEAN, trigger_rule="all_done")

    @task(retries=1, retry_delay=timedelta(seconds=0))
    def train(ti=None):
        if ti.try_number == 1:
            raise ValueError("the first time")
        (FOLDER / "raw.csv").copy(FOLDER / "model.bin")

    @task
    def evaluate():
        raise RuntimeError("no test data")

    fetch >> train() >> evaluate() >> clean


loans()
