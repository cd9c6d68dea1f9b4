"""RUN-*, LIN-01, LIN-02, LIN-04, PREP-01, PREP-03, PREP-06, CACHE-01, CHG-02: what is judged within one process."""

from __future__ import annotations

import json
from datetime import date

import pytest

from orchestrail.requirements.verdicts import Status, Why

ALL = ["attempts", "cache_origin", "code_digest", "dataset_version", "manual_changes", "parameters", "skips"]

pytestmark = pytest.mark.usefixtures("as_written")


def code(text):
    return f"py-tokens-2:sha256:{text * 64}"


def process(made):
    """Flow 1: task 2 ingests and checks, task 3 prepares, task 4 trains at its second attempt, task 6 takes a stored result."""
    parameters = {"orchestrail_parameters": {"parameters": {}, "digest": made.digest("p")}}
    prepares = {"role": "preprocess", "roleSource": "declared", "operation": "impute", "version": "1"}
    dataset = {"namespace": "file", "name": "/clean", "digest": made.digest("clean")}
    check = {"name": "no-nulls", "success": True, "severity": "error", "kind": "quality", "dataset": dataset}
    fixed = {"orchestrail_code": {"digest": code("1")}, **parameters}
    cached = {"state": "CACHED", "cachedFrom": made.run_id(3)}
    note = {"what": "noted", "at": made.at(3), "changedBy": "hmac", "reason": "asked for by the desk"}
    cleared = {"what": "cleared", "task": "train", "at": made.at(6), "changedBy": "hmac", "reason": "more memory"}
    raw, clean = made.dataset("/raw", "raw"), made.dataset("/clean", "clean", observed="at_write")
    return {
        "flow": made.event(
            "START", 1, ours={"trigger": "manual", "actor": "hmac"}, orchestrail_capabilities={"capabilities": ALL}
        ),
        "begin": made.event("START", 2, parent=1, second=1, root=1),
        "ingest": made.event(
            "COMPLETE",
            2,
            parent=1,
            second=2,
            orchestrail_step={"role": "ingest"},
            inputs=[made.dataset("/source", "source")],
            outputs=[made.dataset("/raw", "raw", observed="at_write")],
        ),
        "start": made.event("START", 3, parent=1, second=3, orchestrail_step=prepares, **fixed),
        "prepare": made.event(
            "COMPLETE",
            3,
            parent=1,
            second=4,
            orchestrail_step=prepares,
            orchestrail_checks={"checks": [check]},
            inputs=[made.dataset("/raw", "raw")],
            outputs=[made.dataset("/clean", "clean", observed="at_write")],
        ),
        "first": made.event("START", 4, parent=1, second=5, orchestrail_step={"role": "train"}, **fixed),
        "broke": made.event("FAIL", 4, parent=1, second=6, errorMessage={"message": "no memory"}),
        "second": made.event(
            "START",
            5,
            parent=1,
            second=7,
            ours={"attempt": 2, "previousAttempt": made.run_id(4)},
            orchestrail_step={"role": "train"},
            **fixed,
        ),
        "train": made.event(
            "COMPLETE",
            5,
            parent=1,
            second=8,
            ours={"attempt": 2, "previousAttempt": made.run_id(4)},
            inputs=[made.dataset("/clean", "clean")],
            outputs=[made.dataset("/m", "m", kind="model", observed="at_write")],
        ),
        "again": made.event("START", 6, parent=1, second=9, orchestrail_step=prepares, **fixed),
        "cached": made.event("COMPLETE", 6, parent=1, second=9, ours=cached, inputs=[raw], outputs=[clean]),
        "end": made.event("COMPLETE", 1, second=10, ours={"changes": [note, cleared]}),
        "compared": made.reconciliation(),
    }


def whole(made):
    """The same, in which no two events share anything."""
    return json.loads(json.dumps(process(made)))


REQUIREMENTS = [
    "RUN-ID-01", "RUN-ID-02", "RUN-LC-01", "RUN-LC-02", "LIN-02", "LIN-04", "PREP-01", "PREP-03", "PREP-06", "CACHE-01", "CHG-02",
]  # fmt: skip

RUN = ("run", "facets")
STEP = (*RUN, "orchestrail_step")
OURS = (*RUN, "orchestrail_run")
DATASET = ("facets", "orchestrail_dataset")


def put(part, value, *path):
    def change(events, made):
        place = events[part]
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value(made) if callable(value) else value

    return change


def drop(*parts_and_path):
    part, *path = parts_and_path

    def change(events, made):
        if not path:
            del events[part]
            return
        place = events[part]
        for key in path[:-1]:
            place = place[key]
        del place[path[-1]]

    return change


