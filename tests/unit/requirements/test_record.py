"""RUN-CAP-01, REC-01 to REC-07, DOC-05, CHG-02 by comparison, and what quarantine does to RUN-ID-01: the record as a whole."""

from __future__ import annotations

import pytest

from orchestrail.queries.record import Gap, StoreFacts, Verification
from orchestrail.requirements.verdicts import Status, Why
from orchestrail.store.base import Problem

pytestmark = pytest.mark.usefixtures("as_written")

WHOLE = {
    "systems": [
        {
            "name": "scoring",
            "purpose": "decides nothing",
            "provider": "bank",
            "version": "1",
            "predecessor": "none",
            "risk_class": "not_high_risk",
            "risk_reason": "an example",
            "role": "provider",
            "planning_date": "2027-12-02",
        }
    ],
    "policy": {"retention_months": 12},
}


PRUNED = {"runsBeforeRecord": None, "unsettled": 0, "waiting": 0, "pruned": 3, "earlierPasses": 0}


def run(made, number=1):
    return made.event("COMPLETE", number, ours={"system": "scoring"})


def test_records_that_were_compared_and_agree_pass(made, judged):
    """What was surplus is explained."""
    verdict = judged("RUN-CAP-01", run(made), made.reconciliation(surplus=1))
    assert (verdict.status, verdict.subjects) == (Status.PASS, 1)


def test_a_missing_attempt_fails_and_is_named(made, judged):
    """With the place of the comparison in the log."""
    verdict = judged("RUN-CAP-01", run(made), made.reconciliation(missing=1))
    assert (verdict.status, verdict.reason) == (
        Status.FAIL,
        "its own records differ: 1 missing, 0 surplus, 0 different",
    )
    assert any("missing-0" in witness.detail and witness.sequence == 1 for witness in verdict.results[0].witnesses)


def test_records_that_nobody_compared_are_unknown(made, judged):
    """So are attempts that the orchestrator has pruned."""
    verdict = judged("RUN-CAP-01", run(made))
    assert (verdict.status, verdict.why) == (Status.UNKNOWN, Why.NOT_EVALUATED)
    foreign = judged("RUN-CAP-01", run(made), made.event("COMPLETE", 7, ours={"orchestrator": "dbt"}))
    assert any("this version cannot read them" in result.reason for result in foreign.results)
    verdict = judged("RUN-CAP-01", run(made), made.reconciliation(notCompared=PRUNED))
    assert (verdict.status, verdict.why) == (Status.UNKNOWN, Why.PARTIAL)


def test_plain_python_has_no_records_to_compare_with(made, judged):
    """There are runs, and none of an orchestrator: neither is it said that there is no run, nor that nothing was lost."""
    verdict = judged("RUN-CAP-01", made.event("COMPLETE", 7, ours={"orchestrator": "python"}))
    assert (verdict.status, verdict.why) == (Status.UNKNOWN, Why.NO_SUBJECTS)
    assert verdict.reason == "nothing on the record is known to be a run of an orchestrator"


@pytest.mark.parametrize("requirement", ["RUN-CAP-01", "CHG-02"])
def test_comparisons_of_one_night_after_the_other_add_up(made, judged, requirement):
    """Each run lies within one of them; one that began in the first and ended after it does not."""
    nights = [
        made.reconciliation(since=made.at(since), until=made.at(since + 100), readAt=made.at(since + 160))
        for since in (0, 90, 180)
    ]
    runs = [
        event
        for number, second in enumerate((10, 120, 250), start=1)
        for event in (made.event("START", number, second=second, **SEEN), made.event("COMPLETE", number, second=second))
    ]
    assert judged(requirement, *runs, *nights).status is Status.PASS
    assert judged(requirement, *runs, nights[2], nights[0], nights[1]).status is Status.PASS
    left_out = judged(requirement, *runs, nights[0], nights[2]).results[0]
    assert (left_out.status, left_out.why) == (Status.UNKNOWN, Why.PARTIAL)
    assert left_out.reason.startswith("1 run lies outside of each of 2 comparisons between ")
    assert left_out.witnesses[1].run_id == made.run_id(2)
    long = [made.event("START", 4, second=95, **SEEN), made.event("COMPLETE", 4, second=200)]
    assert judged(requirement, *runs, *long, *nights).results[0].why is Why.PARTIAL


