"""What produced something."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrail.errors import AmbiguousRun, NotRecorded
from orchestrail.projections.apply import apply
from orchestrail.queries.documents import trace_document
from orchestrail.queries.meetings import others_of
from orchestrail.queries.origin import readers_of
from orchestrail.queries.targets import find_target
from orchestrail.queries.trace import UNCHANGED, trace
from orchestrail.queries.words import data_name


@pytest.fixture
def traced(made, recorded):
    """Record events and trace a target; gives the JSON document."""

    def ask(target, *events):
        store = recorded(*events)
        found = trace(store, find_target(store, target))
        return trace_document(found, readers_of(store, found.target.dataset), others_of(store, found.target))

    return ask


def ran(document):
    """The numbers of the runs of a trace."""
    return {int(run["run_id"].split("-")[-1], 16) for run in document["runs"]}


def arrows(document, kind):
    """Edges of a kind, in short: run numbers and names of data sets."""

    def short(node):
        return int(node.split("-")[-1], 16) if node.startswith("0192f000") else node.split("@")[0].removeprefix("file:")

    return {
        (short(edge["from"]), short(edge["to"]), edge["proof"]) for edge in document["edges"] if edge["kind"] == kind
    }


def names(datasets):
    return {dataset["name"] for dataset in datasets}


def chain(made, *, name="job"):
    """Flow 1: task 2 reads /raw and writes /clean, task 3 makes /model of it, task 4 has nothing to do with that."""
    return [
        made.event("START", 1, second=0),
        made.event("START", 2, second=1, parent=1),
        made.event(
            "COMPLETE",
            2,
            second=2,
            parent=1,
            inputs=[made.dataset("/raw", "raw")],
            outputs=[made.dataset("/clean", "clean")],
        ),
        made.event("COMPLETE", 4, second=2, parent=1, outputs=[made.dataset("/other", "other")]),
        made.event("START", 3, second=3, parent=1),
        made.event(
            "COMPLETE",
            3,
            second=4,
            parent=1,
            inputs=[made.dataset("/clean", "clean")],
            outputs=[made.dataset("/model", "model", kind="model")],
        ),
        made.event("COMPLETE", 1, second=5),
    ]


@pytest.mark.parametrize("target", ["/model", "file:/model", "model", "digest", "short"])
def test_a_model_is_traced_back_to_its_source(made, traced, target):
    """By name in several forms, by digest and by the beginning of one; the runs around it show, unrelated ones do not."""
    digest = made.digest("model")
    document = traced({"digest": digest, "short": digest[:19]}.get(target, target), *chain(made))
    assert ran(document) == {1, 2, 3}
    assert arrows(document, "read") == {("/raw", 2, "digest"), ("/clean", 3, "digest")}
    assert arrows(document, "wrote") == {(2, "/clean", "digest"), (3, "/model", "digest")}
    assert arrows(document, "parent") == {(1, 2, None), (1, 3, None)}
    assert names(document["sources"]) == {"/raw"}
    assert document["unproven"] == []
    assert (document["target"]["written"], document["target"]["run_id"]) == (True, made.run_id(3))


def test_a_run_is_traced_back_too(made, traced):
    """What it wrote shows as well as what it came from."""
    document = traced(made.run_id(3), *chain(made))
    assert ran(document) == {1, 2, 3}
    assert names(document["datasets"]) == {"/raw", "/clean", "/model"}
    assert document["target"]["kind"] == "run"


def test_a_file_is_known_by_its_contents(made, traced, tmp_path):
    """Moved and renamed it is still what was written."""
    moved = tmp_path / "elsewhere.bin"
    moved.write_bytes(b"model")
    document = traced(str(moved), *chain(made))
    assert ran(document) == {1, 2, 3}
    assert document["target"]["kind"] == "file"
    assert [edge["note"] for edge in document["edges"] if edge["to"].startswith(f"file:{moved}")] == [
        "written as /model"
    ]


def test_a_file_is_known_by_a_name_that_is_no_text(made, traced, tmp_path):
    """A system's names are bytes. On the record each that is no UTF-8 is written out."""
    file = tmp_path / os.fsdecode(b"mod\xff.csv")
    file.write_bytes(b"model")
    written = made.dataset(f"{tmp_path}/mod\\xff.csv", "model")
    for target in (str(file), f"file:{file}", file.name):
        document = traced(target, made.event("COMPLETE", 1, outputs=[written]))
        assert (ran(document), names(document["datasets"])) == ({1}, {written["name"]})