def checks(made):
    return process(made)["prepare"]["run"]["facets"]["orchestrail_checks"]


def in_memory(made):
    return {**made.dataset("flow.table", "source"), "namespace": "inmemory"}


def branch(made, name):
    dataset = made.dataset("/clean", weak="a branch may move on", digest=None)
    dataset["facets"]["version"] = {"datasetVersion": name}
    return dataset


def evaluation(made, **facets):
    step = {"role": "evaluate", "roleSource": "declared"}
    return made.event("COMPLETE", 8, parent=1, orchestrail_step=step, inputs=[made.dataset("/m", "m")], **facets)


def both(*changes):
    def change(events, made):
        for each in changes:
            each(events, made)

    return change


def add(name, event):
    def change(events, made):
        events[name] = event(made)

    return change


# The lines of this table are as long as they are.
# ruff: noqa: E501
TURNS = [
    ("RUN-ID-01", put("end", "other", "job", "name"), "fail", "one run id is bound to several jobs", 1),
    ("RUN-ID-01", both(put("start", "fraud", *OURS, "system"), put("prepare", "scoring", *OURS, "system")), "fail", "one run id is bound to several systems", 3),
    ("RUN-ID-01", add("odd", lambda made: {**made.event("START", 9), "run": {"runId": "x", "facets": {}}}), "fail", "is no UUID", None),
    ("RUN-ID-02", put("prepare", lambda made: {"run": {"runId": made.run_id(2)}}, *RUN, "parent"), "fail", "several parents", 3),
    ("RUN-ID-02", put("begin", lambda made: {"runId": made.run_id(7)}, *RUN, "parent", "root", "run"), "fail", "names another root", 2),
    ("RUN-ID-02", add("lost", lambda made: made.event("START", 8, parent=77)), "unknown", "is not on the record yet", 8),
    ("RUN-ID-02", add("foreign", lambda made: made.event("START", 8, producer=made.AIRFLOW)), "unknown", "names no parent", 8),
    ("RUN-LC-01", add("open", lambda made: made.event("START", 8)), "unknown", "it has not ended yet", 8),
    ("RUN-LC-01", add("two", lambda made: made.event("FAIL", 1, second=11)), "fail", "it ended in two ways", 1),
    ("RUN-LC-01", drop("begin"), "fail", "no event tells that it began", 2),
    ("RUN-LC-01", put("begin", lambda made: made.at(3), "eventTime"), "fail", "its end lies before its start", 2),
    ("RUN-LC-01", put("begin", "2026-03-01T12:00:00", "eventTime"), "fail", "no time with a zone", 2),
    ("RUN-LC-01", add("note", lambda made: made.event("OTHER", 8)), "unknown", "no event tells of its start or end", 8),
    ("RUN-LC-02", drop("broke", *RUN, "errorMessage"), "fail", "it failed, and nothing says why", 4),
    ("RUN-LC-02", both(put("second", None, *OURS, "previousAttempt"), put("train", None, *OURS, "previousAttempt")), "fail", "attempt 2 names no recorded one", 5),
    ("LIN-02", put("train", lambda made: made.dataset("/clean"), "inputs", 0), "fail", "neither a digest nor a fixed version: no version", 5),
    ("LIN-02", put("prepare", "changed meanwhile", "inputs", 0, *DATASET, "weak"), "unknown", "may not be of what was read", 3),
    ("LIN-02", put("train", "looked_up", "inputs", 0, *DATASET, "observed"), "unknown", "it was looked up afterwards", 5),
    ("LIN-02", put("train", lambda made: branch(made, "feature"), "inputs", 0), "unknown", "its version may not be of what was read", 5),
    ("LIN-01", put("ingest", lambda made: in_memory(made), "inputs", 0), "fail", "the ingest step names no outside source", 2),
    ("LIN-01", put("ingest", lambda made: made.dataset("/clean", "clean"), "inputs", 0), "fail", "the ingest step names no outside source", 2),
    ("LIN-01", add("judge", lambda made: evaluation(made)), "fail", "the evaluate step names no output", 8),
    ("LIN-04", put("train", lambda made: made.dataset("/clean", "else"), "inputs", 0), "fail", "what was read is not what was written", 5),
    ("LIN-04", put("train", "looked_up", "inputs", 0, *DATASET, "observed"), "unknown", "not taken as it was read", 5),
    ("LIN-04", put("train", lambda made: made.dataset("/clean"), "inputs", 0), "unknown", "not known by content on both sides", 5),
    ("PREP-01", both(drop("start", *STEP, "operation"), drop("prepare", *STEP, "operation")), "fail", "names no operation", 3),
    ("PREP-01", both(drop("start", *STEP, "version"), drop("prepare", *STEP, "version")), "fail", "declares no version", 3),
    ("PREP-01", drop("start", *STEP), "fail", "were not stated when it began", 3),
    ("PREP-03", drop("start", *RUN, "orchestrail_code"), "fail", "has no digest and no clean commit", 3),
    ("PREP-03", drop("start", *RUN, "orchestrail_parameters"), "fail", "its parameters are not known", 3),
    ("PREP-06", drop("prepare", *RUN, "orchestrail_checks"), "fail", "/clean: nothing checked it before training", 5),
    ("PREP-06", put("prepare", False, *RUN, "orchestrail_checks", "checks", 0, "success"), "fail", "the check no-nulls failed", 3),
    ("PREP-06", put("prepare", None, *RUN, "orchestrail_checks", "checks", 0, "success"), "unknown", "its checks tell no result", 3),
    ("PREP-06", put("prepare", lambda made: made.at(9), "eventTime"), "fail", "nothing checked it before training", 5),
    ("PREP-06", put("train", lambda made: made.dataset("/clean"), "inputs", 0), "unknown", "has no digest by which checks", 5),
    ("CACHE-01", put("cached", None, *OURS, "cachedFrom"), "fail", "nothing says which run made the result", 6),
    ("CACHE-01", put("cached", lambda made: made.run_id(88), *OURS, "cachedFrom"), "fail", "is not on the record", 6),
    ("CACHE-01", put("prepare", "FAIL", "eventType"), "fail", "did not complete", 3),
    ("CACHE-01", put("again", {"digest": code("2")}, *RUN, "orchestrail_code"), "fail", "had another code", 3),
    ("CACHE-01", both(put("again", "2", *STEP, "version")), "fail", "had another operation or version", 3),
    ("CACHE-01", drop("again", *RUN, "orchestrail_code"), "unknown", "had the same code is not known", 3),
    ("CACHE-01", put("again", {"digest": "py-bytecode-1.3.11:sha256:" + "1" * 64}, *RUN, "orchestrail_code"), "unknown", "had the same code is not known", 3),
    ("CACHE-01", drop("again", *STEP, "operation"), "fail", "had another operation or version", 3),
    ("CACHE-01", put("cached", lambda made: made.dataset("/raw", "other"), "inputs", 0), "fail", "had another input", 3),
    ("CACHE-01", put("cached", [], "inputs"), "unknown", "had the same input is not known", 3),
    ("CACHE-01", put("cached", "changed meanwhile", "inputs", 0, *DATASET, "weak"), "unknown", "had the same input is not known", 3),
    ("CACHE-01", put("cached", lambda made: made.dataset("/clean", "other"), "outputs", 0), "fail", "had another output", 3),
    ("CACHE-01", both(put("again", "2", *STEP, "version"), put("again", {"digest": code("2")}, *RUN, "orchestrail_code")), "fail", "had another operation or version and another code", 3),
    ("PREP-06", put("train", "changed meanwhile", "inputs", 0, *DATASET, "weak"), "unknown", "its digest may not be of what was read", 5),
    ("PREP-06", both(put("prepare", lambda made: made.digest(""), *RUN, "orchestrail_checks", "checks", 0, "dataset", "digest"), put("train", lambda made: made.dataset("/other", ""), "inputs", 0)), "fail", "/other: nothing checked it before training", 5),
    ("PREP-06", both(drop("prepare", *RUN, "orchestrail_checks"), put("train", lambda made: checks(made), *RUN, "orchestrail_checks")), "fail", "nothing checked it before training", 5),
    ("CHG-02", drop("flow", *OURS, "actor"), "fail", "its start was manual, and nothing says by whom", 1),
    ("CHG-02", put("train", {"manual": True}, *OURS), "fail", "its state was changed by hand, and nothing says by whom", 5),
    ("CHG-02", put("train", {"manual": True, "changedBy": "hmac"}, *OURS), "fail", "its state was changed by hand, and no reason is given", 5),
    ("CHG-02", drop("end", *OURS, "changes", 0), "fail", "its start was manual, and no note on it says why", 1),
    ("CHG-02", both(put("flow", "backfill", *OURS, "trigger"), drop("end", *OURS, "changes", 0)), "fail", "its start was backfill, and no note on it says why", 1),
    ("CHG-02", both(put("flow", "asset_materialization", *OURS, "trigger"), drop("flow", *OURS, "actor")), "fail", "its start was asset_materialization, and nothing says by whom", 1),
    ("CHG-02", drop("end", *OURS, "changes", 1, "changedBy"), "fail", "the task train was cleared by hand, and nothing says by whom", 1),
    ("RUN-LC-02", both(put("second", 3, *OURS, "attempt"), put("train", 3, *OURS, "attempt")), "fail", "attempt 3 names attempt 1 before it", 5),
]  # fmt: skip


