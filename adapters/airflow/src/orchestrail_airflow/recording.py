"""What goes on the record when Airflow says that something happened. How Airflow comes to say it is `listener`'s matter.

A DAG run is a run, each try of a task instance is a run below it. Their ids follow from what Airflow knows, so that every
process computes the same: the scheduler, which tells of DAG runs; a task process, which tells of its one task; the API server,
where people mark states. `airflow dags test` is all of them in one process. Every method is called inside `orchestrail.guard`;
no database, Connection or Variable is touched in a task.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

import orchestrail
from orchestrail import DatasetRef
from orchestrail.adapter import (
    Carrier,
    Recorder,
    RunRef,
    RunStart,
    Settings,
    State,
    carrier_from_environment,
    guard,
    leave_out,
)
from orchestrail_airflow import host, manual, reconcile, translate
from orchestrail_airflow.carrier import ChildEnvironment, carrier_of, conf_of
from orchestrail_airflow.ledger import Entry, Ledger

_STATES = {"success": State.COMPLETE, "failed": State.FAIL, "skipped": State.SKIPPED}


@dataclass(slots=True)
class _AtWork:
    """The task that this process runs.

    Attributes:
        ref: its place in the tree.
        task: the operator.
        note: what the ledger says of it.
        ledger: the ledger of its DAG run.
        since: where the ledger goes on after the note that it began.
        environment: the variables set for its child processes.
        entered: what `Recorder.enter` gave; None until its code is about to run.
        result: what the task returned.
    """

    ref: RunRef
    task: Any
    note: tuple[str, str, int, int]
    ledger: Ledger
    since: int
    environment: ChildEnvironment
    entered: Any = None
    result: object = None


@dataclass(slots=True)
class Recording:
    """Records what happens in this process.

    Attributes:
        recorder: the way to the record.
        settings: the settings of this process.
        namespace: the job namespace.
        is_served: True where a scheduler tells of DAG runs.
    """

    recorder: Recorder
    settings: Settings
    namespace: str
    is_served: bool = False
    _environment: Carrier | None = field(default_factory=carrier_from_environment)
    _at_work: _AtWork | None = None

    def current(self) -> RunRef | None:
        """Say which task this process runs."""
        return self._at_work.ref if self._at_work is not None else None

    # -- DAG runs

    def dag_run_begins(self, dag_run: Any) -> None:
        """The scheduler begins a DAG run, or goes on with one. It may end in another process, so nothing is kept here."""
        ledger = self._ledger(dag_run)
        run_id = translate.dag_run_id(self.namespace, dag_run)
        again = run_id in ledger.read(runs=[run_id])
        self._begin_dag_run(dag_run, getattr(dag_run, "dag", None), ledger, again=again)

    def dag_run_ended(self, dag_run: Any, state: str, message: str) -> None:
        """A DAG run ended: tell first of the tasks that nobody told of."""
        failed, by_hand = state == "failed", "manually set" in message
        self.is_served |= by_hand  # only an API server hears of what people do
        ledger = self._ledger(dag_run)
        dag = getattr(dag_run, "dag", None)
        parent = self._dag_run_ref(dag_run)
        changes: list[manual.Change] = []
        with guard("airflow: what people did to a DAG run"):
            changes = self._changes(dag_run)
        with guard("airflow: reconcile task instances"):
            cut_off = failed and (by_hand or message == "timed_out")
            reconcile.Reconciling(
                self.recorder, self.namespace, dag_run, dag, parent, ledger, changes, cut_off, self._closed_by
            ).tell()
        inputs: list[DatasetRef] = []
        with guard("airflow: assets that triggered a DAG run"):
            inputs = reconcile.consumed_assets(dag_run, self.namespace)
        entry = ledger.read(runs=[parent.run_id]).get(parent.run_id)
        if entry is None and not self.is_served and not self.recorder.is_open(parent.run_id):
            self._begin_dag_run(dag_run, dag, ledger, at_latest=host.loaded(dag_run, "end_date"))
        end = (State.ABORT if message == "timed_out" else State.FAIL) if failed else State.COMPLETE
        if entry is not None and entry.state == end and not by_hand:
            return  # the scheduler was killed after it told of this, and before Airflow's database knew
        facts: dict[str, object] = {"message": message} if message else {}
        if by_hand:
            facts |= manual.told_by(manual.last_of(changes, None, state))
        self.recorder.finish(
            parent.run_id,
            end,
            error=message if failed else None,
            facts=facts | manual.facts_of(changes),
            inputs=inputs,
            at=host.loaded(dag_run, "end_date"),
            start=self._dag_run_start(dag_run, None),
            changed=entry is not None and entry.ended,
        )
        ledger.ended(parent.run_id, state=end)
        with guard("airflow: the pass of a DAG run that went on in this one"):
            self._end_gone_on(dag_run, parent.run_id, ledger, end)

    def _end_gone_on(self, dag_run: Any, run_id: str, ledger: Ledger, end: State) -> None:
        """End the passes before, where this one goes on with them: Airflow tells of the end of the last one alone."""
        start = self._dag_run_start(dag_run, None)
        for before in ledger.goes_on_with(run_id):
            self.recorder.finish(
                before,
                end,
                at=host.loaded(dag_run, "end_date"),
                start=replace(start, run_id=before, facts={**start.facts, "clearNumber": None}),
                inferred="a task was cleared while it went on: Airflow counts another pass since, with which it ended",
            )
            ledger.ended(before, state=end)

    def _changes(self, dag_run: Any) -> list[manual.Change]:
        return manual.changes_of(dag_run, self.recorder.info.host_version, self.recorder.pseudonym)

    def _begin_dag_run(
        self,
        dag_run: Any,
        dag: Any,
        ledger: Ledger,
        *,
        again: bool = False,
        goes_on_with: str | None = None,
        at_latest: datetime | None = None,
    ) -> None:
        """Tell that a DAG run begins, or had begun at the latest at a time where Airflow does not say when it did."""
        start = self._dag_run_start(dag_run, dag)
        start = replace(start, at=start.at or at_latest)
        if again:
            self.recorder.resume(start)
        else:
            self.recorder.start(start, may_refuse=False)
        with guard("airflow: note a DAG run"):
            ledger.begun(start.run_id, parent=goes_on_with)
        if self.is_served:
            self.recorder.release(start.run_id)

    def _told_of(
        self,
        dag_run: Any,
        instance: Any,
        ledger: Ledger,
        entries: Mapping[str, Entry],
        ref: RunRef,
        at_latest: datetime | None,
    ) -> None:
        """See to it that a task's DAG run is on the record of this installation; it began no later than the task."""
        dag = getattr(getattr(instance, "task", None), "dag", None)
        entry = entries.get(ref.run_id)
        if (entry is not None and not entry.ended) or self.recorder.is_open(ref.run_id):
            return
        # Airflow counts another pass from a clear on while the DAG run goes on, and tells of its end alone.
        goes_on_with = ledger.open_pass() if entry is None else None
        if not self.is_served or goes_on_with is not None:
            self._begin_dag_run(dag_run, dag, ledger, goes_on_with=goes_on_with, at_latest=at_latest)
            return
        # The scheduler has not told of it here: it records elsewhere, or cannot.
        self.recorder.resume(translate.dag_run_start(self.namespace, dag_run, dag, None))
        self.recorder.release(ref.run_id)
        with guard("airflow: note a DAG run"):
            ledger.begun(ref.run_id, resumed=True)

    # -- tasks in their own process

    def task_begins(self, instance: Any) -> None:
        """A try is about to run, in this process, thread and context; `task_entered` follows."""
        self.task_left()
        task = getattr(instance, "task", None)
        dag_run, params = host.given(instance)
        if task is None or dag_run is None:
            return
        host.learn_secrets()
        parent = self._dag_run_ref(dag_run)
        run_id = self._task_run_id(dag_run, instance)
        ledger = self._ledger(dag_run)
        waited_for = host.waited_for(task)
        entries = ledger.read(runs=[parent.run_id, run_id], tasks=waited_for)
        with guard("airflow: a task's DAG run"):
            self._told_of(dag_run, instance, ledger, entries, parent, host.loaded(instance, "start_date"))
        before = entries.get(run_id)
        parent = translate.in_pass(parent, before)
        again = (before is not None and not before.ended) or host.is_resumed(instance, task)
        given_by: set[str] | None = None
        with guard("airflow: whose values a task is given"):
            given_by = host.given_by(task)
        start = translate.task_start(
            self.namespace,
            dag_run,
            parent,
            instance.task_id,
            instance.try_number,
            instance.map_index,
            task=task,
            instance=instance,
            upstream=translate.upstream_of(
                dag_run.dag_id,
                parent,
                waited_for,
                entries.values(),
                alike=host.waited_for_alike(task, waited_for),
                map_index=instance.map_index,
            ),
            given_by=given_by,
            params=params,
            idle=host.does_nothing(task),
            at=None if again else host.loaded(instance, "start_date"),
            closed_by=self._closed_by,
        )
        ref = self.recorder.resume(start) if again else self.recorder.start(start)
        note = (run_id, instance.task_id, instance.map_index, instance.try_number)
        since = 0
        with guard("airflow: note a task"):
            since = ledger.begun(*note, parent=parent.run_id)
        with guard("airflow: name the parent of a triggered DAG run"):
            host.hand_on(task, conf_of(ref))
        at_work = self._at_work = _AtWork(ref, task, note, ledger, since, ChildEnvironment(ref))
        host.watch_result(task, partial(setattr, at_work, "result"))

    def task_entered(self) -> None:
        """Everybody was told that a try begins: what happens in this context from now on is the task's."""
        at_work = self._at_work
        if at_work is None or at_work.entered is not None:
            return
        at_work.entered = self.recorder.enter(at_work.ref.run_id)
        for asset in translate.assets_of(at_work.task.inlets, self.namespace):
            orchestrail.record_input(asset)

    def task_ended(
        self, instance: Any, state: str, error: BaseException | str | None = None, *, by_hand: bool = False
    ) -> None:
        """A try ended: in this process, or in another one and this one only tells of it; or somebody gave it another state."""
        at_work = self._at_work
        if at_work is None or at_work.note[1:] != (instance.task_id, instance.map_index, instance.try_number):
            self._end_unbegun(instance, state, error, by_hand)
            return
        run_id = at_work.ref.run_id
        entry = at_work.ledger.read(runs=[run_id], since=at_work.since).get(run_id)
        if entry is not None and entry.ended:  # somebody gave it a state while it ran: that is its end
            self.task_left()
            return
        host.learn_secrets()
        if state == "success":
            outlets = [*at_work.task.outlets, *host.named_while_running(instance)]
            for asset in translate.assets_of(outlets, self.namespace):
                orchestrail.record_output(asset)
        failed = state == "failed"
        end = translate.end_of(error) if failed else _STATES[state]
        try:
            self.recorder.finish(
                run_id,
                end,
                error=error if failed else None,
                facts={"reason": "skipped itself"} if state == "skipped" else None,
                result=at_work.result,
                at=host.loaded(instance, "end_date"),
            )
            at_work.ledger.ended(*at_work.note, state=end)
        finally:
            self._leave()

    def task_left(self) -> None:
        """The process turns away from its task. One that did not end is deferred, rescheduled or waiting for a person."""
        at_work = self._at_work
        if at_work is not None:
            try:
                host.learn_secrets()
                self.recorder.release(at_work.ref.run_id)
            finally:
                self._leave()

    def _leave(self) -> None:
        at_work, self._at_work = self._at_work, None
        if at_work is not None:
            self.recorder.leave(at_work.entered)
            at_work.environment.restore()

    # -- tasks of which nobody here was told that they begin: another process ran them, or they failed before

    def _end_unbegun(self, instance: Any, state: str, error: BaseException | str | None, by_hand: bool) -> None:
        dag_run, _ = host.given(instance)
        if dag_run is None:
            return
        self.is_served |= by_hand
        ledger = self._ledger(dag_run)
        run_id = self._task_run_id(dag_run, instance)
        parent = self._dag_run_ref(dag_run)
        entries = ledger.read(runs=[parent.run_id, run_id])
        entry = entries.get(run_id)
        own, began = not by_hand and host.is_own(instance), host.began(instance)
        if own:  # it failed before Airflow called a listener: what it is given could not be had, say
            host.learn_secrets()
            with guard("airflow: a task's DAG run"):
                self._told_of(dag_run, instance, ledger, entries, parent, began)
        # A mark clears what failed after the task: by now Airflow counts another pass of the DAG run.
        parent = translate.in_pass(parent, entry)
        start = translate.task_start(
            self.namespace,
            dag_run,
            parent,
            instance.task_id,
            instance.try_number,
            instance.map_index,
            instance=instance,
            closed_by=self._closed_by,
        )
        end = _STATES[state]
        if entry is not None and entry.state == end and not by_hand:
            return
        facts: dict[str, object] = {} if own else {"toldBy": "scheduler"}
        why: str | None = "marked as skipped"
        if by_hand:
            change: manual.Change | None = None
            with guard("airflow: what people did to a task"):
                change = manual.last_of(self._changes(dag_run), instance.task_id, state)
            facts, why = manual.told_by(change), change.note if change is not None else None
        if entry is None and state == "skipped":
            start = replace(start, facts={**start.facts, **facts})
            self.recorder.skip(start, why)
        else:
            if entry is None and not by_hand and began is not None:
                if own:
                    self.recorder.start(replace(start, at=began), may_refuse=False)
                else:
                    self.recorder.resume(replace(start, at=began))  # its process was killed before it could tell
            self.recorder.finish(
                start.run_id,
                end,
                error=error if state == "failed" else None,
                facts=facts,
                at=host.loaded(instance, "end_date"),
                start=start,
                changed=entry is not None and entry.ended,
            )
        what = (run_id, instance.task_id, instance.map_index, instance.try_number)
        ledger.ended(*what, state=end, parent=parent.run_id)

    # -- where things are

    @property
    def _closed_by(self) -> str:
        """Say who reports ends: `airflow dags test` is one process, which does all of it."""
        return "host" if self.is_served else "process"

    def _dag_run_start(self, dag_run: Any, dag: Any) -> RunStart:
        return translate.dag_run_start(self.namespace, dag_run, dag, self._spawner(), closed_by=self._closed_by)

    def _ledger(self, dag_run: Any) -> Ledger:
        return Ledger.of(self.settings.spool, dag_run.dag_id, dag_run.run_id)

    def _spawner(self) -> Carrier | None:
        """Give the spawning run that the environment names: only a process that itself runs the DAG was spawned by it."""
        return None if self.is_served else self._environment

    def _dag_run_ref(self, dag_run: Any) -> RunRef:
        start = carrier_of(dag_run.conf) or self._spawner()
        return translate.dag_run_ref(self.namespace, dag_run, start)

    def _task_run_id(self, dag_run: Any, instance: Any) -> str:
        return translate.task_run_id(self.namespace, dag_run, instance.task_id, instance.try_number, instance.map_index)


_recording: Recording | None = None


def begin(recorder: Recorder, settings: Settings) -> None:
    """Record what happens in this process from now on; called again, change nothing."""
    global _recording
    if _recording is None:
        leave_out(*host.own_places())
        namespace = host.setting("openlineage", "namespace") or os.environ.get("OPENLINEAGE_NAMESPACE")
        _recording = Recording(recorder, settings, namespace or settings.namespace)


def end() -> None:
    """Stop recording in this process."""
    global _recording
    if _recording is not None:
        _recording.task_left()
        _recording = None


def at_work() -> Recording | None:
    """Give what records in this process; None where nothing does."""
    return _recording
