"""What there is, and where data sets were met."""

from __future__ import annotations

import pytest

from orchestrail.model import DatasetRef
from orchestrail.queries.beginnings import beginnings, orchestrators
from orchestrail.queries.meetings import contents, left_out, met, others_of
from orchestrail.queries.overview import latest_models, place_of_mark, systems
from orchestrail.queries.runs import place_of, runs
from orchestrail.queries.targets import find_target


@pytest.fixture
def store(made, recorded):
    """Two processes of one system that write a model each, the second one the first content once more; one of none fails."""
    ours = {"system": "scoring"}
    return recorded(
        made.event("COMPLETE", 1, second=1, ours=ours, outputs=[made.dataset("/m", "old", kind="model")]),
        made.event("COMPLETE", 2, second=2, ours=ours, outputs=[made.dataset("/m", "new", kind="model")]),
        made.event("FAIL", 3, second=3, ours=ours, inputs=[made.dataset("/m", "old")]),
        made.event(
            "COMPLETE", 4, second=4, ours={"orchestrator": "airflow"}, outputs=[made.dataset("/n", "old", kind="model")]
        ),
        made.event("COMPLETE", 5, second=5, inputs=[made.dataset("/raw")]),
    )


def test_systems_count_their_root_runs(store, made):
    """With those that failed, and when the last began."""
    (system,) = systems(store)
    assert (system.name, system.processes, system.failed, system.last) == ("scoring", 3, 1, made.at(3))
    assert orchestrators(store) == ["airflow", "prefect"]


def test_models_are_listed_once_where_they_were_written_last(store, made):
    """The newest first; pages hold each content once."""
    listed = latest_models(store, 10)
    assert [(each.dataset.digest, each.seq) for each in listed] == [(made.digest("old"), 3), (made.digest("new"), 1)]
    assert [each.dataset.digest for each in latest_models(store, 10, before=3)] == [made.digest("new")]
    assert latest_models(store, 10, before=0) == []
    assert [place_of_mark(store, each.mark) for each in latest_models(store, 10)] == [
        each.seq for each in latest_models(store, 10)
    ]
    assert place_of_mark(store, "nobody@0") is None


def test_a_content_is_met_under_any_name(store, made):
    """By place in the log; without a digest the name alone counts."""
    found = met(store, DatasetRef("file", "/m", digest=made.digest("old")), 10)
    assert [(each.direction, each.dataset.name, each.seq) for each in found] == [
        ("output", "/m", 0),
        ("input", "/m", 2),
        ("output", "/n", 3),
    ]
    assert [each.seq for each in met(store, DatasetRef("file", "/raw"), 10)] == [4]
    assert met(store, DatasetRef("file", "/m"), 10) == []


def test_what_is_empty_is_met_under_its_own_name(made, recorded):
    """Whatever else is empty."""
    store = recorded(
        *(made.event("COMPLETE", number, outputs=[made.dataset(name, "")]) for number, name in ((1, "/a"), (2, "/b")))
    )
    assert [one.run_id for one in met(store, DatasetRef("file", "/a", digest=made.digest("")), 9)] == [made.run_id(1)]


def test_a_name_has_its_contents(store, made):
    """The newest first, with how often each was written and read."""
    found = contents(store, "file", "/m", 10)
    assert [(each.digest, each.first, each.written, each.read) for each in found] == [
        (made.digest("new"), 1, 1, 0),
        (made.digest("old"), 0, 1, 1),
    ]


def test_a_content_leaves_out_what_else_its_name_bore(store, made):
    """A digest is of one content; a name leaves nothing out of what came of it, and is traced by one of its contents."""
    content, name = find_target(store, made.digest("new")), find_target(store, "file:/m")
    for target, find in ((content, left_out), (content, others_of), (name, others_of)):
        found = find(store, target)
        assert ([each.digest for each in found.contents], found.more) == ([made.digest("old")], False)
    assert left_out(store, name).contents == ()
    assert others_of(store, find_target(store, made.run_id(1))).contents == ()
    assert (others_of(store, content, 0).contents, others_of(store, content, 0).more) == ((), True)


def test_a_name_without_a_digest_has_contents_beside_it(made, recorded):
    """By version where one is known: what has another version, or a digest, is another content."""
    named = {version: made.dataset("/t") for version in ("1", "2")}
    for version, dataset in named.items():
        dataset["facets"]["version"] = {"datasetVersion": version}
    of_digest = made.dataset("/t", "digested")
    events = enumerate([named["1"], of_digest, made.dataset("/t"), named["2"]], start=1)
    record = recorded(*(made.event("COMPLETE", number, second=number, outputs=[each]) for number, each in events))
    found = others_of(record, find_target(record, "file:/t")).contents
    assert [(each.digest, each.version) for each in found] == [
        (None, None),
        (made.digest("digested"), None),
        (None, "1"),
    ]


def test_pages_of_runs_follow_each_other(store):
    """Each page begins after the last run of the one before, and none is missed or repeated."""
    seen, before = [], None
    while page := runs(store, limit=2, before=before):
        seen += [row.run_id for row in page]
        before = place_of(page[-1])
    assert seen == [row.run_id for row in runs(store)]


def test_orchestrators_are_told_with_their_beginnings(recorded, made):
    """Each once, what names none among them; a name that is longer than an index takes is cut."""
    record = recorded(
        made.event("START", 1, second=3, ours={"orchestrator": "prefect"}),
        made.event("START", 2, second=2, ours={"orchestrator": "prefect"}),
        made.event("START", 3, second=1, ours={"orchestrator": "x" * 5000}),
    )
    assert orchestrators(record) == ["prefect", "x" * 200]
    found = [(each.orchestrator, each.since) for each in beginnings(record)]
    assert found == [("x" * 200, made.at(1)), ("prefect", made.at(2))]