@pytest.mark.parametrize("requirement", [*REQUIREMENTS, "LIN-01"])
def test_a_process_that_is_whole_passes(made, judged, requirement):
    """With a failure that says why, a further attempt and a stored result."""
    verdict = judged(requirement, *process(made).values())
    assert verdict.status is Status.PASS, verdict
    assert verdict.subjects > 0


@pytest.mark.parametrize(("requirement", "change", "status", "reason", "run"), TURNS)
def test_a_change_of_the_facts_turns_it(made, judged, requirement, change, status, reason, run):
    """Each fact behind a pass counts; the run that shows it is a witness."""
    events = whole(made)
    change(events, made)
    verdict = judged(requirement, *events.values())
    assert verdict.status.value == status, verdict
    assert reason in verdict.reason, verdict
    named = {witness.run_id for result in verdict.results for witness in result.witnesses}
    assert (made.run_id(run) if run else "x") in named


@pytest.mark.parametrize(
    ("requirement", "change", "reason"),
    [
        ("RUN-LC-02", both(put("second", None, *OURS, "previousAttempt"), put("train", None, *OURS, "previousAttempt")), "cannot see the one before"),
        ("LIN-02", put("train", lambda made: made.dataset("/clean"), "inputs", 0), "visible to its adapter"),
        ("LIN-01", drop("train", "outputs", 0), "its adapter cannot see it"),
        ("PREP-03", drop("start", *RUN, "orchestrail_code"), "its adapter cannot see it"),
        ("CACHE-01", put("cached", None, *OURS, "cachedFrom"), "its adapter cannot see which run"),
        ("CHG-02", drop("flow", *OURS, "actor"), "its adapter cannot see whether a person acted on it"),
    ],
)  # fmt: skip
def test_what_an_adapter_cannot_see_is_unknown(made, judged, requirement, change, reason):
    """The same facts are a failure where it can: the user is not blamed for a weak adapter."""
    events = whole(made)
    events["flow"]["run"]["facets"]["orchestrail_capabilities"]["capabilities"] = []
    change(events, made)
    verdict = judged(requirement, *events.values())
    assert verdict.status is Status.UNKNOWN, verdict
    assert any(reason in result.reason and result.why is Why.NOT_CAPTURED for result in verdict.results), verdict


