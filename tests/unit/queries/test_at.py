"""What was in use at a time of the past."""

from __future__ import annotations

import pytest

from orchestrail.errors import NotRecorded
from orchestrail.queries.at import Window, at
from orchestrail.queries.documents import at_document


@pytest.fixture
def then(made, recorded):
    """Record events and ask what was in use in a second of the story, or between two; gives the JSON document."""

    def ask(second, *events, until=None, system=None):
        window = Window(made.at(second), made.at(second if until is None else until))
        return at_document(at(recorded(*events), window, system))

    return ask


def serving(made, run, model="m", second=10, ended=None, deployment="eu-1", preparation=(), **ours):
    stated = {
        "deployment": deployment,
        "model": {"namespace": "file", "name": "/model", "version": None, "digest": made.digest(model)},
        "preparation": list(preparation),
    }
    said = {"environment": "production", "system": "scoring"} | ours
    events = [
        made.event("START", run, second=second, ours=said, job=f"serving.{deployment}", orchestrail_serving=stated)
    ]
    if ended is not None:
        events.append(made.event("COMPLETE", run, second=ended, ours=said, job=f"serving.{deployment}"))
    return events


def role(name):
    return {"role": name, "roleSource": "declared"}


def training(made, model="m", second=0, first=1):
    """A flow that makes /model of /train, and tests it."""
    at_second = {"second": second, "parent": first}
    metrics = {"metrics": [{"name": "auc", "value": 0.9}]}
    return [
        made.event("START", first, second=second, job="training"),
        made.event(
            "COMPLETE",
            first + 1,
            **at_second,
            inputs=[made.dataset("/train", f"t-{model}", role="train")],
            outputs=[made.dataset("/model", model, kind="model")],
            orchestrail_step=role("train"),
        ),
        made.event(
            "COMPLETE",
            first + 2,
            **at_second,
            inputs=[made.dataset("/model", model), made.dataset("/test", "test", role="test")],
            orchestrail_step=role("evaluate"),
            orchestrail_metrics=metrics,
        ),
        made.event("COMPLETE", first, second=second + 2, job="training"),
    ]


def names(document):
    return {one["deployment"] for one in document["deployments"]}


def test_a_deployment_leads_to_what_made_and_tested_its_model(made, then):
    """Digest, training, data with roles, sources, evaluation with its figures, and how it prepares data."""
    clean = {"operation": "clean", "version": "1", "derived": False, "codeDigest": "py-tokens-1:sha256:" + "ab" * 32}
    document = then(12, *training(made), *serving(made, 5, preparation=[clean]))
    (one,) = document["deployments"]
    assert one["model"]["digest"] == made.digest("m")
    assert (one["training_run"], one["training_root"]) == (made.run_id(2), made.run_id(1))
    assert {(each["role"], each["name"]) for each in one["data"]} >= {("train", "/train"), ("source", "/train")}
    (tested,) = one["evaluations"]
    assert (tested["before_deployment"], tested["metrics"]) == (True, [{"name": "auc", "value": 0.9}])
    assert [each["operation"] for each in one["preparation"]] == ["clean"]
    assert (one["environment"], one["end_concluded"]) == ("production", False)


def test_a_deployment_leads_to_the_training_of_what_it_loaded(made, then):
    """And not to a later one, which gave the same bytes out of other data; one that nothing made before leads to none."""
    early, late = training(made), training(made, second=30, first=11)
    late[1]["inputs"] = [made.dataset("/train", "other", role="train")]
    (one,) = then(40, *early, *serving(made, 5), *late)["deployments"]
    assert (one["training_run"], one["training_root"]) == (made.run_id(2), made.run_id(1))
    assert {each["digest"] for each in one["data"] if each["role"] == "train"} == {made.digest("t-m")}
    (one,) = then(40, *serving(made, 5), *late)["deployments"]
    assert (one["training_run"], one["training_root"]) == (None, None)
    assert [each for each in one["data"] if each["role"] == "train"] == []


