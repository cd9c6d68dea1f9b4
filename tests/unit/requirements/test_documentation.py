"""DOC-01 to DOC-03, DEP-02, PREP-05, REC-04, REC-07: descriptions, monitoring, splits and personal data."""

from __future__ import annotations

import json
from datetime import date

import pytest

from orchestrail.requirements.verdicts import Status, Why

pytestmark = pytest.mark.usefixtures("as_written")


def fresh(events):
    return json.loads(json.dumps(events))


def pipeline(made):
    """Process 1: step a writes what step b reads."""
    return [
        made.event("START", 1, job="score"),
        made.event("START", 2, parent=1, job="score.a"),
        made.event("COMPLETE", 2, parent=1, job="score.a", outputs=[made.dataset("/x", "x")]),
        made.event("START", 3, parent=1, job="score.b"),
        made.event("COMPLETE", 3, parent=1, job="score.b", inputs=[made.dataset("/x", "x")]),
        made.event("COMPLETE", 1, job="score"),
    ]


def declared(**changes):
    """A manifest with that pipeline."""
    said = {"job": "score", "steps": ["score.a", "score.b"], "edges": ["score.a -> score.b"]} | changes
    return {"systems": [{"name": "scoring", "pipelines": [said]}]}


def test_a_description_that_is_what_ran_passes(made, judged, stated):
    """One that nobody declares is unknown, also beside one that somebody does; one that never ran is no subject."""
    assert judged("DOC-01", *pipeline(made), stated(declared())).status is Status.PASS
    assert judged("DOC-01", *pipeline(made)).why is Why.NO_ATTESTATION
    assert judged("DOC-01", stated(declared())).why is Why.NO_SUBJECTS
    other = made.event("COMPLETE", 7, job="other"), made.event("COMPLETE", 8, parent=7, job="other.a")
    assert judged("DOC-01", *pipeline(made), *other, stated(declared())).counts == {Status.PASS: 1, Status.UNKNOWN: 1}


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"steps": ["score.a"], "edges": []}, "score.b: observed, and not declared"),
        ({"edges": []}, "score.a -> score.b: observed, and not declared"),
        ({"steps": ["score.a", "score.b", "score.c"]}, "score.c: declared, and never observed"),
        ({"edges": ["score.a -> score.b", "score.b -> score.a"]}, "score.b -> score.a: declared, and never observed"),
    ],
)
def test_a_difference_fails_and_is_named(made, judged, stated, changes, detail):
    """Steps and edges, in both directions."""
    verdict = judged("DOC-01", *pipeline(made), stated(declared(**changes)))
    assert verdict.status is Status.FAIL
    assert detail in {witness.detail for witness in verdict.results[0].witnesses}


def test_a_branch_that_no_run_need_take_is_marked(made, judged, stated):
    """Then it may be missing."""
    said = declared(steps=["score.a", "score.b", "score.c"], not_taken=["score.c"])
    assert judged("DOC-01", *pipeline(made), stated(said)).status is Status.PASS


def test_a_step_that_was_skipped_was_observed(made, judged, stated):
    """Whether it is declared or not."""
    skipped = made.event("OTHER", 4, parent=1, job="score.c", ours={"state": "SKIPPED"})
    said = declared(steps=["score.a", "score.b", "score.c"])
    assert judged("DOC-01", *pipeline(made), skipped, stated(said)).status is Status.PASS
    assert judged("DOC-01", *pipeline(made), skipped, stated(declared())).status is Status.FAIL


def served(made):
    """Step 2 trains, service 3 serves."""
    return [
        made.event("COMPLETE", 2, outputs=[made.dataset("/m", "m", kind="model")]),
        made.event(
            "START",
            3,
            second=1,
            ours={"system": "scoring"},
            orchestrail_serving={"deployment": "eu", "model": {"digest": made.digest("m")}},
        ),
    ]


def document(made, *, size=2, marks=("fact", "statement")):
    """The record of a documentation."""
    said = {"model": made.digest("m"), "digest": made.digest("doc"), "day": "2026-03-01", "size": size}
    return made.record("orchestrail_document", **said, points=[{"point": "1(a)", "marks": list(marks)}])


