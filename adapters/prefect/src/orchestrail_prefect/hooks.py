"""Our state hooks on a flow: small values that pickle with it and go where it goes. What they record is `listener`'s matter."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from orchestrail.adapter import RequirementNotMet, guard, innermost, refuse_unrecorded

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun
    from prefect.client.schemas.objects import State as PrefectState
    from prefect.flows import Flow

EVENTS = ("running", "completion", "failure", "crashed", "cancellation")
NAME = "orchestrail"
"""Name of our hooks in Prefect's log lines, by which `seams` keeps those lines out of the log."""

_MARK = "__orchestrail_audited__"


@dataclass(frozen=True, slots=True)
class Options:
    """What `@audited` was told.

    Attributes:
        system: the AI system.
        environment: `dev`, `production` ...
        mode: `record` or `enforce`.
        inherited: True on a flow that is recorded only where a recorded run calls it.
    """

    system: str | None = None
    environment: str | None = None
    mode: str | None = None
    inherited: bool = False

    def over(self, inner: Options) -> Options:
        """Take what is said here, else what the inner decorator said."""
        return Options(
            self.system or inner.system,
            self.environment or inner.environment,
            self.mode or inner.mode,
            self.inherited and inner.inherited,
        )


class StateHook:
    """A hook on one of a flow's five lists.

    Not a function, because the options must stay with the flow through `with_options` and into other processes.

    Args:
        event: one of `EVENTS`.
        options: what `@audited` was told.
    """

    __slots__ = ("event", "options")

    __name__ = NAME  # the runner of Prefect 3.5 reads it

    def __init__(self, event: str, options: Options) -> None:
        self.event = event
        self.options = options

    # The engine calls hooks by position, the runner by these names.
    def __call__(self, flow: Flow[..., Any], flow_run: FlowRun, state: PrefectState[Any]) -> None:
        """Put the change of state on the record; never raises."""
        with guard("prefect: flow run"):
            from orchestrail_prefect.seams import listening

            listener = listening()
            if listener is None:
                if self.event == "running":
                    _refuse_unrecorded(flow, flow_run, self.options.mode)
            elif self.event == "running":
                listener.flow_running(flow, flow_run, self.options)
            else:
                listener.flow_ended(flow, flow_run, state, self.options)

    def __reduce__(self) -> tuple[Callable[..., StateHook], tuple[str, Options]]:
        """Pickle so that a process which gets the flow by value attaches to its Prefect before the flow's tasks run there."""
        return _arrive, (self.event, self.options)


def _refuse_unrecorded(flow: Flow[..., Any], flow_run: FlowRun, mode: str | None) -> None:
    """Refuse a run of a flow that was sent to where nothing can be recorded, where that is enforced."""
    from orchestrail_prefect.refusal import refuse

    try:
        refuse_unrecorded("prefect", flow.name, mode)
    except RequirementNotMet as refusal:
        refuse(flow, str(flow_run.id), refusal)


def _arrive(event: str, options: Options) -> StateHook:
    with guard("prefect: flow arrives in a process"):
        from orchestrail_prefect.seams import listening

        listening()
    return StateHook(event, options)


def hook_list(event: str) -> str:
    """Give the name of the flow's list for an event."""
    return f"on_{event}_hooks"


def attach(flow: Flow[..., Any], options: Options) -> None:
    """Put our hooks first on a flow's lists; hooks of ours that are there already are replaced.

    New lists, because a flow keeps the list object that it was given, which other flows may have too. First, because a hook of the
    user's that stops the process must not take the end of the run with it.
    """
    there = options_of(flow)
    if there is not None:
        options = options.over(there)
    values = vars(flow)
    for event in EVENTS:
        theirs = [hook for hook in values.get(hook_list(event)) or [] if not isinstance(hook, StateHook)]
        values[hook_list(event)] = [StateHook(event, options), *theirs]


def detach(flow: Flow[..., Any]) -> None:
    """Take our hooks off a flow."""
    values = vars(flow)
    for event in EVENTS:
        values[hook_list(event)] = [
            hook for hook in values.get(hook_list(event)) or [] if not isinstance(hook, StateHook)
        ]


def options_of(flow: object) -> Options | None:
    """Find what `@audited` was told for a flow, on any of its lists or on its function; None where it is not audited."""
    values = getattr(flow, "__dict__", {})
    for event in EVENTS:
        for hook in values.get(hook_list(event)) or ():
            if isinstance(hook, StateHook):
                return hook.options
    found = getattr(innermost(flow), "__dict__", {}).get(_MARK)
    return found if isinstance(found, Options) else None


def is_complete(flow: object) -> bool:
    """Say whether our hook is on each list: `with_options(on_completion=...)` replaces one and keeps the others."""
    values = getattr(flow, "__dict__", {})
    return all(any(isinstance(hook, StateHook) for hook in values.get(hook_list(event)) or ()) for event in EVENTS)


def mark_function(function: object, options: Options) -> None:
    """Note on a plain function that a flow made of it is audited."""
    inner = innermost(function)
    there = getattr(inner, "__dict__", {}).get(_MARK)
    with contextlib.suppress(AttributeError):  # something callable that takes no attributes: nothing to note it on
        setattr(inner, _MARK, options.over(there) if isinstance(there, Options) else options)


def inherited() -> Options:
    """Give the options of a flow that nobody decorated."""
    return replace(Options(), inherited=True)
