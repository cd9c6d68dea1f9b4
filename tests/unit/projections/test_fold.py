"""What one run's events say about it."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrail.projections.fold import fold, stored_event
from orchestrail.projections.tables import run_columns, run_row, use_columns, use_row


def row(made, *events, order=None):
    seqs = order or range(len(events))
    return fold([stored_event(seq, made.body(event)) for seq, event in zip(seqs, events, strict=True)])


def test_a_run_that_started_and_completed_is_complete(made):
    """START and COMPLETE give state, both times, and nothing that was concluded."""
    run = row(made, made.event("START", 1, second=1), made.event("COMPLETE", 1, second=3.5))
    assert (run.state, run.started_at, run.ended_at, run.inferred) == ("COMPLETE", made.at(1), made.at(3.5), ())
    assert (run.orchestrator, run.orchestrator_version, run.native_id, run.attempt) == (
        "prefect",
        "3.8.8",
        "native-1",
        1,
    )


def test_an_end_that_is_logged_before_the_start_still_ends_the_run(made):
    """A segment may be collected after the one that continues it."""
    run = row(made, made.event("COMPLETE", 1, second=3), made.event("START", 1, second=1))
    assert (run.state, run.started_at, run.ended_at) == ("COMPLETE", made.at(1), made.at(3))


def test_a_run_without_end_is_running(made):
    """START alone says no more."""
    run = row(made, made.event("START", 1))
    assert (run.state, run.ended_at, run.error) == ("RUNNING", None, None)


def test_a_run_opened_by_running_has_a_concluded_start(made):
    """A parent that another process opens sends RUNNING and no START."""
    run = row(made, made.event("RUNNING", 1, second=2), made.event("RUNNING", 1, second=1))
    assert (run.state, run.started_at, run.inferred) == ("RUNNING", made.at(1), ("started_at",))


def test_a_failure_carries_its_error(made):
    """The message of the event that ends the run is the run's error."""
    run = row(
        made,
        made.event("START", 1),
        made.event("FAIL", 1, errorMessage={"message": "ValueError: no", "programmingLanguage": "PYTHON"}),
    )
    assert (run.state, run.error) == ("FAIL", "ValueError: no")


def test_a_cached_run_says_where_from(made):
    """COMPLETE with our state CACHED is no computation."""
    run = row(
        made, made.event("START", 1), made.event("COMPLETE", 1, ours={"state": "CACHED", "cachedFrom": made.run_id(9)})
    )
    assert (run.state, run.cached_from) == ("CACHED", made.run_id(9))


def test_a_skipped_run_has_no_times(made):
    """One OTHER event, no START: it never ran."""
    run = row(made, made.event("OTHER", 1, second=4, ours={"state": "SKIPPED"}))
    assert (run.state, run.started_at, run.ended_at, run.seen_at) == ("SKIPPED", None, None, made.at(4))


def test_a_note_about_a_run_is_no_state(made):
    """An OTHER event that does not say SKIPPED leaves the state unknown."""
    assert row(made, made.event("OTHER", 1)).state is None


def test_a_started_run_was_not_skipped(made):
    """An OTHER event that says SKIPPED loses against a START."""
    assert row(made, made.event("OTHER", 1, ours={"state": "SKIPPED"}), made.event("START", 1)).state == "RUNNING"


def test_a_run_may_skip_itself(made):
    """COMPLETE with our state SKIPPED is a run that began and that its own code ended as skipped."""
    run = row(made, made.event("START", 1), made.event("COMPLETE", 1, second=4, ours={"state": "SKIPPED"}))
    assert (run.state, run.started_at, run.ended_at) == ("SKIPPED", made.at(0), made.at(4))


INFERRED = {"fields": ["state", "ended_at"], "reason": "its process is gone", "by": "sweep"}


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_reported_end_supersedes_an_inferred_one_and_both_are_kept(made, order):
    """Whichever of the two reaches the log first."""
    run = row(
        made,
        made.event("START", 1),
        made.event("ABORT", 1, second=9, producer=made.SWEEP, orchestrail_inferred=INFERRED),
        made.event("COMPLETE", 1, second=3),
        order=order,
    )
    assert (run.state, run.ended_at, run.inferred) == ("COMPLETE", made.at(3), ())
    assert {(end.state, end.inferred) for end in run.ends} == {("COMPLETE", False), ("ABORT", True)}


