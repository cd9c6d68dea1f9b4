"""What descends from something."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from orchestrail.errors import NotRecorded
from orchestrail.projections.apply import apply
from orchestrail.queries.documents import impact_document
from orchestrail.queries.impact import examined, impact
from orchestrail.queries.meetings import left_out
from orchestrail.queries.targets import Target, find_target
from orchestrail.queries.trace import _Order, trace


@pytest.fixture
def asked(made, recorded):
    """Record events and ask what descends from a target; gives the JSON document."""

    def ask(target, *events, version=None):
        store = recorded(*events)
        found = impact(store, find_target(store, target), version)
        return impact_document(found, left_out(store, found.target), examined(store))

    return ask


def numbers(runs):
    """The numbers of runs, given whole or by id."""
    ids = [run if isinstance(run, str) else run["run_id"] for run in runs]
    return {int(run_id.split("-")[-1], 16) for run_id in ids}


def names(datasets):
    return {dataset["name"] for dataset in datasets}


def story(made):
    """Flow 1: 2 reads /raw and writes /clean, 3 makes /model of it; 4 has nothing to do with that. 5 serves the model."""
    served = {
        "deployment": "eu-1",
        "model": {"namespace": "file", "name": "/model", "digest": made.digest("m")},
        "preparation": [],
    }
    return [
        made.event("START", 1, second=0, job="flow"),
        made.event(
            "COMPLETE", 2, second=2, parent=1, inputs=[made.dataset("/raw", "r")], outputs=[made.dataset("/clean", "c")]
        ),
        made.event(
            "COMPLETE", 4, second=2, parent=1, inputs=[made.dataset("/x", "x")], outputs=[made.dataset("/y", "y")]
        ),
        made.event(
            "COMPLETE",
            3,
            second=4,
            parent=1,
            inputs=[made.dataset("/clean", "c")],
            outputs=[made.dataset("/model", "m", kind="model")],
        ),
        made.event("COMPLETE", 1, second=5, job="flow"),
        made.event(
            "START",
            5,
            second=6,
            job="serving.eu-1",
            inputs=[made.dataset("/model", "m", kind="model")],
            orchestrail_serving=served,
        ),
    ]


def withdrawal(made, second=3, **fields):
    said = {
        "namespace": "file",
        "name": "/raw",
        "version": None,
        "digest": None,
        "withdrawnAt": made.at(second),
        "reason": "consent was taken back",
        "by": None,
    }
    return made.record("orchestrail_withdrawal", **said | fields)


@pytest.mark.parametrize("target", ["/raw", "digest"])
def test_a_source_leads_to_its_models_and_deployments(made, asked, target):
    """By name and by content; what has nothing to do with it is not there."""
    document = asked(made.digest("r") if target == "digest" else target, *story(made))
    assert numbers(document["runs"]) == {1, 2, 3, 5}
    assert names(document["datasets"]) == {"/clean", "/model"}
    assert document["models"] == [f"file:/model@{made.digest('m')}"]
    (deployment,) = document["deployments"]
    assert (deployment["deployment"], deployment["active"], deployment["model"]) == ("eu-1", True, made.digest("m"))
    assert numbers(document["read_by"]) == {2}
    assert document["possible"]["runs"] == []


def test_steps_that_did_what_nobody_saw_are_named(made, asked):
    """A file that a program copied is no descendant that anybody knows of, and the answer says which steps may have."""

    def missed(what):
        return {
            "orchestrail_capture": {
                "notCaptured": [{"what": what, "reason": "it ran in a process that is not recorded"}]
            }
        }

    def flow(first, *steps):
        return [
            made.event("COMPLETE", first, job="flow", second=first),
            *(
                made.event("COMPLETE", first + n, job=f"flow.{n}", parent=first, second=first + n, **s)
                for n, s in enumerate(steps, 1)
            ),
        ]

    events = [
        *flow(
            0x10,
            missed("curl"),
            {"outputs": [made.dataset("/data", "d")]} | missed("sh"),
            missed("cp"),
            missed("code"),
            {},
        ),
        *flow(0x20, missed("sort"), {"inputs": [made.dataset("/data", "d")]}),
        *flow(0x30, missed("cp")),
    ]
    assert numbers(asked("/data", *events)["not_seen"]) == {0x12, 0x13, 0x21}
    assert numbers(asked(made.run_id(0x12), *events)["not_seen"]) == {0x12, 0x13, 0x21}
    assert asked("/data", *flow(0x10, {"outputs": [made.dataset("/data", "d")]}, {}))["not_seen"] == []


@pytest.mark.parametrize("target", ["/source", "digest"])
def test_who_has_no_room_for_all_is_told_that_there_is_more(made, recorded, target):
    """What is found then is a part of what descends, and all of it where there is room for just that."""
    many = [
        made.event(
            "COMPLETE",
            number,
            inputs=[made.dataset("/source", "s")],
            outputs=[made.dataset(f"/made/{number}", str(number))],
        )
        for number in range(1, 8)
    ]
    store = recorded(*many)
    wanted = find_target(store, made.digest("s") if target == "digest" else target)
    whole = impact(store, wanted)
    assert (len(whole.certain.runs), whole.cut) == (7, False)
    for most in range(1, 9):
        found = impact(store, wanted, most=most)
        assert (len(found.certain.runs), found.cut) == (min(most, 7), most < 7)
        assert {row.run_id for row in found.certain.runs} <= {row.run_id for row in whole.certain.runs}


def test_a_run_leads_to_all_that_came_of_it(made, asked):
    """Of a task, and of a flow with all that ran in it."""
    assert numbers(asked(made.run_id(3), *story(made))["runs"]) == {1, 3, 5}
    assert numbers(asked(made.run_id(1), *story(made))["runs"]) == {1, 2, 3, 4, 5}


def test_an_edge_by_name_leads_to_what_is_only_possible(made, asked):
    """It is listed apart, with the edge that would have to hold, and so is all that comes of it."""
    events = [
        made.event("COMPLETE", 1, inputs=[made.dataset("/raw", "r")], outputs=[made.dataset("/clean")]),
        made.event("COMPLETE", 2, inputs=[made.dataset("/clean")], outputs=[made.dataset("/model", "m", kind="model")]),
    ]
    document = asked("/raw", *events)
    assert numbers(document["runs"]) == {1}
    assert numbers(document["possible"]["runs"]) == {2}
    assert document["possible"]["models"] == [f"file:/model@{made.digest('m')}"]
    assert {edge["proof"] for edge in document["unproven"]} == {"name"}
    assert document["examined"] == {"models": 1, "complete": 0}


def test_a_value_in_memory_leads_to_what_is_only_possible(made, asked):
    """The order was told, and not what was handed on."""
    events = [
        made.event("COMPLETE", 1, parent=9, inputs=[made.dataset("/raw", "r")]),
        made.event("COMPLETE", 2, parent=9, upstream=(1,), outputs=[made.dataset("/model", "m", kind="model")]),
    ]
    document = asked("/raw", *events)
    assert (numbers(document["runs"]), numbers(document["possible"]["runs"])) == ({1}, {2})


def test_a_version_stands_for_itself(made, asked):
    """A name for all its versions."""
    events = []
    for number in (1, 2):
        raw = made.dataset("/raw")
        raw["facets"]["version"] = {"datasetVersion": str(number)}
        events.append(made.event("COMPLETE", number, inputs=[raw], outputs=[made.dataset(f"/{number}", str(number))]))
    assert numbers(asked("/raw", *events)["runs"]) == {1, 2}
    assert numbers(asked("/raw", *events, version="1")["runs"]) == {1}


def test_equal_bytes_under_another_name_are_the_same_data(made, asked):
    """A copy that nobody recorded."""
    copied = made.event("COMPLETE", 7, inputs=[made.dataset("/copy", "r")], outputs=[made.dataset("/b", "b")])
    assert numbers(asked("/raw", *story(made), copied)["runs"]) == {1, 2, 3, 5, 7}


def test_what_was_read_after_the_withdrawal_is_told(made, asked):
    """By the time that the run began; the withdrawal itself with its reason."""
    late = made.event("START", 8, second=9, inputs=[made.dataset("/raw", "r")])
    document = asked("/raw", *story(made), withdrawal(made), late)
    assert numbers(document["read_after_withdrawal"]) == {8}
    assert [one["reason"] for one in document["withdrawals"]] == ["consent was taken back"]
    assert document["withdrawals"][0]["digests"] == [made.digest("r")]


@pytest.mark.parametrize("target", ["/hr/_SUCCESS", "digest", "/salaries"])
def test_nothing_descends_from_something_empty_under_another_name(made, asked, target):
    """By name and by content, directly and further on; what is withdrawn with it is its own name alone."""
    digest = made.digest("")
    events = [
        made.event("COMPLETE", 2, outputs=[made.dataset("/.ready", "")]),
        made.event("COMPLETE", 1, inputs=[made.dataset("/salaries", "s")], outputs=[made.dataset("/hr/_SUCCESS", "")]),
        made.event(
            "COMPLETE", 3, inputs=[made.dataset("/.marker", "")], outputs=[made.dataset("/model", "m", kind="model")]
        ),
        made.event("COMPLETE", 4, inputs=[made.dataset("/hr/_SUCCESS", "")], outputs=[made.dataset("/report", "r")]),
    ]
    withdrawn = [withdrawal(made, name="/hr/_SUCCESS", digest=digest), withdrawal(made, name="/.ready")]
    document = asked(digest if target == "digest" else target, *events, *withdrawn)
    assert numbers(document["runs"]) == ({1, 4} if target == "/salaries" else {4})
    assert document["models"] == document["possible"]["runs"] == []
    assert [one["name"] for one in document["withdrawals"]] == ([] if target == "/salaries" else ["/hr/_SUCCESS"])


def test_the_withdrawal_of_other_bytes_is_not_of_these(made, asked):
    """A digest withdraws its content alone."""
    assert asked("/raw", *story(made), withdrawal(made, digest=made.digest("other")))["withdrawals"] == []
    assert len(asked("/raw", *story(made), withdrawal(made, digest=made.digest("r")))["withdrawals"]) == 1


def test_nothing_that_descends_says_how_far_that_can_be_relied_on(made, asked):
    """Models that were examined, and those of which the trace has no gap."""
    gap = made.event(
        "COMPLETE", 6, inputs=[made.dataset("/unknown")], outputs=[made.dataset("/other", "o", kind="model")]
    )
    gap_writer = made.event("COMPLETE", 7, outputs=[made.dataset("/unknown")])
    document = asked("/y", *story(made), gap_writer, gap)
    assert (document["models"], document["deployments"]) == ([], [])
    assert document["examined"] == {"models": 2, "complete": 1}


def assert_agreement(made, *events):
    """Hold the impact of every run and content of a log against the traces of all its runs."""
    log = made.MemoryLog()
    log.add(*events)
    apply(log)
    with log.read() as connection:
        targets = []
        for given_ in [*(made.run_id(number) for number in range(1, 7)), *(made.digest(one) for one in "xyz")]:
            try:
                targets.append(find_target(connection, given_))
            except NotRecorded:
                continue
        traced = {target.run.run_id: trace(connection, target) for target in targets if target.run is not None}
        for target in targets:
            found = impact(connection, target)
            certain, possible = ({row.run_id for row in part.runs} for part in (found.certain, found.possible))
            assert not certain & possible
            for run_id, behind in traced.items():
                if target.run is not None:
                    expected = target.run.run_id in {row.run_id for row in behind.runs}
                else:
                    expected = any(edge.kind == "read" and edge.start in found.meant for edge in behind.edges)
                assert (run_id in certain | possible) == expected, (target.given, run_id)
            for part in (found.certain, found.possible):
                for dataset in part.datasets.values():
                    back = {row.run_id for row in trace(connection, Target("", "dataset", dataset)).runs}
                    assert back & {row.run_id for row in part.runs}


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_impact_and_trace_agree(made, data):
    """Whatever runs did to each other: something is in the impact of a run or content exactly where that is in its trace."""
    assert_agreement(made, *data.draw(made.event_lists()))


WAYS = {
    "by content": [{"outputs": [("/a", "x")]}, {"inputs": [("/a", "x")]}],
    "by name": [{"outputs": [("/a", None)]}, {"inputs": [("/a", "x")]}],
    "by a name without content": [{"outputs": [("/a", "x")]}, {"inputs": [("/a", None)]}],
    "as another file": [{"outputs": [("/a", "x")]}, {"inputs": [("/b", "x")]}],
    "empty, under its own name": [{"outputs": [("/a", "")]}, {"inputs": [("/a", "")]}],
    "given back unchanged": [
        {"outputs": [("/a", "x")]},
        {"inputs": [("/a", "x")], "outputs": [("/a", "x")]},
        {"inputs": [("/a", "x")]},
    ],
    "from below": [{}, {"parent": 1}, {"parent": 2}],
    "before it in the same run": [{}, {"parent": 1}, {"parent": 1}],
    "by order": [{}, {"upstream": (1,)}],
    "by order into the run around it": [{}, {"upstream": (1,)}, {"parent": 2}],
    "read by the run around it": [
        {"outputs": [("/a", "x")]},
        {"inputs": [("/a", "x")]},
        {"parent": 2, "upstream": (4,)},
    ],
    "as a stored result": [{}, {"ours": {"state": "CACHED", "cachedFrom": 1}}],
}


@pytest.mark.parametrize("way", WAYS)
def test_impact_and_trace_agree_on_each_way(made, recorded, way):
    """The last run is in the trace of the first one's impact, by each of the ways that a trace goes."""
    events = []
    for number, parts in enumerate(WAYS[way], start=1):
        told = {name: [made.dataset(*file) for file in parts[name]] for name in ("inputs", "outputs") if name in parts}
        ours = {
            name: made.run_id(value) if name == "cachedFrom" else value for name, value in parts.get("ours", {}).items()
        }
        events.append(made.event("COMPLETE", number, **{**parts, **told, "ours": ours or None}))
    assert_agreement(made, *events)
    first, last = (3, 1) if way == "from below" else (1, len(events))
    store = recorded(*events)
    found = impact(store, find_target(store, made.run_id(first)))
    assert made.run_id(last) in {row.run_id for part in (found.certain, found.possible) for row in part.runs}