def test_who_reads_a_model_learns_its_format_and_framework_from_who_wrote_it(made, traced):
    """The reader opened a file; the writer knew what it put there. A native version stands beside the digest."""
    written = made.dataset("/m", "x", kind="model", format="joblib", framework="scikit-learn 1.9.0")
    answer = traced(
        made.run_id(2),
        made.event("COMPLETE", 1, outputs=[written]),
        made.event("COMPLETE", 2, inputs=[made.dataset("/m", "x")]),
    )
    (model,) = [dataset for dataset in answer["datasets"] if dataset["name"] == "/m"]
    assert (model["kind"], model["format"], model["framework"]) == ("model", "joblib", "scikit-learn 1.9.0")


def test_a_file_that_was_changed_is_not_what_was_recorded(made, traced, tmp_path):
    """Its name alone proves nothing."""
    file = tmp_path / "model"
    file.write_bytes(b"tampered")
    with pytest.raises(NotRecorded, match="other contents"):
        traced(str(file), made.event("COMPLETE", 1, outputs=[made.dataset(str(file), "model")]))


def test_a_file_that_nobody_used_is_not_recorded(made, traced, tmp_path):
    """A negative answer, exit code 1."""
    file = tmp_path / "unknown"
    file.write_bytes(b"unknown")
    for target in (str(file), "sha256:" + "0" * 64, "sha256:xyz", "no-such-thing"):
        with pytest.raises(NotRecorded, match="not produced by a recorded run") as caught:
            traced(target, *chain(made))
        assert caught.value.exit_code == 1


def test_a_file_that_was_only_read_is_a_source(made, traced, tmp_path):
    """It has no runs behind it, and the answer names who read it."""
    file = tmp_path / "raw.csv"
    file.write_bytes(b"raw")
    document = traced(str(file), made.event("COMPLETE", 2, inputs=[made.dataset(str(file), "raw")]))
    assert document["runs"] == []
    assert names(document["sources"]) == {str(file)}
    assert (document["target"]["written"], document["target"]["read_by"]) == (False, [made.run_id(2)])


def test_an_ambiguous_name_is_refused(made, traced):
    """Two data sets end in it; the message names both."""
    with pytest.raises(AmbiguousRun, match="file:/a/x; file:/b/x"):
        traced("x", made.event("COMPLETE", 1, outputs=[made.dataset("/a/x", "1"), made.dataset("/b/x", "2")]))


def test_whatever_name_an_answer_gives_a_data_set_can_be_asked_for(made, recorded):
    """Of a run that handed on a value and a fitted state each is found; a key is of its own content."""
    table, state = (
        {"namespace": "inmemory", "name": "flow.fit", "facets": made.dataset("", of)["facets"]} for of in "ts"
    )
    state["facets"]["datasetType"] = {"datasetType": "FITTED_STATE"}
    events = [
        made.event("COMPLETE", 1, outputs=[made.dataset("/a", "old")]),
        made.event("COMPLETE", 2, second=2, inputs=[made.dataset("/a", "old")], outputs=[state, table]),
        made.event("COMPLETE", 3, second=3, inputs=[state, table], outputs=[{"namespace": "s3://b", "name": "m"}]),
        made.event("COMPLETE", 4, second=4, outputs=[made.dataset("/a", "new")]),
    ]
    store = recorded(*events)
    found = trace(store, find_target(store, "m")).datasets
    assert {data_name(each.dataset) for each in found.values()} == {
        "/a", "fitted state of flow.fit", "value of flow.fit", "s3://b:m",
    }  # fmt: skip
    for key, each in found.items():
        dataset = each.dataset
        named, keyed = find_target(store, data_name(dataset)).dataset, find_target(store, key).dataset
        assert (named.namespace, named.name, named.type) == (dataset.namespace, dataset.name, dataset.type)
        assert (keyed.name, keyed.digest) == (dataset.name, dataset.digest)
    for lacking in ("value of flow.other", f"file:/a@{made.digest('t')}", "value of m"):
        with pytest.raises(NotRecorded):
            find_target(store, lacking)


