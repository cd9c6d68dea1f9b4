"""Prefect's objects in the words of the record: pure functions, tried on values that Prefect has."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Cancelled, Completed, Crashed, Failed, Pending

from orchestrail.adapter import State
from orchestrail_prefect import translate

IDS = st.uuids()


def flow_run(**more: Any) -> FlowRun:
    return FlowRun(flow_id=uuid4(), **more)


@pytest.mark.parametrize(
    ("kind", "name", "end"),
    [
        ("COMPLETED", "Completed", State.COMPLETE),
        ("COMPLETED", "My own name", State.COMPLETE),
        ("COMPLETED", "Cached", State.CACHED),
        ("FAILED", "Failed", State.FAIL),
        ("FAILED", "TimedOut", State.ABORT),
        ("CRASHED", "Crashed", State.ABORT),
        ("CANCELLING", "Cancelling", State.ABORT),
        ("CANCELLED", "Cancelled", State.ABORT),
        ("RUNNING", "Retrying", None),
        ("SCHEDULED", "AwaitingRetry", None),
        ("PAUSED", "Suspended", None),
        ("PENDING", "NotReady", None),
    ],
)
def test_states(kind: str, name: str, end: State | None) -> None:
    """Each of Prefect's types has one meaning; two names change it."""
    assert translate.end_of(kind, name) is end


def test_every_type_of_prefects_is_known() -> None:
    """A type that a later Prefect adds shows here."""
    ends = {kind.value for kind in StateType if translate.end_of(kind.value, None) is not None}
    assert ends == {"COMPLETED", "FAILED", "CRASHED", "CANCELLED", "CANCELLING"}
    assert {kind.value for kind in StateType} - ends == {"SCHEDULED", "PENDING", "RUNNING", "PAUSED"}


def test_errors() -> None:
    """The exception where the state holds one, else its message, nothing for what completed."""
    error = ValueError("x")
    assert translate.error_of(Failed(data=error, message="m"), State.FAIL) is error
    assert translate.error_of(Crashed(message="gone"), State.ABORT) == "gone"
    assert translate.error_of(Cancelled(), State.ABORT) is None
    assert translate.error_of(Completed(message="all well"), State.COMPLETE) is None
    assert translate.error_of(Failed(data="text", message="m"), State.FAIL) == "m"
    assert Pending().data is None


@given(IDS, IDS, st.lists(st.text(max_size=20), max_size=5))
def test_carrier_tags(parent: Any, root: Any, others: list[str]) -> None:
    """They give the carrier whatever other tags there are, and none of them is left as a tag of the run."""
    others = [tag for tag in others if not tag.startswith("openlineage.")]
    carrying = [f"openlineage.parent=ns/with/slash/job.name/{parent}", f"openlineage.root=ns/root/{root}"]
    run = flow_run(tags=[*others, *carrying], deployment_id=uuid4())
    carrier = translate.carrier_of(run)
    assert carrier is not None
    assert (carrier.run_id, carrier.root_run_id) == (str(parent), str(root))
    assert (carrier.job.namespace, carrier.job.name) == ("ns/with/slash", "job.name")
    assert translate.tags_of(run.tags) == tuple(sorted(others))


@given(st.lists(st.text(max_size=40), max_size=5))
def test_any_tags_are_survived(tags: list[str]) -> None:
    """What cannot be understood is no carrier."""
    run = flow_run(
        tags=[*tags, "openlineage.parent=", "openlineage.parent", "openlineage.root=x"], deployment_id=uuid4()
    )
    assert translate.carrier_of(run) is None


def test_the_environment_is_only_for_runs_that_their_process_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a deployment's run nor one that a worker started takes its parent from there."""
    monkeypatch.setenv("OPENLINEAGE_PARENT_ID", f"shell/job/{uuid4()}")
    bare, deployed = flow_run(), flow_run(deployment_id=uuid4())
    assert translate.carrier_of(bare) is not None
    assert translate.carrier_of(deployed) is None
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", str(bare.id))
    assert translate.carrier_of(bare) is None
    assert translate.carrier_of(flow_run()) is not None


@pytest.mark.parametrize(
    ("more", "trigger"),
    [
        ({}, None),
        ({"deployment_id": uuid4()}, "deployment"),
        ({"deployment_id": uuid4(), "auto_scheduled": True}, "schedule"),
        ({"deployment_id": uuid4(), "created_by": {"id": uuid4(), "type": "AUTOMATION"}}, "automation"),
    ],
)
def test_triggers(more: dict[str, Any], trigger: str | None) -> None:
    """As far as Prefect tells."""
    assert translate.trigger_of(flow_run(**more)) == trigger


def test_an_actor_is_who_started_it_by_id() -> None:
    """The same for the same person, nothing of the name in it, nothing where Prefect has no id."""
    person = {"id": uuid4(), "type": "USER", "display_value": "Maria Example"}
    actor = translate.actor_of(flow_run(created_by=person))
    assert actor is not None
    assert actor == translate.actor_of(flow_run(created_by=person))
    assert "Maria" not in actor
    assert actor != translate.actor_of(flow_run(created_by=person | {"id": uuid4()}))
    assert translate.actor_of(flow_run(created_by={"id": None, "type": "USER", "display_value": "Maria"})) is None
    assert translate.actor_of(flow_run()) is None


@given(st.dictionaries(st.sampled_from(["a", "b", "wait_for", "__parents__"]), st.lists(IDS, max_size=4)))
def test_upstream(task_inputs: Mapping[str, list[Any]]) -> None:
    """Every run once and in order, but not the enclosing one; inputs that are no runs are none."""
    inputs = {name: [SimpleNamespace(id=one) for one in ids] for name, ids in task_inputs.items()}
    inputs["constant"] = [SimpleNamespace(type="int")]
    expected = {str(one) for name, ids in task_inputs.items() if name != "__parents__" for one in ids}
    assert translate.upstream_of(inputs) == sorted(expected)


def test_a_stored_results_key_is_no_path() -> None:
    """It is the same for the same place, another for another, and shows neither."""
    data = {"storage_block_id": None, "storage_key": "/home/me/.prefect/storage/abc"}
    key = translate.result_key(data)
    assert key is not None
    assert key.startswith("sha256:")
    assert "home" not in key
    assert key == translate.result_key(dict(data))
    assert key != translate.result_key(data | {"storage_block_id": str(uuid4())})
    assert translate.result_key(None) is None
    assert translate.result_key({"storage_key": None}) is None
