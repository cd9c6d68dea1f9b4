"""A DAG of a team that has nothing of orchestrail: a copy, a second try, and dbt, told by the provider's macros who started it."""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.providers.common.compat.sdk import ObjectStoragePath, dag, task
from airflow.providers.standard.operators.bash import BashOperator

FOLDER = ObjectStoragePath(f"file://{os.environ.get('SCORING_DATA', '/nowhere')}")
MACROS = "macros.OpenLineageProviderPlugin"


@dag(dag_id="scoring", schedule=None)
def scoring():
    @task(retries=1, retry_delay=timedelta(seconds=0))
    def fetch(ti=None):
        if ti.try_number == 1:
            raise ValueError("the first time")
        (FOLDER / "received.csv").copy(FOLDER / "raw.csv")

    build = BashOperator(
        task_id="build",
        bash_command="dbt-ol build --consume-structured-logs",
        cwd=os.environ.get("SCORING_DBT"),
        env={
            "OPENLINEAGE_PARENT_ID": f"{{{{ {MACROS}.lineage_parent_id(task_instance) }}}}",
            "OPENLINEAGE_ROOT_PARENT_ID": f"{{{{ {MACROS}.lineage_root_parent_id(task_instance) }}}}",
            "OPENLINEAGE_NAMESPACE": "bank",
        },
        append_env=True,
    )
    fetch() >> build


scoring()
