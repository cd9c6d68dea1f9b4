"""Marked functions at work: a call inside a recorded run becomes a run of its own, a call elsewhere is just the call.

The function of a host's task is that task's run already; then the call only enters it.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from orchestrail import plugins
from orchestrail.context import current
from orchestrail.guard import guard
from orchestrail.marking import innermost, mark
from orchestrail.model import Marking, RunStart, State
from orchestrail.recorder import STEP, Entered, OpenRun, arguments_of
from orchestrail.run_id import new_run_id
from orchestrail.wrapping import Ending, wrap

F = TypeVar("F", bound=Callable[..., Any])


def marked(function: F, marking: Marking) -> F:
    """Mark a function and have its calls recorded; a host's object that is no function is only marked."""
    if not inspect.isfunction(function):
        mark(function, marking)
        return function
    wrapper = wrap(function, functools.partial(begin, function))
    mark(function, marking)
    mark(wrapper, marking)
    return wrapper


def current_open_run() -> OpenRun | None:
    """Find the run whose code is executing: by context, else by asking the adapters (threads of a host).

    A thread may outlive the run that started it: that one counts only where no adapter knows better.
    """
    run = current.get()
    if run is not None and not run.recorder.at_work:
        run = None
    if run is not None and run.recorder.is_open(run.ref.run_id):
        return run
    ref = plugins.first_result("adapter_current_run")
    if ref is None:
        return run
    from orchestrail.adapter import active

    return next((found for recorder in active() if (found := recorder.open_run(ref.run_id)) is not None), run)


class StepRun:
    """One recorded call, from its start to its end.

    Args:
        run: the run of the call.
        entered: what `Recorder.enter` gave.
    """

    __slots__ = ("_entered", "_recorder", "_run_id")

    def __init__(self, run: OpenRun, entered: Entered | None) -> None:
        self._recorder, self._run_id, self._entered = run.recorder, run.ref.run_id, entered

    def end(self, error: BaseException | None = None, result: object = None) -> None:
        """Put the end of the call on the record."""
        with guard("end a step"):
            state = State.COMPLETE if error is None else State.FAIL if isinstance(error, Exception) else State.ABORT
            try:
                self._recorder.finish(self._run_id, state, error=error, result=result)
            finally:
                self._recorder.leave(self._entered)


def begin(function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Ending | None:
    """Begin a run for a call of `function`; None where the call is not one of its own."""
    with guard("begin a step"):
        from orchestrail.service import current_service

        within = current_open_run()
        service = current_service()
        if service is not None and (within is None or within is service.run):
            return service.prepared_by(function, args, kwargs)
        if within is None:
            return None
        if innermost(within.start.function) is innermost(function) and not within.entered:
            within.entered = True
            return None
        run_id = new_run_id()
        recorder = within.recorder
        recorder.start(
            RunStart(
                run_id=run_id,
                job_name=f"{within.ref.job.name}.{function.__name__}",
                job_type=STEP,
                namespace=within.ref.job.namespace,
                parent=within.ref,
                function=function,
                parameters=arguments_of(function, args, kwargs),
                system=within.start.system,
                environment=within.start.environment,
                mode=within.start.mode,
            )
        )
        run = recorder.open_run(run_id)
        if run is not None:
            run.entered = True
            return StepRun(run, recorder.enter(run_id))
    return None