def test_an_inferred_end_says_what_was_concluded(made):
    """`inferred` names the fields and the end keeps the reason."""
    run = row(
        made,
        made.event("START", 1),
        made.event("ABORT", 1, second=9, producer=made.SWEEP, orchestrail_inferred=INFERRED),
    )
    assert (run.state, run.inferred, run.ends[0].reason) == ("ABORT", ("ended_at", "state"), "its process is gone")
    assert run.producer == made.PREFECT


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_our_adapter_is_believed_before_a_foreign_producer(made, order):
    """Two producers report one run: ours decides on state, times and facts; the other's end is kept."""
    run = row(
        made,
        made.event("START", 1, second=1, job="flow.task"),
        made.event("FAIL", 1, second=5, job="flow.task"),
        made.event("START", 1, second=0, producer=made.AIRFLOW, job="theirs"),
        made.event("COMPLETE", 1, second=6, producer=made.AIRFLOW, job="theirs"),
        order=order,
    )
    assert (run.state, run.started_at, run.ended_at, run.job.name) == ("FAIL", made.at(1), made.at(5), "flow.task")
    assert {end.state for end in run.ends} == {"FAIL", "COMPLETE"}


def test_a_foreign_end_counts_where_ours_is_missing(made):
    """Our process died; the orchestrator's own producer reported the end: better than a conclusion."""
    run = row(
        made,
        made.event("START", 1),
        made.event("FAIL", 1, second=5, producer=made.AIRFLOW),
        made.event("ABORT", 1, second=9, producer=made.SWEEP, orchestrail_inferred=INFERRED),
    )
    assert (run.state, run.ended_at, run.inferred) == ("FAIL", made.at(5), ())


BY_HAND = {"manual": True, "changedBy": "hmac-sha256:a", "changedAt": "2026-03-01T14:00:00+01:00", "reason": "seen"}


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_a_state_that_a_person_gave_counts_and_the_end_before_it_stays(made, order):
    """Whichever reaches the log first; what went wrong, and when it ended, is what the run itself told."""
    error = {"message": "ValueError: no"}
    run = row(
        made,
        made.event("START", 1, second=1),
        made.event("FAIL", 1, second=4, errorMessage=error),
        made.event("COMPLETE", 1, second=8, ours=BY_HAND),
        made.event("COMPLETE", 1, second=9, producer=made.AIRFLOW),
        order=order,
    )
    assert (run.state, run.ended_at, run.error) == ("COMPLETE", made.at(4), "ValueError: no")
    given, own = run.given_end, run.own_end
    assert (given.state, given.changed_by, given.reason) == ("COMPLETE", "hmac-sha256:a", "seen")
    assert given.changed_at == "2026-03-01T13:00:00.000000Z"
    assert (own.state, own.at, own.error, own.by_hand) == ("FAIL", made.at(4), "ValueError: no", False)


def test_a_state_that_a_person_gave_is_the_only_end_of_what_ran_or_never_began(made):
    """Marked while it ran, and marked where it had been skipped."""
    ran = row(made, made.event("START", 1), made.event("FAIL", 1, second=4, ours=BY_HAND))
    assert (ran.state, ran.ended_at, ran.own_end, ran.error) == ("FAIL", made.at(4), None, None)
    skipped = made.event("OTHER", 1, ours={"state": "SKIPPED", "reason": "a task before it failed"})
    never = row(made, skipped, made.event("COMPLETE", 1, second=4, ours=BY_HAND))
    assert (never.state, never.started_at, never.own_end.reason) == ("COMPLETE", None, "a task before it failed")


def test_nobody_but_our_adapter_says_that_a_person_gave_a_state(made):
    """A foreign event may hold any facet."""
    run = row(made, made.event("FAIL", 1), made.event("COMPLETE", 1, producer=made.AIRFLOW, ours=BY_HAND))
    assert (run.state, run.given_end) == ("FAIL", None)


