"""MOD-01, MOD-02, MOD-03, LIN-03: what passes, what turns it, and what nobody knows."""

from __future__ import annotations

import copy

import pytest

from orchestrail.requirements.verdicts import Status, Why

pytestmark = pytest.mark.usefixtures("as_written")

ALL = ["code_digest", "dataset_version", "environment", "parameters"]
ENVIRONMENT = {"distributionsDigest": "sha256:" + "0" * 64, "cpu": {"count": 2}, "python": {"version": "3.11"}}


def training(made):
    """Flow 1: task 2 ingests, task 3 trains, task 4 evaluates the model on test data; service 5 serves it."""
    known = {"orchestrail_capabilities": {"capabilities": ALL}, "orchestrail_environment": ENVIRONMENT}
    served = {"deployment": "eu", "model": {"namespace": "file", "name": "/m", "digest": made.digest("m")}}
    seeds = {"seeds": [{"name": "random.seed", "value": 1}]}
    parameters = {"orchestrail_parameters": {"parameters": {}, "digest": made.digest("p")}}
    metric = {"orchestrail_metrics": {"metrics": [{"name": "auc", "value": 0.9}]}}
    return {
        "flow": made.event("START", 1, **known),
        "ingest": made.event(
            "COMPLETE",
            2,
            parent=1,
            second=1,
            orchestrail_step={"role": "ingest"},
            inputs=[made.dataset("/source", "source")],
            outputs=[made.dataset("/raw", "raw"), made.dataset("/test", "test")],
        ),
        "begin": made.event("START", 3, parent=1, second=2),
        "train": made.event(
            "COMPLETE",
            3,
            parent=1,
            second=3,
            orchestrail_step={"role": "train"},
            orchestrail_execution=seeds,
            inputs=[made.dataset("/raw", "raw", role="train")],
            outputs=[made.dataset("/m", "m", kind="model")],
            **parameters,
        ),
        "evaluate": made.event(
            "COMPLETE",
            4,
            parent=1,
            second=4,
            orchestrail_step={"role": "evaluate"},
            inputs=[made.dataset("/m", "m"), made.dataset("/test", "test", role="test")],
            **metric,
        ),
        "serve": made.event("START", 5, second=6, orchestrail_serving=served, inputs=[made.dataset("/m", "m")]),
    }


def drop(part, *path):
    """Take something out of an event."""

    def change(events, made):
        place = events[part]
        for key in path[:-1]:
            place = place[key]
        del place[path[-1]]

    return change


def put(part, value, *path):
    """Put something into an event."""

    def change(events, made):
        place = events[part]
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value(made) if callable(value) else value

    return change


def again(number, **more):
    """Have another run write the model."""

    def change(events, made):
        events["again"] = made.event(
            "COMPLETE", number, second=9, outputs=[made.dataset("/m", "m", kind="model")], **more
        )

    return change


def without(part):
    """Leave an event out."""

    def change(events, made):
        del events[part]

    return change


RUN = ("run", "facets")
DATASET = ("facets", "orchestrail_dataset")
TURNS = [
    ("MOD-01", drop("train", "outputs", 0, *DATASET, "digest"), "fail", "no content digest"),
    ("MOD-01", again(9), "fail", "2 runs wrote this content, and differ in job"),
    ("MOD-01", put("train", "late", "outputs", 0, *DATASET, "weak"), "unknown", "may not be what was written"),
    ("MOD-02", drop("train", *RUN, "orchestrail_parameters"), "fail", "not recorded: its parameters"),
    ("MOD-02", drop("flow", *RUN, "orchestrail_environment"), "fail", "a digest of libraries or image, the hardware"),
    ("MOD-02", drop("flow", *RUN, "orchestrail_environment", "cpu"), "fail", "not recorded: the hardware"),
    ("MOD-02", without("begin"), "fail", "its start and end"),
    ("MOD-02", drop("train", *RUN, "orchestrail_execution"), "unknown", "no seed was seen"),
    ("MOD-03", without("evaluate"), "fail", "no completed run evaluated it"),
    ("MOD-03", put("evaluate", "FAIL", "eventType"), "fail", "no completed run evaluated it"),
    ("MOD-03", drop("evaluate", *RUN, "orchestrail_metrics"), "fail", "no completed run evaluated it"),
    ("MOD-03", drop("evaluate", "inputs", 1, *DATASET, "role"), "fail", "no completed run evaluated it"),
    ("MOD-03", put("evaluate", lambda made: made.at(7), "eventTime"), "fail", "only after the deployment had begun"),
    ("LIN-03", drop("ingest", *RUN, "orchestrail_step"), "unknown", "no ingest step says from where"),
    (
        "LIN-03",
        put("train", lambda made: made.dataset("/raw", "other"), "inputs", 0),
        "fail",
        "no recorded run wrote this content",
    ),
    ("LIN-03", put("train", lambda made: made.dataset("/else"), "inputs", 0), "unknown", "known by name only"),
]


