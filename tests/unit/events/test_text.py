"""Events that are put together from kept pieces: the same as built whole, and never with a secret that is known by then."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrail.capture.environment import environment_facts
from orchestrail.capture.git import git_facts
from orchestrail.events.build import Where
from orchestrail.events.facets import PRODUCER_PREFIX
from orchestrail.events.text import NO_FACET, extended, fresh, plain_job, run_event, steady, steady_job
from orchestrail.model import AdapterInfo, Capability, DatasetRef, Job, Marking, RunRef, RunStart, State
from orchestrail.parameters import describe
from orchestrail.recorder import Recorder
from orchestrail.redaction import MARK, remember
from orchestrail.run_id import new_run_id
from orchestrail.settings import Settings
from orchestrail.testing.events import schema_problems, spooled_events

from .plain import end_event, start_event

BY = f"{PRODUCER_PREFIX}test:1"


def first_step() -> None:
    """Stands for a task."""


def second_step() -> None:
    """Stands for another one."""


# Few words, so that the same come again and are taken as they were kept; some of them hold secrets.
WORDS = st.sampled_from(["a", 'é\u2028"\\', "password=hunter22", "https://u:secret-9@host/x", "\ud800", "🜁", "credit"])
NAMES = st.sampled_from(["flow.a", "flow.b", "token=abcdef12", "ü"])
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.just("api_key"), inner, max_size=3),
    max_leaves=8,
)
DATASETS = st.builds(
    DatasetRef,
    st.sampled_from(["file", "s3://bucket"]),
    NAMES,
    version=st.none() | WORDS,
    digest=st.none() | st.just("sha256:00"),
    kind=st.sampled_from(["data", "model"]),
    rows=st.none() | st.integers(0, 9),
    fields=st.just(()) | st.just((("income", "float"),)),
)
STARTS = st.fixed_dictionaries(
    {
        "job_name": NAMES,
        "job_type": st.sampled_from(["TASK", "FLOW", "SERVICE"]),
        "native_id": st.none() | WORDS,
        "attempt": st.integers(1, 3),
        "function": st.sampled_from([None, first_step, second_step]),
        "marking": st.none()
        | st.builds(
            Marking,
            st.sampled_from(["train", "preprocess"]),
            st.none() | st.just("impute"),
            st.none() | WORDS,
            serve_time=st.none() | st.booleans(),
        ),
        "parameters": st.none() | st.dictionaries(WORDS | st.just("api_key"), ANYTHING, max_size=3),
        "system": st.none() | WORDS,
        "environment": st.none() | WORDS,
        "trigger": st.none() | WORDS,
        "tags": st.lists(WORDS, max_size=2).map(tuple),
        "declared_version": st.none() | WORDS,
        "closed_by": st.sampled_from(["process", "host"]),
        "facts": st.dictionaries(st.sampled_from(["mapIndex", "operator", "api_key", "state"]), ANYTHING, max_size=3),
    }
)


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorder]:
    info = AdapterInfo("test", "testing", "1.0", "0.1", ">=1", frozenset({Capability.CODE_DIGEST, Capability.ATTEMPTS}))
    made = Recorder(info, Settings(home=tmp_path_factory.mktemp("home")))
    yield made
    made.close()


def written(recorder: Recorder) -> list[dict[str, Any]]:
    """Give the events since the last call, without their times."""
    recorder.close()
    events = spooled_events(recorder.settings.spool)
    for path in recorder.settings.spool.glob("*.seg"):
        path.unlink()
    for event in events:
        assert event.pop("eventTime").endswith("Z")
    return events


def where_is(start: RunStart) -> Where | None:
    if start.function is None:
        return None
    path = Path(__file__)
    git = git_facts(path.parent, path)
    if git is None:
        return Where(str(path))
    return Where(str(path.relative_to(git.root)), git.repository, git.commit, git.dirty)


@settings(deadline=None)
@given(
    above=STARTS,
    below=st.lists(
        st.tuples(STARTS, st.lists(DATASETS, max_size=2), st.dictionaries(WORDS, ANYTHING, max_size=2)), max_size=4
    ),
    state=st.sampled_from([State.COMPLETE, State.CACHED, State.ABORT, State.SKIPPED]),
    error=st.none() | WORDS,
)
def test_events_are_what_they_are_when_built_whole(
    recorder: Recorder, above: dict[str, Any], below: list[Any], state: State, error: str | None
) -> None:
    """Whatever is recorded, and however often something like it was recorded before."""
    environment = environment_facts(recorder.settings.home / "cache")
    for fields in [above, *(fields for fields, _, _ in below)]:
        describe(fields["parameters"] or {})  # both ways shall know the same secrets from the start
    expected = []
    outer = RunStart(run_id=new_run_id(), **above)
    ref = recorder.start(outer)
    expected.append(start_event(recorder, outer, where_is(outer), environment))
    upstream: list[RunRef] = []
    for fields, outputs, facts in below:
        inner = RunStart(run_id=new_run_id(), parent=ref, upstream=tuple(upstream), **fields)
        upstream.append(recorder.start(inner))
        expected.append(start_event(recorder, inner, where_is(inner), environment))
        run = recorder.open_run(inner.run_id)
        assert run is not None
        unique = list({(one.namespace, one.name): one for one in outputs}.values())
        run.outputs += unique
        run.results.metric("auc", 0.5)
        recorder.finish(inner.run_id, state, error=error, facts=facts)
        kind = {"COMPLETE": "COMPLETE", "ABORT": "ABORT"}.get(state, "COMPLETE")
        told = {"state": state, "facts": facts, "error": error, "outputs": unique, "metrics": run.results.metrics}
        expected.append(end_event(recorder, inner, kind, **told))
    recorder.finish(outer.run_id, State.FAIL)
    expected.append(end_event(recorder, outer, "FAIL"))
    found = written(recorder)
    for event in found:
        # What was found to be missing is judged elsewhere.
        event["run"]["facets"].pop("orchestrail_requirements", None)
    assert found == json.loads(json.dumps(expected))


def test_what_is_kept_does_not_keep_a_secret_that_is_learnt_later(recorder: Recorder) -> None:
    """A run after the learning says the same without the secret, wherever it stood in what was kept."""
    secret = "kept-marker-77Aq"
    remembered = {
        "job_name": "kept",
        "job_type": "TASK",
        "function": first_step,
        "system": f"system {secret}",
        "environment": f"environment {secret}",
        "trigger": f"trigger {secret}",
        "tags": (f"tag {secret}",),
        "declared_version": f"version {secret}",
        "facts": {"operator": f"operator {secret}"},
    }
    for _ in range(2):
        recorder.start(RunStart(run_id=new_run_id(), **remembered))
    before = [json.dumps(event) for event in written(recorder)]
    assert all(text.count(secret) == 6 + text.count(f'"value": "tag {secret}"') for text in before)
    remember(secret)
    for _ in range(2):
        recorder.start(RunStart(run_id=new_run_id(), **remembered))
    after = [json.dumps(event) for event in written(recorder)]
    assert [text.count(secret) for text in after] == [0, 0]
    assert [text.replace(secret, MARK).count(MARK) for text in before] == [text.count(MARK) for text in after]


def test_a_secret_among_the_parameters_is_taken_out_of_the_same_event(recorder: Recorder) -> None:
    """Also where it stands in what comes before them."""
    secret = "told-by-name-55Xy"
    fields = {"tags": (secret,), "trigger": secret, "facts": {"operator": secret}, "parameters": {"api_key": secret}}
    recorder.start(RunStart(run_id=new_run_id(), job_name="f", job_type="TASK", **fields))
    (event,) = written(recorder)
    assert secret not in json.dumps(event)


def test_a_kept_facet_follows_each_of_its_arguments() -> None:
    """Another argument is another text; the same ones are the same."""

    def body(name: str, number: int | None) -> dict[str, Any] | None:
        return {"name": name, "number": number} if name else None

    texts = [
        steady("orchestrail_capture", BY, body, name, number).text for name, number in (("a", 1), ("a", 2), ("b", 1))
    ]
    assert [json.loads(text)["name"] + str(json.loads(text)["number"]) for text in texts] == ["a1", "a2", "b1"]
    assert steady("orchestrail_capture", BY, body, "a", 1).text == texts[0]
    assert steady("orchestrail_capture", BY, body, "", None) is NO_FACET


def test_fields_are_added_and_none_is_replaced() -> None:
    """A name is never there twice."""
    start = fresh("orchestrail_run", {"adapter": "prefect", "attempt": 1}, BY)
    added = extended(start, {"attempt": 7, "state": None, "password": "x", "_producer": "me"})
    pairs = json.loads(added.text, object_pairs_hook=list)
    assert len(pairs) == len(dict(pairs))
    assert dict(pairs) == {**json.loads(start.text), "state": None, "password": MARK}
    assert extended(start, {"attempt": 7}) is start


def test_a_run_event_fits_the_schemas() -> None:
    """Names of jobs and ids are escaped like everything else."""
    job = steady_job(Job('n"s', "ü\n"), "TASK", "prefect", Where("a.py", "https://host/r", "00", False), BY)
    event = json.loads(run_event("START", new_run_id(), BY, {"orchestrail_run": NO_FACET}, job))
    assert schema_problems(event) == []
    assert (event["job"]["namespace"], event["job"]["name"]) == ('n"s', "ü\n")
    assert event["job"]["facets"]["sourceCodeLocation"]["path"] == "a.py"
    assert json.loads(plain_job(Job("n", "j"))) == {"namespace": "n", "name": "j", "facets": {}}


@pytest.mark.parametrize("value", [float("nan"), object()])
def test_what_is_no_json_is_refused(value: object) -> None:
    """Nothing is written that a reader of JSON could not read."""
    with pytest.raises((ValueError, TypeError)):
        fresh("orchestrail_capture", {"value": value}, BY)
