"""Tasks that handle secrets as careless DAGs do. What is planted begins with `Zq`, of which nothing knows."""

from __future__ import annotations

import os
from datetime import timedelta
from itertools import pairwise

from airflow.providers.common.compat.sdk import AirflowException, BaseHook, TriggerRule, Variable, dag, task
from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.python import PythonOperator

HEADER = "Bearer Zqheader8812Xp"


class Warehouse(BaseHook):
    """A hook whose error tells all that it knows, as some drivers do."""

    def __init__(self, conn_id: str) -> None:
        self.connection = self.get_connection(conn_id)

    def run(self) -> None:
        found = self.connection
        raise AirflowException(f"no login at {found.host} as {found.login} by {found.password}: {found.extra}")


@dag(
    dag_id="careless",
    schedule=None,
    params={"api_key": "Zqparam7201Xp", "source": "https://me:Zqparam-url7202Xp@host/data?sig=Zqparam-query7203Xp"},
    doc_md="Logs in with password=Zqdoc7204Xp",
    default_args={"trigger_rule": TriggerRule.ALL_DONE},
)
def careless():
    @task
    def hook():
        Warehouse("warehouse").run()

    @task
    def address():
        raise AirflowException(f"cannot reach {BaseHook.get_connection('by_address').get_uri()}")

    @task
    def stored():
        """Of a Connection in Airflow's database, after the code itself has put it elsewhere: no name tells what it is."""
        found = BaseHook.get_connection("stored")
        os.environ["ANY"] = found.password
        raise ValueError([found.password, found.extra_dejson["client_secret"]])

    @task(retries=1, retry_delay=timedelta(seconds=0))
    def variable():
        raise KeyError(Variable.get("db_password"))

    @task
    def chained():
        try:
            raise ValueError(f"password={BaseHook.get_connection('warehouse').password}")
        except ValueError as error:
            raise RuntimeError(f"failed: {error}") from error

    @task
    def given(where: str, options: dict[str, object], header: str):
        return where

    BashOperator(task_id="unrendered", bash_command="{{ {}[conn.unread.password].nothing }}")
    rendered = BashOperator(
        task_id="rendered",
        bash_command="PGPASSWORD=Zqassigned7302Xp true {{ conn.warehouse.password }} {{ conn.stored.password }} "
        "{{ var.value.db_password }} {{ conn.by_address.get_uri() }} {{ conn.stored.extra_dejson.client_secret }}; exit 1",
        env={"PGPASSWORD": "Zqenvironment7301Xp", "OTHER": "{{ conn.warehouse.password }}"},
    )
    statements = SQLExecuteQueryOperator(
        task_id="statements",
        conn_id="base",
        sql=["create table users (name text)", "insert into users values ('Zqliteral7401Xp')"],
    )
    wrong = SQLExecuteQueryOperator(
        task_id="wrong", conn_id="base", sql="select * from nowhere where name = 'Zqliteral7402Xp'"
    )
    told = PythonOperator(
        task_id="told",
        python_callable=given.function,
        op_args=["https://me:Zqargument-url7501Xp@host/x"],
        op_kwargs={
            "options": {"token": "Zqnested7502Xp", "rows": [{"secret": "Zqdeeper7503Xp"}]},
            "header": f"Authorization: {HEADER}",
        },
        inlets=["https://me:Zqinlet-url7601Xp@host/in?sig=Zqinlet-query7602Xp"],
        outlets=["s3://key:Zqoutlet7603Xp@bucket/out"],
    )
    tasks = [hook(), address(), stored(), variable(), chained(), rendered, statements, wrong, told]
    for before, after in pairwise(tasks):
        before >> after


careless()
