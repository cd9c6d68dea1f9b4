"""When a DAG run ended: what no hook told of its task instances, from Airflow's own table.

No hook is called for a task that a branch skipped, whose upstream failed, that was removed from the DAG, that does nothing
(EmptyOperator), or whose process was killed; in 2.11 neither for one that skips itself nor for a state that a person gave it. The
table is read in a session of our own: the scheduler's must not be committed by us. What the scheduler has changed and not yet
committed is taken from the objects in its memory, without a query.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Any

from orchestrail import DatasetRef
from orchestrail.adapter import Recorder, RunRef, RunStart, State, dataset_of
from orchestrail_airflow import manual, translate
from orchestrail_airflow.host import does_nothing, is_2, loaded, own_session, text_of, waited_for
from orchestrail_airflow.ledger import Entry, Ledger

_NEVER_RAN = {
    "skipped": "Airflow skipped it: a branch, a condition or a rule of its DAG kept it from running",
    "upstream_failed": "Airflow did not run it: a task before it failed",
    "removed": "Airflow removed it: its DAG does not have it any longer",
}
"""Airflow's states of a task instance that may never have run, and why it did not."""
_ENDS = {
    "success": State.COMPLETE,
    "failed": State.FAIL,
    "up_for_retry": State.FAIL,
    "skipped": State.SKIPPED,
    "upstream_failed": State.ABORT,
    "removed": State.ABORT,
}
"""Airflow's states of a try that is over, where it had begun."""
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
        queued: when it was last given to an executor; None where it never was.
        is_past: whether another try came after it.
    """

    task_id: str
    map_index: int
    try_number: int
    state: str | None
    started: datetime | None
    ended: datetime | None
    host: str | None
    queued: datetime | None = None
    is_past: bool = False

    @property
    def end(self) -> State | None:
        """How it ended, if it began; None where it did not end yet."""
        return _ENDS.get(self.state or "", State.ABORT if self.is_past else None)


_COLUMNS = ("task_id", "map_index", "try_number", "state", "start_date", "end_date", "hostname", "queued_dttm")


@dataclass(frozen=True, slots=True)
class Reconciling:
    """Tells of the task instances of one DAG run that ended.

    Attributes:
        recorder: the way to the record.
        namespace: the job namespace.
        dag_run: Airflow's object.
        dag: its DAG, None where that is not at hand.
        parent: the DAG run's place in the tree.
        ledger: what was told of it.
        changes: what people did to it.
        cut_off: whether Airflow ended it before its tasks were done: then it skips those that are running, and ends them.
        closed_by: `process` where the whole DAG run happened in this process.
    """

    recorder: Recorder
    namespace: str
    dag_run: Any
    dag: Any
    parent: RunRef
    ledger: Ledger
    changes: Sequence[manual.Change]
    cut_off: bool
    closed_by: str

    def tell(self) -> None:
        """Tell of the task instances that Airflow's table has and that nobody told of."""
        self.tell_of(_instances(self.dag_run))

    def tell_of(self, instances: Iterable[Instance]) -> None:
        """Tell of those task instances that nobody told of."""
        told = self.ledger.read()
        since = min((entry.begun_at for entry in told.values() if entry.begun_at is not None), default=None)
        tasks = getattr(self.dag, "task_dict", {})
        for one in instances:
            task = tasks.get(one.task_id)
            run_id = translate.task_run_id(self.namespace, self.dag_run, one.task_id, one.try_number, one.map_index)
            entry = told.get(run_id)
            parent = translate.in_pass(self.parent, entry)
            start = translate.task_start(
                self.namespace,
                self.dag_run,
                parent,
                one.task_id,
                one.try_number,
                one.map_index,
                upstream=[]
                if entry is not None
                else translate.upstream_of(self.dag_run.dag_id, self.parent, waited_for(task), told.values()),
                # What does nothing is given nothing; of any other task the scheduler does not know.
                given_by=set() if getattr(task, "inherits_from_empty_operator", False) else None,
                idle=does_nothing(task),
                at=one.started,
                closed_by=self.closed_by,
            )
            if entry is None:
                is_covered = since is not None and one.queued is not None and one.queued.timestamp() >= since
                never_run = getattr(task, "inherits_from_empty_operator", True)
                state = self._never_told(one, start, is_covered=is_covered, never_run=never_run)
            elif entry.ended:
                state = self._told_otherwise(one, start, entry)
            else:
                state = self._not_ended(one, start, entry)
            if state is not None:
                what = (start.run_id, one.task_id, one.map_index, one.try_number)
                self.ledger.ended(*what, state=state, parent=parent.run_id)

    def _never_told(self, one: Instance, start: RunStart, *, is_covered: bool, never_run: bool) -> State | None:
        if one.state in _NEVER_RAN and not (one.host and one.state == "skipped"):
            self._skip(one, start, _NEVER_RAN[one.state])
            return State.SKIPPED
        if one.host:
            return self._never_heard_of(one, start) if is_covered else None
        if one.state not in ("success", "failed"):  # it is not over
            return None
        change = manual.last_of(self.changes, one.task_id, one.state)
        if one.state == "success" and never_run and change is None:
            self.recorder.start(start, may_refuse=False)
        error = "Airflow failed it before it began." if one.state == "failed" and change is None else None
        concluded = None
        if one.ended is None and one.queued is not None:
            one, concluded = replace(one, ended=one.queued), "Airflow keeps no end of it: it was queued then"
        self._finish(one, start, error=error, change=change, inferred=concluded)
        return one.end

    def _never_heard_of(self, one: Instance, start: RunStart) -> State | None:
        """Conclude a try that Airflow began and failed, and whose process told nothing: killed before any listener was called.

        Or it told where we cannot look, in another host's spool: then that goes before what is told here. One that succeeded did.
        """
        if one.end not in (State.FAIL, State.ABORT) or not (one.is_past or one.state == "failed"):
            return None
        change = None if one.is_past else manual.last_of(self.changes, one.task_id, "failed", since=one.started)
        error, concluded = None, None
        if change is None:
            error = f"The process of the task told nothing, not even that it began; Airflow has it as {one.state}."
            concluded = f"Airflow has it as {one.state}, and its process has told nothing"
        self.recorder.resume(start)  # a process that did tell of its beginning knows more of it
        self._finish(one, start, error=error, inferred=concluded, change=change)
        return one.end

    def _skip(self, one: Instance, start: RunStart, reason: str | None) -> None:
        facts = {**start.facts, "orchestratorState": one.state}
        change = manual.last_of(self.changes, one.task_id, "skipped")
        if one.state == "skipped" and change is not None and change.state == "skipped":
            facts, reason = facts | manual.told_by(change), change.note
        elif one.state == "skipped" and self.cut_off:
            reason = "Airflow skipped it; its DAG run was ended before all its tasks were"
        self.recorder.skip(replace(start, at=one.ended, facts=facts), reason)

    def _not_ended(self, one: Instance, start: RunStart, entry: Entry) -> State | None:
        if one.end is None:
            return None
        lives, skipped = entry.is_alive, one.state == "skipped"
        cut_off = skipped and self.cut_off
        change = manual.last_of(self.changes, one.task_id, one.state or "", since=one.started)
        is_silent = cut_off or change is not None or (skipped and is_2(self.recorder.info.host_version))
        if lives and not is_silent:
            return None  # it will tell its end by itself
        now = self.ledger.read(runs=[start.run_id]).get(start.run_id)
        if now is None or now.ended:  # it told its end before it went
            return None
        if change is not None:  # a person gave it its state while it ran
            self._finish(one, start, change=change)
            return one.end
        state, error, reason = one.end, None, None
        if cut_off:
            state, error = State.ABORT, "Airflow ended it with its DAG run."
        elif skipped:
            reason = "skipped itself"
        elif state is not State.COMPLETE:
            error = f"The process of the task was gone; Airflow has it as {one.state}."
        concluded = f"Airflow has it as {one.state}, and its host has told of no end" if lives is None else None
        self._finish(one, start, state=state, error=error, reason=reason, inferred=concluded)
        return state

    def _told_otherwise(self, one: Instance, start: RunStart, entry: Entry) -> State | None:
        """Tell of a state that was given to a try after its end was told: in 2.11 no hook is called for what a person does."""
        if entry.state is None or one.is_past or one.state not in ("success", "failed"):
            return None
        if entry.state != State.SKIPPED and (entry.state == State.COMPLETE) == (one.state == "success"):
            return None
        self._finish(one, start, change=manual.last_of(self.changes, one.task_id, one.state), changed=True)
        return one.end

    def _finish(
        self,
        one: Instance,
        start: RunStart,
        *,
        state: State | None = None,
        error: str | None = None,
        reason: str | None = None,
        inferred: str | None = None,
        change: manual.Change | None = None,
        changed: bool = False,
    ) -> None:
        facts = {"toldBy": "scheduler"} if change is None else manual.told_by(change)
        self.recorder.finish(
            start.run_id,
            state or one.end or State.ABORT,
            error=error,
            facts=facts | ({"reason": reason} if reason else {}),
            inferred=inferred,
            at=one.ended,
            start=start,
            changed=changed,
        )