def test_what_people_did_is_told_once(made):
    """Every end of a run lists all that was done until then; what one of them cannot have meant is left out."""
    noted = {"what": "noted", "at": made.at(1), "reason": "monthly reload"}
    marked = {"what": "marked", "task": "train", "state": "success", "at": made.at(5), "changedBy": "a", "reason": 7}
    run = row(
        made,
        made.event("FAIL", 1, second=3, ours={"changes": [noted, "junk"]}),
        made.event("FAIL", 1, second=9, ours={"changes": [noted, marked]}),
    )
    assert [(one.what, one.task, one.state, one.at, one.by, one.reason, one.seq) for one in run.changes] == [
        ("noted", None, None, made.at(1), None, "monthly reload", 0),
        ("marked", "train", "success", made.at(5), "a", None, 1),
    ]


@pytest.mark.parametrize("by_hand", [{}, BY_HAND])
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_run_that_our_adapter_says_was_skipped_is_no_other_producers_to_complete(made, order, by_hand):
    """Airflow's provider has no word for a skip: of a task that somebody marked as skipped it tells START and COMPLETE."""
    run = row(
        made,
        made.event("OTHER", 1, second=3, ours=by_hand | {"state": "SKIPPED", "reason": "not needed"}),
        made.event("START", 1, second=1, producer=made.AIRFLOW),
        made.event("COMPLETE", 1, second=3, producer=made.AIRFLOW),
        order=order,
    )
    assert (run.state, run.started_at, run.ended_at, run.error) == ("SKIPPED", None, None, "not needed")


theirs = st.lists(
    st.tuples(
        st.sampled_from(["START", "RUNNING", "COMPLETE", "FAIL", "ABORT", "OTHER"]),
        st.sampled_from([0, 2, 4, 4.5, 9]),
        st.integers(0, 20),
    ),
    max_size=6,
)
stories = st.sampled_from(
    [
        [("START", 1, None), ("FAIL", 4, None), ("COMPLETE", 6, None)],  # a person marked it afterwards
        [("START", 1, None), ("RUNNING", 2, None), ("COMPLETE", 4, None)],  # deferred and resumed
        [("START", 1, None), ("COMPLETE", 4, "SKIPPED")],
        [("OTHER", 4, "SKIPPED")],
        [("START", 1, None), ("ABORT", 4, None)],
    ]
)


@given(ours=stories, guest=theirs)
def test_what_another_producer_tells_of_our_run_changes_neither_its_state_nor_our_ends(made, ours, guest):
    """A second START, FAIL and COMPLETE at one time, an end of a skipped task, an end too many, in any place of the log."""
    events = [
        (40 + place, made.event(kind, 1, second=at, ours={"state": said}))
        for place, (kind, at, said) in enumerate(ours)
    ]
    told = [(40 + 5 * seq, made.event(kind, 1, second=at, producer=made.AIRFLOW)) for kind, at, seq in guest]

    def verdict(pairs):
        run = fold([stored_event(seq, made.body(event)) for seq, event in pairs])
        own = [(end.state, end.at) for end in run.ends if end.producer == made.PREFECT]
        return run.state, run.ended_at, run.attempt, run.native_id, run.job, run.producer, own

    assert verdict([*told, *events]) == verdict(events)


def test_a_data_set_that_two_producers_name_is_one_use_and_keeps_our_digest(made):
    """Of what both tell, and of what only the other one can: a table in a database."""
    named = {"namespace": "file", "name": "/a", "facets": {"schema": {"fields": [{"name": "age", "type": "int"}]}}}
    table = {"namespace": "postgres://db:5432", "name": "bank.public.cleaned", "facets": {}}
    run = row(
        made,
        made.event("START", 1),
        made.event("COMPLETE", 1, inputs=[made.dataset("/a", "x")], outputs=[made.dataset("/b", "y")]),
        made.event("COMPLETE", 1, producer=made.AIRFLOW, inputs=[named], outputs=[named | {"name": "/b"}, table]),
    )
    (read,) = run.inputs
    assert (read.dataset.digest, read.dataset.observed, read.dataset.fields) == (
        made.digest("x"),
        "at_read",
        (("age", "int"),),
    )
    assert [(use.dataset.name, use.dataset.digest) for use in run.outputs] == [
        ("/b", made.digest("y")),
        ("bank.public.cleaned", None),
    ]