@pytest.mark.parametrize("requirement", [*REQUIREMENTS, "LIN-01", "LIN-05", "PREP-02"])
def test_an_empty_record_is_unknown(judged, requirement):
    """Nothing passes by emptiness."""
    verdict = judged(requirement)
    assert (verdict.status, verdict.why) == (Status.UNKNOWN, Why.NO_SUBJECTS)


def test_a_step_without_a_role_is_untagged(made, judged):
    """It may have prepared data, trained, or done nothing of the kind."""
    verdict = judged(
        "LIN-01", *process(made).values(), made.event("START", 8, parent=1), made.event("COMPLETE", 8, parent=1)
    )
    assert (verdict.status, verdict.why) == (Status.UNKNOWN, Why.PARTIAL)
    assert [result.subject for result in verdict.results] == [made.run_id(8)]


def test_what_does_nothing_by_its_kind_is_no_step_that_works_on_data(made, judged):
    """Alone it is no subject, and so nothing that passes; where it names data, or missed something, it is a step as any other."""
    idle = {"job_facets": {"jobType": {"jobType": "NOTHING"}}}
    alone = judged("LIN-01", made.event("COMPLETE", 1), made.event("COMPLETE", 8, parent=1, **idle))
    assert (alone.status, alone.why) == (Status.UNKNOWN, Why.NO_SUBJECTS)
    beside = judged("LIN-01", *process(made).values(), made.event("COMPLETE", 8, parent=1, **idle))
    assert (beside.status, beside.subjects) == (Status.PASS, judged("LIN-01", *process(made).values()).subjects)
    missed = {"orchestrail_capture": {"notCaptured": [{"what": "a subprocess", "reason": "it ran"}]}}
    for more in ({"outputs": [made.dataset("/x", "x")]}, {"orchestrail_step": {"role": "other"}}, missed):
        told = made.event("COMPLETE", 8, parent=1, **idle, **more)
        assert made.run_id(8) in {result.subject for result in judged("LIN-01", *process(made).values(), told).results}


