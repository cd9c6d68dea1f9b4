"""The decorator `audited`: it attaches and returns what it was given. Recording is `orchestrail_prefect.listener`'s matter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeVar, overload

from prefect.flows import Flow
from prefect.tasks import Task

from orchestrail.adapter import ConfigurationError, activate, guard, remark
from orchestrail_prefect import plugin
from orchestrail_prefect.hooks import Options, mark_function

F = TypeVar("F", bound=Callable[..., Any])

Mode = Literal["record", "enforce"]


@overload
def audited(flow: F, /) -> F: ...


@overload
def audited(
    *, system: str | None = None, environment: str | None = None, mode: Mode | None = None
) -> Callable[[F], F]: ...


def audited(
    flow: F | None = None,
    /,
    *,
    system: str | None = None,
    environment: str | None = None,
    mode: Mode | None = None,
) -> F | Callable[[F], F]:
    """Record every run of a flow, of its tasks and of its subflows.

    Write it above `@flow`. Below `@flow`, on the plain function, it works too where the flow runs in the process that defined it.
    Applied twice, the options of the outer one win where both give one.

    Args:
        flow: the flow to record.
        system: the AI system that the runs belong to; the setting `ORCHESTRAIL_SYSTEM` by default.
        environment: `dev`, `staging`, `production` ...; the setting `ORCHESTRAIL_ENVIRONMENT` by default.
        mode: `record` or `enforce`; the setting `ORCHESTRAIL_MODE` by default.

    Returns:
        The same object, not a wrapper of it. (A plain function is wrapped where nothing can be recorded and that is enforced.)

    Raises:
        ConfigurationError: it stands above a task, or `mode` is neither of the two; never at run time.
    """
    if mode not in (None, "record", "enforce"):
        raise ConfigurationError(f"{mode!r} is no mode of recording.", "", "Use `record` or `enforce`.")
    options = Options(system, environment, mode)

    def decorate(decorated: F) -> F:
        if isinstance(decorated, Task):
            raise ConfigurationError(
                "@audited stands above a task.",
                "Tasks are recorded with the flow that runs them.",
                "Write it above the @flow.",
            )
        # Imported under guard: a Prefect that the adapter is not made for may not have what these modules take from it.
        with guard("prefect: @audited"):
            recorder = activate("prefect", plugin)
            if recorder is not None:
                from orchestrail_prefect.seams import attach

                if isinstance(decorated, Flow):
                    attach(decorated, options)
                else:
                    mark_function(decorated, options)
                    name = f"{getattr(decorated, '__module__', '')}.{getattr(decorated, '__qualname__', '')}"
                    remark(recorder, "@audited below @flow", name, "Write it above: then the flow itself carries it.")
            else:
                from orchestrail_prefect.refusal import never_unrecorded

                return never_unrecorded(decorated, mode)
        return decorated

    return decorate if flow is None else decorate(flow)