def test_the_nearest_earlier_writer_counts_and_the_others_are_named(made, traced):
    """The same bytes written three times, once after they were read."""
    document = traced(
        "/m",
        made.event("COMPLETE", 1, outputs=[made.dataset("/a", "x")]),
        made.event("COMPLETE", 2, outputs=[made.dataset("/a", "x")]),
        made.event("COMPLETE", 3, inputs=[made.dataset("/a", "x")], outputs=[made.dataset("/m", "m")]),
        made.event("COMPLETE", 4, outputs=[made.dataset("/a", "x")]),
    )
    assert ran(document) == {2, 3}
    (read,) = [dataset for dataset in document["datasets"] if dataset["name"] == "/a"]
    assert (read["written_by"], set(read["also_written_by"])) == (made.run_id(2), {made.run_id(1), made.run_id(4)})


def test_a_name_stands_for_what_was_written_last(made, traced):
    """By one run that wrote one content, another one, and the first once more."""
    events = [made.event("RUNNING", 1, outputs=[made.dataset("/f", content)]) for content in "ABA"]
    document = traced("/f", *events)
    assert (document["target"]["digest"], ran(document)) == (made.digest("A"), {1})


def test_a_copy_is_no_circle(made, traced):
    """The same digest goes in and out; the original writer is found behind the copy."""
    document = traced(
        "/m",
        made.event("COMPLETE", 1, outputs=[made.dataset("/a", "x")]),
        made.event("COMPLETE", 2, inputs=[made.dataset("/a", "x")], outputs=[made.dataset("/b", "x")]),
        made.event("COMPLETE", 3, inputs=[made.dataset("/b", "x")], outputs=[made.dataset("/m", "m")]),
    )
    assert arrows(document, "wrote") == {(1, "/a", "digest"), (2, "/b", "digest"), (3, "/m", "digest")}
    assert document["sources"] == []


def empty(made, kind, name):
    """Something with nothing in it: a file, a folder of empty files, a frame in memory."""
    if kind == "file":
        return made.dataset(name, "")
    found = made.dataset(name, f"the form of an empty {kind}", **({"bytes": 0} if kind == "folder" else {"rows": 0}))
    found["facets"]["datasetType"] = {"datasetType": "DIRECTORY" if kind == "folder" else "DATAFRAME"}
    return found | ({"namespace": "inmemory"} if kind == "frame" else {})


@pytest.mark.parametrize("kind", ["file", "folder", "frame"])
def test_what_is_empty_leads_to_nothing_under_another_name(made, traced, kind):
    """All that is empty is equal; under its own name it leads to who wrote it, as everything does."""
    events = [
        made.event("COMPLETE", 1, inputs=[made.dataset("/salaries", "s")], outputs=[empty(made, kind, "/hr/_SUCCESS")]),
        made.event("COMPLETE", 2, outputs=[empty(made, kind, "/credit/.ready")]),
        made.event(
            "COMPLETE",
            3,
            inputs=[made.dataset("/train", "t"), empty(made, kind, "/credit/.marker")],
            outputs=[made.dataset("/model", "m", kind="model")],
        ),
        made.event("COMPLETE", 4, inputs=[empty(made, kind, "/credit/.ready")], outputs=[made.dataset("/other", "o")]),
    ]
    document = traced("/model", *events)
    assert ran(document) == {3}
    assert names(document["datasets"]) == {"/model", "/train", "/credit/.marker"}
    (marker,) = [dataset for dataset in document["datasets"] if dataset["name"] == "/credit/.marker"]
    assert (marker["also_written_by"], marker["note"]) == ([], "it is empty, as much else is")
    assert arrows(traced("/other", *events), "wrote") == {
        (2, f"{'inmemory:' if kind == 'frame' else ''}/credit/.ready", "digest"),
        (4, "/other", "digest"),
    }


def test_an_empty_file_is_not_recorded_by_its_content(made, traced, tmp_path):
    """Another one was; and under its own name it is."""
    file = tmp_path / "empty"
    file.touch()
    with pytest.raises(NotRecorded, match="it is empty, which tells it from no other"):
        traced(str(file), made.event("COMPLETE", 1, outputs=[made.dataset("/a", "")]))
    events = [
        made.event("COMPLETE", number, outputs=[made.dataset(name, "")])
        for number, name in enumerate(("/a", str(file)), 1)
    ]
    assert ran(traced(str(file), *events)) == {2}


