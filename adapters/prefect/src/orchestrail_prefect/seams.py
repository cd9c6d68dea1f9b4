"""Where we attach to Prefect 3.5 to 3.x, and how we let go. What is recorded there is `orchestrail_prefect.listener`'s matter.

- State hooks (public API) tell of flow runs. They are on a decorated flow's own lists; on a flow that a recorded run calls, the
  lists get them when the engine reads them.
- Prefect's run contexts (`prefect.context`) tell which run's code is executing.
- `read_variable_by_name` of Prefect's clients is where the values of variables come from: one whose name tells of a secret is known
  as one from then on. (What a block holds secret, the core sees at pydantic.)
- `EventsWorker.send` is where every change of a task run's state passes, in the thread that runs it, before it is queued.
- `BaseTaskRunEngine._resolve_parameters` is where the values that a task's body gets are known, before the run is said to run.

No frame of ours stands between Prefect and the user's code, so none can be in a traceback of it; only what was refused in enforce
mode has one (`orchestrail_prefect.refusal`).
"""

from __future__ import annotations

import functools
import inspect
import logging
import weakref
from collections.abc import Callable
from typing import Any

from prefect.client.orchestration import PrefectClient, SyncPrefectClient
from prefect.context import FlowRunContext, TaskRunContext
from prefect.events.worker import EventsWorker
from prefect.flows import Flow
from prefect.task_engine import BaseTaskRunEngine

from orchestrail.adapter import activate, current_open_run, guard, remember_named
from orchestrail_prefect import hooks, refusal
from orchestrail_prefect.listener import Listener

_LOGGERS = ("prefect.engine", "prefect.flow_runs")
"""Loggers that announce each hook in the engine of Prefect 3.5 to 3.x; the runner uses the second."""

_listener: Listener | None = None
_restore: list[Callable[[], None]] = []
_attached: weakref.WeakSet[Flow[..., Any]] = weakref.WeakSet()


def listening() -> Listener | None:
    """Give this process's listener, attaching first where that has not been done; None where nothing is recorded."""
    from orchestrail_prefect import plugin

    activate("prefect", plugin)
    return _listener


def install(listener: Listener) -> None:
    """Attach to Prefect's classes, all or none; called again, change nothing.

    Raises:
        AttributeError: this Prefect has not what we attach to.
    """
    global _listener
    if _listener is not None:
        return
    try:
        for event in hooks.EVENTS:
            _replace(Flow, hooks.hook_list(event), _HookList(hooks.hook_list(event)))
        _around(FlowRunContext, Listener.flow_entered, Listener.flow_left)
        _around(TaskRunContext, Listener.task_entered, Listener.task_left)
        _replace(EventsWorker, "send", _tapped(EventsWorker.send))
        _replace(BaseTaskRunEngine, "_resolve_parameters", _telling_values(BaseTaskRunEngine._resolve_parameters))
        for client in (PrefectClient, SyncPrefectClient):
            _replace(client, "read_variable_by_name", _remembering(client.read_variable_by_name))
    except BaseException:
        uninstall()
        raise
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.addFilter(_not_ours)
        _restore.append(functools.partial(logger.removeFilter, _not_ours))
    _listener = listener


def uninstall() -> None:
    """Put Prefect's classes back and take our hooks off the flows that are still there."""
    global _listener
    _listener = None
    while _restore:
        _restore.pop()()
    for flow in list(_attached):
        hooks.detach(flow)
    _attached.clear()
    refusal.give_back()


def attach(flow: Flow[..., Any], options: hooks.Options) -> None:
    """Put our hooks on a flow."""
    hooks.attach(flow, options)
    _attached.add(flow)