@pytest.mark.parametrize(
    ("part", "side", "reason"),
    [("ingest", "inputs", "names no outside source"), ("prepare", "outputs", "the preprocess step names no output")],
)
def test_a_step_that_names_no_data_fails(made, judged, part, side, reason):
    """Where its adapter can see data sets and says nothing of a place where it could not look."""
    events = whole(made)
    events[part][side] = []
    verdict = judged("LIN-01", *events.values())
    assert (verdict.status, reason in verdict.reason) == (Status.FAIL, True)
    capture = {"notCaptured": [{"what": "a subprocess", "reason": "it ran"}]}
    events[part]["run"]["facets"]["orchestrail_capture"] = capture
    assert judged("LIN-01", *events.values()).status is Status.UNKNOWN


def versioned(made, name, version, **ours):
    dataset = made.dataset(name, digest=None, **ours)
    dataset["facets"]["version"] = {"datasetVersion": version}
    return dataset


@pytest.mark.parametrize(
    ("wrote", "read", "observed", "status"),
    [
        ("7", "7", "at_read", Status.PASS),
        ("7", "8", "at_read", Status.FAIL),
        ("7", "7", "declared", Status.UNKNOWN),
        ("7", "8", "declared", Status.UNKNOWN),
    ],
)
def test_versions_are_compared_where_there_are_no_digests(made, judged, wrote, read, observed, status):
    """A version that somebody declares was not observed when the data set was read."""
    events = whole(made)
    events["prepare"]["outputs"] = [versioned(made, "/t", wrote, observed="at_write")]
    events["train"]["inputs"] = [versioned(made, "/t", read, observed=observed)]
    verdict = judged("LIN-04", *events.values())
    assert verdict.status is status, verdict


def test_what_was_written_is_known_weakly(made, judged):
    """Then it cannot be told whether what was read is the same."""
    events = whole(made)
    events["prepare"]["outputs"][0]["facets"]["orchestrail_dataset"]["weak"] = "it changed while it was read"
    events["train"]["inputs"] = [made.dataset("/clean", "else")]
    verdict = judged("LIN-04", *events.values())
    assert (verdict.status, verdict.reason.endswith("not known by content on both sides")) == (Status.UNKNOWN, True)


def test_what_is_written_twice_is_read_as_it_was_written_last(made, judged):
    """What an earlier step wrote is not what lies there now; the order of the log may be another than that of the steps."""
    events = whole(made)
    anew = made.event("COMPLETE", 9, parent=1, second=6, outputs=[made.dataset("/clean", "anew", observed="at_write")])
    train = events.pop("train")
    verdict = judged("LIN-04", *events.values(), anew, train)
    assert verdict.status is Status.UNKNOWN
    assert "another had written it anew before" in verdict.reason
    train["inputs"] = [made.dataset("/clean", "anew")]
    assert judged("LIN-04", *events.values(), anew, train).status is Status.PASS


def test_a_version_on_both_sides_tells_where_one_has_no_digest(made, judged):
    """The same one is the same content; another one may be of another kind, and the name of a branch tells nothing."""
    events = whole(made)
    del events["ingest"]["outputs"][0]["facets"]["orchestrail_dataset"]["digest"]
    assert judged("LIN-04", *events.values()).status is Status.PASS
    events["ingest"]["outputs"][0]["facets"]["version"]["datasetVersion"] = "etag-7"
    verdict = judged("LIN-04", *events.values())
    assert (verdict.status, verdict.results[0].reason) == (Status.UNKNOWN, "not known by content on both sides")
    for dataset in (events["ingest"]["outputs"][0], *events["prepare"]["inputs"]):
        dataset["facets"]["version"]["datasetVersion"] = "latest"
    assert judged("LIN-04", *events.values()).status is Status.UNKNOWN


def test_names_in_memory_are_not_compared(made, judged):
    """They say where a value was met, and not what it is."""
    events = whole(made)
    events["prepare"]["outputs"] = [{**made.dataset("flow.t", "one"), "namespace": "inmemory"}]
    events["train"]["inputs"] = [{**made.dataset("flow.t", "other"), "namespace": "inmemory"}]
    assert judged("LIN-04", *events.values()).counts == {Status.PASS: 2}


def test_a_result_of_another_process_is_held_against_what_that_read(made, judged):
    """Where it was taken from is looked up in the whole record; what was written may go untold, it was taken as it is."""
    events = whole(made)
    raw = [made.dataset("/raw", "raw")]
    step = events["again"]["run"]["facets"]["orchestrail_step"]
    facets = {"orchestrail_step": step, "orchestrail_code": {"digest": code("1")}}
    taken = made.event("COMPLETE", 8, ours={"state": "CACHED", "cachedFrom": made.run_id(3)}, inputs=raw, **facets)
    assert judged("CACHE-01", *events.values(), taken).counts == {Status.PASS: 2}
    events["prepare"]["inputs"] = [made.dataset("/raw", "other")]
    assert judged("CACHE-01", *events.values(), taken).counts == {Status.FAIL: 2}