_PLAIN = st.permutations([*range(2, 9)] * 2)
_TOLD = st.dictionaries(
    st.integers(2, 8),
    st.sampled_from(
        [{"inputs": ["/a"]}, {"outputs": ["/a"]}, {"inputs": ["/b"], "outputs": ["/c"]}, {"state": "SKIPPED"}]
    ),
)


def together(made, order, told, within):
    """Runs of one flow that begin and end in some order, most of them without data; some run in one of the others."""
    seen = set()
    for number in order:
        said = told.get(number, {})
        parent = within.get(number, 1)
        yield made.event(
            "COMPLETE" if number in seen else "START",
            number,
            parent=1 if parent == number else parent,
            ours={"state": "SKIPPED"} if "state" in said else None,
            inputs=[made.dataset(name, name) for name in said.get("inputs", ())],
            outputs=[made.dataset(name, name) for name in said.get("outputs", ())],
        )
        seen.add(number)


def every_earlier(order, row):
    """All runs that ended before one began, with none left out because others lead to it."""
    return [one.run_id for one in order._ended if one.last_seq < row.first_seq]


def every_later(order, row):
    return [one.run_id for one in order._began if one.first_seq > row.last_seq]


def answered(made, store):
    """What is said of each run and each data set, but for which of the runs before one it is drawn to."""
    found = {}
    for target in [*map(made.run_id, range(1, 9)), "/a", "/b", "/c"]:
        try:
            wanted = find_target(store, target)
        except NotRecorded:
            continue
        back, on = trace(store, wanted), impact(store, wanted)
        parts = [{row.run_id for row in part.runs} | set(part.datasets) for part in (on.certain, on.possible)]
        told = {edge for edge in back.edges if not edge.concluded}
        gaps = not all(edge.captured for edge in back.edges)
        of_trace = {row.run_id for row in back.runs}, back.datasets, told, gaps, back.missing
        found[target] = of_trace, parts, {edge for edge in on.edges if not edge.concluded}
    return found