def test_what_was_missing_is_missing_until_somebody_looks_again(made, judged):
    """A comparison of later nights, of one job, or of a history that is pruned since does not take it back."""
    found = made.reconciliation(missing=1, since=made.at(0), until=made.at(100))
    later = made.reconciliation(since=made.at(90), until=made.at(240))
    assert judged("RUN-CAP-01", run(made), found, later).reason.startswith("its own records differ: 1 missing")
    for other in (
        made.reconciliation(job="train"),
        made.reconciliation(oldest=made.at(50)),
        made.reconciliation(notCompared=PRUNED),
    ):
        assert judged("RUN-CAP-01", run(made), found, other).status is Status.FAIL
    assert judged("RUN-CAP-01", run(made), found, made.reconciliation()).status is Status.PASS
    assert judged("RUN-CAP-01", run(made), found, made.reconciliation(oldest=made.at(0))).status is Status.PASS


def test_what_was_missing_and_came_late_is_not_missing(made, judged):
    """Its events were collected after the comparison, under the orchestrator's own id and number."""
    found = made.reconciliation(missing=1)
    late = made.event("COMPLETE", 3, ours={"nativeId": "missing-0"})
    assert judged("RUN-CAP-01", run(made), found, late).status is Status.PASS
    second = made.event("COMPLETE", 3, ours={"nativeId": "missing-0", "attempt": 2})
    assert judged("RUN-CAP-01", run(made), found, second).status is Status.FAIL


def test_findings_that_are_counted_and_not_listed_stand(made, judged):
    """The log lists the first thousand."""
    counts = made.reconciliation()["job"]["facets"]["orchestrail_reconciliation"]["counts"]
    found = made.reconciliation(missing=2, counts=counts | {"missing": 5, "different": 3}, until=made.at(239))
    verdict = judged("RUN-CAP-01", run(made), found)
    assert verdict.reason == "its own records differ: 5 missing, 0 surplus, 3 different"
    assert "3 runs are in another state" in judged("CHG-02", *ended(made), found).results[0].reason
    assert judged("RUN-CAP-01", run(made), found, made.reconciliation()).status is Status.PASS


def test_what_an_earlier_comparison_saw_was_compared_though_it_is_pruned_since(made, judged):
    """The later one reaches from the oldest that the orchestrator still has, where it says that."""
    first, second = run(made), made.event("COMPLETE", 2, second=200)
    before = made.reconciliation(until=made.at(100))
    after = made.reconciliation(notCompared=PRUNED, oldest=made.at(90))
    assert judged("RUN-CAP-01", first, second, before, after).status is Status.PASS
    verdict = judged("RUN-CAP-01", first, second, after)
    assert (verdict.status, verdict.why) == (Status.UNKNOWN, Why.PARTIAL)
    assert "3 attempts were pruned from its own history" in verdict.reason
    assert judged("RUN-CAP-01", first, second, before, made.reconciliation(notCompared=PRUNED)).why is Why.PARTIAL


def test_events_that_never_arrived_fail(made, judged):
    """A process numbered them, and the numbers have a hole."""
    store = StoreFacts(2, gaps=(Gap("f" * 32, ((3, 5),)),))
    verdict = judged("RUN-CAP-01", run(made), made.reconciliation(), store=store)
    assert (verdict.status, verdict.counts) == (Status.FAIL, {Status.PASS: 1, Status.FAIL: 1})
    assert "3 to 5" in verdict.results[0].witnesses[0].detail


@pytest.mark.parametrize(
    ("problems", "status"), [((), Status.PASS), ((Problem("log", "seq 3", "is not what was signed"),), Status.FAIL)]
)
def test_the_log_is_what_was_recomputed(made, judged, problems, status):
    """A problem is told with its place."""
    store = StoreFacts(1, verification=Verification(1, "0" * 64, problems))
    verdict = judged("REC-01", run(made), store=store)
    assert (verdict.status, "seq 3" in verdict.reason) == (status, bool(problems))


def test_a_log_that_nobody_recomputed_is_unknown(made, judged):
    """And an empty one is no subject."""
    assert judged("REC-01", run(made), store=StoreFacts(1)).why is Why.NOT_EVALUATED
    assert judged("REC-01", store=StoreFacts(0)).why is Why.NO_SUBJECTS


