"""The typed facts of a run, over all of its events."""

from __future__ import annotations

from orchestrail.projections.facts import facts_of
from orchestrail.projections.fold import fold, stored_event


def facts(made, *events):
    told = [stored_event(seq, made.body(event)) for seq, event in enumerate(events)]
    return facts_of(fold(told), told)


def test_one_run_id_for_two_jobs_is_a_contradiction(made):
    """Each job stands there with the place where it was first said, whoever said it."""
    found = facts(
        made,
        made.event("START", 1, job="train"),
        made.event("COMPLETE", 1, job="train", second=1),
        made.event("RUNNING", 1, job="other", producer=made.AIRFLOW),
    )
    assert [(claim.field, claim.value, claim.seq) for claim in found.claims] == [
        ("job", "default:train", 0),
        ("job", "default:other", 2),
    ]


def test_what_an_event_replaces_is_still_a_contradiction(made):
    """A later facet may replace a parent in a row; that two were named stays."""
    found = facts(made, made.event("START", 1, parent=2, root=2), made.event("COMPLETE", 1, parent=3, root=2))
    assert [(claim.field, claim.value) for claim in found.claims] == [
        ("parent", made.run_id(2)),
        ("parent", made.run_id(3)),
    ]


def test_a_reported_end_beside_a_concluded_one_is_no_contradiction(made):
    """A sweep took the process for dead; what it told itself counts."""
    concluded = made.event(
        "ABORT", 1, producer=made.SWEEP, second=1, orchestrail_inferred={"fields": ["state"], "reason": "gone"}
    )
    end = made.event("COMPLETE", 1, second=2)
    assert facts(made, made.event("START", 1), concluded, end).claims == ()
    both = facts(made, made.event("START", 1), end, made.event("FAIL", 1, second=3))
    assert [(claim.field, claim.value) for claim in both.claims] == [("end", "COMPLETE"), ("end", "FAIL")]


def test_whether_a_version_was_stated_when_the_step_began(made):
    """What is said later is known, and not stated at the start."""
    step = {"role": "preprocess", "operation": "impute", "version": "1"}
    early = facts(made, made.event("START", 1, orchestrail_step=step), made.event("COMPLETE", 1))
    late = facts(made, made.event("START", 1), made.event("COMPLETE", 1, orchestrail_step=step))
    assert [(each.step.operation, each.step.stated_at_start) for each in (early, late)] == [
        ("impute", True),
        ("impute", False),
    ]


def test_checks_and_metrics_keep_their_data_set(made):
    """By digest, so that what was trained on can be looked up; no text of theirs becomes a number."""
    dataset = {"namespace": "file", "name": "/test.csv", "digest": made.digest("test")}
    found = facts(
        made,
        made.event(
            "COMPLETE",
            1,
            orchestrail_checks={
                "checks": [
                    {"name": "no-nulls", "success": False, "severity": "error", "kind": "quality", "actual": "3"}
                ]
            },
            orchestrail_metrics={"metrics": [{"name": "auc", "value": 0.9, "dataset": dataset}]},
        ),
    )
    check, metric = found.checks
    assert (check.name, check.success, check.severity, check.value) == ("no-nulls", False, "error", None)
    assert (metric.metric, metric.value, metric.digest) == (True, 0.9, made.digest("test"))


def test_facets_of_any_shape_are_facts_of_nothing(made):
    """A foreign producer may write anything; nothing is known then, and nothing breaks."""
    odd = {"orchestrail_step": [], "orchestrail_environment": {"python": 3, "container": []}, "parentRun": {"run": []}}
    found = facts(made, made.event("START", 1, producer=made.AIRFLOW, orchestrail_serving={"model": 1}, **odd))
    assert (found.step.ours, found.step.operation, found.step.interpreter) == (False, None, None)
    assert [each.digest for each in found.served] == [None]