def consumed_assets(dag_run: Any, namespace: str) -> list[DatasetRef]:
    """Name the assets whose events triggered a DAG run."""
    if text_of(dag_run.run_type) not in _BY_ASSET:
        return []
    from airflow.models.dagrun import DagRun

    found: dict[tuple[str, str], DatasetRef] = {}
    with own_session() as session:
        run = session.query(DagRun).filter(DagRun.dag_id == dag_run.dag_id, DagRun.run_id == dag_run.run_id).one()
        events = run.consumed_asset_events if hasattr(run, "consumed_asset_events") else run.consumed_dataset_events
        for event in events:
            asset = translate.asset_of(event.asset if hasattr(event, "asset") else event.dataset, namespace)
            if asset is not None:
                named = dataset_of(asset)
                found[named.namespace, named.name] = named
    return list(found.values())


def _instances(dag_run: Any) -> list[Instance]:
    """Read the task instances of a DAG run and their earlier tries."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.taskinstancehistory import TaskInstanceHistory

    earlier: list[Instance] = []
    last: dict[tuple[str, int], Instance] = {}
    with own_session() as session:
        for model in (TaskInstanceHistory, TaskInstance):
            columns = [getattr(model, name) for name in _COLUMNS]
            of_this_run = (model.dag_id == dag_run.dag_id, model.run_id == dag_run.run_id)
            for row in session.query(*columns).filter(*of_this_run):
                one = _instance(*row)
                if model is TaskInstance:
                    last[one.task_id, one.map_index] = one
                else:
                    earlier.append(replace(one, is_past=True))
    for one in _in_memory(dag_run):
        last[one.task_id, one.map_index] = one
    return untried(sorted([*earlier, *last.values()], key=lambda one: (one.task_id, one.map_index, one.try_number)))


def untried(instances: Iterable[Instance]) -> list[Instance]:
    """Take from tries that never began the host and the times of the try before, which Airflow leaves in their rows.

    So it does where it takes a queued try back, because its scheduler is gone (3), or fails it.

    Args:
        instances: those of one DAG run, by task, map index and number of the try.
    """
    rows = list(instances)
    found = rows[:1]
    for before, one in pairwise(rows):
        is_next = (one.task_id, one.map_index, one.try_number) == (
            before.task_id,
            before.map_index,
            before.try_number + 1,
        )
        if is_next and one.started is not None and one.started == before.started:
            one = replace(one, host=None, started=None, ended=one.ended if one.ended != before.ended else None)
        found.append(one)
    return found


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
    queued: datetime | None,
) -> Instance:
    return Instance(task_id, map_index, try_number, text_of(state), started, ended, host or None, queued)
