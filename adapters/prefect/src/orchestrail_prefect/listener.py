"""What is recorded when Prefect says that something happened. How Prefect comes to say it is `orchestrail_prefect.seams`' matter.

A run has one id of Prefect's through all its attempts; each attempt is a run of the record. Every method here is called inside
`orchestrail.guard`, in the thread and the context of the code that runs, and does no more than append to the spool.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from prefect.context import AssetContext, FlowRunContext, TaskRunContext
from prefect.exceptions import Pause

from orchestrail.adapter import (
    Carrier,
    Job,
    Recorder,
    RequirementNotMet,
    RunRef,
    RunStart,
    State,
    attempt_run_id,
    current_open_run,
    guard,
)
from orchestrail_prefect import refusal, translate
from orchestrail_prefect.assets import state_assets
from orchestrail_prefect.hooks import Options, options_of

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun
    from prefect.client.schemas.objects import State as PrefectState
    from prefect.events.schemas.events import Event
    from prefect.flows import Flow

TASK_EVENT = "prefect.task-run."
_REMEMBERED = 10_000
"""Stored results whose computing run is remembered in this process. A run that takes any other has its `cacheKey` on the record."""


@dataclass(slots=True)
class _Attempt:
    """The attempt of a flow or task run that is open in this process.

    Attributes:
        start: how it began.
        ref: its place in the tree.
        family: the runs below one outermost flow run by Prefect's id, for `after` edges; shared by all of them, gone with the last.
        handled: identity of the exception that the caller was handling when it began: that one is not this run's.
    """

    start: RunStart
    ref: RunRef
    family: dict[str, RunRef]
    handled: int

    def begun_again(self, native: str) -> RunStart:
        """Say how the attempt after this one begins: in the same place."""
        number = self.start.attempt + 1
        return replace(
            self.start,
            run_id=attempt_run_id(native, number),
            attempt=number,
            previous_attempt=self.ref.run_id,
        )


class Listener:
    """Records what happens to Prefect's runs in this process.

    Args:
        recorder: the way to the record.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._open: dict[str, _Attempt] = {}
        self._resolved: dict[int, dict[str, Any]] = {}
        self._leaving: dict[int, Callable[[], None]] = {}
        self._computed: OrderedDict[str, str] = OrderedDict()

    # Which run's code is executing

    def current(self) -> RunRef | None:
        """Say which open run Prefect's own contexts name: the task run, else the flow run."""
        task, flow = TaskRunContext.get(), FlowRunContext.get()
        for run in (task.task_run if task else None, flow.flow_run if flow else None):
            attempt = self._open.get(str(run.id)) if run is not None else None
            if attempt is not None:
                return attempt.ref
        return None

    def flow_entered(self, context: FlowRunContext) -> None:
        """Make a flow run the current one, in the context that its body gets."""
        if context.flow_run is not None:
            self._enter(context, str(context.flow_run.id))

    def flow_left(self, context: FlowRunContext, error: BaseException | None) -> None:
        """Leave a flow run; let it go where it was suspended, end it where its body returned a cancelled state: no hook tells."""
        flow_run = context.flow_run
        attempt = self._open.get(str(flow_run.id)) if flow_run is not None else None
        if flow_run is not None and attempt is not None:
            if isinstance(error, Pause):
                del self._open[str(flow_run.id)]
                self._recorder.release(attempt.ref.run_id)
            elif flow_run.state is not None and flow_run.state.is_cancelled():
                del self._open[str(flow_run.id)]
                self._recorder.finish(attempt.ref.run_id, State.ABORT, error=flow_run.state.message)
        self._leave(context)

    def task_entered(self, context: TaskRunContext) -> None:
        """Make a task run the current one, where it has begun in this process.

        Prefect enters a task's context while the run is pending and nothing has begun, again around the body, and in another
        process around the tasks that the body submitted there.
        """
        self._enter(context, str(context.task_run.id))

    def task_left(self, context: TaskRunContext, error: BaseException | None) -> None:
        """Leave a task run; let it go where it suspended its flow, for Prefect never ends it."""
        self._resolved.pop(id(context), None)
        if isinstance(error, Pause):
            attempt = self._open.pop(str(context.task_run.id), None)
            if attempt is not None:
                self._recorder.release(attempt.ref.run_id)
        self._leave(context)

    def _enter(self, context: FlowRunContext | TaskRunContext, native: str) -> None:
        attempt = self._open.get(native)
        if attempt is not None:
            # A flow run's own parameters are what Prefect's server keeps of them: as JSON.
            entered = self._recorder.enter(attempt.ref.run_id, context.parameters)
            self._leaving[id(context)] = partial(self._recorder.leave, entered)

    def _leave(self, context: object) -> None:
        leave = self._leaving.pop(id(context), None)
        if leave is not None:
            leave()

    # Flow runs

    def flow_running(self, flow: Flow[..., Any], flow_run: FlowRun, options: Options) -> None:
        """A flow run begins; or goes on after it was suspended; or begins again: then the attempt before it has failed."""
        try:
            self._begin_flow(flow, flow_run, options)
        except RequirementNotMet as refused:
            refusal.refuse(flow, str(flow_run.id), refused)

    def _begin_flow(self, flow: Flow[..., Any], flow_run: FlowRun, options: Options) -> None:
        native = str(flow_run.id)
        before = self._open.pop(native, None)
        if before is not None:
            self._recorder.finish(before.ref.run_id, State.FAIL, error=_handled(before.handled))
            start, family, handled = before.begun_again(native), before.family, before.handled
            ref = self._recorder.start(start)
        else:
            # Prefect's server counts a run when it begins, but not when it goes on.
            begun, goes_on = flow_run.run_count or 0, bool(flow_run.empirical_policy.resuming)
            found = self._flow_start(flow, flow_run, options, max(1, begun if goes_on else begun + 1))
            if found is None:
                return
            start, family, handled = found, self._family(), id(sys.exc_info()[1])
            ref = self._recorder.resume(start) if goes_on else self._recorder.start(start)
        self._open[native] = _Attempt(start, ref, family, handled)
        family[native] = ref
        if flow_run.parent_task_run_id is not None:  # what Prefect names where a subflow's result is handed on
            family[str(flow_run.parent_task_run_id)] = ref

    def flow_ended(self, flow: Flow[..., Any], flow_run: FlowRun, state: PrefectState[Any], options: Options) -> None:
        """A flow run ended: in this process or, where a runner calls the hook, in another."""
        end = translate.end_of(state.type.value, state.name)
        if end is None:
            return
        attempt = self._open.pop(str(flow_run.id), None)
        error = translate.error_of(state, end)
        if attempt is not None:
            self._recorder.finish(attempt.ref.run_id, end, error=error, result=translate.result_of(state, end))
            return
        begun = _times_begun(flow_run, state)
        start = self._flow_start(flow, flow_run, options, max(1, begun))
        if start is None:
            return
        if begun == 0:  # its body never ran: the parameters were refused, or it crashed before
            self._recorder.start(start, may_refuse=False)
        self._recorder.finish(start.run_id, end, error=error, start=start)

    def _flow_start(self, flow: Flow[..., Any], flow_run: FlowRun, options: Options, number: int) -> RunStart | None:
        native = str(flow_run.id)
        within = current_open_run()
        outer = FlowRunContext.get()
        if outer is not None and (outer.flow_run is None or outer.flow_run.id == flow_run.id):
            outer = None
        carrier = self._carrier(outer) if within is None else None
        if within is None and carrier is None:
            if options.inherited:
                return None
            carrier = translate.carrier_of(flow_run)
        above = within.start if within is not None else _options_above(outer)
        facts = {
            "deploymentId": str(flow_run.deployment_id) if flow_run.deployment_id else None,
            "unrecordedParent": str(outer.flow_run.id)
            if outer and outer.flow_run and not (within or carrier)
            else None,
        }
        return RunStart(
            run_id=attempt_run_id(native, number),
            job_name=flow.name,
            job_type="FLOW",
            native_id=native,
            attempt=number,
            previous_attempt=attempt_run_id(native, number - 1) if number > 1 else None,
            parent=within.ref if within else None,
            carrier=carrier,
            function=flow.fn,
            parameters=flow_run.parameters,
            trigger=translate.trigger_of(flow_run),
            actor=translate.actor_of(flow_run),
            tags=translate.tags_of(flow_run.tags),
            texts=translate.texts_of(flow_run.tags, flow.description),
            system=options.system or above.system,
            environment=options.environment or above.environment,
            mode=options.mode or above.mode,
            facts={name: value for name, value in facts.items() if value is not None},
        )

    # Task runs

    def task_event(self, event: Event) -> None:
        """A task run changed its state."""
        if not event.event.startswith(TASK_EVENT):
            return
        name = event.event[len(TASK_EVENT) :]
        if name == "Pending":
            return
        resource = event.resource.root
        kind = resource["prefect.state-type"]
        native = resource["prefect.resource.id"][len(TASK_EVENT) :]
        if kind == "PENDING":
            if name == "NotReady":
                self._skip_task(native, resource.get("prefect.state-message") or name)
        elif kind == "RUNNING":
            self._task_running(native)
        elif kind == "SCHEDULED":
            self._end_attempt(native)
        else:
            self._end_task(native, kind, name, event)

    def parameters_resolved(self, parameters: dict[str, Any]) -> None:
        """Keep the values that a pending task run's body will get; its context keeps the futures that they came from."""
        context = TaskRunContext.get()
        if context is not None:
            self._resolved[id(context)] = parameters

    def _task_running(self, native: str) -> None:
        """A task run begins, or begins again. Prefect's server has not heard of it yet: no run that it knows is unrecorded."""
        before = self._end_attempt(native)
        context = _context_of(native)
        if context is None or not self._belongs():
            return
        try:
            self._begin_task(context, native, before)
        except RequirementNotMet as refused:
            refusal.refuse(context.task, native, refused)

    def _belongs(self) -> bool:
        if current_open_run() is not None:
            return True
        flow = FlowRunContext.get()
        return flow is not None and options_of(flow.flow) is not None

    def _begin_task(self, context: TaskRunContext, native: str, before: _Attempt | None) -> None:
        if before is not None:  # in the context of the attempt that has just failed, which is not its parent
            start, family, handled = before.begun_again(native), before.family, before.handled
        else:
            parameters = self._resolved.get(id(context), context.parameters)
            family, handled = self._family(), id(sys.exc_info()[1])
            found = self._task_start(context, native, parameters, family)
            if found is None:
                return
            start = found
        ref = self._recorder.start(start)
        self._open[native] = _Attempt(start, ref, family, handled)
        family[native] = ref

    def _end_attempt(self, native: str) -> _Attempt | None:
        """A task run is going to be tried again: give the attempt that failed, if there was one."""
        attempt = self._open.pop(native, None)
        if attempt is not None:
            self._recorder.finish(attempt.ref.run_id, State.FAIL, error=_handled(attempt.handled))
        return attempt

    def _end_task(self, native: str, kind: str, name: str, event: Event) -> None:
        end = translate.end_of(kind, name)
        if end is None:
            return
        attempt = self._open.pop(native, None)
        if attempt is None:
            if end is State.CACHED and refusal.forget(native):
                self._take_refused(native, event)
            return
        error: BaseException | str | None = None
        if end in (State.FAIL, State.ABORT):
            error = _handled(attempt.handled) or event.resource.root.get("prefect.state-message")
        key = translate.result_key(event.payload["validated_state"].get("data"))
        cached_from = None
        if end is State.CACHED:
            cached_from = self._computed.get(key) if key is not None else None
            run = self._recorder.open_run(attempt.ref.run_id)
            if run is not None:
                run.files.close()  # the body did not run: what was read is the stored result, by Prefect
        elif key is not None:
            self._remember(key, attempt.ref.run_id)
        facts = {"cacheKey": key} if key is not None else {}
        assets = AssetContext.get()
        if assets is not None and (assets.downstream_assets or assets.direct_asset_dependencies):
            facts |= self._state_assets(attempt, assets, native, end)
        context = _context_of(native)
        state = context.task_run.state if context is not None else None
        result = translate.result_of(state, end) if state is not None else None
        self._recorder.finish(attempt.ref.run_id, end, error=error, cached_from=cached_from, facts=facts, result=result)

    def _state_assets(self, attempt: _Attempt, assets: AssetContext, native: str, end: State) -> dict[str, str]:
        # A run that never reached its body, or crashed, ends in the asset context of the run around it.
        own = end is State.COMPLETE or (end is State.FAIL and str(assets.task_run_id) == native)
        with guard("prefect: assets"):
            run = self._recorder.open_run(attempt.ref.run_id)
            if run is not None and own:
                return state_assets(run, assets, end)
        return {}

    def _take_refused(self, native: str, event: Event) -> None:
        """A refused task run took its result from a cache: no body ran, so it did not fail after all."""
        context = _context_of(native)
        start = self._task_start(context, native, context.parameters, self._family()) if context is not None else None
        if start is not None:
            key = translate.result_key(event.payload["validated_state"].get("data"))
            self._recorder.finish(
                start.run_id,
                State.CACHED,
                cached_from=self._computed.get(key) if key is not None else None,
                facts={"cacheKey": key},
                start=start,
                changed=True,
            )

    def _skip_task(self, native: str, reason: str) -> None:
        """A task run will not happen, because a run before it did not complete."""
        context = _context_of(native)
        if context is None or not self._belongs():
            return
        # Its parameters are futures that will never have a value.
        start = self._task_start(context, native, None, self._family())
        if start is not None:
            self._recorder.skip(start, reason)

    def _task_start(
        self, context: TaskRunContext, native: str, parameters: dict[str, Any] | None, family: dict[str, RunRef]
    ) -> RunStart | None:
        within, flow = current_open_run(), FlowRunContext.get()
        carrier = self._carrier(flow) if within is None else None
        if within is None and carrier is None:
            return None
        task, task_run = context.task, context.task_run
        if flow is not None and flow.flow is not None:
            job = f"{flow.flow.name}.{task.name}"
        else:  # within a run of another adapter
            job = f"{within.ref.job.name}.{task.name}" if within is not None else task.name
        above = within.start if within is not None else _options_above(flow)
        number = max(1, task_run.run_count)
        return RunStart(
            run_id=native if number == 1 else attempt_run_id(native, number),
            job_name=job,
            job_type="TASK",
            native_id=native,
            attempt=number,
            previous_attempt=attempt_run_id(native, number - 1) if number > 1 else None,
            parent=within.ref if within is not None else None,
            carrier=carrier,
            function=task.fn,
            parameters=parameters,
            upstream=[family[run] for run in translate.upstream_of(task_run.task_inputs) if run in family],
            order_only=[family[run] for run in sorted(translate.order_only(task_run.task_inputs)) if run in family],
            system=above.system,
            environment=above.environment,
            mode=above.mode,
            tags=translate.tags_of(task_run.tags),
            texts=translate.texts_of(task.tags, task.description),
            declared_version=task.version,
        )

    def _remember(self, key: str, run_id: str) -> None:
        self._computed[key] = run_id
        if len(self._computed) > _REMEMBERED:
            self._computed.popitem(last=False)

    # Around a run

    def _family(self) -> dict[str, RunRef]:
        flow = FlowRunContext.get()
        above = self._open.get(str(flow.flow_run.id)) if flow is not None and flow.flow_run is not None else None
        return above.family if above is not None else {}

    def _carrier(self, flow: FlowRunContext | None) -> Carrier | None:
        """Name the flow run that a task or subflow belongs to where another process has begun it (a process pool's parent)."""
        if flow is None or flow.flow is None or flow.flow_run is None or options_of(flow.flow) is None:
            return None
        run_id = attempt_run_id(str(flow.flow_run.id), max(1, flow.flow_run.run_count or 0))
        return Carrier(run_id, Job(self._recorder.settings.namespace, flow.flow.name))


def _context_of(native: str) -> TaskRunContext | None:
    """Give the context of the task run that an event is about; None where the event was only passed on from another process."""
    context = TaskRunContext.get()
    return context if context is not None and str(context.task_run.id) == native else None


def _times_begun(flow_run: FlowRun, state: PrefectState[Any]) -> int:
    """Say how often a flow run has begun that is not open in this process.

    The engine hands out the flow run that it keeps up to date, with the very state that it is telling of. A runner has a copy from
    before the run or from its middle. How many attempts came since only Prefect's server knows, and a hook opens no connection: the
    end is told of the attempt that the copy knows, and `sweep` closes a later one, whose process is gone.
    """
    begun = flow_run.run_count or 0
    return begun if flow_run.state is state else max(1, begun)


def _handled(before: int) -> BaseException | None:
    """Give the exception being handled, which Prefect's engine is telling of, unless its caller was handling it before."""
    error = sys.exc_info()[1]
    return error if error is not None and id(error) != before else None


def _options_above(outer: FlowRunContext | None) -> Options:
    """Give what `@audited` was told for the flow around, where no run around is open in this process."""
    return (options_of(outer.flow) if outer is not None else None) or Options()