def acts(made, *changes, **ours):
    """A scheduled run whose end lists what people did."""
    seen = {"orchestrail_capabilities": {"capabilities": ALL}}
    return [
        made.event("START", 1, ours={"trigger": "scheduled"}, **seen),
        made.event("COMPLETE", 1, second=1, ours={"trigger": "scheduled", "changes": list(changes), **ours}),
        made.reconciliation(),
    ]


@pytest.mark.parametrize(
    ("changes", "status", "reason"),
    [
        ([], Status.PASS, ""),
        ([{"what": "noted", "task": "a"}], Status.PASS, ""),
        ([{"what": "cleared", "task": "a", "changedBy": "x"}], Status.FAIL, "the task a was cleared by hand, and no reason"),
        ([{"what": "marked", "changedBy": "x"}], Status.FAIL, "it was marked by hand, and no reason"),
        ([{"what": "marked", "reason": "r"}], Status.FAIL, "it was marked by hand, and nothing says by whom"),
        ([{"what": "marked", "task": "a", "changedBy": "x"}, {"what": "noted", "task": "a", "reason": "r"}], Status.PASS, ""),
        ([{"what": "marked", "task": "a", "changedBy": "x"}, {"what": "noted", "reason": "r"}], Status.PASS, ""),
        ([{"what": "marked", "task": "a", "changedBy": "x"}, {"what": "noted", "task": "b", "reason": "r"}], Status.FAIL, "the task a was marked"),
    ],
)  # fmt: skip
def test_what_people_did_to_a_run_names_them_and_the_reason(made, judged, changes, status, reason):
    """A note gives the reason of what was done to the same task, one on the run that of all."""
    verdict = judged("CHG-02", *acts(made, *changes))
    assert (verdict.status, reason in verdict.reason) == (status, True), verdict


def test_what_another_task_triggered_is_no_act_of_a_person(made, judged):
    """Nobody has to say why."""
    events = whole(made)
    events["flow"]["run"]["facets"]["orchestrail_run"] |= {"trigger": "operator_triggered", "actor": None}
    del events["end"]["run"]["facets"]["orchestrail_run"]["changes"][0]
    assert judged("CHG-02", *events.values()).status is Status.PASS


def test_nobody_acted_on_a_run_that_was_scheduled(made, judged):
    """Its adapter would have told; one that cannot see it leaves it unknown, and what it does tell is judged."""
    blind = acts(made, {"what": "cleared", "changedBy": "x"})
    blind[0]["run"]["facets"]["orchestrail_capabilities"]["capabilities"] = []
    assert judged("CHG-02", *blind).status is Status.FAIL
    blind[1]["run"]["facets"]["orchestrail_run"]["changes"] = []
    assert judged("CHG-02", *blind).status is Status.UNKNOWN


def test_a_state_that_a_person_gave_is_no_other_end(made, judged):
    """It is an act of that person: a run that had ended, and one that never began."""
    by_hand = {"manual": True, "toldBy": "person", "changedBy": "x", "reason": "r"}
    again = [made.event("START", 1), made.event("COMPLETE", 1, second=1), made.event("FAIL", 1, second=2, ours=by_hand)]
    assert judged("RUN-LC-01", *again, made.event("FAIL", 2, second=3, ours=by_hand)).counts == {Status.PASS: 2}


def test_an_end_that_was_concluded_says_why(made, judged):
    """A sweep found its process gone: that is the reason."""
    concluded = {"fields": ["state", "ended_at"], "reason": "its process is gone"}
    swept = made.event("ABORT", 1, producer=made.SWEEP, second=1, orchestrail_inferred=concluded)
    assert judged("RUN-LC-02", made.event("START", 1), swept).counts == {Status.PASS: 1}
    del concluded["reason"]
    assert judged("RUN-LC-02", made.event("START", 1), swept).status is Status.FAIL


