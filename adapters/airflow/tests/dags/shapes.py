"""DAGs of every shape that Airflow has a way of its own for, in the words that 2.11 and 3 share.

Files are made below the folder that `SHAPES_DATA` names.
"""

from __future__ import annotations

import csv
import os
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.providers.common.compat.sdk import (
    AirflowSkipException,
    Asset,
    AssetAlias,
    BaseOperator,
    Param,
    TriggerRule,
    dag,
    get_current_context,
    task,
    task_group,
)
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.python import PythonOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger

DATA = Path(os.environ.get("SHAPES_DATA", "/nowhere"))
PATIENCE = float(os.environ.get("SHAPES_PATIENCE", "1"))
"""Seconds between two pokes; half of it is waited in the trigger."""
TABLE = Asset("s3://warehouse/applications")
REPORT = Asset("monthly-report")

sourceless: dict[str, object] = {}
exec("def sourceless(factor):\n    return 6 * factor\n", sourceless)


class Copy(BaseOperator):
    """An operator of the project's own."""

    template_fields = ("source", "target")

    def __init__(self, source: str, target: str, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.source, self.target = source, target

    def execute(self, context: object) -> None:
        Path(self.target).write_bytes(Path(self.source).read_bytes())


class Wait(BaseOperator):
    """An operator that gives its process away while it waits; each of its two halves writes a file."""

    def execute(self, context: object) -> None:
        (DATA / "before-waiting.txt").write_text("half")
        self.defer(trigger=TimeDeltaTrigger(timedelta(seconds=PATIENCE / 2)), method_name="go_on")

    def go_on(self, context: object, event: object) -> None:
        (DATA / "after-waiting.txt").write_text("whole")


@dag(
    dag_id="shapes",
    schedule=None,
    params={"threshold": 0.5, "api_key": "planted-param-secret"},
    tags=["credit", "orchestrail:version=4"],
)
def shapes():
    @task
    def make(rows: int, password: str):
        with (DATA / "raw.csv").open("w", newline="") as file:
            csv.writer(file).writerows([["age", "income"], *([20 + n, 1000 * n] for n in range(rows))])

    @task
    def clean(factor: int = 2):
        """Keep the first rows.

        orchestrail:operation=clean orchestrail:version=1.3.0 orchestrail:serve_time=true
        """
        rows = (DATA / "raw.csv").read_text().splitlines()
        (DATA / "clean.csv").write_text("\n".join(rows[:factor]))
        return len(rows)

    copy = Copy(
        task_id="copy",
        doc="orchestrail:role=ingest",
        source=str(DATA / "clean.csv"),
        target="{{ var.value.get('none', '') }}" + str(DATA / "copy.csv"),
    )

    @task.branch
    def choose():
        return "taken"

    taken, not_taken = EmptyOperator(task_id="taken"), EmptyOperator(task_id="not_taken")
    after_branch = EmptyOperator(task_id="after_branch", trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS)

    @task
    def skip_itself():
        raise AirflowSkipException("nothing to do")

    @task(retries=1, retry_delay=timedelta(seconds=0))
    def second_time_lucky():
        if get_current_context()["ti"].try_number == 1:
            (DATA / "partial.csv").write_text("half")
            raise ValueError("password=planted-error-secret at postgresql://user:planted-url-secret@db/x")
        return (DATA / "partial.csv").read_text()

    @task
    def numbers():
        return [1, 2, 3]

    @task
    def square(number: int):
        return number * number

    @task
    def total(values):
        return sum(values)

    @task_group
    def group():
        @task
        def inside():
            return "in a group"

        inside()

    @task(inlets=[TABLE], outlets=[REPORT, Asset((DATA / "raw.csv").as_uri())])
    def declare():
        return "assets"

    @task(outlets=[AssetAlias("named-later")])
    def declare_later(*, outlet_events=None):
        outlet_events[AssetAlias("named-later")].add(Asset("s3://warehouse/later"))

    declare_later()
    PythonOperator(task_id="sourceless", python_callable=sourceless["sourceless"], op_kwargs={"factor": 7})
    BashOperator(task_id="child", bash_command=f'printf %s "$OPENLINEAGE_CONTEXT" > {DATA}/child.json')
    trigger = TriggerDagRunOperator(task_id="trigger", trigger_dag_id="triggered", conf={"month": "2026-01"})
    trigger2 = TriggerDagRunOperator(
        task_id="trigger_quietly", trigger_dag_id="triggered", openlineage_inject_parent_info=False
    )
    trigger >> trigger2

    @task
    def make_large():
        return {"large": "x" * 10_000_000}

    @task
    def take_large(values, api_token="planted-token-secret"):
        return len(values["large"])

    take_large(make_large())

    Wait(task_id="wait")

    @task.sensor(mode="reschedule", poke_interval=PATIENCE)
    def poke():
        tries = DATA / "poked.txt"
        with tries.open("a") as file:
            file.write("x")
        return tries.stat().st_size > 1

    poke()

    first = make(20, password="planted-argument-secret")
    first >> clean() >> copy
    branch = choose()
    branch >> [taken, not_taken] >> after_branch
    skip_itself()
    second_time_lucky()
    total(square.expand(number=numbers()))
    group()
    first >> declare()


@dag(dag_id="by_parts", schedule=None, params={"limit": 5, "rest": 1, "month": Param(type="string")})
def by_parts():
    @task_group
    def part(number: int):
        @task
        def halve(number: int):
            return number / 2

        @task
        def round_up(half: float):
            return int(half + 0.5)

        round_up(halve(number))

    part.expand(number=[1, 2])


@dag(dag_id="slow", schedule=None)
def slow():
    @task(execution_timeout=timedelta(seconds=1))
    def too_slow():
        time.sleep(30)

    @task(trigger_rule=TriggerRule.ALL_DONE)
    def whatever_happened():
        return 1

    too_slow() >> whatever_happened()


@dag(dag_id="failing", schedule=None)
def failing():
    @task
    def fails():
        raise RuntimeError("it broke")

    @task
    def never():
        return 1

    @task
    def fine():
        return 1

    @task(trigger_rule=TriggerRule.ALL_DONE)
    def always():
        return 1

    broken = fails()
    broken >> never() >> EmptyOperator(task_id="never_either")
    fine()
    broken >> always()


def die():
    """End the process that renders a template with this: before any listener hears of the task."""
    os.kill(os.getpid(), signal.SIGKILL)


@dag(dag_id="dying", schedule=None, user_defined_macros={"die": die})
def dying():
    @task
    def dies_unheard(template):
        return template

    @task(retries=1, retry_delay=timedelta(seconds=0))
    def dies_unheard_once(template):
        return template

    @task
    def dies():
        (DATA / "last-words.txt").write_text("gone")
        os.kill(os.getpid(), signal.SIGKILL)

    @task
    def dies_with_its_supervisor():
        os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)

    @task(retries=1, retry_delay=timedelta(seconds=0))
    def dies_once():
        if get_current_context()["ti"].try_number == 1:
            os.kill(os.getpid(), signal.SIGKILL)

    @task(trigger_rule=TriggerRule.ALL_DONE)
    def survives():
        return 1

    unheard = [dies_unheard("{{ die() }}"), dies_unheard_once("{{ die() if ti.try_number == 1 else 'alive' }}")]
    [dies(), dies_with_its_supervisor(), dies_once(), *unheard] >> survives()


@dag(dag_id="patient", schedule=None)
def patient():
    @task
    def first():
        return 1

    @task
    def waits():
        (DATA / "waiting").mkdir(exist_ok=True)
        (DATA / "waiting" / get_current_context()["run_id"]).mkdir()
        end = time.monotonic() + 600
        while time.monotonic() < end and not (DATA / "go-on").exists():
            time.sleep(0.2)

    first() >> waits()


# Paused until Airflow's server answers: the scheduler would begin a task before that, and fail it.
@dag(
    dag_id="daily",
    schedule="@daily",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    is_paused_upon_creation=True,
)
def daily():
    @task
    def only():
        return 1

    only()


@dag(dag_id="on_report", schedule=[REPORT], start_date=datetime(2026, 1, 1, tzinfo=UTC))
def on_report():
    @task
    def read_report():
        return 1

    read_report()


@dag(dag_id="triggered", schedule=None)
def triggered():
    @task
    def only():
        return 1

    only()


@dag(dag_id="unready", schedule=None)
def unready():
    BashOperator(task_id="is_given_nothing", bash_command="echo {{ nothing.of_the_kind }}")


shapes()
by_parts()
slow()
failing()
dying()
patient()
daily()
on_report()
triggered()
unready()
