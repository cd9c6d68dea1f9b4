"""A run's place in the tree on its way into and out of Airflow."""

from __future__ import annotations

import os
from uuid import UUID

import pytest
from airflow_home import OUTSIDE
from hypothesis import given
from hypothesis import strategies as st

from orchestrail.adapter import Carrier, Job, RunRef, carrier_from_environment
from orchestrail_airflow.carrier import ChildEnvironment, carrier_of, conf_of

REF = RunRef(
    "0192f000-0000-7000-8000-000000000001",
    Job("bank", "dag.task"),
    "0192f000-0000-7000-8000-000000000002",
    Job("bank", "dag"),
    "0192f000-0000-7000-8000-000000000002",
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(list(OUTSIDE.values())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["openlineage", *OUTSIDE]), inner),
    max_leaves=12,
)


def test_a_parent_with_its_root() -> None:
    """The provider's six entries, from whatever orchestrator."""
    found = carrier_of({"openlineage": OUTSIDE})
    assert found == Carrier(
        OUTSIDE["parentRunId"],
        Job("https://prefect.example/team", "nightly.ingest"),
        OUTSIDE["rootParentRunId"],
        Job("outside", "nightly"),
    )


@pytest.mark.parametrize("missing", ["rootParentRunId", "rootParentJobNamespace", "rootParentJobName"])
def test_half_a_root_is_no_root(missing: str) -> None:
    """As the provider: then the parent is the root."""
    said = {key: value for key, value in OUTSIDE.items() if key != missing}
    found = carrier_of({"openlineage": said})
    assert found is not None
    assert (found.run_id, found.root_run_id, found.root_job) == (OUTSIDE["parentRunId"], None, None)


@pytest.mark.parametrize("missing", ["parentRunId", "parentJobNamespace", "parentJobName"])
def test_half_a_parent_is_no_parent(missing: str) -> None:
    """As the provider: then the DAG run is a root."""
    assert carrier_of({"openlineage": {key: value for key, value in OUTSIDE.items() if key != missing}}) is None


@given(ANYTHING)
def test_any_conf_gives_a_whole_carrier_or_none(conf: object) -> None:
    """Users and other tools may put anything into a conf."""
    found = carrier_of(conf)
    if found is not None:
        assert str(UUID(found.run_id)) == found.run_id
        assert found.job.namespace
        assert found.job.name
        assert (found.root_run_id is None) == (found.root_job is None)


def test_what_a_trigger_hands_on_can_be_read() -> None:
    """There and back."""
    assert carrier_of({"openlineage": conf_of(REF)}) == Carrier(REF.run_id, REF.job, REF.root_run_id, REF.root_job)


def test_child_processes_are_told_and_the_environment_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """All three variables; one that was there before has its value again."""
    monkeypatch.setenv("OPENLINEAGE_PARENT_ID", "of/before/x")
    before = dict(os.environ)
    variables = ChildEnvironment(REF)
    assert carrier_from_environment() == Carrier(REF.run_id, REF.job, REF.root_run_id, REF.root_job)
    assert os.environ["OPENLINEAGE_ROOT_PARENT_ID"] == f"bank/dag/{REF.root_run_id}"
    variables.restore()
    assert dict(os.environ) == before


def test_a_variable_that_the_task_set_is_left_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What user code does to its environment is not ours to undo."""
    monkeypatch.delenv("OPENLINEAGE_PARENT_ID", raising=False)
    variables = ChildEnvironment(REF)
    os.environ["OPENLINEAGE_PARENT_ID"] = "the/task's/own"
    variables.restore()
    assert os.environ.pop("OPENLINEAGE_PARENT_ID") == "the/task's/own"