def test_a_run_that_gives_back_what_it_was_given_is_not_the_writer(made, traced):
    """Same name, same bytes, in and out: the bytes come from before."""
    document = traced(
        "/a",
        made.event("COMPLETE", 1, outputs=[made.dataset("/a", "x")]),
        made.event("COMPLETE", 2, inputs=[made.dataset("/a", "x")], outputs=[made.dataset("/a", "x")]),
    )
    assert arrows(document, "wrote") == {(1, "/a", "digest")}
    assert document["target"]["also_written_by"] == [made.run_id(2)]


def test_a_source_stays_a_source_when_the_process_runs_again(made, traced):
    """The first run copied the source; its copy has the same bytes but is not where the second run's source comes from."""
    document = traced(
        "/2/m",
        made.event("COMPLETE", 1, inputs=[made.dataset("/source", "s")], outputs=[made.dataset("/1/raw", "s")]),
        made.event("COMPLETE", 2, inputs=[made.dataset("/source", "s")], outputs=[made.dataset("/2/raw", "s")]),
        made.event("COMPLETE", 3, inputs=[made.dataset("/2/raw", "s")], outputs=[made.dataset("/2/m", "m")]),
    )
    assert ran(document) == {2, 3}
    assert names(document["sources"]) == {"/source"}


def test_a_writer_that_was_collected_late_is_found(made, traced):
    """Another host's spool came after ours: by the log it wrote later, by its clock and name before."""
    document = traced(
        "/m",
        made.event("COMPLETE", 2, second=9, inputs=[made.dataset("/a", "x")], outputs=[made.dataset("/m", "m")]),
        made.event("COMPLETE", 1, second=5, outputs=[made.dataset("/a", "x")]),
    )
    assert ran(document) == {1, 2}
    (read,) = [dataset for dataset in document["datasets"] if dataset["name"] == "/a"]
    assert "later in the log" in read["note"]


def test_a_writer_that_ended_after_the_reading_is_found_only_if_it_overlapped(made, traced):
    """A task writes a file, and what it calls reads it; a run that began later cannot have written it."""
    write, read = [made.dataset("/a", "x")], [made.dataset("/a", "x")]
    overlapping = [
        made.event("START", 1, second=1),
        made.event("COMPLETE", 2, second=2, inputs=read, outputs=[made.dataset("/m", "m")]),
        made.event("COMPLETE", 1, second=3, outputs=write),
    ]
    assert ran(traced("/m", *overlapping)) == {1, 2}
    assert ran(traced("/m", overlapping[1], overlapping[2])) == {2}


def test_a_name_alone_is_unproven(made, traced):
    """The writer has no digest, so nothing shows that the reader met the same contents."""
    document = traced(
        "/m",
        made.event("COMPLETE", 1, outputs=[made.dataset("/a")]),
        made.event("COMPLETE", 2, inputs=[made.dataset("/a", "x")], outputs=[made.dataset("/m", "m")]),
    )
    assert arrows(document, "wrote") == {(1, "/a", "name"), (2, "/m", "digest")}
    assert [edge["kind"] for edge in document["unproven"]] == ["wrote"]


def test_a_version_proves_where_there_is_no_digest(made, traced):
    """A table of a foreign producer, by its version; another version of it is another matter."""

    def table(version):
        return {"namespace": "postgres://h", "name": "t", "facets": {"version": {"datasetVersion": version}}}

    document = traced(
        "/m",
        made.event("COMPLETE", 1, producer=made.AIRFLOW, outputs=[table("v1")]),
        made.event("COMPLETE", 2, producer=made.AIRFLOW, outputs=[table("v2")]),
        made.event("COMPLETE", 3, inputs=[table("v1")], outputs=[made.dataset("/m", "m")]),
    )
    assert ran(document) == {1, 3}
    assert {proof for *_, proof in arrows(document, "wrote")} == {"version", "digest"}
    assert document["unproven"] == []


def test_other_contents_under_the_same_name_are_no_origin(made, traced):
    """Somebody changed the file outside of any run: it is a source, and the answer says why."""
    document = traced(
        "/m",
        made.event("COMPLETE", 1, outputs=[made.dataset("/a", "x")]),
        made.event("COMPLETE", 2, inputs=[made.dataset("/a", "changed")], outputs=[made.dataset("/m", "m")]),
    )
    assert ran(document) == {2}
    assert document["sources"][0]["note"] == "recorded runs wrote other contents under this name"


