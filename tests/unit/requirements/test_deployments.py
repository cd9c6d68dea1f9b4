"""PREP-04 and DEP-01: a service against the training of its model."""

from __future__ import annotations

import copy

import pytest

from orchestrail.requirements.verdicts import Status, Why

pytestmark = pytest.mark.usefixtures("as_written")

ENVIRONMENT = {"distributionsDigest": "sha256:" + "0" * 64}


def code(text):
    return f"py-tokens-2:sha256:{text * 64}"


def state(text):
    return f"sha256:{text * 64}"


def deployed(made):
    """Step 2 imputes and step 3 trains; service 4 imputes alike. Step 5 resamples for training alone."""
    step = {"role": "preprocess", "operation": "impute", "version": "1", "serveTime": True, "stateDigest": state("a")}
    alike = {
        "operation": "impute",
        "version": "1",
        "codeDigest": code("1"),
        "serveTime": True,
        "stateDigest": state("a"),
    }
    served = {"deployment": "eu", "model": {"digest": made.digest("m")}, "preparation": [alike]}
    resample = {"role": "preprocess", "operation": "resample", "version": "1", "trainOnly": True}
    return {
        "resample": made.event(
            "COMPLETE",
            5,
            orchestrail_step=resample,
            outputs=[made.dataset("/more", "more")],
        ),
        "prepare": made.event(
            "COMPLETE",
            2,
            second=1,
            orchestrail_step=step,
            orchestrail_code={"digest": code("1")},
            inputs=[made.dataset("/more", "more")],
            outputs=[made.dataset("/clean", "clean")],
        ),
        "train": made.event(
            "COMPLETE",
            3,
            second=2,
            orchestrail_step={"role": "train"},
            inputs=[made.dataset("/clean", "clean")],
            outputs=[made.dataset("/m", "m", kind="model")],
        ),
        "serve": made.event(
            "START",
            4,
            second=3,
            ours={"environment": "production"},
            orchestrail_serving=served,
            orchestrail_environment=ENVIRONMENT,
            orchestrail_step={"role": "serve"},
        ),
    }


def prepared(**values):
    """Change how the service says that it prepares data."""

    def change(events):
        events["serve"]["run"]["facets"]["orchestrail_serving"]["preparation"][0].update(values)

    return change


def served(**values):
    """Change what the service says beside that."""

    def change(events):
        events["serve"]["run"]["facets"]["orchestrail_serving"].update(values)

    return change


def lacking(*path):
    """Leave something out of what the service tells."""

    def change(events):
        place = events["serve"]["run"]["facets"]
        for key in path[:-1]:
            place = place[key]
        del place[path[-1]]

    return change


def trained(**values):
    """Change what the preparing step says."""

    def change(events):
        events["prepare"]["run"]["facets"]["orchestrail_step"].update(values)

    return change


TURNS = [
    ("PREP-04", prepared(version="2"), "fail", "impute has another version in serving than in training"),
    ("PREP-04", prepared(codeDigest=code("2")), "fail", "impute has another code in serving than in training"),
    ("PREP-04", prepared(stateDigest=state("b")), "fail", "impute has another fitted state in serving"),
    ("PREP-04", prepared(operation="scale"), "fail", "serving applies scale, which training did not"),
    ("PREP-04", prepared(codeDigest="py-bytecode-1:sha256:x"), "unknown", "the code of impute cannot be compared"),
    ("PREP-04", prepared(codeDigest=None), "unknown", "the code of impute cannot be compared"),
    ("PREP-04", prepared(stateDigest=None), "unknown", "the fitted state of impute cannot be compared"),
    ("PREP-04", trained(stateDigest=None), "unknown", "the fitted state of impute cannot be compared"),
    ("PREP-04", served(preparation=[]), "unknown", "the serving side reports no preparation"),
    ("PREP-04", trained(serveTime=None), "unknown", "no preparation step behind the model says"),
    ("PREP-04", served(model={"digest": state("f")}), "unknown", "the model that it serves is not on the record"),
    ("DEP-01", served(model={"name": "champion"}), "fail", "it names champion and no digest"),
    ("DEP-01", served(model={}), "fail", "it names no model"),
    ("DEP-01", served(model={"digest": state("f")}), "fail", "no recorded run wrote the model that it serves"),
    ("DEP-01", lacking("orchestrail_run", "environment"), "fail", "its environment is not recorded"),
    ("DEP-01", lacking("orchestrail_environment"), "unknown", "neither a digest of its image nor of its packages"),
]


