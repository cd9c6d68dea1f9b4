"""The same process across two orchestrators: Airflow prepares the data, then starts the Prefect flow that makes the model.

An ordinary DAG: nothing in it is about recording. `pip install orchestrail-airflow` beside Airflow is all it takes, and
the run of the flow hangs under the task that started it, in one process with one root run ID.

    airflow dags test mortgage --conf '{"source": "...csv", "out": "...", "python": ".../bin/python"}'

`python` is the interpreter of the environment that holds Prefect, since the two do not fit into one.
"""

from pathlib import Path

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import dag, task

import data

HERE = Path(__file__).resolve().parent
OUT = "{{ params.out }}"


@dag(schedule=None, catchup=False, params={"source": "", "out": "", "python": ""}, tags=["mortgage"])
def mortgage() -> None:
    """Ingest, validate, clean, split and impute; then have the model made."""
    raw = task(data.ingest, retries=2)(source="{{ params.source }}", out=OUT)
    validation = task(data.validate)(raw=raw, out=OUT)
    parts = task(data.split)(cleaned=task(data.clean)(raw=raw, out=OUT), out=OUT)
    medians = task(data.fit_imputation)(train=parts["train"], out=OUT)
    imputed = [
        task(data.impute, task_id=f"impute_{name}")(part=parts[name], medians=medians, out=OUT)
        for name in ("train", "test")
    ]
    make_model = BashOperator(
        task_id="make_model",
        bash_command=f"'{{{{ params.python }}}}' '{HERE / 'flow.py'}' --prepared '{OUT}' --out '{OUT}'",
    )
    [validation, *imputed] >> make_model


mortgage()