def test_a_documentation_without_gaps_is_attested(made, judged):
    """At best: persons stated a part of it."""
    assert judged("DOC-02", *served(made), document(made)).status is Status.ATTESTED
    assert judged("DOC-02", *served(made)).why is Why.NOT_EVALUATED


@pytest.mark.parametrize("mark", ["missing", "partial"])
def test_a_gap_fails_until_a_newer_documentation_has_none(made, judged, mark):
    """The newest counts."""
    verdict = judged("DOC-02", *served(made), document(made, marks=("fact", mark)))
    assert (verdict.status, mark in verdict.reason) == (Status.FAIL, True)
    both = document(made, marks=("fact", mark)), document(made)
    assert judged("DOC-02", *served(made), *both).status is Status.ATTESTED


def test_a_documentation_is_newer_than_the_deployment(made, judged):
    """None fails, an older one fails; a service that has ended needs none."""
    events = served(made)
    assert judged("DOC-03", *events, document(made)).status is Status.PASS
    assert "covers the model" in judged("DOC-03", *events).reason
    assert "older than the deployment" in judged("DOC-03", *events, document(made, size=1)).reason
    assert judged("DOC-03", *events, made.event("COMPLETE", 3, second=2)).why is Why.NO_SUBJECTS


@pytest.mark.parametrize("about", [("IV(2)(b)", "model"), ("IV(1)(a)", "system")])
def test_a_documentation_rests_on_statements_that_still_stand(made, judged, stated, attested, about):
    """One that ended or was withdrawn since fails; one that had ended before was not in it."""
    point, kind = about
    subject = ("model", "file:/m", made.digest("m")) if kind == "model" else ("system", "scoring@1", made.digest("s"))
    train, serve = fresh(served(made))
    train["run"]["facets"]["orchestrail_run"]["system"] = "scoring"
    word = attested(point, *subject, validUntil="2026-04-01")
    events = [train, serve, word, document(made)]
    assert judged("DOC-03", *events, day=date(2026, 4, 1)).status is Status.PASS
    verdict = judged("DOC-03", *events, day=date(2026, 4, 2))
    assert (verdict.status, verdict.reason.endswith("no longer does: expired")) == (Status.FAIL, True)
    assert verdict.results[0].witnesses[0].sequence == 2
    assert judged("DOC-03", train, serve, document(made), word, day=date(2026, 4, 2)).status is Status.PASS
    other = attested("DATA-03", *subject, validUntil="2026-04-01")
    assert judged("DOC-03", train, serve, other, document(made), day=date(2026, 4, 2)).status is Status.PASS


def monitored(made, *days):
    """Runs that monitor the model, each on a day of March."""
    return [
        made.event(
            "COMPLETE",
            10 + day,
            second=86_400 * day,
            orchestrail_step={"role": "monitor"},
            inputs=[made.dataset("/m", "m")],
        )
        for day in days
    ]


def test_monitoring_in_each_interval_and_a_plan_are_attested(made, judged, stated, attested):
    """The interval is the manifest's, the plan a person's."""
    plan = {"systems": [{"name": "scoring", "version": "1", "monitoring_interval_days": 7}]}
    word = attested("DEP-02", "system", "scoring@1", made.digest("s"), role="monitoring_owner")
    events = [*served(made), *monitored(made, 5, 10), stated(plan)]
    late = date(2026, 3, 15)
    assert judged("DEP-02", *events, word, day=late).status is Status.ATTESTED
    assert judged("DEP-02", *events, day=late).why is Why.NO_ATTESTATION
    gap = judged("DEP-02", *served(made), *monitored(made, 5), stated(plan), word, day=late)
    assert (gap.status, "every 7 days" in gap.reason) == (Status.FAIL, True)
    assert "no recorded plan" in judged("DEP-02", *served(made), word, day=late).reason


SECONDS = 86_400


@pytest.mark.parametrize(
    ("seconds", "status"), [([7 * SECONDS + 1], Status.ATTESTED), ([7 * SECONDS + 2], Status.FAIL), ([-5], Status.FAIL)]
)
def test_a_gap_is_one_that_is_longer_than_the_plan(made, judged, stated, attested, seconds, status):
    """To the second, from the start of the service on; what ran before it does not count."""
    plan = {"systems": [{"name": "scoring", "version": "1", "monitoring_interval_days": 7}]}
    word = attested("DEP-02", "system", "scoring@1", made.digest("s"), role="monitoring_owner")
    step = {"orchestrail_step": {"role": "monitor"}, "inputs": [made.dataset("/m", "m")]}
    watched = [made.event("COMPLETE", 20 + number, second=at, **step) for number, at in enumerate(seconds)]
    verdict = judged("DEP-02", *served(made), *watched, stated(plan), word, day=date(2026, 3, 13))
    assert verdict.status is status, verdict