@pytest.mark.parametrize(
    ("second", "until", "expected"),
    [
        (9, None, set()),
        (10, None, {"eu-1"}),
        (15, None, {"eu-1"}),
        (20, None, {"eu-1"}),
        (21, None, set()),
        (0, 99, {"eu-1"}),
    ],
)
def test_a_service_is_in_use_from_its_start_to_its_end(made, then, second, until, expected):
    """At a moment, and at any time within a day."""
    document = then(second, *serving(made, 5, second=10, ended=20), until=until)
    assert names(document) == expected
    assert document["deployments_on_record"] == 1


def test_a_service_that_did_not_end_is_in_use(made, then):
    """What only a sweep ended is marked so."""
    assert names(then(99999, *serving(made, 5))) == {"eu-1"}
    swept = made.event("ABORT", 5, second=30, producer=made.SWEEP, orchestrail_inferred={"fields": ["ended_at"]})
    (one,) = then(20, *serving(made, 5), swept)["deployments"]
    assert one["end_concluded"]


def test_a_deploy_step_is_in_force_until_the_next_one(made, then):
    """Of the same job: nobody tells its end."""

    def deploy(run, model, second):
        model = made.dataset("/model", model, kind="model")
        return made.event("COMPLETE", run, second=second, job="deploy", inputs=[model], orchestrail_step=role("deploy"))

    events = deploy(5, "m", 10), deploy(6, "n", 20)
    assert then(9, *events)["deployments"] == []
    assert [one["model"]["digest"] for one in then(15, *events)["deployments"]] == [made.digest("m")]
    assert [one["model"]["digest"] for one in then(25, *events)["deployments"]] == [made.digest("n")]


def test_what_became_known_since_is_told(made, then):
    """Its end, what came in its place, a model made anew, and a withdrawal of what it was made of."""
    gone = made.record(
        "orchestrail_withdrawal", namespace="file", name="/train", version=None, digest=None,
        withdrawnAt=made.at(60), reason="consent was taken back", by=None,
    )  # fmt: skip
    events = [
        *training(made),
        *serving(made, 5, second=10, ended=20),
        *training(made, "n", second=30, first=11),
        *serving(made, 6, "n", second=40),
        gone,
    ]
    (one,) = then(15, *events)["deployments"]
    told = [change["what"] for change in one["changes"]]
    assert told[0] == "it ended"
    assert told[1] == f"/model was made anew: {made.digest('n')}"
    assert told[2] == f"eu-1 was deployed again, with the model {made.digest('n')}"
    assert "consent was taken back" in told[3]
    assert len(one["withdrawals"]) == 1


def test_an_evaluation_that_came_later_is_marked(made, then):
    """The service began before the test had ended."""
    (one,) = then(5, *training(made), *serving(made, 5, second=0))["deployments"]
    assert [each["before_deployment"] for each in one["evaluations"]] == [False]


def test_monitoring_around_the_time_is_told(made, then):
    """With what failed; not that of another week."""
    failed = {"checks": [{"name": "drift", "success": False}, {"name": "rows", "success": True}]}
    monitor = {"orchestrail_step": role("monitor"), "ours": {"system": "scoring"}}
    events = [
        *serving(made, 5),
        made.event("START", 6, second=40, **monitor),
        made.event("COMPLETE", 6, second=50, orchestrail_checks=failed, **monitor),
        made.event("START", 7, second=8 * 86400, **monitor),
    ]
    (one,) = then(30, *events)["monitoring"]
    assert (one["run_id"], one["failed_checks"]) == (made.run_id(6), ["drift"])


def test_only_the_system_that_was_asked_for_shows(made, then):
    """One that no run names is an error."""
    events = [*serving(made, 5), *serving(made, 6, deployment="other", system="chat")]
    assert names(then(12, *events)) == {"eu-1", "other"}
    assert names(then(12, *events, system="chat")) == {"other"}
    with pytest.raises(NotRecorded):
        then(12, *events, system="nothing")


def test_a_model_that_no_recorded_run_wrote_is_told_as_that(made, then):
    """And so is one that the service does not name."""
    (one,) = then(12, *serving(made, 5))["deployments"]
    assert one["model"] == {"digest": made.digest("m"), "dataset": None}
    assert (one["training_run"], one["evaluations"]) == (None, [])
