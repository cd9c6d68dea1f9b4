"""Airflow's words as words of the record."""

from __future__ import annotations

import importlib
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace

import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openlineage.client.uuid import generate_static_uuid

from orchestrail.adapter import Job, RunRef, State
from orchestrail.capture.code import code_facts
from orchestrail_airflow import translate
from orchestrail_airflow.ledger import Entry

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
PARENT = RunRef("0192f000-0000-7000-8000-000000000002", Job("bank", "dag"), "root", Job("bank", "dag"))


def dag_run(**more: object) -> SimpleNamespace:
    """A DAG run as a task process has it."""
    said = {
        "dag_id": "dag",
        "run_id": "manual__1",
        "logical_date": NOW,
        "run_after": NOW,
        "clear_number": 0,
        "conf": None,
    }
    return SimpleNamespace(**said | more)


@given(
    st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2500, 1, 1)),
    st.integers(-12, 12),
    st.integers(0, 9),
    st.integers(-1, 99),
    st.booleans(),
)
def test_run_ids_are_those_of_the_openlineage_provider(
    naive: datetime, hours: int, number: int, map_index: int, of_pendulum: bool
) -> None:
    """By its formula, for Python's and for pendulum's times."""
    instant = naive.replace(tzinfo=timezone(timedelta(hours=hours)))
    run = dag_run(logical_date=pendulum.instance(instant) if of_pendulum else instant, clear_number=number)
    assert translate.dag_run_id("bank", run) == str(
        generate_static_uuid(run.logical_date, f"bank.dag.{number}".encode())
    )
    data = f"bank.dag.group.task.{number}.{map_index}".encode()
    expected = str(generate_static_uuid(run.logical_date, data))
    assert translate.task_run_id("bank", run, "group.task", number, map_index) == expected


def test_a_run_without_a_logical_date_is_named_by_when_it_was_due() -> None:
    """Runs triggered by assets or with no date of their own (Airflow 3)."""
    due = NOW + timedelta(hours=1)
    without = translate.dag_run_id("bank", dag_run(logical_date=None, run_after=due))
    assert without == translate.dag_run_id("bank", dag_run(logical_date=due))


@pytest.mark.parametrize("conf", [None, [], "text", 7, [{"openlineage": 1}]])
def test_a_conf_that_is_no_dictionary(conf: object) -> None:
    """It is recorded as what it is."""
    start = translate.dag_run_start("bank", dag_run(conf=conf), None, None)
    assert start.carrier is None
    assert start.parameters == ({} if conf is None else {"conf": conf})


def test_a_large_conf_is_not_taken_apart() -> None:
    """One entry, of which the record holds the digest."""
    conf = {str(number): number for number in range(5000)}
    assert translate.dag_run_start("bank", dag_run(conf=conf), None, None).parameters == {"conf": conf}


@pytest.mark.parametrize(("said", "limit"), [(None, 7), ("True", 7), ("False", 5)])
def test_the_conf_goes_before_params_where_airflow_lets_it(
    monkeypatch: pytest.MonkeyPatch, said: str | None, limit: int
) -> None:
    """Of a param without a value nothing is said, of those beside it what they are. What is no param is conf alone."""
    from airflow.providers.common.compat.sdk import DAG, Param

    if said is not None:
        monkeypatch.setenv("AIRFLOW__CORE__DAG_RUN_CONF_OVERRIDES_PARAMS", said)
    params = {"limit": 5, "rest": 1, "month": Param(type="string")}
    of = DAG("dag", schedule=None, params=params)
    start = translate.dag_run_start("bank", dag_run(conf={"limit": 7, "else": 2}), of, None)
    assert start.parameters == {
        "params.limit": limit,
        "params.rest": 1,
        "params.month": None,
        "conf.limit": 7,
        "conf.else": 2,
    }


def test_what_airflow_passes_to_a_function_is_no_parameter() -> None:
    """A place for it in the signature (`ti=None`) is left out; a value that the task was told is kept, whatever its name."""

    import airflow.providers.standard.operators.python  # noqa: F401 - as in a process that runs such a task

    def body(rows: int, note: str | None = None, ti: object = None, run_id: str | None = None) -> None: ...

    def told(**op_kwargs: object) -> object:
        task = SimpleNamespace(python_callable=body, op_kwargs=op_kwargs, template_fields=("op_args", "op_kwargs"))
        return translate.task_start("bank", dag_run(), PARENT, "task", 1, -1, task=task).parameters

    assert told(rows=1) == {"rows": 1, "note": None}
    assert told(rows=1, run_id="mine") == {"rows": 1, "note": None, "run_id": "mine"}


def test_tries_point_to_the_try_before() -> None:
    """Each is a run of its own."""
    second = translate.task_start("bank", dag_run(), PARENT, "task", 2, -1)
    first = translate.task_start("bank", dag_run(), PARENT, "task", 1, -1)
    assert (second.attempt, second.previous_attempt) == (2, first.run_id)
    assert (first.attempt, first.previous_attempt) == (1, None)


