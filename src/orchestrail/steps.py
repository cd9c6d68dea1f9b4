"""Marked functions at work: a call inside a recorded run becomes a run of its own, a call elsewhere is just the call.

The wrapper never changes what the function returns or raises. The function of a host's task is that task's run already; then
the wrapper only enters it.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from contextvars import Token
from typing import Any, TypeVar, cast

from orchestrail import plugins
from orchestrail.context import current
from orchestrail.guard import guard
from orchestrail.marking import innermost, mark
from orchestrail.model import Marking, RunStart, State
from orchestrail.recorder import OpenRun, arguments_of
from orchestrail.run_id import new_run_id

F = TypeVar("F", bound=Callable[..., Any])


def marked(function: F, marking: Marking) -> F:
    """Mark a function and have its calls recorded; a host's object that is no function is only marked."""
    if not inspect.isfunction(function):
        mark(function, marking)
        return function
    wrapper = _wrapper(function)
    mark(wrapper, marking)
    return cast("F", wrapper)


def current_open_run() -> OpenRun | None:
    """Find the run whose code is executing: by context, else by asking the adapters (threads of a host)."""
    run = current.get()
    if run is not None:
        return run
    ref = plugins.first_result("adapter_current_run")
    if ref is None:
        return None
    from orchestrail.adapter import active

    return next((found for recorder in active() if (found := recorder.open_run(ref.run_id)) is not None), None)


class Step:
    """One call of a marked function, from its start to its end."""

    __slots__ = ("_run_id", "_token", "_within")

    def __init__(self, within: OpenRun, run_id: str, token: Token[OpenRun | None] | None) -> None:
        self._within, self._run_id, self._token = within, run_id, token

    def end(self, error: BaseException | None = None) -> None:
        """Put the end of the call on the record."""
        with guard("end a step"):
            state = State.COMPLETE if error is None else State.FAIL if isinstance(error, Exception) else State.ABORT
            try:
                self._within.recorder.finish(self._run_id, state, error=error)
            finally:
                self._within.recorder.leave(self._token)


def begin(function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Step | None:
    """Begin a run for a call of `function`; None where the call is not one of its own."""
    with guard("begin a step"):
        from orchestrail import service as services

        run = current_open_run()
        service = services.current_service()
        if service is not None and (run is None or run is service.run):
            service.prepared_by(function)
            return None
        if run is None:
            return None
        if run.function is innermost(function) and not run.entered:
            run.entered = True
            return None
        run_id = new_run_id()
        name = f"{run.ref.job.name}.{function.__name__}"
        run.recorder.start(
            RunStart(
                run_id=run_id,
                job_name=name,
                job_type="STEP",
                namespace=run.ref.job.namespace,
                parent=run.ref,
                function=function,
                parameters=arguments_of(function, args, kwargs),
                system=run.start.system,
                environment=run.start.environment,
                mode=run.start.mode,
            )
        )
        opened = run.recorder.open_run(run_id)
        if opened is None:
            return None
        opened.entered = True
        return Step(run, run_id, run.recorder.enter(run_id))
    return None


def _wrapper(function: Callable[..., Any]) -> Callable[..., Any]:
    if inspect.isasyncgenfunction(function):

        @functools.wraps(function)
        async def stream(*args: Any, **kwargs: Any) -> Any:
            step = begin(stream, args, kwargs)
            try:
                async for item in function(*args, **kwargs):
                    yield item
            except BaseException as error:
                if step is not None:
                    step.end(None if isinstance(error, GeneratorExit) else error)
                raise
            if step is not None:
                step.end()

        return stream
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def wait(*args: Any, **kwargs: Any) -> Any:
            step = begin(wait, args, kwargs)
            try:
                result = await function(*args, **kwargs)
            except BaseException as error:
                if step is not None:
                    step.end(error)
                raise
            if step is not None:
                step.end()
            return result

        return wait
    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def produce(*args: Any, **kwargs: Any) -> Any:
            step = begin(produce, args, kwargs)
            try:
                result = yield from function(*args, **kwargs)
            except BaseException as error:
                if step is not None:
                    step.end(None if isinstance(error, GeneratorExit) else error)
                raise
            if step is not None:
                step.end()
            return result

        return produce

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        step = begin(call, args, kwargs)
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            if step is not None:
                step.end(error)
            raise
        if step is not None:
            step.end()
        return result

    return call