def test_what_was_handed_on_in_memory_is_followed_and_said(made, traced):
    """Only where no data edge connects the two runs; it is never unproven."""
    document = traced(
        "/m",
        made.event("START", 1),
        made.event("COMPLETE", 2, parent=1, inputs=[made.dataset("/raw", "r")]),
        made.event("COMPLETE", 3, parent=1, outputs=[made.dataset("/side", "s")]),
        made.event(
            "COMPLETE",
            4,
            parent=1,
            upstream=(2, 3),
            inputs=[made.dataset("/side", "s")],
            outputs=[made.dataset("/m", "m")],
        ),
    )
    assert ran(document) == {1, 2, 3, 4}
    assert arrows(document, "after") == {(2, 4, None)}
    (edge,) = [edge for edge in document["edges"] if edge["kind"] == "after"]
    assert (edge["captured"], edge["note"]) == (False, "handed on in memory: not captured")
    assert document["unproven"] == []
    assert names(document["sources"]) == {"/raw"}


def test_an_upstream_run_that_is_not_recorded_is_named(made, traced):
    """The trace ends there, and says so."""
    document = traced("/m", made.event("COMPLETE", 4, upstream=(9,), outputs=[made.dataset("/m", "m")]))
    assert document["not_recorded"] == [made.run_id(9)]
    assert arrows(document, "after") == {(9, 4, None)}


@pytest.mark.parametrize("said", [{"cachedFrom": "0192f000-0000-7000-8000-000000000002"}, {"cacheKey": "k"}])
def test_a_cached_step_leads_to_the_run_that_computed_it(made, traced, said):
    """The second flow took the data from the cache of the first one: both show, whether its adapter knew or not."""
    computed = {"cacheKey": "k"}
    document = traced(
        "/m",
        made.event("START", 1),
        made.event(
            "COMPLETE",
            2,
            parent=1,
            inputs=[made.dataset("/raw", "r")],
            outputs=[made.dataset("/clean", "c")],
            ours=computed,
        ),
        made.event("START", 11),
        made.event("COMPLETE", 12, parent=11, ours={"state": "CACHED"} | said),
        made.event(
            "COMPLETE",
            13,
            parent=11,
            upstream=(12,),
            inputs=[made.dataset("/clean", "c")],
            outputs=[made.dataset("/m", "m")],
        ),
    )
    assert ran(document) == {1, 2, 11, 12, 13}
    assert arrows(document, "cached_from") == {(2, 12, None)}
    assert [edge["captured"] for edge in document["edges"] if edge["kind"] == "after"] == [True]
    assert names(document["sources"]) == {"/raw"}


def test_what_a_step_calls_belongs_to_it(made, traced):
    """A script wrote the model; a function that it called had read the data."""
    document = traced(
        "/m",
        made.event("START", 1),
        made.event("COMPLETE", 2, parent=1, inputs=[made.dataset("/raw", "r")]),
        made.event("COMPLETE", 1, outputs=[made.dataset("/m", "m")]),
    )
    assert ran(document) == {1, 2}
    assert names(document["sources"]) == {"/raw"}


def test_what_the_enclosing_run_read_went_in_from_outside(made, traced):
    """The flow read a file and handed a frame on; what it read of the step's own making, or of later steps, did not go in."""
    document = traced(
        "/m",
        made.event("START", 1),
        made.event("COMPLETE", 2, parent=1, outputs=[made.dataset("/prepared", "p")]),
        made.event("COMPLETE", 3, parent=1, outputs=[made.dataset("/m", "m")]),
        made.event("COMPLETE", 4, parent=1, inputs=[made.dataset("/m", "m")], outputs=[made.dataset("/score", "s")]),
        made.event(
            "COMPLETE",
            1,
            inputs=[
                made.dataset("/raw", "r"),
                made.dataset("/prepared", "p"),
                made.dataset("/m", "m"),
                made.dataset("/score", "s"),
            ],
        ),
    )
    assert ran(document) == {1, 2, 3}
    assert arrows(document, "read") == {("/raw", 1, "digest"), ("/prepared", 1, "digest")}
    assert all(edge["captured"] is False for edge in document["edges"] if edge["kind"] == "read")
    assert names(document["sources"]) == {"/raw"}