@pytest.mark.parametrize("requirement", ["MOD-01", "MOD-02", "MOD-03", "LIN-03"])
def test_a_training_that_is_whole_passes(made, judged, requirement):
    """With a deployment and its evaluation."""
    verdict = judged(requirement, *training(made).values())
    assert (verdict.status, verdict.subjects) == (Status.PASS, 1), verdict


@pytest.mark.parametrize(("requirement", "change", "status", "reason"), TURNS)
def test_a_change_of_the_facts_turns_it(made, judged, requirement, change, status, reason):
    """Each fact behind a pass counts; what shows it is named."""
    events = copy.deepcopy(training(made))
    change(events, made)
    verdict = judged(requirement, *events.values())
    assert verdict.status.value == status, verdict
    assert reason in verdict.reason
    (result,) = verdict.results
    assert result.witnesses
    assert all(witness.run_id for witness in result.witnesses)


@pytest.mark.parametrize(
    ("requirement", "change", "what"),
    [
        ("MOD-01", drop("train", "outputs", 0, *DATASET, "digest"), "its adapter cannot take one"),
        ("MOD-02", drop("train", *RUN, "orchestrail_parameters"), "its adapter cannot see its parameters"),
        ("MOD-02", drop("flow", *RUN, "orchestrail_environment", "cpu"), "its adapter cannot see the hardware"),
    ],
)
def test_what_an_adapter_cannot_see_is_unknown(made, judged, requirement, change, what):
    """The same facts are a failure where it can."""
    events = copy.deepcopy(training(made))
    events["flow"]["run"]["facets"]["orchestrail_capabilities"]["capabilities"] = []
    change(events, made)
    verdict = judged(requirement, *events.values())
    assert (verdict.status, verdict.why) == (Status.UNKNOWN, Why.NOT_CAPTURED)
    assert what in verdict.reason


def trained_again(made):
    """The training of before, and the same training in a process of its own."""
    events = copy.deepcopy(training(made))
    code = {"orchestrail_code": {"digest": f"py-tokens-2:sha256:{'1' * 64}"}}
    events["train"]["run"]["facets"] |= copy.deepcopy(code)
    facets = {"orchestrail_parameters": {"parameters": {}, "digest": made.digest("p")}, **code}
    inputs, outputs = [made.dataset("/elsewhere", "raw")], [made.dataset("/m2", "m", kind="model")]
    events["again"] = made.event("COMPLETE", 9, second=9, job="job-3", inputs=inputs, outputs=outputs, **facets)
    return events


def test_one_training_that_was_run_again_is_one_version(made, judged):
    """The same job, code, parameters and data gave the same content: whichever of the runs is asked for, it is the same story."""
    assert judged("MOD-01", *trained_again(made).values()).status is Status.PASS


@pytest.mark.parametrize(
    ("change", "status", "reason"),
    [
        (put("again", "other", "job", "name"), "fail", "differ in job"),
        (put("again", "py-tokens-2:sha256:2", *RUN, "orchestrail_code", "digest"), "fail", "differ in code"),
        (
            put("again", lambda made: made.digest("q"), *RUN, "orchestrail_parameters", "digest"),
            "fail",
            "differ in parameters",
        ),
        (put("again", lambda made: made.dataset("/raw", "more"), "inputs", 0), "fail", "differ in input"),
        (put("again", "py-bytecode-1:sha256:1", *RUN, "orchestrail_code", "digest"), "unknown", "agree in code"),
        (drop("train", *RUN, "orchestrail_code"), "unknown", "agree in code"),
        (drop("again", *RUN, "orchestrail_parameters"), "unknown", "agree in parameters"),
        (put("again", [], "inputs"), "unknown", "agree in input"),
        (put("again", "late", "inputs", 0, *DATASET, "weak"), "unknown", "agree in input"),
    ],
)
def test_another_training_that_gave_the_same_content_is_another_version(made, judged, change, status, reason):
    """The file then leads to two stories; where it is not known, that is said. All writers are witnesses."""
    events = trained_again(made)
    change(events, made)
    verdict = judged("MOD-01", *events.values())
    assert (verdict.status.value, reason in verdict.reason) == (status, True), verdict
    assert [witness.run_id for witness in verdict.results[0].witnesses] == [made.run_id(3), made.run_id(9)]


