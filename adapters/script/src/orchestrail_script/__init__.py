"""Record plain Python: `audited` above a function makes each of its calls a root run, the marked functions it calls its steps."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast, overload

from orchestrail.adapter import (
    ConfigurationError,
    RunStart,
    StepRun,
    activate,
    arguments_of,
    carrier_from_environment,
    current_open_run,
    guard,
    new_run_id,
    refuse_unrecorded,
    wrap,
)
from orchestrail_script import plugin

__all__ = ["audited"]

_MARK = "__orchestrail_audited__"

F = TypeVar("F", bound=Callable[..., Any])


@overload
def audited(function: F) -> F: ...


@overload
def audited(
    *, name: str | None = None, system: str | None = None, environment: str | None = None, mode: str | None = None
) -> Callable[[F], F]: ...


def audited(function: F | None = None, **options: str | None) -> F | Callable[[F], F]:
    """Record each call of a function: plain, coroutine, generator or asynchronous generator.

    A call from within a recorded run becomes a child of that run; else the run that the environment names
    (`OPENLINEAGE_CONTEXT`) is its parent; else it is a root.

    Applied twice, a call is still one run, and the options of the outer one win where both give one.

    Args:
        function: what to record.
        name: job name; `<file>.<function>` by default.
        system: the AI system that the run belongs to.
        environment: `dev`, `staging`, `production` ...
        mode: `record` or `enforce`.

    Returns:
        A function of the same kind and signature, which returns and raises the same; in mode `enforce` a call that misses a
        requirement raises `orchestrail.RequirementNotMet` and nothing of the function runs.

    Raises:
        ConfigurationError: `mode` is neither of the two; never at run time.
    """
    if options.get("mode") not in (None, "record", "enforce"):
        raise ConfigurationError(f"{options['mode']!r} is no mode of recording.", "", "Use `record` or `enforce`.")

    def decorate(decorated: F) -> F:
        there = getattr(decorated, _MARK, None)
        if (
            isinstance(there, _Audited) and there.wrapper is decorated
        ):  # a second time: one run a call, the outer options win
            said = {name: value for name, value in options.items() if value is not None}
            return cast("F", _audited(there.function, {**there.options, **said}))
        return _audited(decorated, options)

    return decorate if function is None else decorate(function)


@dataclass(frozen=True, slots=True)
class _Audited:
    """What a wrapper of ours is around; functions that users wrap around it get a copy, which names another wrapper."""

    wrapper: object
    function: Callable[..., Any]
    options: Mapping[str, str | None]


def _audited(function: F, options: Mapping[str, str | None]) -> F:
    wrapper = wrap(function, functools.partial(_begin, function, options))
    setattr(wrapper, _MARK, _Audited(wrapper, function, options))
    return wrapper


def _begin(
    function: Callable[..., Any],
    options: Mapping[str, str | None],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> StepRun | None:
    job_name = options.get("name") or _job_name(function)
    with guard("begin a script's run"):
        if plugin.was_let_go():
            return None
        recorder = activate("script", plugin)
        if recorder is not None:
            within = current_open_run()
            above = within.start if within is not None else None
            run_id = new_run_id()
            recorder.start(
                RunStart(
                    run_id=run_id,
                    job_name=job_name,
                    job_type="SCRIPT",
                    parent=within.ref if within is not None else None,
                    carrier=carrier_from_environment(),
                    function=function,
                    parameters=arguments_of(function, args, kwargs),
                    system=options.get("system") or (above.system if above is not None else None),
                    environment=options.get("environment") or (above.environment if above is not None else None),
                    mode=options.get("mode") or (above.mode if above is not None else None),
                )
            )
            run = recorder.open_run(run_id)
            if run is not None:
                return StepRun(run, recorder.enter(run_id))
    # Nothing was begun: there is no recorder, or something of ours failed before its door.
    refuse_unrecorded("script", job_name, options.get("mode"))
    return None


def _job_name(function: Callable[..., Any]) -> str:
    named = function if hasattr(function, "__qualname__") else getattr(function, "func", function)  # a partial
    kind = named if hasattr(named, "__qualname__") else type(named)  # an object that can be called
    try:
        file = Path(inspect.getfile(kind)).stem
    except (TypeError, OSError):
        file = str(kind.__module__)
    return f"{file}.{kind.__qualname__}"