def test_what_a_run_reads_back_of_its_own_output_is_no_input(made):
    """Our adapter saw the file written and not read before; another producer names it among the inputs."""
    written = made.dataset("/b", "y", observed="at_write")
    guest = made.event("COMPLETE", 1, producer=made.AIRFLOW, inputs=[made.dataset("/b"), made.dataset("/c")])
    back = row(made, made.event("COMPLETE", 1, outputs=[written]), guest)
    assert [use.dataset.name for use in back.inputs] == ["/c"]
    before = row(made, made.event("COMPLETE", 1, inputs=[made.dataset("/b", "x")], outputs=[written]), guest)
    assert [(use.dataset.name, use.dataset.digest) for use in before.inputs] == [("/b", made.digest("x")), ("/c", None)]
    named = row(made, made.event("COMPLETE", 1, outputs=[made.dataset("/b", observed="declared")]), guest)
    assert [use.dataset.name for use in named.inputs] == ["/b", "/c"]


def test_repeated_events_change_nothing_but_the_last_place(made):
    """At least once is the spool's promise, so twice must be as once."""
    start = made.event("START", 1, second=1, inputs=[made.dataset("/a", "x")])
    end = made.event("COMPLETE", 1, second=2, outputs=[made.dataset("/b", "y")])
    once, twice = row(made, start, end), row(made, start, end, start, end)
    assert replace(twice, last_seq=once.last_seq, ends=once.ends) == once


def test_the_parent_is_read_under_its_earlier_name_too(made):
    """Older producers write `parentRun`."""
    event = made.event("START", 1, producer=made.AIRFLOW, parentRun={"run": {"runId": made.run_id(7).upper()}})
    assert row(made, event).parent_run_id == made.run_id(7)


def test_a_run_is_not_its_own_parent(made):
    """Such a link is dropped; the stated root is kept."""
    run = row(made, made.event("START", 1, parent=1, root=2))
    assert (run.parent_run_id, run.stated_root_run_id) == (None, made.run_id(2))


def test_a_declared_role_outlives_a_concluded_one(made):
    """The end of a run may carry a role derived from what it did."""
    step = {"role": "train", "roleSource": "declared"}
    run = row(
        made,
        made.event("START", 1, orchestrail_step=step),
        made.event("COMPLETE", 1, orchestrail_step={"role": "other", "roleSource": "inferred"}),
    )
    assert (run.role, run.role_source) == ("train", "declared")


@pytest.mark.parametrize(
    ("contents", "places"),
    [
        (["A", "B", "A"], {"A": 2, "B": 1}),
        (["A", "B", "A", "B"], {"A": 2, "B": 3}),
        (["A", "A", "B", "B"], {"A": 0, "B": 2}),
        (["A", "B", "AB"], {"A": 0, "B": 1}),
        (["AB", "A"], {"A": 1, "B": 0}),
    ],
)
def test_what_is_written_once_more_stands_where_it_was_written_last(made, contents, places):
    """After another content of the name; where it is only told once more, or with that other one, where it was told first."""
    run = row(
        made, *(made.event("RUNNING", 1, outputs=[made.dataset("/f", each) for each in listed]) for listed in contents)
    )
    assert {use.dataset.digest: use.seq for use in run.outputs} == {
        made.digest(content): place for content, place in places.items()
    }