@pytest.mark.parametrize(
    ("mine", "other", "status"),
    [
        ({"out": "/m"}, {"out": "/m2"}, "pass"),
        ({"out": "/runs/1/"}, {"out": "/runs/2"}, "pass"),
        ({"out": "file:///runs/1"}, {"out": "/runs/2"}, "fail"),
        ({"both": ["/m", "/raw"]}, {"both": ["/m2", "/elsewhere"]}, "pass"),
        ({"out": "/m", "rate": 1}, {"out": "/m2", "rate": 1}, "pass"),
        ({"out": "/m", "rate": 1}, {"out": "/m2", "rate": 2}, "fail"),
        ({"out": "/m", "rate": 1}, {"out": "/m2", "rate": True}, "fail"),
        ({"out": "/m", "rate": 1}, {"out": "/m2"}, "fail"),
        ({"rate": 1}, {"rate": 1}, "fail"),
        ({"out": "/m"}, {"out": "/not-written"}, "fail"),
        ({"out": "/m"}, {"out": "/"}, "fail"),
        ({"out": []}, {"out": ["/m2"]}, "fail"),
        ({"out": "m"}, {"out": "./m2"}, "unknown"),
        ({"out": "1"}, {"out": "2"}, "unknown"),
        ({"card": "runs/1/card"}, {"card": "./runs/2/card"}, "pass"),
        ({"out": "runs/1", "card": "runs/1/card"}, {"out": "runs/2", "card": "runs/2/card"}, "pass"),
        ({"out": "1", "card": "1/card"}, {"out": "2", "card": "2/card"}, "pass"),
        ({"out": "card", "card": "1/card"}, {"out": "card", "card": "2/card"}, "pass"),
        ({"out": "m", "card": "1/card"}, {"out": "m2", "card": "2/card"}, "unknown"),
        ({"out": "1", "card": "1/card"}, {"out": "2", "card": "2/other"}, "fail"),
        ({"out": "1", "card": "1/card"}, {"out": "1/card", "card": "2/card"}, "fail"),
        ({"region": "north"}, {"region": "south"}, "fail"),
    ],
)
def test_where_a_training_wrote_makes_it_no_other_one(made, judged, mine, other, status):
    """A value that names recorded data of its own run may differ: that data is compared by content. A relative one has to name a
    file with a folder, or such a folder; else it is in doubt.
    """
    events = trained_again(made)
    for part, given, folder in (("train", mine, "/runs/1"), ("again", other, "/runs/2")):
        described = {name: {"type": "any", "value": value} for name, value in given.items()}
        events[part]["run"]["facets"]["orchestrail_parameters"] = {"parameters": described, "digest": made.digest(part)}
        events[part]["outputs"].append(made.dataset(f"{folder}/card", "card"))
    assert judged("MOD-01", *events.values()).status.value == status


def test_a_parameter_that_was_not_told_leaves_it_open(made, judged):
    """Known by its type alone it may be another one; known by its digest it is told."""
    for digest, status in ((None, "unknown"), (made.digest("table"), "pass")):
        events = trained_again(made)
        for part, place in (("train", "/m"), ("again", "/m2")):
            described = {"out": {"type": "str", "value": place}, "table": {"type": "frame", "digest": digest}}
            given = {"parameters": described, "digest": made.digest(part)}
            events[part]["run"]["facets"]["orchestrail_parameters"] = given
        assert judged("MOD-01", *events.values()).status.value == status


def test_a_third_training_is_held_against_the_first(made, judged):
    """One that differs is enough, wherever it stands."""
    events = trained_again(made)
    third = copy.deepcopy(events["again"])
    third["run"]["runId"], third["job"]["name"] = made.run_id(10), "other"
    fourth = copy.deepcopy(events["again"])
    fourth["run"]["runId"] = made.run_id(11)
    verdict = judged("MOD-01", *events.values(), third, fourth)
    assert (verdict.status, verdict.reason) == (Status.FAIL, "4 runs wrote this content, and differ in job")


def test_a_run_that_gives_a_model_back_unchanged_did_not_make_it(made, judged):
    """A copy of the file has one maker still."""
    events = training(made)
    again(9, inputs=[made.dataset("/m", "m")])(events, made)
    assert judged("MOD-01", *events.values()).status is Status.PASS


