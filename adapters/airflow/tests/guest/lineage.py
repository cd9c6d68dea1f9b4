"""A DAG of which Airflow's OpenLineage provider has more to say than we can see, in the words that 2.11 and 3 share."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import AirflowSkipException, BaseOperator, ObjectStoragePath, dag, task
from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.providers.openlineage.extractors import OperatorLineage
from airflow.providers.standard.sensors.time_delta import TimeDeltaSensor
from openlineage.client.event_v2 import Dataset
from openlineage.client.facet_v2 import schema_dataset

FOLDER = ObjectStoragePath(f"file://{os.environ.get('SHAPES_DATA', '/nowhere')}")
TABLE = Dataset("postgres://warehouse:5432", "bank.public.applications")


class Load(BaseOperator):
    """An operator that knows what it reads and writes, as those of databases and object stores do."""

    def execute(self, context: Any) -> None:
        Path(FOLDER.path, "loaded.csv").write_text("age,income\n30,1000\n")

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage:
        fields = [schema_dataset.SchemaDatasetFacetFields("age", "int")]
        facets = {"schema": schema_dataset.SchemaDatasetFacet(fields)}
        file = Dataset("file", (FOLDER / "loaded.csv").path, facets=facets)
        return OperatorLineage(inputs=[TABLE], outputs=[file])


@dag(dag_id="lineage", schedule=None)
def lineage():
    @task
    def copy():
        (FOLDER / "loaded.csv").copy(FOLDER / "copied.csv")
        return (FOLDER / "copied.csv").read_text()

    @task(retries=1, retry_delay=timedelta(seconds=0))
    def second_time_lucky(ti=None):
        if ti.try_number == 1:
            raise ValueError("the first time")

    @task
    def skip_itself():
        raise AirflowSkipException

    wait = TimeDeltaSensor(task_id="wait", delta=timedelta(0), deferrable=True)
    statements = ["create table applications (age int)", "insert into applications values (30)"]
    query = SQLExecuteQueryOperator(task_id="query", conn_id="warehouse", sql=statements, trigger_rule="none_failed")
    Load(task_id="load") >> copy() >> second_time_lucky() >> wait >> skip_itself() >> query


lineage()