def test_a_preprocessing_step_without_version_has_its_code_digest_for_one(made):
    """`derived` says so."""
    step = {"role": "preprocess", "roleSource": "declared", "operation": "impute", "version": None, "derived": True}
    code = {"digest": "py-tokens-1:sha256:" + "0" * 64, "name": "prep.impute"}
    run = row(
        made,
        made.event(
            "START",
            1,
            orchestrail_step=step,
            orchestrail_code=code,
            orchestrail_parameters={"digest": "sha256:1", "parameters": {}},
        ),
    )
    assert run.preprocessing.version == run.preprocessing.code_digest == code["digest"]
    assert (run.preprocessing.derived, run.preprocessing.parameters_digest, run.parameters) == (True, "sha256:1", {})


def test_a_concluded_role_is_marked_and_what_it_was_concluded_from_is_there(made):
    """Art. 10(2)(c) asks what was done; who reads it must see that nobody said so."""
    step = {
        "role": "train",
        "roleSource": "inferred",
        "calls": [{"role": "train", "call": "Pipeline.fit"}, {"call": 1}],
    }
    run = row(made, made.event("START", 1), made.event("COMPLETE", 1, orchestrail_step=step))
    assert (run.role, run.role_source, run.inferred) == ("train", "inferred", ("role",))
    assert run.calls == (("train", "Pipeline.fit"),)


def test_a_declared_version_stays(made):
    """What a person declared is not replaced by a digest."""
    step = {"role": "preprocess", "operation": "impute", "version": "1.2.0", "derived": False}
    late = {"role": "preprocess", "operation": "impute", "version": "py-tokens-1:x", "derived": True}
    run = row(
        made,
        made.event("START", 1, orchestrail_step=step, orchestrail_code={"digest": "py-tokens-1:x"}),
        made.event("COMPLETE", 1, orchestrail_step=late),
    )
    assert (run.preprocessing.version, run.preprocessing.derived) == ("1.2.0", False)


def test_parameters_give_value_or_type_and_digest(made):
    """A value that was not kept shows what it was."""
    parameters = {
        "a": {"type": "int", "value": 3},
        "b": {"type": "DataFrame", "digest": "sha256:1"},
        "c": {"type": "NoneType", "value": None},
    }
    run = row(made, made.event("START", 1, orchestrail_parameters={"digest": "sha256:0", "parameters": parameters}))
    assert run.parameters == {"a": 3, "b": {"type": "DataFrame", "digest": "sha256:1"}, "c": None}


def test_inputs_are_united_over_events(made):
    """A named data set joins the identified one; other contents of the same file stay apart."""
    run = row(
        made,
        made.event("START", 1, inputs=[made.dataset("/a"), made.dataset("/only-named")]),
        made.event(
            "COMPLETE",
            1,
            inputs=[made.dataset("/a", "x", rows=3), made.dataset("/a", "y"), made.dataset("/a", "x", role="train")],
        ),
    )
    found = {(use.dataset.name, use.dataset.digest): use.dataset for use in run.inputs}
    assert set(found) == {("/a", made.digest("x")), ("/a", made.digest("y")), ("/only-named", None)}
    both = found["/a", made.digest("x")]
    assert (both.rows, both.role, both.observed, both.version) == (3, "train", "at_read", made.digest("x"))


def test_a_standard_dataset_is_read_as_far_as_it_goes(made):
    """Statistics, schema and type of a foreign event; its digest is unknown, so it is null."""
    theirs = {
        "namespace": "s3://bucket",
        "name": "m",
        "facets": {
            "version": {"datasetVersion": "v7"},
            "datasetType": {"datasetType": "MODEL"},
            "schema": {"fields": [{"name": "a", "type": "int"}, {"name": "b"}]},
        },
        "outputFacets": {"outputStatistics": {"rowCount": 5, "size": 70}},
    }
    found = row(made, made.event("COMPLETE", 1, producer=made.AIRFLOW, outputs=[theirs])).outputs[0].dataset
    assert (found.version, found.digest, found.kind, found.rows, found.bytes) == ("v7", None, "model", 5, 70)
    assert (found.fields, found.observed) == ((("a", "int"), ("b", "")), "declared")


