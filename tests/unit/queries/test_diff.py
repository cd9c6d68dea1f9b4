"""Two sides held against each other: what changed, what is the same, and what nobody can say."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from orchestrail.errors import NotRecorded, UnknownRun
from orchestrail.queries.diff import diff
from orchestrail.queries.documents import diff_document


@pytest.fixture
def compared(recorded: Callable[..., Any]) -> Callable[..., Any]:
    """Record events and compare two targets; gives the JSON document, through JSON and back."""

    def ask(a, b, *events):
        return json.loads(json.dumps(diff_document(diff(recorded(*events), a, b))))

    return ask


def code(content, algorithm="py-tokens-1", **more):
    from hashlib import sha256

    return {"orchestrail_code": {"digest": f"{algorithm}:sha256:{sha256(content.encode()).hexdigest()}", **more}}


def step(version="1.0.0", operation="clean", **more):
    facts = {"role": "preprocess", "roleSource": "declared", "operation": operation, "version": version}
    return {"orchestrail_step": facts | {"derived": False} | more}


def process(made, first, name="train", **of_step):
    """A root run with one step."""
    return [
        made.event("COMPLETE", first, job=name, second=first),
        made.event("COMPLETE", first + 1, job=f"{name}.step", parent=first, second=first, **of_step),
    ]


def entries(document, where, category):
    return {
        (entry["subject"], entry["fact"]): (entry["a"], entry["b"])
        for entry in document[where]
        if entry["category"] == category
    }


def both(made, compared, mine, other):
    """Compare two processes that differ in what their one step says."""
    events = [*process(made, 10, **mine), *process(made, 20, **other)]
    return compared(made.run_id(10), made.run_id(20), *events)


def test_an_unchanged_version_with_another_code_is_called_out(made, compared):
    """The one thing that a declared version promises: another version calls nothing out, and is told."""
    same = both(made, compared, code("x") | step(), code("y") | step())
    assert [finding["code"] for finding in same["findings"]] == ["version-unchanged-code-changed"]
    assert ("clean", "code digest") in entries(same, "changed", "preprocessing")
    assert entries(same, "same", "preprocessing")["clean", "version"] == ("1.0.0", "1.0.0")
    bumped = both(made, compared, code("x") | step(), code("y") | step("1.1.0"))
    assert bumped["findings"] == []
    assert entries(bumped, "changed", "preprocessing")["clean", "version"] == ("1.0.0", "1.1.0")


def test_one_version_with_two_codes_on_one_side_is_called_out(made, compared):
    """A version must mean one code, whatever the other side says."""
    third = made.event("COMPLETE", 12, job="train.other", parent=10, **(code("z") | step()))
    events = [*process(made, 10, **(code("x") | step())), third, *process(made, 20, **(code("x") | step()))]
    document = compared(made.run_id(10), made.run_id(20), *events)
    assert "one-version-several-codes" in [finding["code"] for finding in document["findings"]]


def called(made, first, *operations, second=0):
    """A root run with a task, and in it a call of each operation that is marked."""
    task = first + 1
    return [
        made.event("COMPLETE", first, job="flow", second=first),
        made.event("COMPLETE", task, job="flow.task", parent=first, second=first),
        *(
            made.event(
                "COMPLETE", task + place, job=f"flow.task.{operation}", parent=task, second=first + place,
                job_facets={"jobType": {"jobType": "STEP"}}, **step(operation=operation),
            )
            for place, operation in enumerate(operations, start=1)
        ),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("mine", "told"),
    [
        ((), "no step of A is marked"),
        (("other",), None),
    ],
)
def test_what_is_not_marked_is_not_absent(made, compared, mine, told):
    """An operation of one side is one of it alone where the other side marks what it does there; else nobody knows."""
    events = [*called(made, 10, *mine), *called(made, 20, *mine, "clean")]
    for a, b, one_sided in ((10, 20, (False, True)), (20, 10, (True, False))):
        found = compared(made.run_id(a), made.run_id(b), *events)
        where = "changed" if told is None else "unknown"
        expected = one_sided if told is None else tuple(side or None for side in one_sided)
        assert entries(found, where, "preprocessing")["clean", "applied"] == expected
        assert entries(found, where, "steps")["flow.task.clean", "ran"] == expected
        if told is not None:
            assert {entry["reason"][:9] for entry in found["unknown"] if entry["fact"] in ("applied", "ran")} == {
                told[:9]
            }


def test_a_step_that_is_marked_in_one_of_two_processes_was_not_left_out(made, compared):
    """The task ran on both sides, on one of them with nothing marked in it, while other tasks of that side are."""
    elsewhere = made.event("COMPLETE", 15, job="flow.fit", parent=10, **step(operation="scale"))
    found = compared(made.run_id(10), made.run_id(20), *called(made, 10), elsewhere, *called(made, 20, "clean"))
    (unknown,) = [entry for entry in found["unknown"] if entry["fact"] == "applied"]
    assert (unknown["subject"], unknown["reason"]) == (
        "clean",
        "flow.task ran in A too, where nothing in it is marked",
    )
    assert entries(found, "changed", "preprocessing")["scale", "applied"] == (True, False)
    assert entries(found, "changed", "steps")["flow.fit", "ran"] == (True, False)


def test_digests_of_different_algorithms_are_not_compared(made, compared):
    """Neither changed nor the same: unknown, with the reason."""
    document = both(made, compared, code("x"), code("x", "py-tokens-2"))
    assert entries(document, "changed", "code") == entries(document, "same", "code") == {}
    (entry,) = [entry for entry in document["unknown"] if entry["category"] == "code"]
    assert "algorithms" in entry["reason"]


def test_what_one_side_does_not_tell_is_unknown(made, compared):
    """A digest on one side alone says nothing about a change."""
    document = both(made, compared, code("x") | step(), step())
    assert ("train.step", "code digest") in entries(document, "unknown", "code")
    assert ("clean", "code digest") in entries(document, "unknown", "preprocessing")
    assert document["findings"] == []
    reasons = {entry["reason"] for entry in document["unknown"] if entry["fact"] == "code digest"}
    assert reasons == {"not recorded of B"}


def test_the_module_that_differs_is_named(made, compared):
    """Of all that a step uses."""
    modules = [[{"name": "steps", "digest": "s"}, {"name": "helper", "digest": digest}] for digest in "ab"]
    document = both(made, compared, code("x", modules=modules[0]), code("y", modules=modules[1]))
    (entry,) = [e for e in document["changed"] if e["category"] == "code"]
    assert entry["note"] == "differs in module helper"


def test_a_file_that_was_renamed_is_told_once(made, compared):
    """Of all jobs in it together, with their names; of each job then what is its own."""

    def flow(first, path, last):
        told = [("load", "x", path), ("clean", "y", path), ("fit", last, "/models.py")]
        return [
            made.event("COMPLETE", first, job="flow", second=first, **code("flow", path=path)),
            *(
                made.event(
                    "COMPLETE", first + place, job=f"flow.{name}", parent=first, second=first, **code(content, path=of)
                )
                for place, (name, content, of) in enumerate(told, start=1)
            ),
        ]

    document = compared(made.run_id(10), made.run_id(20), *flow(10, "/old.py", "z"), *flow(20, "/new.py", "other"))
    assert [(entry["subject"], entry["fact"]) for entry in document["changed"] if entry["category"] == "code"] == [
        ("flow.fit", "code digest"),
        ("source code", "path"),
    ]
    (renamed,) = [entry for entry in document["changed"] if entry["fact"] == "path"]
    assert (renamed["a"], renamed["b"]) == ("/old.py", "/new.py")
    assert renamed["note"] == "of 3 jobs: flow, flow.load, flow.clean"
    alone = both(made, compared, code("x", path="/old.py"), code("x", path="/new.py"))
    assert entries(alone, "changed", "code") == {("train.step", "path"): ("/old.py", "/new.py")}


def test_an_equal_commit_with_changed_files_shows_nothing(made, compared):
    """What was changed beside the commit is not in it."""
    where = {"repository": "r", "commit": "c1"}
    dirty = both(made, compared, code("x", dirty=True, **where), code("x", dirty=True, **where))
    assert ("train.step", "commit") in entries(dirty, "unknown", "code")
    clean = both(made, compared, code("x", dirty=False, **where), code("x", dirty=False, **where))
    assert ("train.step", "commit") in entries(clean, "same", "code")


def parameters(**values):
    stated = {name: value if isinstance(value, dict) else {"value": value} for name, value in values.items()}
    return {"orchestrail_parameters": {"parameters": stated}}


def test_parameters_are_held_by_value_and_secrets_prove_nothing(made, compared):
    """Values, digests of what was too large, types alone, null, and what was taken out."""
    mine = parameters(
        seed=1,
        rate=0.5,
        gone=None,
        path="/a/x",
        table={"type": "T", "digest": "d1"},
        thing={"type": "T"},
        token="[redacted]",
    )
    other = parameters(
        seed=2,
        rate=0.5,
        new=3,
        path="/b/x",
        table={"type": "T", "digest": "d2"},
        thing={"type": "T"},
        token="[redacted]",
    )
    document = both(made, compared, mine, other)
    changed = {fact: values for (_, fact), values in entries(document, "changed", "parameters").items()}
    assert changed["parameter seed"] == (1, 2)
    assert changed.keys() == {"parameter seed", "parameter table", "parameter gone", "parameter new"}
    assert list(entries(document, "changed", "paths")) == [("train.step", "parameter path")]
    assert {fact for _, fact in entries(document, "same", "parameters")} == {"parameter rate"}
    assert {fact for _, fact in entries(document, "unknown", "parameters")} == {"parameter thing", "parameter token"}


def test_data_is_matched_by_name_and_told_by_what_changed(made, compared):
    """Rows, fields, and what only one side read."""
    mine = made.dataset("/raw", "x", rows=3) | {"namespace": "file"}
    mine["facets"]["schema"] = {"fields": [{"name": "a", "type": "int"}]}
    other = made.dataset("/raw", "y", rows=4)
    other["facets"]["schema"] = {"fields": [{"name": "a", "type": "int"}, {"name": "b", "type": "int"}]}
    document = both(made, compared, {"inputs": [mine, made.dataset("/old", "o")]}, {"inputs": [other]})
    changed = entries(document, "changed", "input")
    assert changed["/raw", "contents"] == (made.digest("x"), made.digest("y"))
    assert changed["/raw", "rows"] == (3, 4)
    assert changed["/raw", "fields"] == ({"a": "int"}, {"a": "int", "b": "int"})
    assert changed["/old", "contents"] == (made.digest("o"), "absent")


def test_a_weak_or_missing_digest_is_never_the_same(made, compared):
    """Equal weak digests, versions and names prove nothing; different ones do differ."""
    weak = made.dataset("/w", "x", weak="changed after it was opened")
    named = made.dataset("/n")
    document = both(made, compared, {"inputs": [weak, named]}, {"inputs": [weak, named]})
    assert entries(document, "same", "input") == {}
    assert {subject for subject, _ in entries(document, "unknown", "input")} == {"/w", "/n"}
    differing = both(made, compared, {"inputs": [weak]}, {"inputs": [made.dataset("/w", "y")]})
    assert ("/w", "contents") in entries(differing, "changed", "input")


def test_models_of_two_folders_are_matched(made, compared):
    """The two that were named, whatever their names; what lies between the steps by step and last part of the name."""
    events = []
    for first, folder, content in ((10, "/one", "x"), (20, "/two", "y")):
        table = made.dataset(f"{folder}/clean.csv", content)
        model = made.dataset(f"{folder}/model-{first}", f"m{content}", kind="model", framework=f"sklearn {first}")
        events += process(made, first, outputs=[table])
        events.append(
            made.event(
                "COMPLETE", first + 2, job="train.fit", parent=first, inputs=[table], outputs=[model], second=first + 1
            )
        )
    document = compared("/one/model-10", "/two/model-20", *events)
    assert entries(document, "changed", "model")["/one/model-10", "framework"] == ("sklearn 10", "sklearn 20")
    assert ("/one/clean.csv", "contents") in entries(document, "changed", "intermediate")
    (entry,) = [e for e in document["changed"] if e["category"] == "intermediate"]
    assert entry["subject_b"] == "/two/clean.csv"
    assert document["a"]["root_run_ids"] == [made.run_id(10)]
    assert document["b"]["dataset"]["name"] == "/two/model-20"


def test_two_models_of_one_run_are_held_by_what_went_into_each(made, compared):
    """Else all of the run would stand on both sides, and nothing would have changed."""
    events = [made.event("COMPLETE", 10, job="train")]
    for number, content in ((11, "x"), (12, "y")):
        events.append(
            made.event(
                "COMPLETE",
                number,
                job="train.fit",
                parent=10,
                inputs=[made.dataset(f"/{content}", content)],
                outputs=[made.dataset(f"/m{content}", f"m{content}", kind="model")],
                **parameters(depth=number),
            )
        )
    document = compared("/mx", "/my", *events)
    assert entries(document, "changed", "parameters") == {("train.fit", "parameter depth"): (11, 12)}
    assert document["a"]["whole"] is False
    assert any("share a root run" in said for said in document["not_shown"])


def environment(version, **packages):
    return {"python": {"version": version}, "platform": {"system": "Linux"}, "distributions": packages}


def test_environments_differ_by_distribution(made, compared):
    """Changed, added and removed; each other fact under its own name."""
    events = [
        made.event("COMPLETE", 10, orchestrail_environment=environment("3.11.7", pandas="2", gone="1"), job="t"),
        made.event("COMPLETE", 20, orchestrail_environment=environment("3.12.1", pandas="3", new="1"), job="t"),
    ]
    document = compared(made.run_id(10), made.run_id(20), *events)
    assert entries(document, "changed", "environment") == {
        ("python.version", "value"): ("3.11.7", "3.12.1"),
        ("pandas", "distribution"): ("2", "3"),
        ("gone", "distribution"): ("1", "absent"),
        ("new", "distribution"): ("absent", "1"),
    }
    assert ("platform.system", "value") in entries(document, "same", "environment")


def test_metrics_and_checks_are_held_by_name(made, compared):
    """And one that only one side has cannot be compared."""

    def results(value, success):
        check = {"name": "no-nulls", "success": success, "severity": "error", "kind": "quality", "dataset": None}
        metrics = [{"name": "auc", "value": value, "dataset": None}]
        metrics += [{"name": "f1", "value": 1.0, "dataset": None}] if success else []
        return {"orchestrail_metrics": {"metrics": metrics}, "orchestrail_checks": {"checks": [check]}}

    document = both(made, compared, results(0.8, True), results(0.9, False))
    assert entries(document, "changed", "metrics") == {("train.step", "auc"): (0.8, 0.9)}
    assert entries(document, "changed", "checks") == {("train.step", "no-nulls"): (True, False)}
    assert ("train.step", "f1") in entries(document, "unknown", "metrics")


def test_steps_are_added_gone_failed_and_tried_again(made, compared):
    """The last try counts, and how many there were is a fact of its own."""
    events = [
        *process(made, 10),
        made.event("COMPLETE", 12, job="train.old", parent=10),
        made.event("COMPLETE", 20, job="train", second=20),
        made.event("FAIL", 21, job="train.step", parent=20, second=20),
        made.event(
            "FAIL",
            22,
            job="train.step",
            parent=20,
            second=21,
            ours={"attempt": 2, "previousAttempt": made.run_id(21)},
        ),
        made.event("COMPLETE", 23, job="train.new", parent=20, second=22),
    ]
    changed = entries(compared(made.run_id(10), made.run_id(20), *events), "changed", "steps")
    assert changed == {
        ("train.step", "state"): ("COMPLETE", "FAIL"),
        ("train.step", "attempts"): (1, 2),
        ("train.old", "ran"): (True, False),
        ("train.new", "ran"): (False, True),
    }


def mapped(made, first, said):
    """A process with one mapped step, one run for each of what is said."""
    return [
        made.event("COMPLETE", first, job="train", second=first),
        *(
            made.event("COMPLETE", first + place, job="train.part", parent=first, second=first + place, **facts)
            for place, facts in enumerate(said, start=1)
        ),
    ]


def test_mapped_runs_are_matched_by_what_tells_them_apart(made, compared):
    """By the parameter that varies, in whatever order they ran; one that is new is told."""
    mine = [parameters(region=region, rate=rate) for region, rate in (("north", 1), ("south", 1))]
    other = [parameters(region=region, rate=rate) for region, rate in (("south", 1), ("west", 2), ("north", 2))]
    events = [*mapped(made, 10, mine), *mapped(made, 20, other)]
    document = compared(made.run_id(10), made.run_id(20), *events)
    assert document["ambiguous"] == []
    assert entries(document, "changed", "steps") == {
        ("train.part", "runs"): (2, 3),
        ("train.part region='west'", "ran"): (False, True),
    }
    assert entries(document, "changed", "parameters") == {("train.part region='north'", "parameter rate"): (1, 2)}


def test_mapped_runs_that_nothing_tells_apart_are_matched_in_doubt(made, compared):
    """In order where there are as many, and not at all where there are not: no match is invented."""
    alike = [code("x")] * 2
    equal = compared(made.run_id(10), made.run_id(20), *mapped(made, 10, alike), *mapped(made, 20, alike))
    assert "matched in order" in equal["ambiguous"][0]
    more = compared(made.run_id(10), made.run_id(20), *mapped(made, 10, alike), *mapped(made, 20, [code("x")] * 3))
    assert "not matched" in more["ambiguous"][0]
    assert ("train.part", "each run") in entries(more, "unknown", "steps")
    assert ("train.part", "code digest") in entries(more, "same", "code")


def service(made, number, model, *preparation, state="COMPLETE"):
    stated = {"deployment": "eu-1", "model": {"namespace": "file", "name": "/m", "version": None, "digest": model}}
    return made.event(
        state,
        number,
        job="serving.eu-1",
        second=number,
        producer="urn:orchestrail:service:0.1.0",
        orchestrail_serving=stated | {"preparation": list(preparation)},
    )


def prepared(content, version="1.0.0", operation="clean"):
    digest = code(content)["orchestrail_code"]["digest"]
    return {"operation": operation, "version": version, "derived": False, "codeDigest": digest, "serveTime": True}


@pytest.mark.parametrize("second", ["/m", None])
def test_a_service_is_held_against_the_training_of_its_model(made, compared, second):
    """With the model named, or found by the digest that the service states."""
    model = made.dataset("/m", "model", kind="model")
    training = process(made, 10, outputs=[model], **(code("x") | step(serveTime=True)))
    alike = compared(made.run_id(30), second, *training, service(made, 30, made.digest("model"), prepared("x")))
    assert (alike["kind"], alike["findings"], alike["changed"]) == ("service", [], [])
    assert alike["a"]["kind"] == "service"
    skewed = compared(
        made.run_id(30), second, *training, service(made, 30, made.digest("model"), prepared("y", "1.1.0"))
    )
    assert [finding["code"] for finding in skewed["findings"]] == ["serving-differs"]
    assert entries(skewed, "changed", "preprocessing")["clean", "version"] == ("1.1.0", "1.0.0")


def test_a_service_is_not_held_against_a_training_that_came_later(made, compared):
    """It gave the same bytes with another code; where nothing made the model before, there is nothing to hold it against."""
    model = made.dataset("/m", "model", kind="model")
    early = process(made, 10, outputs=[model], **(code("x") | step(serveTime=True)))
    late = process(made, 40, outputs=[model], **(code("y") | step(serveTime=True)))
    loaded = service(made, 30, made.digest("model"), prepared("x"))
    found = compared(made.run_id(30), None, *early, loaded, *late)
    assert (found["b"]["root_run_ids"], found["findings"]) == ([made.run_id(10)], [])
    with pytest.raises(NotRecorded, match="before the service loaded it"):
        compared(made.run_id(30), None, loaded, *late)


def test_an_operation_that_a_service_leaves_out_is_called_out_once_it_has_ended(made, compared):
    """While it runs it may yet call it; a service that stated nothing shows nothing."""
    training = process(
        made, 10, outputs=[made.dataset("/m", "model", kind="model")], **(code("x") | step(serveTime=True))
    )
    other = prepared("z", operation="encode")
    digest = made.digest("model")
    ended = compared("/m", made.run_id(30), *training, service(made, 30, digest, other))
    assert sorted(finding["subject"] for finding in ended["findings"]) == ["clean", "encode"]
    running = compared("/m", made.run_id(30), *training, service(made, 30, digest, other, state="START"))
    assert [finding["subject"] for finding in running["findings"]] == ["encode"]
    assert ("clean", "operation") in entries(running, "unknown", "preprocessing")
    silent = compared("/m", made.run_id(30), *training, service(made, 30, digest))
    assert silent["findings"] == []
    assert ("service", "operations") in entries(silent, "unknown", "preprocessing")


def test_a_run_is_the_same_as_itself(made, compared):
    """Nothing changed, and nothing that is unknown became known."""
    facts = code("x") | step() | parameters(a=1) | {"inputs": [made.dataset("/raw", "x")]}
    document = compared(made.run_id(10), made.run_id(11), *process(made, 10, **facts))
    assert document["changed"] == []
    assert document["same"] != []


def test_what_no_run_made_cannot_be_compared(made, compared):
    """A source, a run that is no service alone, and what is not recorded."""
    events = process(made, 10, inputs=[made.dataset("/raw", "x")])
    with pytest.raises(NotRecorded, match="made by no recorded run"):
        compared("/raw", made.run_id(10), *events)
    with pytest.raises(NotRecorded, match="no service"):
        compared(made.run_id(10), None, *events)
    with pytest.raises((NotRecorded, UnknownRun)):
        compared(made.run_id(10), "nothing-of-the-kind", *events)


def test_calls_are_compared_and_time_is_told_beside(made, compared):
    """Another estimator is a change of the step; more time and memory are none."""

    def of(call, seconds):
        calls = {
            "orchestrail_step": {"role": "train", "roleSource": "inferred", "calls": [{"role": "train", "call": call}]}
        }
        usage = {
            "wallSeconds": seconds,
            "processorSeconds": seconds,
            "threadSeconds": None,
            "peakMemoryBytes": 10_000_000,
        }
        return calls | {"orchestrail_execution": {"usage": usage, "seeds": []}}

    document = both(made, compared, of("Ridge.fit", 1.0), of("Lasso.fit", 2.0))
    changed = entries(document, "changed", "steps")
    assert changed == {("train.step", "well-known calls"): (["Ridge.fit"], ["Lasso.fit"])}
    told = {(one["subject"], one["fact"]): (one["a"], one["b"]) for one in document["used"]}
    assert told["train.step", "wall_seconds"] == (1.0, 2.0)
    assert told["train.step", "peak_memory_bytes"] == (10_000_000, 10_000_000)
    assert not [one for one in document["changed"] if "seconds" in one["fact"]]


@pytest.mark.parametrize("known", [False, True])
def test_a_process_that_lent_a_stored_result_stands_on_no_side_by_that(made, compared, known):
    """Two models are compared by the processes that made them, as these are by themselves, whether or not the value is known."""

    def training(first, number, **weights):
        value = made.dataset("value", "weights") | {"namespace": "inmemory"}
        trained = {
            "inputs": [value] if known else [],
            "outputs": [made.dataset(f"/m{first}", f"m{first}", kind="model")],
        }
        return [
            made.event("COMPLETE", first, job="flow", second=first, **parameters(n=number)),
            made.event("COMPLETE", first + 1, job="flow.weights", parent=first, second=first, **weights),
            made.event("COMPLETE", first + 2, job="flow.part", parent=first, second=first + 1),
            made.event("COMPLETE", first + 3, job="flow.part", parent=first, second=first + 1),
            made.event(
                "COMPLETE", first + 4, job="flow.fit", parent=first, second=first + 2, upstream=(first + 1,), **trained
            ),
        ]

    made_it = {"outputs": [made.dataset("value", "weights") | {"namespace": "inmemory"}]} if known else {}
    took = {"ours": {"state": "CACHED", "cachedFrom": made.run_id(11)}}
    events = [*training(10, 30, **made_it), *training(20, 60, **took)]
    document = compared(made.digest("m10"), made.digest("m20"), *events)
    assert [document[side]["root_run_ids"] for side in ("a", "b")] == [[made.run_id(10)], [made.run_id(20)]]
    assert entries(document, "changed", "parameters") == {("flow", "parameter n"): (30, 60)}
    assert entries(document, "changed", "steps") == {("flow.weights", "state"): ("COMPLETE", "CACHED")}
    runs = compared(made.run_id(10), made.run_id(20), *events)
    for category in ("parameters", "steps"):
        assert entries(runs, "changed", category) == entries(document, "changed", category)


def test_what_a_step_gave_back_unchanged_is_none_that_it_made(made, compared):
    """On one side it changed the table, on the other one there was nothing to change: both read the same."""
    raw, scaled = (made.dataset(name, name) | {"namespace": "inmemory"} for name in ("scale.df", "scale"))
    document = both(made, compared, {"inputs": [raw], "outputs": [raw]}, {"inputs": [raw], "outputs": [scaled]})
    assert ("scale.df", "contents") not in entries(document, "changed", "input")
    assert ("scale.df", "contents") in entries(document, "same", "input")
    assert ("scale.df", "contents") not in {
        **entries(document, "changed", "output"),
        **entries(document, "changed", "intermediate"),
    }
    assert ("scale", "contents") in entries(document, "changed", "output")
