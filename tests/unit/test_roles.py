"""The role of a step that nobody gave one: concluded, marked as such, and worth nothing where a declaration is asked for."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrail.adapter import AdapterInfo, Capability, Marking, Recorder, RunStart, State, load_settings, new_run_id
from orchestrail.model import ROLES
from orchestrail.roles import concluded
from orchestrail.testing import schema_problems, spooled_events


@pytest.mark.parametrize(
    ("seen", "within", "role"),
    [
        ([], [], None),
        (["preprocess"], [], "preprocess"),
        (["split", "preprocess"], [], "preprocess"),
        (["preprocess", "split", "train", "evaluate", "package"], [], "train"),
        (["evaluate", "preprocess"], [], "evaluate"),
        (["package"], [], "package"),
        ([], ["preprocess"], "preprocess"),
        ([], ["preprocess", "train"], None),
        (["train"], ["preprocess"], None),
        (["train"], ["train"], "train"),
        ([], ["ingest"], "ingest"),
    ],
)
def test_the_most_telling_role_is_concluded(seen: list[str], within: list[str], role: str | None) -> None:
    """What is done on the way to training counts as training; parts that do not agree leave the whole without a role."""
    assert {concluded(order, within) for order in permutations(seen)} == {role}


@given(st.sets(st.sampled_from(ROLES)), st.sets(st.sampled_from(ROLES)))
def test_a_concluded_role_was_seen(seen: set[str], within: set[str]) -> None:
    """Nothing is invented."""
    role = concluded(seen, within)
    assert role is None or role in seen | within
    assert seen or within or role is None


def ended(calls: list[tuple[str, str]], **start: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Record a run that makes these calls; give the facets of its start and its end."""
    info = AdapterInfo("script", "python", "3.11", "0.1.0", ">=3.11", frozenset(Capability))
    recorder = Recorder(info, load_settings())
    run = RunStart(new_run_id(), "step", "TASK", parameters={}, **start)
    recorder.start(run)
    opened = recorder.open_run(run.run_id)
    assert opened is not None
    for role, call in calls:
        opened.files.told.does(role, call)
    recorder.finish(run.run_id, State.COMPLETE)
    events = spooled_events(recorder.settings.spool)
    assert [problem for event in events for problem in schema_problems(event)] == []
    first, last = (event["run"]["facets"] for event in events)
    return first, last


def test_what_was_seen_is_told_at_the_end_with_the_role_concluded_from_it() -> None:
    """The start knows nothing of it."""
    first, last = ended([("split", "train_test_split"), ("train", "Pipeline.fit")])
    step = last["orchestrail_step"]
    assert "orchestrail_step" not in first
    assert (step["role"], step["roleSource"]) == ("train", "inferred")
    assert step["calls"] == [
        {"role": "split", "call": "train_test_split"},
        {"role": "train", "call": "Pipeline.fit"},
    ]


def test_a_step_that_was_seen_to_do_nothing_has_no_role() -> None:
    """Not even that of `other`."""
    assert "orchestrail_step" not in ended([])[1]


def test_a_declared_role_stays_and_what_was_seen_is_kept_beside_it() -> None:
    """Whoever declared it knows better."""
    marking = Marking("preprocess", "impute", "1.0.0", serve_time=True)
    first, last = ended([("train", "LogisticRegression.fit")], marking=marking)
    step = dict(last["orchestrail_step"])
    assert step.pop("calls") == [{"role": "train", "call": "LogisticRegression.fit"}]
    assert step == first["orchestrail_step"]


def test_a_version_that_the_host_knows_is_no_role(tmp_path: Path) -> None:
    """It stands beside the concluded one."""
    _, last = ended([("preprocess", "StandardScaler.transform")], declared_version="7")
    step = last["orchestrail_step"]
    assert (step["role"], step["roleSource"], step["version"], step["derived"]) == (
        "preprocess",
        "inferred",
        "7",
        False,
    )


def test_a_concluded_role_is_judged_by_no_requirement_of_the_start() -> None:
    """Mode enforce decides when a run starts: then nothing was seen, and what was not declared is neither missed nor met."""
    first, last = ended([("preprocess", "StandardScaler.fit")], mode="enforce")
    assert "orchestrail_requirements" not in first | last
    assert last["orchestrail_step"]["roleSource"] == "inferred"