def test_mapped_instances_are_told_apart_by_id_and_not_by_job() -> None:
    """Same job, other run."""
    runs = [translate.task_start("bank", dag_run(), PARENT, "task", 1, index) for index in range(3)]
    assert len({run.run_id for run in runs}) == 3
    assert {run.job_name for run in runs} == {"dag.task"}
    assert [run.native_id for run in runs] == [f"dag/manual__1/task/{index}" for index in range(3)]


def test_the_user_behind_a_trigger_is_the_actor() -> None:
    """The recorder makes a pseudonym of the name; where Airflow has none, nobody is made up."""
    start = translate.dag_run_start("bank", dag_run(triggering_user_name="jane.doe"), None, None)
    assert start.actor == "jane.doe"
    assert translate.dag_run_start("bank", dag_run(), None, None).actor is None


OPERATOR = """
from airflow.providers.common.compat.sdk import BaseOperator

def half(number):
    return number / 2

class Halve(BaseOperator):
    def execute(self, context):
        return half(4)
"""


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [("half(4)", "half(6)", False), ("number / 2", "number // 2", False), ("half(4)", "half(4)  # of four", True)],
)
def test_the_code_of_an_operator_is_the_users(
    before: str, after: str, same: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow wraps `execute` by a function of its own: what the class does and reaches counts, and it is named where it stands."""
    found = []
    for folder, text in (("one", OPERATOR), ("other", OPERATOR.replace(before, after))):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "halving.py").write_text(text)
        with monkeypatch.context() as path:
            path.syspath_prepend(str(tmp_path / folder))
            path.delitem(sys.modules, "halving", raising=False)
            task = importlib.import_module("halving").Halve(task_id="halve")
            code = code_facts(translate.function_of(task))
        assert code.name == "halving.Halve"
        assert code.path == str(tmp_path / folder / "halving.py")
        found.append(code.digest)
    assert (found[0] == found[1]) is same


def test_what_was_cut_off_did_not_fail_by_itself() -> None:
    """A timeout is an abort."""
    from airflow.providers.common.compat.sdk import AirflowSensorTimeout, AirflowTaskTimeout

    assert translate.end_of(AirflowTaskTimeout()) is State.ABORT
    assert translate.end_of(KeyboardInterrupt()) is State.ABORT
    assert translate.end_of(AirflowSensorTimeout()) is State.FAIL
    assert translate.end_of(ValueError()) is State.FAIL
    assert translate.end_of("told by the executor") is State.FAIL


def test_a_try_keeps_the_place_below_which_it_was_first_told() -> None:
    """Whatever passes its DAG run has made since, a root or below another run. What nobody noted is as it is now."""

    def entry(parent: str | None) -> Entry:
        return Entry("a1", "a", -1, 1, None, True, parent=parent)

    now = RunRef("second", Job("bank", "dag"), "second", Job("bank", "dag"))
    assert translate.in_pass(now, entry("first")) == RunRef("first", now.job, "first", now.job)
    below = RunRef("second", now.job, "root", Job("bank", "outer"), "outer")
    assert translate.in_pass(below, entry("first")) == RunRef("first", now.job, "root", Job("bank", "outer"), "outer")
    for said in (None, entry(None), entry("second")):
        assert translate.in_pass(below, said) == below


def test_upstream_is_the_last_try_that_ended() -> None:
    """Of each mapped instance; tries before it, and what is not waited for, are left out."""
    entries = [
        Entry("a1", "a", -1, 1, None, True),
        Entry("a2", "a", -1, 2, None, True),
        Entry("a3", "a", -1, 3, None, False),
        Entry("m0", "mapped", 0, 1, None, True),
        Entry("m1", "mapped", 1, 1, None, True),
        Entry("z", "other", -1, 1, None, True),
    ]
    found = translate.upstream_of("dag", PARENT, ["a", "mapped"], entries)
    assert [(run.run_id, run.job.name) for run in found] == [
        ("a2", "dag.a"),
        ("m0", "dag.mapped"),
        ("m1", "dag.mapped"),
    ]
    alike = translate.upstream_of("dag", PARENT, ["a", "mapped"], entries, alike={"mapped"}, map_index=1)
    assert [run.run_id for run in alike] == ["a2", "m1"]


def test_assets_are_named_as_openlineage_names_them(tmp_path: Path) -> None:
    """A URL is a data set anywhere, a bare name one of this Airflow."""
    from airflow.providers.common.compat.sdk import Asset, AssetAlias

    found = translate.assets_of([Asset("s3://bucket/key"), Asset("report"), AssetAlias("alias"), 3, "s3://a/b"], "bank")
    assert found[0] == "s3://bucket/key"
    assert [(one.namespace, one.name) for one in found[1:3] if not isinstance(one, str)] == [
        ("bank", "report"),
        ("bank", "alias"),
    ]
    assert found[3:] == ["s3://a/b"]