def test_a_service_that_has_ended_is_monitored_no_longer(made, judged, stated, attested):
    """Until its end alone; a run that failed has monitored nothing, and one of another model neither."""
    plan = {"systems": [{"name": "scoring", "version": "1", "monitoring_interval_days": 7}]}
    word = attested("DEP-02", "system", "scoring@1", made.digest("s"), role="monitoring_owner")
    end = made.event("COMPLETE", 3, second=6 * SECONDS)
    late = date(2026, 6, 1)
    assert judged("DEP-02", *served(made), end, stated(plan), word, day=late).status is Status.ATTESTED
    assert judged("DEP-02", *served(made), stated(plan), word, day=late).status is Status.FAIL
    day = date(2026, 3, 13)
    (good,) = monitored(made, 6)
    assert judged("DEP-02", *served(made), good, stated(plan), word, day=day).status is Status.ATTESTED
    for change in ({"eventType": "FAIL"}, {"inputs": [made.dataset("/other", "other")]}):
        assert judged("DEP-02", *served(made), good | change, stated(plan), word, day=day).status is Status.FAIL


def test_the_plan_is_that_of_the_system_that_trained_the_model(made, judged, stated, attested):
    """Where the service names none; one whose model is not known has no plan."""
    plan = {"systems": [{"name": "scoring", "version": "1", "monitoring_interval_days": 300}]}
    word = attested("DEP-02", "system", "scoring@1", made.digest("s"), role="monitoring_owner")
    train, serve = fresh(served(made))
    del serve["run"]["facets"]["orchestrail_run"]["system"]
    assert judged("DEP-02", train, serve, stated(plan), word).why is Why.NO_ATTESTATION
    train["run"]["facets"]["orchestrail_run"]["system"] = "scoring"
    assert judged("DEP-02", train, serve, stated(plan), word).status is Status.ATTESTED
    assert judged("DEP-02", serve, stated(plan), word).why is Why.NO_ATTESTATION


def splits(made):
    """Clean and impute are applied to both parts; what is fitted reads the training part."""

    def step(number, second, operation, reads, writes, **more):
        said = {"role": "preprocess", "roleSource": "declared", "operation": operation, "version": "1"} | more
        facets = {
            "inputs": [made.dataset(f"/{name}", name) for name in reads],
            "outputs": [made.dataset(f"/{name}", name) for name in writes],
            "orchestrail_parameters": {"parameters": {}, "digest": made.digest("p")},
        }
        return made.event("COMPLETE", number, second=second, orchestrail_step=said, **facets)

    def use(name, role):
        return made.dataset(f"/{name}", name, role=role)

    return {
        "clean": step(2, 1, "clean", ["raw"], ["a", "b"]),
        "fit": step(3, 2, "fit", ["a"], ["medians"], fitsState=True, trainOnly=True),
        "train": step(4, 3, "impute", ["a", "medians"], ["train"]),
        "test": step(5, 4, "impute", ["b", "medians"], ["test"]),
        "model": made.event(
            "COMPLETE",
            6,
            second=5,
            orchestrail_step={"role": "train"},
            inputs=[use("train", "train")],
            outputs=[made.dataset("/m", "m", kind="model")],
        ),
        "evaluate": made.event(
            "COMPLETE",
            7,
            second=6,
            orchestrail_step={"role": "evaluate"},
            inputs=[made.dataset("/m", "m"), use("test", "test")],
            outputs=[made.dataset("/report", "report")],
        ),
        "package": made.event(
            "COMPLETE",
            8,
            second=7,
            inputs=[made.dataset("/m", "m"), made.dataset("/report", "report")],
            outputs=[made.dataset("/p", "p", kind="model")],
        ),
    }


def test_splits_that_are_treated_alike_pass(made, judged):
    """What is for training alone is left out."""
    assert judged("PREP-05", *splits(made).values()).status is Status.PASS


