"""What Airflow calls when something happened. Each hook hands on to `recording`, under guard, and lets nothing out.

Ours are called before other plugins' (`tryfirst`): in pluggy the first listener that raises keeps the rest from being called.
Where a task begins ours goes around theirs (`wrapper`): the task is on the record before them, and what they do, in a child that
they fork too, is not taken for what the task does.
Arguments are a subset of Airflow's, so that one module fits 2.11 and 3. The marker is pluggy's: nothing of Airflow is imported.
"""

from __future__ import annotations

from collections.abc import Generator
from functools import cache
from typing import Any

from pluggy import HookimplMarker

from orchestrail.adapter import ConfigurationError, RequirementNotMet, activate, guard, refuse_unrecorded
from orchestrail_airflow import host, plugin
from orchestrail_airflow.recording import Recording, at_work

hookimpl = HookimplMarker("airflow")


@cache
def _begin() -> None:
    activate("airflow", plugin)


def _recording() -> Recording | None:
    _begin()
    return at_work()


@hookimpl(tryfirst=True)
def on_starting(component: object) -> None:
    """A scheduler or a task process begins: then the scheduler tells of DAG runs; `airflow dags test` has none."""
    with guard("airflow: a process begins"):
        if (recording := _recording()) is not None:
            recording.is_served = True


@hookimpl(tryfirst=True)
def before_stopping(component: object) -> None:
    """A task process ends, or a task of `airflow dags test`, in whatever state the task is."""
    with guard("airflow: a process ends"):
        if (recording := at_work()) is not None:
            recording.task_left()


@hookimpl(tryfirst=True)
def on_dag_run_running(dag_run: Any) -> None:
    """The scheduler begins a DAG run."""
    with guard("airflow: a DAG run begins"):
        if (recording := _recording()) is not None:
            recording.dag_run_begins(dag_run)


@hookimpl(tryfirst=True)
def on_dag_run_success(dag_run: Any, msg: str) -> None:
    """A DAG run succeeded, or somebody marked it so."""
    with guard("airflow: a DAG run succeeded"):
        if (recording := _recording()) is not None:
            recording.dag_run_ended(dag_run, "success", msg)


@hookimpl(tryfirst=True)
def on_dag_run_failed(dag_run: Any, msg: str) -> None:
    """A DAG run failed or timed out, or somebody marked it so."""
    with guard("airflow: a DAG run failed"):
        if (recording := _recording()) is not None:
            recording.dag_run_ended(dag_run, "failed", msg)


@hookimpl(wrapper=True, tryfirst=True)
def on_task_instance_running(task_instance: Any) -> Generator[None, object, object]:
    """A try of a task is about to run, in this process and this context; a deferred or rescheduled one again.

    In mode `enforce` it may be refused; what a listener raises is no way to say so in Airflow 3.
    """
    recording: Recording | None = None
    try:
        with guard("airflow: a task begins"):
            if (recording := _recording()) is not None:
                recording.task_begins(task_instance)
            else:
                refuse_unrecorded("airflow", f"{task_instance.dag_id}.{task_instance.task_id}")
    except RequirementNotMet as refusal:
        host.refuse(task_instance, refusal)
    try:
        return (yield)
    finally:
        with guard("airflow: a task's code begins"):
            if recording is not None:
                recording.task_entered()


@hookimpl(tryfirst=True)
def on_task_instance_success(previous_state: object, task_instance: Any) -> None:
    """A try succeeded, or somebody marked it so."""
    with guard("airflow: a task succeeded"):
        if (recording := _recording()) is not None:
            recording.task_ended(task_instance, "success", by_hand=previous_state is None)


@hookimpl(tryfirst=True)
def on_task_instance_failed(previous_state: object, task_instance: Any, error: BaseException | str | None) -> None:
    """A try failed, the scheduler lost it, or somebody marked it so."""
    with guard("airflow: a task failed"):
        if (recording := _recording()) is not None:
            recording.task_ended(task_instance, "failed", error, by_hand=previous_state is None)


@hookimpl(tryfirst=True)
def on_task_instance_skipped(previous_state: object, task_instance: Any) -> None:
    """A try skipped itself, or somebody marked it so."""
    with guard("airflow: a task was skipped"):
        if (recording := _recording()) is not None:
            recording.task_ended(task_instance, "skipped", by_hand=previous_state is None)


@hookimpl(tryfirst=True)
def on_new_dag_import_error(filename: str, stacktrace: str) -> None:
    """A DAG file cannot be imported; where that is because we are here, `doctor` has to say so."""
    with guard("airflow: import a DAG"):
        _explain(filename, stacktrace)


@hookimpl(tryfirst=True)
def on_existing_dag_import_error(filename: str, stacktrace: str) -> None:
    """A DAG file still cannot be imported."""
    with guard("airflow: import a DAG"):
        _explain(filename, stacktrace)


def _explain(filename: str, stacktrace: str) -> None:
    if "end_from_trigger" in stacktrace and _recording() is not None:
        raise ConfigurationError(
            f"Airflow does not import {filename}.",
            "Airflow takes no deferrable operator with end_from_trigger=True where any listener is installed, as ours is.",
            "Set end_from_trigger=False there, or uninstall orchestrail-airflow.",
        )
