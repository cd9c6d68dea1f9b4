"""The carriers: what one process writes, another reads; nonsense is no parent."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrail.context import CONTEXT, PARENT, ROOT, carrier_from_environment, environment_of
from orchestrail.model import Job, RunRef

names = st.text(min_size=1, max_size=30).filter(lambda text: "/" not in text)
jobs = st.builds(Job, st.text(min_size=1, max_size=30), names)
runs = st.builds(
    RunRef,
    run_id=st.uuids().map(str),
    job=jobs,
    root_run_id=st.uuids().map(str),
    root_job=jobs,
    parent_run_id=st.none(),
)


@given(runs)
def test_a_run_survives_the_environment(run: RunRef) -> None:
    """Run, job and root come out as they went in, by the current variable and by the two older ones."""
    environ = environment_of(run)
    for kept in ((CONTEXT, PARENT, ROOT), (CONTEXT,), (PARENT, ROOT)):
        carrier = carrier_from_environment({name: environ[name] for name in kept})
        assert carrier is not None
        assert (carrier.run_id, carrier.job) == (run.run_id, run.job)
        assert (carrier.root_run_id, carrier.root_job) == (run.root_run_id, run.root_job)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        '{"parent": 1}',
        '{"parent": {"run": {"runId": "x"}}}',
        "{",
        '{"parent": {"run": {"runId": 7}, "job": {}}}',
    ],
)
def test_a_context_that_cannot_be_understood_is_no_parent(text: str) -> None:
    """A malformed carrier makes the run a root; it is never an error in the host."""
    assert carrier_from_environment({CONTEXT: text}) is None
    assert carrier_from_environment({PARENT: text, ROOT: text}) is None


def test_a_parent_without_a_root_is_its_own_root_later() -> None:
    """The root may be missing: other producers leave it out."""
    parent = {"run": {"runId": str(uuid4())}, "job": {"namespace": "n", "name": "j"}}
    carrier = carrier_from_environment({CONTEXT: json.dumps({"parent": parent})})
    assert carrier is not None
    assert carrier.root_run_id is None