def test_a_registered_name_stands_for_one_content(made, judged):
    """A version of a registry that was given to two models."""
    events = copy.deepcopy(training(made))
    events["train"]["outputs"][0]["facets"]["version"] = {"datasetVersion": "7"}
    other = made.dataset("/m", "other", kind="model")
    other["facets"]["version"] = {"datasetVersion": "7"}
    found = judged("MOD-01", *events.values(), made.event("COMPLETE", 9, outputs=[other]))
    assert (found.status, found.reason) == (Status.FAIL, "2 of 2: file:/m@7 stands for 2 contents")


def test_a_training_that_is_said_to_vary_needs_no_seed(made, judged, stated):
    """The manifest says so of the system."""
    events = copy.deepcopy(training(made))
    del events["train"]["run"]["facets"]["orchestrail_execution"]
    events["train"]["run"]["facets"]["orchestrail_run"]["system"] = "scoring"
    assert judged("MOD-02", *events.values()).status is Status.UNKNOWN
    varies = stated({"systems": [{"name": "scoring", "deterministic": False}]})
    assert judged("MOD-02", *events.values(), varies).status is Status.PASS


def test_what_was_evaluated_before_it_was_packaged_is_not_the_file_itself(made, judged):
    """Nobody evaluated the deployed digest: that its part was is said, and is no pass."""
    events = copy.deepcopy(training(made))
    events["package"] = made.event(
        "COMPLETE",
        6,
        parent=1,
        second=5,
        inputs=[made.dataset("/m", "m", kind="model")],
        outputs=[made.dataset("/p", "p", kind="model")],
    )
    served = {"deployment": "eu", "model": {"digest": made.digest("p")}}
    events["serve"] = made.event("START", 5, second=6, orchestrail_serving=served)
    verdict = judged("MOD-03", *events.values())
    assert (verdict.status, verdict.why) == (Status.UNKNOWN, Why.PARTIAL)
    assert made.run_id(4) in {witness.run_id for witness in verdict.results[0].witnesses}


def test_a_run_behind_it_that_is_not_recorded_leaves_the_trace_open(made, judged):
    """Others name it; what it read nobody knows."""
    events = copy.deepcopy(training(made))
    upstream = {"job": {"namespace": "default", "name": "x"}, "run": {"runId": made.run_id(77)}}
    events["train"]["run"]["facets"]["jobDependencies"] = {"upstream": [upstream]}
    verdict = judged("LIN-03", *events.values())
    assert verdict.status is Status.UNKNOWN
    assert [witness.run_id for witness in verdict.results[0].witnesses] == [made.run_id(77)]


def packaged(text):
    return [{"name": "accuracy_target", "value": text}]


def measured(made, value, name="accuracy"):
    events = copy.deepcopy(training(made))
    events["evaluate"]["run"]["facets"]["orchestrail_metrics"]["metrics"].append({"name": name, "value": value})
    return events.values()


@pytest.mark.parametrize(
    ("value", "name", "status", "reason"),
    [
        (0.9, "accuracy", "pass", "1 of 1 hold"),
        (0.84, "accuracy", "fail", "the accuracy that was measured, 0.84, is below the stated 0.9"),
        (0.84, "accuracy[sex=f]", "unknown", "an accuracy of 0.9 is stated, and its tests tell no metric `accuracy`"),
    ],
)
def test_a_stated_accuracy_is_held_against_what_was_measured(made, judged, attested, value, name, status, reason):
    """A person's word that the facts contradict loses, and both are shown."""
    word = attested("MOD-03", "model", "file:/m", made.digest("m"), role="test_responsible", fields=packaged("0.9"))
    verdict = judged("MOD-03", *measured(made, value, name), word)
    assert (verdict.status.value, verdict.reason) == (status, reason)
    shown = {(one.run_id, one.field) for result in verdict.results for one in result.witnesses}
    assert status != "fail" or shown >= {(made.run_id(4), "accuracy"), (None, "statement")}


def test_stated_accuracies_that_contradict_each_other_are_unknown(made, judged, attested):
    """Neither counts; a statement that names none, or that has ended, is no target."""
    words = [
        attested("MOD-03", "model", "file:/m", made.digest("m"), role="test_responsible", fields=packaged(text))
        for text in ("0.9", "0.8")
    ]
    verdict = judged("MOD-03", *measured(made, 0.84), *words)
    assert (verdict.status, "contradict each other about `accuracy_target`" in verdict.reason) == (Status.UNKNOWN, True)
    silent = attested("MOD-03", "model", "file:/m", made.digest("m"), role="test_responsible")
    assert judged("MOD-03", *measured(made, 0.84), silent).status is Status.PASS
