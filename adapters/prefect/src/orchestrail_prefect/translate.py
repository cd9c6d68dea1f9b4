"""From Prefect's objects to the words of the record. Pure functions: nothing is recorded, patched or looked up over the network."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from orchestrail.adapter import Carrier, State, carrier_from_environment, carrier_from_paths

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun
    from prefect.client.schemas.objects import State as PrefectState

PARENT_TAG = "openlineage.parent"
ROOT_TAG = "openlineage.root"

_ENDS = {
    "COMPLETED": State.COMPLETE,
    "FAILED": State.FAIL,
    "CRASHED": State.ABORT,
    "CANCELLED": State.ABORT,
    "CANCELLING": State.ABORT,
}


def end_of(kind: str, name: str | None) -> State | None:
    """Say how a run ended; None where the state is no end.

    Args:
        kind: Prefect's state type: COMPLETED, FAILED, CRASHED ...
        name: the state's name, which tells cached and timed-out runs apart.
    """
    if kind == "COMPLETED" and name == "Cached":
        return State.CACHED
    if kind == "FAILED" and name == "TimedOut":
        return State.ABORT
    return _ENDS.get(kind)


def error_of(state: PrefectState[Any], end: State) -> BaseException | str | None:
    """Give what went wrong: the exception where the state carries one, else its message; None for a run that completed."""
    if end not in (State.FAIL, State.ABORT):
        return None
    data = _data_of(state)
    return data if isinstance(data, BaseException) else state.message


def result_of(state: PrefectState[Any], end: State) -> object:
    """Give what the code of a run that completed returned, where the state has it; a stored result is not loaded."""
    return _data_of(state) if end is State.COMPLETE else None


def _data_of(state: PrefectState[Any]) -> object:
    data: object = state.data
    if type(data).__name__ == "ResultRecord":  # no public name; its module is not the same in 3.5 and 3.8
        data = getattr(data, "result", None)
    return data


def carrier_of(flow_run: FlowRun) -> Carrier | None:
    """Find the run of another process or orchestrator that started this flow run.

    The tags `openlineage.parent=namespace/job/runId` and `openlineage.root=...` say it for every flow run. The environment says it
    only for a flow that its own process started: what a worker or a serving process has in its environment is not about this run.
    """
    said = dict(tag.split("=", 1) for tag in flow_run.tags if tag.startswith("openlineage.") and "=" in tag)
    carrier = carrier_from_paths(said.get(PARENT_TAG), said.get(ROOT_TAG))
    if carrier is not None or _started_by_a_runner(flow_run):
        return carrier
    return carrier_from_environment()


def _started_by_a_runner(flow_run: FlowRun) -> bool:
    return flow_run.deployment_id is not None or os.environ.get("PREFECT__FLOW_RUN_ID") == str(flow_run.id)


def tags_of(tags: Iterable[str]) -> tuple[str, ...]:
    """Give a run's tags in order, without those that only carry the parent."""
    return tuple(sorted(tag for tag in tags if not tag.startswith((f"{PARENT_TAG}=", f"{ROOT_TAG}="))))


def texts_of(tags: Iterable[str], description: str | None) -> tuple[str, ...]:
    """Give the texts in which something may be declared of a task or a flow.

    Of a task its own tags, not those of its run: these have the tags of the flow run around it, which are about the flow.
    """
    return (*sorted(tags), *([description] if isinstance(description, str) else []))


def trigger_of(flow_run: FlowRun) -> str | None:
    """Say what started a flow run; None where Prefect does not know (a call in Python)."""
    if flow_run.auto_scheduled:
        return "schedule"
    if flow_run.created_by is not None and flow_run.created_by.type == "AUTOMATION":
        return "automation"
    return "deployment" if flow_run.deployment_id is not None else None


def actor_of(flow_run: FlowRun) -> str | None:
    """Say who started a flow run, by Prefect's own id of them, never a name. The recorder makes a pseudonym of it."""
    creator = flow_run.created_by
    if creator is None or creator.id is None:
        return None
    return f"{creator.type}:{creator.id}"


def upstream_of(task_inputs: Mapping[str, Iterable[Any]]) -> list[str]:
    """Give Prefect's ids of the runs whose results a task run was given or waited for; its enclosing run is none of them."""
    found = {
        str(run.id)
        for name, runs in task_inputs.items()
        if runs and name != "__parents__"
        for run in runs
        if hasattr(run, "id")
    }
    return sorted(found)


def order_only(task_inputs: Mapping[str, Iterable[Any]]) -> set[str]:
    """Give Prefect's ids of the runs that a task run only waited for, and whose results it was not given."""
    waited_for = set(upstream_of({"wait_for": task_inputs.get("wait_for") or ()}))
    return waited_for - set(upstream_of({name: runs for name, runs in task_inputs.items() if name != "wait_for"}))


def result_key(data: Mapping[str, Any] | None) -> str | None:
    """Give the identity of a stored result: a digest, because Prefect's storage key is a path on a machine."""
    if not data or not data.get("storage_key"):
        return None
    identity = f"{data.get('storage_block_id')}:{data['storage_key']}"
    return f"sha256:{sha256(identity.encode()).hexdigest()}"