def test_format_and_framework_are_kept_whichever_event_tells_them(made):
    """A later event that says less of the same contents takes nothing away."""
    told = made.dataset("/m", "x", kind="model", format="joblib", framework="scikit-learn 1.9.0")
    run = row(
        made, made.event("START", 1, outputs=[told]), made.event("COMPLETE", 1, outputs=[made.dataset("/m", "x")])
    )
    (written,) = run.outputs
    assert (written.dataset.format, written.dataset.framework) == ("joblib", "scikit-learn 1.9.0")


def test_a_foreign_producer_has_no_capabilities(made):
    """Whatever its events say."""
    facet = {"adapter": "x", "capabilities": ["code_digest"]}
    assert row(made, made.event("START", 1, producer=made.AIRFLOW, orchestrail_capabilities=facet)).capabilities is None
    assert row(made, made.event("START", 1, orchestrail_capabilities=facet)).capabilities == ("code_digest",)


def test_a_foreign_run_names_its_orchestrator(made):
    """From the processing engine, else from the job type."""
    engine = made.event("START", 1, producer=made.AIRFLOW, processing_engine={"name": "Airflow", "version": "2.11"})
    integration = made.event(
        "START", 1, producer=made.AIRFLOW, job_facets={"jobType": {"integration": "SPARK", "jobType": "JOB"}}
    )
    assert (row(made, engine).orchestrator, row(made, engine).orchestrator_version) == ("airflow", "2.11")
    assert (row(made, integration).orchestrator, row(made, integration).job_type) == ("spark", "JOB")


def test_checks_metrics_and_gaps_are_collected_over_events(made):
    """A facet that is sent again does not undo what was said."""
    run = row(
        made,
        made.event(
            "RUNNING",
            1,
            orchestrail_metrics={"metrics": [{"name": "auc", "value": 0.9}]},
            test={"tests": [{"name": "t", "status": "fail", "severity": "warn", "type": "quality"}]},
        ),
        made.event(
            "COMPLETE",
            1,
            orchestrail_metrics={"metrics": [{"name": "auc", "value": 0.91}]},
            orchestrail_capture={"notCaptured": [{"what": "/dev/x", "reason": "no file"}]},
        ),
    )
    assert [metric["value"] for metric in run.metrics] == [0.9, 0.91]
    assert [(check["name"], check["success"]) for check in run.checks] == [("t", False)]
    assert run.not_captured == (("/dev/x", "no file"),)