def test_another_operation_on_the_test_data_fails(made, judged):
    """It is named."""
    events = fresh(splits(made))
    events["test"]["run"]["facets"]["orchestrail_step"]["operation"] = "drop"
    verdict = judged("PREP-05", *events.values())
    assert verdict.status is Status.FAIL
    assert "test data was not treated as training data was: drop 1" in verdict.reason


@pytest.mark.parametrize("reads", ["test", "b"])
def test_a_step_that_learns_from_the_test_data_fails(made, judged, reads):
    """It read the part that was to be tested on, or what that was made of; the data set is the witness."""
    events = fresh(splits(made))
    events["fit"]["inputs"].append(made.dataset(f"/{reads}", reads))
    verdict = judged("PREP-05", *events.values())
    assert (verdict.status, verdict.reason) == (Status.FAIL, "job-3 learns from data and read the test data")
    assert [witness.detail for witness in verdict.results[0].witnesses] == [f"/{reads}: test data"]
    events["fit"]["run"]["facets"]["orchestrail_step"]["fitsState"] = False
    assert judged("PREP-05", *events.values()).status is not Status.FAIL


def test_a_step_that_learns_before_the_data_is_split_fails(made, judged):
    """All of the test data came through it."""
    events = fresh(splits(made))
    events["clean"]["run"]["facets"]["orchestrail_step"]["fitsState"] = True
    verdict = judged("PREP-05", *events.values())
    assert (verdict.status, verdict.reason) == (Status.FAIL, "job-2 learns from data and read the test data")


def test_a_step_that_learns_and_hands_on_the_training_data_is_no_leak(made, judged):
    """What it learnt goes to the test data, what it read does not."""
    events = fresh(splits(made))
    del events["train"]
    events["fit"]["outputs"].append(made.dataset("/train", "train"))
    events["fit"]["run"]["facets"]["orchestrail_step"] |= {"operation": "impute", "trainOnly": False}
    assert judged("PREP-05", *events.values()).status is Status.PASS


def test_a_step_that_learns_from_what_both_parts_come_from_is_unknown(made, judged):
    """It may hold rows of both."""
    events = fresh(splits(made))
    events["fit"]["inputs"].append(made.dataset("/raw", "raw"))
    verdict = judged("PREP-05", *events.values())
    assert (verdict.status, verdict.why) == (Status.UNKNOWN, Why.PARTIAL)
    assert [witness.detail for witness in verdict.results[0].witnesses] == ["/raw: of the test data"]


@pytest.mark.parametrize(
    ("digest", "what"), [("q", "its parameters differ"), (None, "its parameters are not recorded")]
)
def test_an_operation_with_other_parameters_may_do_something_else(made, judged, digest, what):
    """They may do no more than name the part: unknown. Whatever went through the very same run was treated alike."""
    events = fresh(splits(made))
    events["test"]["run"]["facets"]["orchestrail_parameters"]["digest"] = digest and made.digest(digest)
    verdict = judged("PREP-05", *events.values())
    assert (verdict.status, verdict.why) == (Status.UNKNOWN, Why.PARTIAL)
    assert verdict.reason == f"whether impute 1 does the same to test data as to training data is not known: {what}"
    assert [witness.run_id for witness in verdict.results[0].witnesses] == [made.run_id(4), made.run_id(5)]
    del events["clean"]["run"]["facets"]["orchestrail_parameters"]
    events["test"]["run"]["facets"]["orchestrail_parameters"]["digest"] = made.digest("p")
    assert judged("PREP-05", *events.values()).status is Status.PASS


def inside(made, events, part, number):
    """Let a task call the operation that it was, on a value in memory."""
    event = events[part]
    parent = int(event["job"]["name"].rpartition("-")[2])
    step = event["run"]["facets"].pop("orchestrail_step")
    event["run"]["facets"]["orchestrail_step"] = {"role": "preprocess", "roleSource": "concluded"}
    value = made.dataset(f"value-{number}", f"value-{number}") | {"namespace": "inmemory"}
    parameters = {"parameters": {}, "digest": made.digest("p")}
    facets = {"orchestrail_step": step, "orchestrail_parameters": parameters, "inputs": [value]}
    events[f"inside {part}"] = made.event("COMPLETE", number, second=4, parent=parent, **facets)