@settings(deadline=None, max_examples=60)
@example(
    [
        2,
        6,
        5,
        8,
        5,
        4,
        3,
        3,
        4,
        2,
        8,
        7,
        6,
        7,
    ],  # of two that read from one write, one says that it stands later in the log
    {run: {"inputs": ["/a"]} for run in (2, 5, 8)} | {run: {"outputs": ["/a"]} for run in (3, 6, 7)},
    {},
)
@given(_PLAIN, _TOLD, st.dictionaries(st.integers(2, 8), st.integers(2, 8), max_size=2))
def test_one_way_to_what_ran_before_says_as_much_as_all(made, order, told, within):
    """The same runs, data, gaps and certainty as with an edge from each run that ended before to each that began after it."""
    events = [made.event("START", 1), *together(made, order, told, within)]
    log = made.MemoryLog()
    log.add(*events)
    apply(log)
    with log.read() as store, pytest.MonkeyPatch.context() as patch:
        found = answered(made, store)
        patch.setattr(_Order, "before", every_earlier)
        patch.setattr(_Order, "after", every_later)
        assert found == answered(made, store)


def test_many_tasks_that_tell_nothing_are_few_edges(made, recorded):
    """One after the other, each leads to the one before it: as many edges as tasks, and all of them are reached."""
    events = [made.event("START", 1)]
    for number in range(2, 122):
        events += [made.event("START", number, parent=1), made.event("COMPLETE", number, parent=1)]
    store = recorded(*events)
    back = trace(store, find_target(store, made.run_id(121)))
    assert len(back.runs) == 121
    assert len([edge for edge in back.edges if edge.concluded]) == 119
    on = impact(store, find_target(store, made.run_id(2)))
    assert len(on.possible.runs) + len(on.certain.runs) == 121
    assert len([edge for edge in on.edges if edge.concluded]) == 119