@pytest.mark.parametrize("requirement", ["PREP-04", "DEP-01"])
def test_a_service_that_does_as_training_did_passes(made, judged, requirement):
    """What is for training alone is no part of serving."""
    verdict = judged(requirement, *deployed(made).values())
    assert (verdict.status, verdict.subjects) == (Status.PASS, 1), verdict


@pytest.mark.parametrize(("requirement", "change", "status", "reason"), TURNS)
def test_a_change_of_the_facts_turns_it(made, judged, requirement, change, status, reason):
    """Each fact behind a pass counts; the service's run is a witness."""
    events = copy.deepcopy(deployed(made))
    change(events)
    verdict = judged(requirement, *events.values())
    assert verdict.status.value == status, verdict
    assert reason in verdict.reason
    assert made.run_id(4) in {witness.run_id for witness in verdict.results[0].witnesses}


def test_an_operation_that_serving_does_not_report_fails(made, judged):
    """Training applied it and says that serving has to."""
    events = copy.deepcopy(deployed(made))
    more = {"role": "preprocess", "operation": "encode", "version": "1", "serveTime": True}
    events["resample"]["run"]["facets"]["orchestrail_step"] = more
    verdict = judged("PREP-04", *events.values())
    assert (verdict.status, verdict.reason) == (Status.FAIL, "serving does not report encode, which training applied")
    assert {witness.run_id for witness in verdict.results[0].witnesses} == {made.run_id(5)}


def twice(made, **values):
    """The preparing step is done once more in training, with another state; the service says what it does beside the first."""
    events = copy.deepcopy(deployed(made))
    step = events["prepare"]["run"]["facets"]["orchestrail_step"] | {"stateDigest": state("b")}
    facets = {"orchestrail_step": step, "orchestrail_code": {"digest": code("1")}}
    events["train"]["inputs"].append(made.dataset("/clean2", "clean2"))
    events["second"] = made.event("COMPLETE", 6, second=1, outputs=[made.dataset("/clean2", "clean2")], **facets)
    said = events["serve"]["run"]["facets"]["orchestrail_serving"]["preparation"]
    said.append(said[0] | {"stateDigest": state("b")} | values)
    return events.values()


def test_an_operation_may_be_applied_with_several_states(made, judged):
    """What is compared is which of them both sides have."""
    assert judged("PREP-04", *twice(made)).status is Status.PASS
    verdict = judged("PREP-04", *twice(made, stateDigest=state("c")))
    assert (verdict.status, verdict.reason) == (
        Status.FAIL,
        "impute has another fitted state in serving than in training",
    )
    verdict = judged("PREP-04", *twice(made, stateDigest=None))
    assert (verdict.status, verdict.reason) == (Status.UNKNOWN, "the fitted state of impute cannot be compared")
    verdict = judged("PREP-04", *twice(made, stateDigest=state("a")))
    assert (verdict.status, {one.run_id for one in verdict.results[0].witnesses}) == (
        Status.FAIL,
        {made.run_id(4), made.run_id(6)},
    )


def test_a_deploy_step_that_tells_nothing_of_preparation_is_unknown(made, judged):
    """It names its model by what it read."""
    events = copy.deepcopy(deployed(made))
    events["serve"] = made.event(
        "START", 4, second=3, orchestrail_step={"role": "deploy"}, inputs=[made.dataset("/m", "m", kind="model")]
    )
    verdict = judged("PREP-04", *events.values())
    assert (verdict.status, verdict.why) == (Status.UNKNOWN, Why.NOT_CAPTURED)


@pytest.mark.parametrize(("second", "status"), [(3, Status.PASS), (9, Status.FAIL)])
def test_a_training_that_came_later_is_not_that_of_a_service(made, judged, second, status):
    """It gave the same bytes with another code: what a service loaded was made by who wrote it before."""
    events = copy.deepcopy(deployed(made))
    serve = events.pop("serve")
    for name in ("prepare", "train"):
        later = copy.deepcopy(events[name])
        later["run"]["runId"] = made.run_id({"prepare": 12, "train": 13}[name])
        later["eventTime"] = made.at(7)
        events[f"later {name}"] = later
    events["later prepare"]["run"]["facets"]["orchestrail_code"]["digest"] = code("2")
    events["later prepare"]["outputs"] = events["later train"]["inputs"] = [made.dataset("/clean", "clean too")]
    serve["eventTime"] = made.at(second)
    told = list(events.values())
    told.insert(3 if second == 3 else len(told), serve)
    assert judged("PREP-04", *told).status is status