def called(made):
    """The same splits, in which tasks read and write the files, and the operations that they call do the work."""
    events = fresh(splits(made))
    for number, part in enumerate(("clean", "fit", "train", "test"), 10):
        inside(made, events, part, number)
    return events


def test_operations_that_tasks_call_are_compared(made, judged):
    """They have the names, versions and parameters; the tasks have the files, and parameters that name these."""
    events = called(made)
    events["test"]["run"]["facets"]["orchestrail_parameters"]["digest"] = made.digest("other")
    assert judged("PREP-05", *events.values()).status is Status.PASS
    events["inside test"]["run"]["facets"]["orchestrail_step"]["version"] = "2"
    verdict = judged("PREP-05", *events.values())
    assert verdict.reason == "test data was not treated as training data was: impute 1, impute 2"


@pytest.mark.parametrize("reads", ["test", "b", "raw"])
def test_what_an_operation_inside_a_task_was_given_is_not_told(made, judged, reads):
    """Where the task read of the test data, what the operation in it learnt from is unknown."""
    events = called(made)
    events["fit"]["inputs"].append(made.dataset(f"/{reads}", reads))
    verdict = judged("PREP-05", *events.values())
    assert (verdict.status, verdict.why) == (Status.UNKNOWN, Why.PARTIAL)
    assert f"job-3 learns from data and read /{reads}, which test data comes from" in verdict.reason


def test_a_source_that_was_copied_is_one_all_the_same(made, judged):
    """A copy is the content that it is a copy of: that the test data comes from there is no leak of what learns from a part."""
    events = fresh(splits(made))
    step = {"role": "ingest", "roleSource": "declared"}
    copied = {"inputs": [made.dataset("/outside", "raw")], "outputs": [made.dataset("/raw", "raw")]}
    events = {"ingest": made.event("COMPLETE", 9, orchestrail_step=step, **copied), **events}
    assert judged("PREP-05", *events.values()).status is Status.PASS
    events["clean"]["run"]["facets"]["orchestrail_step"]["fitsState"] = True
    assert judged("PREP-05", *events.values()).reason == "job-2 learns from data and read the test data"


def test_how_the_test_data_was_made_may_not_be_known(made, judged):
    """Nothing behind the model tells of it: that is no other treatment."""
    events = fresh(splits(made))
    del events["package"], events["test"]
    verdict = judged("PREP-05", *events.values())
    assert (verdict.status, verdict.why) == (Status.UNKNOWN, Why.NOT_CAPTURED)
    assert verdict.reason == "how /test was made, the test data, is not known"
    events["clean"]["outputs"].append(made.dataset("/test", "test"))
    assert "test data was not treated as" in judged("PREP-05", *events.values()).reason


def test_what_made_the_test_data_is_found_from_the_evaluation(made, judged):
    """It lies behind what the evaluation read, and behind the model only where that was made of the evaluation's result."""
    events = fresh(splits(made))
    del events["package"]
    assert judged("PREP-05", *events.values()).status is Status.PASS
    events["test"]["run"]["facets"]["orchestrail_step"]["version"] = "2"
    verdict = judged("PREP-05", *events.values())
    assert verdict.reason == "test data was not treated as training data was: impute 1, impute 2"
    assert [witness.run_id for witness in verdict.results[0].witnesses] == [made.run_id(4), made.run_id(5)]
    events = fresh(splits(made))
    del events["package"]
    events["test"]["inputs"] = [made.dataset("/other", "other")]
    assert "test data was not treated as training data was: clean 1" in judged("PREP-05", *events.values()).reason


def test_an_operation_that_may_have_been_passed_unseen_is_not_said_to_lack(made, judged):
    """What was handed on to the step that made the test data is not known; what is known to be lacking fails all the same."""
    events = fresh(splits(made))
    events["test"]["inputs"] = [made.dataset("/other", "other")]
    after = made.event("COMPLETE", 9, second=2, outputs=[made.dataset("/unread", "unread")])
    known = {"job": {"namespace": "default", "name": "job-9"}, "run": {"runId": made.run_id(9)}}
    events["test"]["run"]["facets"]["jobDependencies"] = {"upstream": [known]}
    verdict = judged("PREP-05", *events.values(), after)
    assert (verdict.status, verdict.why) == (Status.UNKNOWN, Why.PARTIAL), verdict
    assert verdict.reason.startswith("whether test data was treated as training data was is not known: clean 1,")
    assert [witness.run_id for witness in verdict.results[0].witnesses] == [made.run_id(5)]
    events["test"]["run"]["facets"]["orchestrail_step"]["version"] = "2"
    assert judged("PREP-05", *events.values(), after).status is Status.FAIL