def test_what_the_enclosing_run_waited_for_went_in_too(made, traced):
    """One orchestrator's task starts another one's flow: what the task waited for shows, unless data leads there anyway."""
    document = traced(
        "/m",
        made.event("START", 1),
        made.event("COMPLETE", 2, parent=1, inputs=[made.dataset("/raw", "r")]),
        made.event("COMPLETE", 3, parent=1, outputs=[made.dataset("/file", "f")]),
        made.event("START", 4, parent=1, upstream=(2, 3)),
        made.event("START", 5, parent=4),
        made.event("COMPLETE", 6, parent=5, inputs=[made.dataset("/file", "f")], outputs=[made.dataset("/mid", "x")]),
        made.event(
            "COMPLETE",
            7,
            parent=5,
            upstream=(6,),
            inputs=[made.dataset("/mid", "x")],
            outputs=[made.dataset("/m", "m")],
        ),
    )
    assert ran(document) == {1, 2, 3, 4, 5, 6, 7}
    assert arrows(document, "after") == {(2, 4, None)}
    assert names(document["sources"]) == {"/raw"}


def test_a_step_without_any_trace_of_its_input_points_at_what_ran_before(made, traced):
    """Nothing was read and no order was stated: the earlier steps of the same run show, as a conclusion."""
    document = traced(
        "/m",
        made.event("START", 1),
        made.event("COMPLETE", 2, parent=1, inputs=[made.dataset("/raw", "r")]),
        made.event("COMPLETE", 3, parent=1, outputs=[made.dataset("/m", "m")]),
        made.event("COMPLETE", 4, parent=1),
    )
    assert ran(document) == {1, 2, 3}
    (edge,) = [edge for edge in document["edges"] if edge["kind"] == "after"]
    assert (edge["inferred"], edge["captured"], edge["proof"]) == (True, False, None)


def test_queries_of_a_step_hand_nothing_to_one_another(made, traced):
    """Airflow's provider tells each statement of a task as a run below it: what it reads and writes it names."""
    query = {"jobType": {"integration": "AIRFLOW", "jobType": "QUERY"}}
    document = traced(
        "/m",
        made.event("START", 1),
        made.event("COMPLETE", 2, parent=1, outputs=[made.dataset("/m", "m")]),
        made.event("COMPLETE", 3, parent=2, producer=made.AIRFLOW, job_facets=query),
        made.event("COMPLETE", 4, parent=2, producer=made.AIRFLOW, job_facets=query),
    )
    assert ran(document) == {1, 2, 3, 4}
    assert arrows(document, "after") == set()


def test_orchestrators_do_not_matter(made, traced):
    """An Airflow task of a foreign producer wrote what our Prefect flow read; ours named the digest, theirs the same version."""
    theirs = {"namespace": "file", "name": "/a", "facets": {"version": {"datasetVersion": made.digest("x")}}}
    document = traced(
        "/m",
        made.event("START", 1, producer=made.AIRFLOW),
        made.event("COMPLETE", 2, producer=made.AIRFLOW, parent=1, outputs=[theirs]),
        made.event("COMPLETE", 3, inputs=[made.dataset("/a", "x")], outputs=[made.dataset("/m", "m")]),
    )
    assert ran(document) == {1, 2, 3}
    assert arrows(document, "wrote") == {(2, "/a", "version"), (3, "/m", "digest")}


def test_a_deep_chain_is_followed_to_its_end(made, traced):
    """No recursion limit in the way."""
    events = [
        made.event(
            "COMPLETE",
            number,
            inputs=[made.dataset(f"/{number - 1}", str(number - 1))],
            outputs=[made.dataset(f"/{number}", str(number))],
        )
        for number in range(1, 300)
    ]
    document = traced("/299", *events)
    assert len(document["runs"]) == 299
    assert names(document["sources"]) == {"/0"}


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_a_trace_of_anything_ends_and_hangs_together(made, data):
    """Circles of parents, of data, of order and of caches: every answer is finite, and every edge leads between things it lists."""
    log = made.MemoryLog()
    log.add(*data.draw(made.event_lists()))
    apply(log)
    with log.read() as connection:
        for target in [*(made.run_id(number) for number in range(1, 7)), "/a", "/b", made.digest("x")]:
            try:
                found = find_target(connection, target)
            except NotRecorded:
                continue
            readers = readers_of(connection, found.dataset)
            document = trace_document(trace(connection, found), readers, others_of(connection, found))
            json.dumps(document, allow_nan=False)
            known = {run["run_id"] for run in document["runs"]} | {dataset["key"] for dataset in document["datasets"]}
            known |= set(document["not_recorded"])
            for edge in document["edges"]:
                assert {edge["from"], edge["to"]} <= known
            assert all(edge["kind"] in ("read", "wrote") for edge in document["unproven"])
            written = {
                edge["to"] for edge in document["edges"] if edge["kind"] == "wrote" and edge["note"] != UNCHANGED
            }
            assert not written & {source["key"] for source in document["sources"]}


