"""DATA-01 to DATA-04, DOC-04, CHG-01: what facts show of data sets, and what persons state of a model."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from orchestrail.requirements.verdicts import Status, Why
from orchestrail.statements.signatures import public_line

pytestmark = pytest.mark.usefixtures("as_written")


def training(made):
    """Task 2 trains on /train; task 3 evaluates on /test, with checks of bias and of shared rows; service 4 serves."""
    dataset = {"namespace": "file", "name": "/train", "digest": made.digest("train")}
    of_data = {"name": "balance", "success": True, "kind": "bias", "dataset": dataset}
    of_model = [
        {"name": "ratio", "success": True, "kind": "bias"},
        {"name": "keys", "success": True, "kind": "overlap"},
    ]
    served = {"deployment": "eu", "model": {"digest": made.digest("m")}}
    events = {
        "train": made.event(
            "COMPLETE",
            2,
            second=1,
            orchestrail_step={"role": "train"},
            orchestrail_checks={"checks": [of_data]},
            inputs=[made.dataset("/train", "train", role="train")],
            outputs=[made.dataset("/m", "m", kind="model")],
        ),
        "evaluate": made.event(
            "COMPLETE",
            3,
            second=2,
            orchestrail_step={"role": "evaluate"},
            orchestrail_checks={"checks": of_model},
            inputs=[made.dataset("/m", "m"), made.dataset("/test", "test", role="test")],
        ),
        "serve": made.event("START", 4, second=3, orchestrail_serving=served),
    }
    return json.loads(json.dumps(events))


def checks(events):
    return events["evaluate"]["run"]["facets"]["orchestrail_checks"]["checks"]


def test_data_sets_that_are_named_and_apart_pass(made, judged):
    """A check of the keys of rows says that none is shared."""
    assert judged("DATA-01", *training(made).values()).status is Status.PASS


def test_one_content_for_training_and_testing_fails(made, judged):
    """Under whatever names."""
    events = training(made)
    events["evaluate"]["inputs"][1] = made.dataset("/copy", "train", role="test")
    verdict = judged("DATA-01", *events.values())
    assert (verdict.status, "both trained and tested on" in verdict.reason) == (Status.FAIL, True)


def test_empty_files_are_not_one_content(made, judged):
    """A marker that was written beside each is no data that both hold."""
    events = training(made)
    events["train"]["inputs"].append(made.dataset("/train/_SUCCESS", "", role="train"))
    events["evaluate"]["inputs"].append(made.dataset("/test/_SUCCESS", "", role="test"))
    assert judged("DATA-01", *events.values()).status is Status.PASS


def test_shared_rows_fail_and_rows_that_nobody_compared_are_unknown(made, judged):
    """Different files may share rows."""
    events = training(made)
    checks(events)[1]["success"] = False
    assert judged("DATA-01", *events.values()).reason == "training and test data share rows"
    del checks(events)[1]
    verdict = judged("DATA-01", *events.values())
    assert (verdict.status, verdict.why) == (Status.UNKNOWN, Why.NOT_CAPTURED)


def test_only_a_check_of_keys_says_that_rows_are_apart(made, judged):
    """Not one of another kind, one without a result, or a number; one that holds does not heal one that does not."""
    for change in ({"kind": "quality"}, {"success": None}):
        events = training(made)
        checks(events)[1] |= change
        assert judged("DATA-01", *events.values()).why is Why.NOT_CAPTURED
    events = training(made)
    checks(events).append({"name": "again", "success": False, "kind": "overlap"})
    verdict = judged("DATA-01", *events.values())
    assert (verdict.status, [one.detail for one in verdict.results[0].witnesses]) == (Status.FAIL, ["again"])


def beside(made, kind, *, of="train", read=("train",), success=True, parent=None):
    """Run 6, which checks data and that nothing comes of; reads what is named."""
    dataset = {"namespace": "file", "name": f"/{of}", "digest": made.digest(of)}
    check = {"name": f"beside-{of}", "success": success, "kind": kind, "dataset": dataset}
    inputs = [made.dataset(f"/{name}", name) for name in read]
    return made.event("COMPLETE", 6, second=4, parent=parent, orchestrail_checks={"checks": [check]}, inputs=inputs)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"parent": 1}, Status.PASS),
        ({"parent": 1, "success": False}, Status.FAIL),
        ({"parent": 1, "of": "else"}, Status.UNKNOWN),
        ({"read": ("train", "test")}, Status.PASS),
        ({"read": ("train", "test"), "of": "test", "success": False}, Status.FAIL),
        ({"read": ("train",)}, Status.UNKNOWN),
        ({"read": ("train", "other"), "success": False}, Status.UNKNOWN),
    ],
)
def test_shared_rows_are_looked_for_by_whom_ever(made, judged, change, status):
    """In a step beside the training of the same process; in another process where both sides are read, not one and a third."""
    events = training(made)
    del checks(events)[1]
    flow = {"run": {"runId": made.run_id(1)}, "job": {"namespace": "default", "name": "job-1"}}
    events["train"]["run"]["facets"]["parent"] = flow
    events["train"]["inputs"].append(made.dataset("/else", "else"))
    verdict = judged("DATA-01", *events.values(), made.event("START", 1), beside(made, "overlap", **change))
    assert verdict.status is status, verdict
    if status is Status.FAIL:
        assert [one.run_id for one in verdict.results[0].witnesses] == [made.run_id(6)]


@pytest.mark.parametrize(("of", "status"), [("train", Status.ATTESTED), ("test", Status.UNKNOWN)])
def test_bias_in_the_training_data_is_looked_for_by_whom_ever(made, judged, attested, of, status):
    """By content: another process may have checked it, after the training too. That of other data is none of it, and is shown."""
    events = training(made)
    del events["train"]["run"]["facets"]["orchestrail_checks"]
    word = attested("DATA-03", "model", "file:/m", made.digest("m"))
    verdict = judged("DATA-03", *events.values(), beside(made, "bias", of=of), word)
    assert verdict.status is status, verdict
    if status is Status.UNKNOWN:
        assert {one.detail for one in verdict.results[0].witnesses} == {"ratio", "beside-test"}


def test_validation_data_is_apart_from_training_data_too(made, judged):
    """Each use of the content is a witness; what has no digest is not taken for the same."""
    events = training(made)
    events["evaluate"]["inputs"].append(made.dataset("/valid", "train", role="validation"))
    verdict = judged("DATA-01", *events.values())
    assert (verdict.status, verdict.reason) == (Status.FAIL, "/train is both trained and tested on")
    bare = training(made)
    bare["train"]["inputs"], bare["evaluate"]["inputs"][1] = (
        [made.dataset("/train", role="train")],
        made.dataset("/test", role="test"),
    )
    assert judged("DATA-01", *bare.values()).status is Status.PASS


@pytest.mark.parametrize(("part", "place", "name"), [("train", 0, "train"), ("evaluate", 1, "test")])
def test_a_role_that_nobody_names_is_unknown(made, judged, part, place, name):
    """It is said which."""
    events = training(made)
    events[part]["inputs"][place]["facets"]["orchestrail_dataset"]["role"] = None
    verdict = judged("DATA-01", *events.values())
    assert (verdict.status, verdict.reason.endswith(f"for: {name}")) == (Status.UNKNOWN, True)


def test_a_source_with_a_datasheet_is_attested(made, judged, attested):
    """Bound to its content by a data steward; another role does not count, another content is stale."""
    events = list(training(made).values())
    sheet = attested("DATA-02", "data", "file:/train", made.digest("train"))
    assert judged("DATA-02", *events, sheet).status is Status.ATTESTED
    assert judged("DATA-02", *events).why is Why.NO_ATTESTATION
    other = attested("DATA-02", "data", "file:/train", made.digest("else"))
    assert judged("DATA-02", *events, other).why is Why.STALE_ATTESTATION
    role = attested("DATA-02", "data", "file:/train", made.digest("train"), role="risk_owner")
    assert judged("DATA-02", *events, role).status is Status.UNKNOWN


def test_a_source_without_a_digest_has_nothing_that_a_datasheet_could_be_bound_to(made, judged, attested):
    """The run that read it is the witness; the other sources are judged all the same."""
    events = training(made)
    events["train"]["inputs"].insert(0, made.dataset("/more"))
    sheet = attested("DATA-02", "data", "file:/train", made.digest("train"))
    verdict = judged("DATA-02", *events.values(), sheet)
    assert verdict.counts == {Status.UNKNOWN: 1, Status.ATTESTED: 1}
    result = verdict.results[0]
    assert (result.subject, result.label, result.why) == ("file:/more", "/more", Why.NOT_CAPTURED)
    assert result.reason == "it has no digest that a datasheet could be bound to"
    assert [(one.run_id, one.detail) for one in result.witnesses] == [(made.run_id(2), "/more: no digest")]


def test_bias_is_examined_in_what_was_trained_on_and_in_this_model(made, judged, attested):
    """Whether the data was named for training or a training step read it; a metric, and a check of nothing known, is none."""
    word = attested("DATA-03", "model", "file:/m", made.digest("m"))
    named = training(made)
    named["train"]["run"]["facets"]["orchestrail_step"]["role"] = "other"
    assert judged("DATA-03", *named.values(), word).status is Status.ATTESTED
    read = training(made)
    read["train"]["inputs"][0]["facets"]["orchestrail_dataset"]["role"] = None
    assert judged("DATA-03", *read.values(), word).status is Status.ATTESTED
    for role in ("train", None):
        bare = training(made)
        del bare["train"]["run"]["facets"]["orchestrail_checks"]
        bare["train"]["inputs"] = [made.dataset("/train", role=role)]
        verdict = judged("DATA-03", *bare.values(), word)
        assert verdict.reason == "no check of the kind `bias` on the training data"
        assert [one.detail for one in verdict.results[0].witnesses] == ["ratio"]
    for change in ({"run": {"runId": made.run_id(9), "facets": {}}}, {"inputs": []}):
        other = training(made)
        other["evaluate"] |= change
        verdict = judged("DATA-03", *other.values(), word)
        assert verdict.reason == "no check of the kind `bias` on an evaluation of the model"
    none = training(made)
    for part in ("train", "evaluate"):
        del none[part]["run"]["facets"]["orchestrail_checks"]
    metric = {"metrics": [{"name": "ratio", "value": 0.9, "kind": "bias"}]}
    none["evaluate"]["run"]["facets"]["orchestrail_metrics"] = metric
    verdict = judged("DATA-03", *none.values(), word)
    assert verdict.reason == "no check of the kind `bias` on the training data and an evaluation of the model"


@pytest.mark.parametrize(("requirement", "role"), [("DATA-03", "data_steward"), ("CHG-01", "regulatory_lead")])
def test_a_statement_about_what_the_model_was_before_is_stale(made, judged, attested, requirement, role):
    """It names the model, and another content of it."""
    fields = [{"name": "change_class", "value": "substantial"}]
    word = attested(requirement, "model", "file:/m", made.digest("before"), role=role, fields=fields)
    assert judged(requirement, *training(made).values(), word).why is Why.STALE_ATTESTATION


def test_bias_takes_checks_and_a_person(made, judged, attested):
    """The facts alone are unknown, and so is a statement without them."""
    word = attested("DATA-03", "model", "file:/m", made.digest("m"))
    events = training(made)
    assert judged("DATA-03", *events.values(), word).status is Status.ATTESTED
    assert judged("DATA-03", *events.values()).why is Why.NO_ATTESTATION
    del checks(events)[0]
    verdict = judged("DATA-03", *events.values(), word)
    assert (verdict.status, "an evaluation of the model" in verdict.reason) == (Status.UNKNOWN, True)


@pytest.mark.parametrize(
    ("fields", "status"), [({"change_class": "not_substantial"}, Status.ATTESTED), ({}, Status.UNKNOWN)]
)
def test_a_change_is_classified_by_a_person(made, judged, attested, fields, status):
    """In one of three words; software decides none of them."""
    said = [{"name": name, "value": value} for name, value in fields.items()]
    word = attested("CHG-01", "model", "file:/m", made.digest("m"), role="regulatory_lead", fields=said)
    assert judged("CHG-01", *training(made).values(), word).status is status


def test_a_report_is_signed_and_of_this_very_evaluation(made, judged, attested):
    """One about another end of the run is stale; none is unknown; a model that nobody deployed needs none."""
    events = list(training(made).values())
    assert judged("DOC-04", *events).why is Why.NO_ATTESTATION
    word = attested("DOC-04", "run", made.run_id(3), made.digest("end"), role="test_responsible")
    assert judged("DOC-04", *events, word).why is Why.STALE_ATTESTATION
    assert judged("DOC-04", *events[:2]).why is Why.NO_SUBJECTS


def test_a_signed_report_is_attested(made, judged, attested):
    """With a key of the person; unsigned it counts for nothing. An evaluation that failed, or of another model, needs none."""
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    known = {"name": "dana", "roles": ["test_responsible"], "keys": [public_line(key)], "until": None}
    person = made.record("orchestrail_persons", persons=[known])
    events = list(training(made).values())
    about = ("DOC-04", "run", made.run_id(3), f"sha256:{1:064x}")  # the second entry of the log ends the run
    verdict = judged("DOC-04", *events, person, attested(*about, role="test_responsible", key=key))
    assert verdict.status is Status.ATTESTED, verdict
    verdict = judged("DOC-04", *events, person, attested(*about, role="test_responsible"))
    assert (verdict.status, "without a signature that counts" in verdict.reason) == (Status.UNKNOWN, True)
    assert judged("DOC-04", events[0], events[1] | {"eventType": "FAIL"}, events[2]).why is Why.NO_SUBJECTS
    assert judged("DOC-04", events[0], events[1] | {"inputs": []}, events[2]).why is Why.NO_SUBJECTS


def test_a_waiver_is_shown_as_waived_and_never_as_a_pass(made, judged, attested):
    """It lies over an unknown until its day."""
    waived = attested("DATA-02", "data", "file:/train", made.digest("train"))
    waived = json.loads(json.dumps(waived))
    facet = waived["job"]["facets"]["orchestrail_statement"]
    facet |= {"kind": "waiver", "reason": "the supplier delivers it in May", "statement": None}
    verdict = judged("DATA-02", *training(made).values(), waived)
    assert (verdict.status, verdict.counts) == (Status.WAIVED, {Status.WAIVED: 1})


def withdrawal(made, at, **more):
    """The record of a withdrawal of what was trained on."""
    said = {"namespace": "file", "name": "/train", "version": None, "digest": made.digest("train"), **more}
    said |= {"withdrawnAt": at, "reason": "consent withdrawn", "by": None}
    return made.record("orchestrail_withdrawal", **said)


def test_a_service_in_use_that_descends_from_withdrawn_data_fails(made, judged):
    """Once it has ended, what is left holds."""
    events = list(training(made).values())
    verdict = judged("DATA-04", *events, withdrawal(made, made.at(100)))
    assert (verdict.status, verdict.reason) == (Status.FAIL, "1 services in use descend from it")
    end = made.event("COMPLETE", 4, second=200)
    assert judged("DATA-04", *events, end, withdrawal(made, made.at(100))).status is Status.PASS


def test_data_that_is_read_after_its_withdrawal_fails(made, judged):
    """The runs that did are witnesses."""
    verdict = judged("DATA-04", *training(made).values(), withdrawal(made, made.at(0)))
    assert (verdict.status, "after it was withdrawn" in verdict.reason) == (Status.FAIL, True)
    assert made.run_id(2) in {witness.run_id for witness in verdict.results[0].witnesses}


def test_what_may_descend_from_withdrawn_data_is_unknown(made, judged):
    """A model of which only the name of its data is known: nothing proves that it descends, nor that it does not."""
    events = [made.event("COMPLETE", 1, outputs=[made.dataset("/train", "train")])]
    by_name = {"inputs": [made.dataset("/train")], "outputs": [made.dataset("/m", "m", kind="model")]}
    events.append(made.event("COMPLETE", 2, second=1, **by_name))
    verdict = judged("DATA-04", *events, withdrawal(made, made.at(100), digest=None))
    assert (verdict.status, verdict.why) == (Status.UNKNOWN, Why.PARTIAL)
    assert verdict.reason.endswith("by edges that nothing proves: /m")


def test_what_was_read_under_the_name_of_a_withdrawn_content_is_unknown(made, judged):
    """Nobody knows whether it was that content. Read with a digest of its own it was another one."""
    end = made.event("COMPLETE", 4, second=200)
    events = [*training(made).values(), end]
    read = made.event("COMPLETE", 5, second=300, inputs=[made.dataset("/train")])
    verdict = judged("DATA-04", *events, read, withdrawal(made, made.at(100)))
    assert (verdict.status, verdict.why) == (Status.UNKNOWN, Why.PARTIAL)
    assert made.run_id(5) in {witness.run_id for witness in verdict.results[0].witnesses}
    other = made.event("COMPLETE", 5, second=300, inputs=[made.dataset("/train", "other")])
    assert judged("DATA-04", *events, other, withdrawal(made, made.at(100))).status is Status.PASS


def test_without_withdrawals_there_is_no_subject(made, judged):
    """Nothing passes by emptiness."""
    assert judged("DATA-04", *training(made).values()).why is Why.NO_SUBJECTS