@pytest.mark.parametrize(("months", "status"), [(12, Status.PASS), (6, Status.PASS), (5, Status.FAIL)])
def test_events_are_kept_at_least_six_months(made, judged, stated, months, status):
    """By the recorded policy."""
    verdict = judged("REC-03", run(made), stated({"policy": {"retention_months": months}}))
    assert verdict.status is status


def test_no_policy_is_unknown(made, judged, stated):
    """Nor one that says nothing of it."""
    assert judged("REC-03", run(made)).status is Status.UNKNOWN
    assert judged("REC-03", run(made), stated({"policy": {"max_run_age_days": 3}})).status is Status.UNKNOWN


def test_a_system_that_the_manifest_describes_is_attested(made, judged, stated):
    """A person's word is no pass."""
    verdict = judged("DOC-05", run(made), stated(WHOLE))
    assert (verdict.status, verdict.subjects) == (Status.ATTESTED, 1)


@pytest.mark.parametrize("lacking", ["purpose", "provider", "risk_reason", "planning_date"])
def test_what_the_manifest_leaves_out_is_named(made, judged, stated, lacking):
    """Each of the things that are asked of a system."""
    said = {"systems": [{name: value for name, value in WHOLE["systems"][0].items() if name != lacking}]}
    verdict = judged("DOC-05", run(made), stated(said))
    assert (verdict.status, lacking in verdict.reason) == (Status.UNKNOWN, True)
    assert judged("DOC-05", run(made)).reason.startswith("no recorded manifest describes the system")


def test_quarantine_leaves_it_open_whether_a_run_id_means_one_run(made, judged):
    """A refused event may name it."""
    events = made.event("START", 1), made.event("COMPLETE", 1)
    assert judged("RUN-ID-01", *events, store=StoreFacts(2)).status is Status.PASS
    verdict = judged("RUN-ID-01", *events, store=StoreFacts(2, quarantined=1))
    assert (verdict.status, verdict.why) == (Status.UNKNOWN, Why.PARTIAL)


def looked_at(made, *found, first=0, last=0, fields=("/job/name",)):
    """The record of a second look at a part of the log."""
    said = {"readAt": made.at(300), "first": first, "last": last, "events": 1, "unread": 0, "texts": 9}
    return made.record("orchestrail_scan", detectors=[], found=list(found), fields=list(fields), **said)


def finding(family="secret", pointer="/run/facets/x/parameters/db_password/value", letter="a", **more):
    """Something that stands in the first entry of the log."""
    digest = f"hmac-sha256:{letter * 64}"
    place = {"sequence": 0, "pointer": pointer}
    kind = {"secret": "Secret Keyword", "personal": "E-mail address"}[family]
    said = {"id": letter * 12, "digest": digest, "family": family, "kind": kind, "count": 1, "places": [place]}
    return said | more


def test_a_second_look_at_everything_that_finds_no_secret_passes(made, judged):
    """What scans themselves made is not counted."""
    verdict = judged("REC-06", run(made), looked_at(made))
    assert (verdict.status, verdict.subjects) == (Status.PASS, 1)


def test_a_secret_fails_until_somebody_says_what_became_of_it(made, judged):
    """The place in the log is the witness, never the value."""
    events = run(made), looked_at(made, finding(), finding("personal", letter="b"))
    verdict = judged("REC-06", *events)
    assert (verdict.status, verdict.reason) == (Status.FAIL, "1 finding is open: it may be a secret")
    (witness,) = verdict.results[0].witnesses
    assert (witness.sequence, witness.field) == (0, "/run/facets/x/parameters/db_password/value")
    gone = made.record("orchestrail_resolution", digest=f"hmac-sha256:{'a' * 64}", reason="It was changed.", by="mb")
    assert judged("REC-06", *events, gone).status is Status.PASS


def test_a_look_at_a_part_is_unknown(made, judged):
    """What came since was not looked at."""
    verdict = judged("REC-06", run(made), looked_at(made), run(made, 2), run(made, 3))
    assert (verdict.status, verdict.why) == (Status.UNKNOWN, Why.PARTIAL)
    assert "covers 1 of 3 entries" in verdict.reason