def validated(made):
    """The same with a part for validation."""
    events = fresh(splits(made))
    more = fresh(events["test"])
    more["run"]["runId"], more["job"]["name"] = made.run_id(9), "job-9"
    more["outputs"] = [made.dataset("/valid", "valid")]
    events["model"]["inputs"].append(made.dataset("/valid", "valid", role="validation"))
    return {"validation": more, **events}


def test_validation_data_is_treated_alike_too(made, judged):
    """It need not be there."""
    events = validated(made)
    assert judged("PREP-05", *events.values()).status is Status.PASS
    events["validation"]["run"]["facets"]["orchestrail_step"]["version"] = "2"
    verdict = judged("PREP-05", *events.values())
    assert verdict.reason == "validation data was not treated as training data was: impute 1, impute 2"
    assert [witness.run_id for witness in verdict.results[0].witnesses] == [made.run_id(4), made.run_id(9)]


@pytest.mark.parametrize("change", [{"derived": True}, {"operation": None}, {"role": "split"}])
def test_what_declares_no_operation_is_not_compared(made, judged, change):
    """Without any operation there is nothing that could be alike."""
    events = fresh(splits(made))
    for part in ("clean", "train", "test"):
        events[part]["run"]["facets"]["orchestrail_step"] |= change
    verdict = judged("PREP-05", *events.values())
    assert (verdict.status, verdict.why) == (Status.UNKNOWN, Why.NO_SUBJECTS)


@pytest.mark.parametrize("part", ["model", "evaluate"])
def test_splits_that_nobody_names_are_unknown(made, judged, part):
    """Training data or test data."""
    events = fresh(splits(made))
    for dataset in events[part]["inputs"]:
        dataset["facets"]["orchestrail_dataset"]["role"] = None
    verdict = judged("PREP-05", *events.values())
    assert (verdict.status, verdict.why) == (Status.UNKNOWN, Why.NOT_CAPTURED)


def test_records_are_kept_ten_years_from_a_day_that_a_person_states(made, judged, stated, attested):
    """Nobody else knows the day; a policy by which the first run of the system ends before fails."""
    run = made.event("COMPLETE", 1, ours={"system": "scoring"})
    placed = [{"name": "placed_on_market", "value": "2028-01-15"}]
    word = attested("REC-04", "system", "scoring@1", made.digest("s"), role="regulatory_lead", fields=placed)

    def policy(months):
        return stated({"systems": [{"name": "scoring", "version": "1"}], "policy": {"retention_months": months}})

    assert judged("REC-04", run, policy(150), word).status is Status.ATTESTED
    assert judged("REC-04", run, policy(143), word).status is Status.ATTESTED  # 2038-02-01, and 2038-01-15 is the day
    short = judged("REC-04", run, policy(142), word)
    assert short.status is Status.FAIL
    assert short.reason == "its first run, of 2026-03-01, is kept 142 months, and ten years from 2028-01-15 end later"
    untimed = {name: value for name, value in run.items() if name != "eventTime"}
    assert judged("REC-04", untimed, policy(150), word).why is Why.NOT_CAPTURED
    silent = stated({"systems": [{"name": "scoring", "version": "1"}]})
    assert judged("REC-04", run, silent, word).why is Why.NOT_CAPTURED
    assert judged("REC-04", run, policy(150)).why is Why.NO_ATTESTATION


@pytest.mark.parametrize("requirement", ["REC-02", "REC-05", "REC-06", "REC-07"])
def test_what_nobody_did_is_unknown(made, judged, requirement):
    """No fixed point elsewhere, no export, no second look."""
    assert judged(requirement, made.event("COMPLETE", 1)).status is Status.UNKNOWN
    assert judged(requirement).why is Why.NO_SUBJECTS
