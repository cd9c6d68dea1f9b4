"""Enforce mode: a refused run fails where its body would have begun, and Prefect shows it as failed, with our message.

Prefect swallows what a hook raises, and an exception out of a run context leaves the run open there. So the refusal is raised in
place of the user's function. A flow or task has its function wrapped when a run of it was refused, and not before: until then its
entrypoint, version and copies are those of a function that nobody touched. What refuses a run is the recorder's matter.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from prefect.context import FlowRunContext, TaskRunContext
from prefect.flows import Flow
from prefect.tasks import Task

from orchestrail.adapter import Lock, RequirementNotMet, refuse_unrecorded, wrap

F = TypeVar("F", bound=Callable[..., Any])
Owner = Flow[..., Any] | Task[..., Any]

_lock = Lock()
_refused: dict[str, RequirementNotMet] = {}
_bodies: weakref.WeakKeyDictionary[Owner, Callable[..., Any]] = weakref.WeakKeyDictionary()


def refuse(owner: Owner, native: str, refusal: RequirementNotMet) -> None:
    """Have a run fail instead of executing its body.

    Args:
        owner: the flow or task.
        native: Prefect's id of the run.
        refusal: what the body's place raises.
    """
    with _lock:
        _refused[native] = refusal
        if owner not in _bodies:
            _bodies[owner] = owner.fn
            owner.fn = wrap(owner.fn, _in_flow if isinstance(owner, Flow) else _in_task)


def forget(native: str) -> bool:
    """Take a refusal back, because the body is not going to run; say whether there was one."""
    return _refused.pop(native, None) is not None


def give_back() -> None:
    """Put the functions of refused flows and tasks back."""
    with _lock:
        for owner, body in _bodies.items():
            owner.fn = body
        _bodies.clear()
        _refused.clear()


def never_unrecorded(decorated: F, mode: str | None) -> F:
    """Refuse every call of what cannot be recorded in this process, where that is enforced; else give it back as it is.

    Args:
        decorated: a flow, or the function below one.
        mode: what `@audited` was told.
    """
    name = decorated.name if isinstance(decorated, Flow) else getattr(decorated, "__name__", "a flow")

    def begin(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        refuse_unrecorded("prefect", name, mode)

    try:
        begin((), {})
    except RequirementNotMet:
        if not isinstance(decorated, Flow):
            return wrap(decorated, begin)
        decorated.fn = wrap(decorated.fn, begin)
    return decorated


# Functions of this module, because a wrapped task is pickled with them into other processes.


def _in_flow(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    context = FlowRunContext.get()
    _raise(context.flow_run if context is not None else None)


def _in_task(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    context = TaskRunContext.get()
    _raise(context.task_run if context is not None else None)


def _raise(run: Any) -> None:
    refusal = _refused.pop(str(run.id), None) if run is not None else None
    if refusal is not None:
        raise refusal
