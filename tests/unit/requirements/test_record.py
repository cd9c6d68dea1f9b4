"""RUN-CAP-01, REC-01, REC-03, DOC-05 and what quarantine does to RUN-ID-01: the record as a whole."""

from __future__ import annotations

import pytest

from orchestrail.queries.record import Gap, StoreFacts, Verification
from orchestrail.requirements.verdicts import Status, Why
from orchestrail.store.base import Problem

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
    pruned = {"runsBeforeRecord": None, "unsettled": 0, "waiting": 0, "pruned": 3, "earlierPasses": 0}
    verdict = judged("RUN-CAP-01", run(made), made.reconciliation(notCompared=pruned))
    assert (verdict.status, verdict.why) == (Status.UNKNOWN, Why.PARTIAL)


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