@pytest.mark.parametrize("requirement", ["REC-06", "REC-07"])
def test_no_scan_looks_at_what_is_in_quarantine(made, judged, stated, requirement):
    """Refused bytes are stored too: as long as some are, it is unknown what stands in them."""
    events = run(made), stated(classes(("/job/name", "none"))), looked_at(made, last=1)
    verdict = judged(requirement, *events, store=StoreFacts(3, quarantined=2))
    assert (verdict.status, verdict.why) == (Status.UNKNOWN, Why.PARTIAL)
    assert verdict.reason.startswith("2 refused events are stored in quarantine, where no scan looks")
    assert judged(requirement, *events, store=StoreFacts(3)).status is not Status.UNKNOWN


def classes(*pairs):
    """A manifest that states the classes of fields; a day ends one."""
    stated = []
    for field, kind, *until in pairs:
        stated.append({"field": field, "class": kind} | ({"purpose": "to reach them"} if kind != "none" else {}))
        stated[-1] |= {"until": until[0]} if until else {}
    return {"fields": stated}


def test_fields_that_all_have_a_class_are_attested(made, judged, stated):
    """A person says so; without a class, or without a manifest, it is unknown, and each bare field is named."""
    look = looked_at(made, last=1, fields=["/job/name", "/run/runId"])
    both = stated(classes(("/job/name", "none"), ("/run/runId", "none")))
    assert judged("REC-07", run(made), both, look).status is Status.ATTESTED
    verdict = judged("REC-07", run(made), stated(classes(("/job/name", "none"))), look)
    assert (verdict.status, verdict.why) == (Status.UNKNOWN, Why.NO_ATTESTATION)
    assert verdict.reason == "1 stored field has no class: `[[fields]]` in the manifest"
    assert [witness.field for witness in verdict.results[0].witnesses] == ["/run/runId"]
    for fields in (["/job/name", "/run/runId"], []):
        verdict = judged("REC-07", run(made), looked_at(made, fields=fields))
        assert verdict.reason.startswith("no recorded manifest states the classes of stored fields")


def test_personal_data_may_stand_where_nobody_looked(made, judged, stated):
    """What came after the look is not known, whatever is said of the fields that it saw."""
    verdict = judged("REC-07", run(made), stated(classes(("/job/name", "none"))), looked_at(made, last=1), run(made, 2))
    assert (verdict.status, verdict.why) == (Status.UNKNOWN, Why.PARTIAL)
    assert "covers 2 of 3 entries" in verdict.reason


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (("/job/name", "none"), Status.FAIL),
        (("/job/name", "pseudonymous"), Status.ATTESTED),
        (("/job/name", "personal", "2026-02-28"), Status.FAIL),
        (("/job/name", "personal", "2026-03-01"), Status.ATTESTED),
    ],
)
def test_personal_data_where_there_is_to_be_none(made, judged, stated, said, status):
    """In a field of the class `none`, or after the day that ends it; the place is the witness."""
    look = looked_at(made, finding("personal", "/job/name"), last=1)
    verdict = judged("REC-07", run(made), stated(classes(said)), look)
    assert verdict.status is status, verdict
    if status is Status.FAIL:
        assert verdict.reason == "personal data stands in 1 place where there is to be none by now"
        assert [(one.sequence, one.field) for one in verdict.results[0].witnesses] == [(0, "/job/name")]


@pytest.mark.parametrize("requirement", ["REC-02", "REC-05"])
def test_what_this_version_cannot_tell_can_only_be_unknown(made, judged, requirement):
    """And it says so, whatever else is on the record."""
    verdict = judged(requirement, run(made), looked_at(made), made.reconciliation())
    assert (verdict.status, verdict.subjects) == (Status.UNKNOWN, 1)
    assert verdict.reason.startswith("this version ")
    assert "it can only be unknown" in verdict.reason


def differing(made, number, *, recorded="COMPLETE", reason=None):
    """A run that the orchestrator has in another state."""
    states = {"orchestratorState": "Failed", "recordedState": recorded, "reason": reason}
    return {
        "nativeId": f"native-{number}",
        "runId": made.run_id(number),
        "attempt": 1,
        "job": f"job-{number}",
        **states,
    }


SEEN = {"orchestrail_capabilities": {"capabilities": ["manual_changes"]}}