def held(made, name, content):
    """A value in memory."""
    return made.dataset(name, content) | {"namespace": "inmemory"}


def lived(pid):
    """What a run says of the process that it lived in."""
    return {"ours": {"owner": {"host": "one", "bootId": "b", "pidNamespace": "p", "pid": pid, "startTicks": 1}}}


@pytest.mark.parametrize(
    ("reader", "followed"),
    [
        ({"parent": 20, **lived(8)}, False),
        ({"parent": 20, **lived(7)}, True),
        ({"parent": 20}, True),
        ({"parent": 10, **lived(8)}, True),
        ({"parent": 20, "upstream": (11,), **lived(8)}, True),
        ({"parent": 20, "root": 10, **lived(8)}, True),
    ],
    ids=[
        "elsewhere",
        "the same process",
        "a process that nobody told",
        "the same root run",
        "it says so",
        "a root that it names",
    ],
)
def test_a_value_in_memory_goes_no_further_than_its_process(made, traced, reader, followed):
    """Equal ones of another process lead nowhere, and are named."""
    weights = [held(made, "weights", "two ones")]
    document = traced(
        "/m",
        made.event("START", 10, **lived(7)),
        made.event("COMPLETE", 11, second=1, parent=10, inputs=[made.dataset("/salaries", "s")], outputs=weights, **lived(7)),
        made.event("START", 20, second=2, **{name: reader[name] for name in reader if name == "ours"}),
        made.event(
            "COMPLETE", 21, second=3, inputs=[held(made, "w", "two ones")], outputs=[made.dataset("/m", "m")], **reader
        ),
    )  # fmt: skip
    assert (11 in ran(document)) is followed
    assert names(document["sources"]) == ({"/salaries"} if followed else set())
    (value,) = [dataset for dataset in document["datasets"] if dataset["name"] == "w"]
    assert value["also_written_by"] == ([] if followed else [made.run_id(11)])


def test_a_value_out_of_a_cache_leads_to_the_process_that_made_it(made, traced):
    """Whatever process took it over."""
    table = [held(made, "table", "t")]
    document = traced(
        "/m",
        made.event("START", 10, **lived(7)),
        made.event("COMPLETE", 11, inputs=[made.dataset("/raw", "r")], outputs=table, parent=10, **lived(7)),
        made.event("START", 20, second=1, **lived(8)),
        made.event(
            "COMPLETE", 21, second=2, parent=20, outputs=table,
            ours=lived(8)["ours"] | {"state": "CACHED", "cachedFrom": made.run_id(11)},
        ),
        made.event("COMPLETE", 22, second=3, parent=20, inputs=table, outputs=[made.dataset("/m", "m")], **lived(8)),
    )  # fmt: skip
    assert arrows(document, "wrote") >= {(11, "inmemory:table", "digest")}
    assert names(document["sources"]) == {"/raw"}


def test_what_gave_a_source_back_unchanged_is_part_of_the_way(made, traced):
    """A cleaning that found nothing ran all the same, though nobody is known to have made the value."""
    table = [held(made, "table", "t")]
    document = traced(
        "/m",
        made.event("START", 1),
        made.event("COMPLETE", 2, second=1, parent=1, inputs=table, outputs=table),
        made.event("COMPLETE", 3, second=2, parent=1, inputs=table, outputs=[made.dataset("/m", "m")]),
    )
    assert ran(document) >= {2, 3}
    assert (2, "inmemory:table", "digest") in arrows(document, "wrote")
    (value,) = [dataset for dataset in document["datasets"] if dataset["name"] == "table"]
    assert value["also_written_by"] == []