def test_another_producer_is_not_blamed_for_what_it_does_not_tell(made, judged):
    """A failure without a text, a training on data that nobody checked: unknown, and a role that is its own word no declaration."""
    theirs = {"producer": made.AIRFLOW}
    failed = [made.event("START", 1, **theirs), made.event("FAIL", 1, second=1, **theirs)]
    assert judged("RUN-LC-02", *failed).why is Why.NOT_CAPTURED
    train = made.event("COMPLETE", 1, orchestrail_step={"role": "train"}, inputs=[made.dataset("/t", "t")], **theirs)
    assert judged("PREP-06", train).why is Why.NOT_CAPTURED
    step = {"role": "preprocess", "roleSource": "declared", "operation": "impute", "version": "1"}
    assert judged("PREP-01", made.event("START", 1, orchestrail_step=step, **theirs)).why is Why.NOT_CAPTURED


def test_a_run_without_a_job_is_of_none(made, judged):
    """Its id means a run of nothing."""
    event = made.event("START", 1)
    event["job"]["name"] = ""
    verdict = judged("RUN-ID-01", event)
    assert (verdict.status, verdict.reason) == (Status.FAIL, "the run names no job")


def test_one_that_is_no_subject_hides_no_later_one(made, judged):
    """Data sets for testing are not trained on; each of the others is judged, whatever became of those before."""
    test = made.dataset("/a", "a", role="test")
    weak = made.dataset("/c", "c", weak="it changed while it was read")
    inputs = [test, made.dataset("/b"), weak, made.dataset("/d", "d")]
    seen = {"orchestrail_capabilities": {"capabilities": ALL}}
    verdict = judged("PREP-06", made.event("COMPLETE", 1, orchestrail_step={"role": "train"}, inputs=inputs, **seen))
    assert verdict.counts == {Status.UNKNOWN: 2, Status.FAIL: 1}


def test_a_concluded_role_within_a_concluded_role_declares_nothing(made, judged):
    """Neither covers the other; a declared step of another role does not either."""
    concluded = {"role": "preprocess", "roleSource": "inferred"}
    events = [
        made.event("START", 1, orchestrail_step=concluded),
        made.event("START", 2, parent=1, orchestrail_step=concluded),
        made.event("START", 3, parent=2, orchestrail_step={"role": "split", "roleSource": "declared"}),
    ]
    assert judged("PREP-01", *events).counts == {Status.FAIL: 2}


def test_a_model_without_preparation_is_unknown(made, judged):
    """Its data may have been prepared where nobody looked; a step without a role has prepared nothing."""
    made_of = {"inputs": [made.dataset("/t", "t")], "outputs": [made.dataset("/m", "m", kind="model")]}
    train = made.event("COMPLETE", 1, second=1, orchestrail_step={"role": "train"}, **made_of)
    untagged = made.event("COMPLETE", 2, outputs=[made.dataset("/t", "t")])
    for events in ([train], [untagged, train]):
        verdict = judged("PREP-01", *events)
        assert (verdict.status, verdict.why) == (Status.UNKNOWN, Why.NO_SUBJECTS)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ({"commit": "c" * 40, "dirty": False}, Status.PASS),
        ({"commit": "c" * 40, "dirty": True}, Status.FAIL),
        ({"commit": "c" * 40, "dirty": None}, Status.FAIL),
        ({"commit": None, "dirty": False}, Status.FAIL),
    ],
)
def test_a_clean_commit_is_the_code_that_ran(made, judged, code, status):
    """One with changes is not, nor one of which nobody knows; each step is judged, whatever was skipped before it."""
    skipped = made.event("OTHER", 1, ours={"state": "SKIPPED"}, orchestrail_step={"role": "train"})
    able = {"orchestrail_capabilities": {"capabilities": ALL}}
    parameters = {"orchestrail_parameters": {"parameters": {}, "digest": made.digest("p")}}
    facets = {"orchestrail_code": code, "orchestrail_step": {"role": "train"}, **able, **parameters}
    verdict = judged("PREP-03", skipped, made.event("COMPLETE", 2, **facets))
    assert (verdict.status, verdict.subjects) == (status, 1)


@pytest.mark.parametrize(("capabilities", "status"), [(ALL, Status.FAIL), ([], Status.UNKNOWN)])
def test_code_and_parameters_that_are_both_lacking_are_both_named(made, judged, capabilities, status):
    """Values without a digest are no parameters that could be compared."""
    facets = {"orchestrail_parameters": {"parameters": {}, "digest": None}, "orchestrail_step": {"role": "train"}}
    able = {"orchestrail_capabilities": {"capabilities": capabilities}}
    verdict = judged("PREP-03", made.event("COMPLETE", 1, **facets, **able))
    both = "the code that ran has no digest and no clean commit and its parameters are not known"
    assert (verdict.status, verdict.reason.partition(":")[0]) == (status, both)
    assert [one.field for one in verdict.results[0].witnesses] == ["code", "parameters"]