def ended(made, number=1, **more):
    """A run on which nobody acted, as far as its adapter tells."""
    return [made.event("START", number, **SEEN, **more), made.event("COMPLETE", number, second=1, **more)]


def test_states_that_agree_with_the_orchestrators_own_are_nobodys_act(made, judged):
    """Nobody compared them: unknown. One that differs without a reason fails, and both states are named."""
    assert judged("CHG-02", *ended(made), made.reconciliation()).status is Status.PASS
    verdict = judged("CHG-02", *ended(made))
    assert (verdict.status, verdict.counts) == (Status.UNKNOWN, {Status.PASS: 1, Status.UNKNOWN: 1})
    verdict = judged("CHG-02", *ended(made), made.reconciliation(different=[differing(made, 1)]))
    assert (verdict.status, verdict.counts) == (Status.FAIL, {Status.PASS: 1, Status.FAIL: 1})
    (witness,) = verdict.results[0].witnesses
    assert (witness.run_id, witness.sequence) == (made.run_id(1), 2)
    assert witness.detail == "Failed by its own records, COMPLETE on the record"


@pytest.mark.parametrize("change", [{"reason": "cut off"}, {"recorded": "FAIL"}])
def test_a_difference_that_is_explained_or_gone_is_none(made, judged, change):
    """A rule explains it, or the record has another state by now."""
    told = made.reconciliation(different=[differing(made, 1, **change), differing(made, 9)])
    assert judged("CHG-02", *ended(made), told).status is Status.PASS


def test_what_runs_without_an_orchestrator_is_compared_with_nothing(made, judged):
    """Nobody else has records of it; of another producer nothing is known."""
    assert judged("CHG-02", *ended(made, ours={"orchestrator": "python"})).status is Status.PASS
    foreign = made.event("COMPLETE", 1, producer=made.AIRFLOW)
    verdict = judged("CHG-02", foreign)
    assert verdict.counts == {Status.UNKNOWN: 2}
    assert "an orchestrator that no event names: this version cannot read them" in verdict.results[1].reason
    assert judged(
        "RUN-CAP-01", *ended(made), foreign | {"run": {"runId": made.run_id(2)}}, made.reconciliation()
    ).counts == {
        Status.PASS: 1,
        Status.UNKNOWN: 1,
    }


@pytest.mark.parametrize("requirement", ["RUN-CAP-01", "CHG-02"])
@pytest.mark.parametrize("seconds", [(-1, 1), (239, 241)])
def test_a_run_outside_of_what_was_compared_is_unknown(made, judged, requirement, seconds):
    """It began before, or something of it happened later: the sides were not held against each other there."""
    events = [
        made.event(kind, 1, second=at, **(SEEN if kind == "START" else {}))
        for kind, at in zip(("START", "COMPLETE"), seconds, strict=True)
    ]
    verdict = judged(requirement, *ended(made, 2), *events, made.reconciliation())
    result = verdict.results[0]
    assert (result.status, result.why, result.subject) == (Status.UNKNOWN, Why.PARTIAL, "prefect")
    assert result.reason.startswith("1 run lies outside of what was compared, 2026-03-01T12:00:00.000000Z to ")
    assert [one.run_id for one in result.witnesses] == [None, made.run_id(1)]


@pytest.mark.parametrize("requirement", ["RUN-CAP-01", "CHG-02"])
def test_a_run_at_the_edge_of_what_was_compared_was_compared(made, judged, requirement):
    """From the first moment to the last."""
    events = [made.event("START", 1, **SEEN), made.event("COMPLETE", 1, second=240)]
    assert judged(requirement, *events, made.reconciliation()).status is Status.PASS


@pytest.mark.parametrize("requirement", ["RUN-CAP-01", "CHG-02"])
def test_a_comparison_of_one_job_says_nothing_of_the_others(made, judged, requirement):
    """What differs in it counts all the same."""
    verdict = judged(requirement, *ended(made), made.reconciliation(job="train"))
    assert "limited to train: compare without `--job`" in verdict.results[0].reason
    assert verdict.results[0].why is Why.PARTIAL
    told = {"counts": {**made.reconciliation(missing=1)["job"]["facets"]["orchestrail_reconciliation"]["counts"]}}
    missing = made.reconciliation(missing=1, job="train", different=[differing(made, 1)], **told)
    assert judged(requirement, *ended(made), missing).status is Status.FAIL
