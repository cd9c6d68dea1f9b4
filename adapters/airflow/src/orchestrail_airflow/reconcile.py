"""When a DAG run ended: the task instances that no hook told of, from Airflow's own table.

No hook is called for a task that a branch skipped, whose upstream failed, that was removed from the DAG, that does nothing
(EmptyOperator), or whose process was killed. The table is read in a session of our own: the scheduler's must not be committed
by us. What the scheduler has changed and not yet committed is taken from the objects in its memory, without a query.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from orchestrail import DatasetRef
from orchestrail.adapter import Recorder, RunRef, RunStart, State, dataset_of
from orchestrail_airflow import translate
from orchestrail_airflow.host import loaded, text_of, waited_for
from orchestrail_airflow.ledger import Entry, Ledger

NEVER_RAN = ("skipped", "upstream_failed", "removed")
_LOST = {
    "success": State.COMPLETE,
    "failed": State.FAIL,
    "up_for_retry": State.FAIL,
    "skipped": State.ABORT,
    "upstream_failed": State.ABORT,
    "removed": State.ABORT,
}
_BY_ASSET = ("asset_triggered", "dataset_triggered")


@dataclass(frozen=True, slots=True)
class Instance:
    """One try of a task instance as Airflow's table has it.

    Attributes:
        task_id: the task.
        map_index: -1 where it is not mapped.
        try_number: 0 where it was never tried.
        state: Airflow's word for its state.
        started: when it began.
        ended: when it ended.
        host: where it ran; None where it never did.
    """

    task_id: str
    map_index: int
    try_number: int
    state: str | None
    started: datetime | None
    ended: datetime | None
    host: str | None


_COLUMNS = ("task_id", "map_index", "try_number", "state", "start_date", "end_date", "hostname")


def task_instances(recorder: Recorder, namespace: str, dag_run: Any, dag: Any, parent: RunRef, ledger: Ledger) -> None:
    """Tell of the task instances of a DAG run that nobody told of."""
    told = ledger.read()
    tasks = getattr(dag, "task_dict", {})
    for one in _instances(dag_run):
        task = None if one.host else tasks.get(one.task_id)
        start = translate.task_start(
            namespace,
            dag_run,
            parent,
            one.task_id,
            one.try_number,
            one.map_index,
            upstream=translate.upstream_of(dag_run.dag_id, parent, waited_for(task), told.values()),
            at=one.started,
        )
        if _tell(recorder, one, start, told.get(start.run_id), ledger):
            ledger.ended(start.run_id, one.task_id, one.map_index, one.try_number)


def consumed_assets(dag_run: Any, namespace: str) -> list[DatasetRef]:
    """Name the assets whose events triggered a DAG run."""
    if text_of(dag_run.run_type) not in _BY_ASSET:
        return []
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session

    found: dict[tuple[str, str], DatasetRef] = {}
    with create_session(scoped=False) as session:
        run = session.query(DagRun).filter(DagRun.dag_id == dag_run.dag_id, DagRun.run_id == dag_run.run_id).one()
        events = run.consumed_asset_events if hasattr(run, "consumed_asset_events") else run.consumed_dataset_events
        for event in events:
            asset = translate.asset_of(event.asset if hasattr(event, "asset") else event.dataset, namespace)
            if asset is not None:
                named = dataset_of(asset)
                found[named.namespace, named.name] = named
    return list(found.values())


def _tell(recorder: Recorder, one: Instance, start: RunStart, entry: Entry | None, ledger: Ledger) -> bool:
    if entry is not None:
        if not entry.is_lost or one.state not in _LOST:
            return False
        now = ledger.read(runs=[start.run_id]).get(start.run_id)
        if now is None or now.ended:  # it told its end before it went
            return False
        state = _LOST[one.state]
        error = None if state is State.COMPLETE else f"The process of the task was gone; Airflow has it as {one.state}."
        recorder.finish(start.run_id, state, error=error, facts={"toldBy": "scheduler"}, at=one.ended, start=start)
        return True
    if one.state in NEVER_RAN and not (one.host and one.state == "skipped"):
        recorder.skip(replace(start, at=one.ended), one.state)
        return True
    if one.host:  # it ran, and told of itself where it ran
        return False
    if one.state == "success":
        recorder.start(start, may_refuse=False)
        recorder.finish(start.run_id, State.COMPLETE, facts={"toldBy": "scheduler"}, at=one.ended)
        return True
    if one.state == "failed":
        recorder.finish(start.run_id, State.FAIL, error="Airflow failed it before it began.", at=one.ended, start=start)
        return True
    return False


def _instances(dag_run: Any) -> list[Instance]:
    """Read the task instances of a DAG run and their earlier tries."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.taskinstancehistory import TaskInstanceHistory
    from airflow.utils.session import create_session

    earlier: list[Instance] = []
    last: dict[tuple[str, int], Instance] = {}
    with create_session(scoped=False) as session:
        for model in (TaskInstanceHistory, TaskInstance):
            columns = [getattr(model, name) for name in _COLUMNS]
            of_this_run = (model.dag_id == dag_run.dag_id, model.run_id == dag_run.run_id)
            for row in session.query(*columns).filter(*of_this_run):
                one = _instance(*row)
                if model is TaskInstance:
                    last[one.task_id, one.map_index] = one
                else:
                    earlier.append(one)
    for one in _in_memory(dag_run):
        last[one.task_id, one.map_index] = one
    return sorted([*earlier, *last.values()], key=lambda one: (one.task_id, one.map_index, one.try_number))


def _in_memory(dag_run: Any) -> Iterator[Instance]:
    """Look at the task instances that the session of the DAG run holds: their states may not be committed yet."""
    session = getattr(getattr(dag_run, "_sa_instance_state", None), "session", None)
    if session is None:
        return
    for one in list(session.identity_map.values()):
        if type(one).__name__ == "TaskInstance":
            values = [loaded(one, name) for name in _COLUMNS]
            this_run = (loaded(one, "dag_id"), loaded(one, "run_id")) == (dag_run.dag_id, dag_run.run_id)
            if this_run and None not in values[:4]:
                yield _instance(*values)


def _instance(
    task_id: str,
    map_index: int,
    try_number: int,
    state: object,
    started: datetime | None,
    ended: datetime | None,
    host: str | None,
) -> Instance:
    return Instance(task_id, map_index, try_number, text_of(state), started, ended, host or None)