def test_a_root_that_is_not_on_the_record_is_another_one(made, judged):
    """It is named, and so is the one that was found."""
    verdict = judged("RUN-ID-02", made.event("START", 1), made.event("START", 2, parent=1, root=7))
    assert verdict.counts == {Status.PASS: 1, Status.FAIL: 1}


def test_what_an_evaluation_measures_is_what_it_came_to(made, judged):
    """It need not write a file; a preparation step that only checks has prepared nothing."""
    metrics = {"metrics": [{"name": "auc", "value": 0.9}]}
    measured = evaluation(made, orchestrail_metrics=metrics)
    assert judged("LIN-01", *process(made).values(), measured).status is Status.PASS


def test_a_service_leaves_no_data_set_behind(made, judged):
    """It reads the model that it serves."""
    serves = made.event(
        "COMPLETE", 8, parent=1, orchestrail_step={"role": "serve"}, inputs=[made.dataset("/m", "m", kind="model")]
    )
    assert judged("LIN-01", *process(made).values(), serves).status is Status.PASS


def test_what_a_flow_read_says_nothing_of_its_tasks(made, judged):
    """A task states its own data, whatever role the flow around it has."""
    flow = {"jobType": {"jobType": "FLOW"}}
    step = {"role": "preprocess", "roleSource": "declared"}
    told = [
        made.event("START", 8, orchestrail_capabilities={"capabilities": ALL}),
        made.event("COMPLETE", 9, parent=8, orchestrail_step=step),
        made.event(
            "COMPLETE",
            8,
            orchestrail_step=step,
            job_facets=flow,
            inputs=[made.dataset("/raw", "raw")],
            outputs=[made.dataset("/x", "x")],
        ),
    ]
    verdict = judged("LIN-01", *told)
    assert (verdict.status, [result.subject for result in verdict.results]) == (Status.FAIL, [made.run_id(9)])


def test_a_source_that_the_process_fetched_before_is_still_one(made, judged):
    """Where it is said to be: a download that an ingest step reads."""
    events = whole(made)
    events["ingest"]["inputs"] = [made.dataset("/clean", "clean", role="source")]
    assert judged("LIN-01", *events.values()).status is Status.PASS


def test_an_operation_inside_a_task_hands_its_result_to_the_task(made, judged):
    """What it returned is in the task's file; the task around it is covered by the operation that is declared."""
    events = whole(made)
    inner = {"role": "preprocess", "roleSource": "declared", "operation": "scale", "version": "2"}
    outer = {"role": "preprocess", "roleSource": "inferred"}
    told = [
        made.event("START", 8, parent=1, orchestrail_step=outer),
        made.event("START", 9, parent=8, orchestrail_step=inner),
        made.event("COMPLETE", 9, parent=8, inputs=[made.dataset("/raw", "raw")]),
        made.event("COMPLETE", 8, parent=1, outputs=[made.dataset("/s", "s", observed="at_write")]),
    ]
    assert judged("PREP-01", *events.values(), *told).counts == {Status.PASS: 3}
    assert judged("LIN-01", *events.values(), *told).status is Status.PASS


def test_a_mutable_version_pins_nothing(made, judged):
    """`latest` may be anything tomorrow; the name of a fixed version will do."""
    events = whole(made)
    for version, status in (("latest", Status.FAIL), ("2026-03-01", Status.PASS)):
        dataset = made.dataset("/clean")
        dataset["facets"]["version"] = {"datasetVersion": version}
        events["train"]["inputs"] = [dataset]
        assert judged("LIN-02", *events.values()).status is status


def test_an_open_run_grows_too_old_and_a_parent_is_waited_for_no_longer(made, judged):
    """Both by the limits of the policy, on the day of the judgement."""
    late = date(2026, 4, 1)
    assert judged("RUN-LC-01", made.event("START", 1), day=late).status is Status.FAIL
    assert judged("RUN-ID-02", made.event("START", 1, parent=77), day=late).status is Status.FAIL


def test_parents_that_form_a_circle_have_no_root(made, judged):
    """Each of them fails."""
    verdict = judged("RUN-ID-02", made.event("START", 1, parent=2), made.event("START", 2, parent=1))
    assert verdict.counts == {Status.FAIL: 2}


def test_a_skipped_run_has_neither_start_nor_end(made, judged):
    """And is no step that could name its data."""
    skipped = made.event("OTHER", 8, parent=1, ours={"state": "SKIPPED", "reason": "branch"})
    events = [*process(made).values(), skipped]
    assert judged("RUN-LC-01", *events).status is Status.PASS
    assert judged("RUN-LC-02", *events).status is Status.PASS
    assert judged("LIN-01", *events).status is Status.PASS