def test_links_to_other_runs_are_collected(made):
    """Upstream runs of all events, each once, never the run itself."""
    run = row(made, made.event("START", 1, upstream=(2, 3, 1)), made.event("COMPLETE", 1, upstream=(3, 4)))
    assert run.upstream == (made.run_id(2), made.run_id(3), made.run_id(4))


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=8)
    | st.sampled_from(["\ud800", "RUNNING", "sha256:"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["run", "runId", "tags", "key", "fields", "name", "value", "root", "x"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)
facet_keys = [
    "parent",
    "parentRun",
    "processing_engine",
    "jobDependencies",
    "executionParameters",
    "tags",
    "errorMessage",
    "test",
    "orchestrail_run",
    "orchestrail_capabilities",
    "orchestrail_step",
    "orchestrail_code",
    "orchestrail_parameters",
    "orchestrail_environment",
    "orchestrail_metrics",
    "orchestrail_checks",
    "orchestrail_inferred",
    "orchestrail_capture",
    "orchestrail_serving",
]
run_fields = [
    "state",
    "attempt",
    "owner",
    "cachedFrom",
    "nativeId",
    "fields",
    "capabilities",
    "parameters",
    "modules",
    "metrics",
    "upstream",
    "tests",
    "notCaptured",
    "role",
    "version",
]
facet_values = json_values | st.dictionaries(st.sampled_from(run_fields), json_values, max_size=5)
foreign = st.fixed_dictionaries(
    {},
    optional={
        "eventTime": json_values,
        "eventType": st.sampled_from(["START", "COMPLETE", "FAIL", "OTHER", 7, None]),
        "producer": st.sampled_from(["urn:orchestrail:prefect:0.1.0", "x", 3]),
        "facets": json_values | st.dictionaries(st.sampled_from(facet_keys), facet_values, max_size=6),
        "job": json_values
        | st.fixed_dictionaries({"name": json_values, "namespace": json_values, "facets": json_values}),
        "inputs": json_values
        | st.lists(
            st.fixed_dictionaries(
                {
                    "name": json_values | st.just("/a"),
                    "namespace": json_values,
                    "facets": json_values,
                    "inputFacets": json_values,
                }
            ),
            max_size=3,
        ),
        "outputs": json_values,
    },
)


@given(st.lists(foreign, min_size=1, max_size=3))
def test_no_event_of_any_shape_breaks_the_fold(parts):
    """Facets of any shape give a row that a database and a JSON document can hold, and that reads back the same."""
    told = []
    for seq, part in enumerate(parts):
        facets = part.pop("facets", None)
        event = {**part, "run": {"runId": "R", "facets": facets}}
        told.append(stored_event(seq, json.dumps(event).encode()))
    run = fold(told)
    columns = run_columns(run)
    json.dumps(json.loads(columns["facts"]), allow_nan=False)
    for value in columns.values():
        if isinstance(value, str):
            value.encode()
    back = run_row(columns, [use_row(use) for use in use_columns(run)])
    assert run_columns(back) == columns
    assert (back.inputs, back.outputs) == (run.inputs, run.outputs)


def test_what_other_producers_measured_and_checked_of_data_sets_is_projected(made):
    """From either place where a producer may put the facets; what ours repeat is there once."""
    table = made.dataset("/orders") | {
        "inputFacets": {
            "dataQualityMetrics": {"rowCount": 7, "columnMetrics": {"id": {"nullCount": 0, "quantiles": {}}}},
            "dataQualityAssertions": {
                "assertions": [
                    {"assertion": "not_null", "success": False, "column": "id", "severity": "warn"},
                    {"assertion": "unique", "name": "orders_are_unique", "success": True},
                ]
            },
        }
    }
    other = made.dataset("/x")
    other["facets"]["dataQualityAssertions"] = {"assertions": [{"assertion": "expected", "success": "yes"}, 3]}
    told = {"tests": [{"name": "orders_are_unique", "status": "pass"}, {"name": "alone", "status": "skip"}]}
    run = row(
        made,
        made.event("COMPLETE", 1, producer=made.AIRFLOW, inputs=[table, other], test=told),
        made.event("RUNNING", 1, producer=made.AIRFLOW, inputs=[table]),
        made.event(
            "RUNNING",
            1,
            orchestrail_metrics={
                "metrics": [{"name": "row_count", "value": 7, "dataset": {"namespace": "file", "name": "/orders"}}]
            },
        ),
    )
    assert [(one["name"], one["value"], one.get("column")) for one in run.metrics] == [
        ("row_count", 7, None),
        ("null_count", 0, "id"),
    ]
    assert [(one["name"], one["success"], one["dataset"]["name"] if one.get("dataset") else None) for one in run.checks] == [
        ("not_null", False, "/orders"),
        ("orders_are_unique", True, "/orders"),
        ("expected", None, "/x"),
        ("alone", None, None),
    ]  # fmt: skip


def test_seeds_are_collected_and_usage_is_as_told_last(made):
    """What a process cannot tell, or tells wrongly, is not known."""

    def part(kind: str, thread: object, peak: object, seeds: list[dict]) -> dict:
        usage = {
            "wallSeconds": 1.5,
            "processorSeconds": 1,
            "threadSeconds": thread,
            "childSeconds": 0,
            "peakMemoryBytes": peak,
        }
        return made.event(kind, 1, orchestrail_execution={"usage": usage, "seeds": seeds})

    seed = {"name": "random.seed", "value": 3}
    run = row(made, part("RUNNING", 0.5, 7, [seed]), part("COMPLETE", -1, 5, [seed, seed | {"value": 4}]))
    assert run.usage == {
        "wall_seconds": 1.5, "processor_seconds": 1.0, "thread_seconds": None, "child_seconds": 0.0, "peak_memory_bytes": 5
    }  # fmt: skip
    assert [one["value"] for one in run.seeds] == [3, 4]
    assert row(made, made.event("START", 1)).usage is None