class _HookList:
    """Stands for one of `Flow`'s hook lists: a list stays where it was, in the flow; reading it may add our hook first.

    It covers three flows that their own lists would miss: one that nobody decorated, called by a recorded run; one made of a
    decorated function; and a copy by `with_options`, which replaces the list that it is given.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, flow: Flow[..., Any] | None, owner: type | None = None) -> Any:
        if flow is None:
            return self
        values = vars(flow)
        if self._name not in values:
            raise AttributeError(self._name)
        with guard("prefect: hooks of a flow"):
            if not hooks.is_complete(flow):
                options = hooks.options_of(flow)
                if options is None and current_open_run() is not None:
                    options = hooks.inherited()
                if options is not None:
                    attach(flow, options)
        return values[self._name]

    def __set__(self, flow: Flow[..., Any], value: Any) -> None:
        vars(flow)[self._name] = value


def _tapped(send: Callable[..., None]) -> Callable[..., None]:
    guarded = guard(
        "prefect: task run"
    )  # one for all: it holds nothing of a call, and there is one for each task's each state

    @functools.wraps(send)
    def tapped(self: EventsWorker, item: Any) -> None:
        listener = _listener
        if listener is not None:
            with guarded:
                listener.task_event(item)
        send(self, item)

    return tapped


def _telling_values(resolve: Callable[..., None]) -> Callable[..., None]:
    guarded = guard("prefect: parameters of a task run")

    @functools.wraps(resolve)
    def resolving(self: BaseTaskRunEngine[Any, Any]) -> None:
        resolve(self)
        listener = _listener
        if listener is not None and self.parameters:
            with guarded:
                listener.parameters_resolved(self.parameters)

    return resolving


def _remembering(read: Callable[..., Any]) -> Callable[..., Any]:
    """Have the value of a variable remembered as secret where the variable's name tells of one."""

    def remember_value(name: str, variable: Any) -> None:
        with guard("prefect: remember a variable"):
            remember_named(name, getattr(variable, "value", None))

    @functools.wraps(read)
    def reading(self: Any, name: str) -> Any:
        variable = read(self, name)
        remember_value(name, variable)
        return variable

    @functools.wraps(read)
    async def reading_later(self: Any, name: str) -> Any:
        variable = await read(self, name)
        remember_value(name, variable)
        return variable

    return reading_later if inspect.iscoroutinefunction(read) else reading


def _around(
    context: type[Any],
    entered: Callable[[Listener, Any], None],
    left: Callable[[Listener, Any, BaseException | None], None],
) -> None:
    """Be told when a run context of Prefect's is entered and left."""
    enter, leave = context.__enter__, context.__exit__
    guarded_entry, guarded_exit = guard("prefect: enter a run"), guard("prefect: leave a run")

    @functools.wraps(enter)
    def entering(self: Any) -> Any:
        result = enter(self)
        listener = _listener
        if listener is not None:
            with guarded_entry:
                entered(listener, self)
        return result

    @functools.wraps(leave)
    def leaving(self: Any, *error: Any) -> Any:
        result = leave(self, *error)  # first: a signal that is raised in our code must not keep Prefect from it
        listener = _listener
        if listener is not None:
            with guarded_exit:
                left(listener, self, error[1] if len(error) > 1 else None)
        return result

    _replace(context, "__enter__", entering)
    _replace(context, "__exit__", leaving)


def _replace(owner: type, name: str, value: object) -> None:
    """Set an attribute of a class of Prefect's so that it can be put back as it was, inherited or its own."""
    own = vars(owner).get(name)

    def restore() -> None:
        if vars(owner).get(name) is not value:  # another tool attached above us: without a listener ours only passes on
            return
        if own is None:
            delattr(owner, name)
        else:
            setattr(owner, name, own)

    setattr(owner, name, value)
    _restore.append(restore)


def _not_ours(record: logging.LogRecord) -> bool:
    """Keep Prefect's two log lines about each hook of ours out: a recorded run logs what it logged without us."""
    message = record.msg
    if record.levelno != logging.INFO or not isinstance(message, str):
        return True
    if not message.startswith(("Running hook ", "Hook ")):
        return True
    return f"hook '{hooks.NAME}'" not in record.getMessage().lower()
