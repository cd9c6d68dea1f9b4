"""What lies right beside a run or a data set."""

from __future__ import annotations

import pytest

from orchestrail.model import DatasetRef
from orchestrail.queries.neighbours import of_dataset, of_run, users


@pytest.fixture
def store(made, recorded):
    """A run writes a content that two others read, one of them under another name; one reads something by its name alone."""
    return recorded(
        made.event("COMPLETE", 1, second=1, inputs=[made.dataset("/raw")], outputs=[made.dataset("/a", "content")]),
        made.event("COMPLETE", 2, second=2, inputs=[made.dataset("/a", "content")]),
        made.event("COMPLETE", 3, second=3, inputs=[made.dataset("/copy", "content")]),
    )


def test_beside_a_run_lies_what_it_read_and_wrote(store, made):
    """In the direction in which the data went, with how far it is identified."""
    found = of_run(store, made.run_id(1))
    content = f"file:/a@{made.digest('content')}"
    assert {(edge.start, edge.end, edge.kind, edge.proof) for edge in found.edges} == {
        ("file:/raw", made.run_id(1), "read", "name"),
        (made.run_id(1), content, "wrote", "digest"),
    }
    assert set(found.datasets) == {"file:/raw", content}
    assert set(found.runs) == {made.run_id(1)}


def test_beside_a_run_that_is_not_recorded_lies_nothing(store, made):
    """Nobody knows what it did."""
    assert of_run(store, made.run_id(9)).edges == ()


def test_beside_a_data_set_lie_all_runs_that_met_its_content(store, made):
    """Under another name too, and the edge says which; where that name is shown already, it leads there."""
    content = DatasetRef("file", "/a", digest=made.digest("content"))
    key, copy = (f"file:{name}@{made.digest('content')}" for name in ("/a", "/copy"))
    found = of_dataset(store, content, 10)
    assert [(edge.start, edge.end, edge.kind, edge.note) for edge in found.edges] == [
        (made.run_id(1), key, "wrote", None),
        (key, made.run_id(2), "read", None),
        (key, made.run_id(3), "read", "as /copy"),
    ]
    assert set(found.runs) == {made.run_id(1), made.run_id(2), made.run_id(3)}
    assert not found.more
    elsewhere = of_dataset(store, content, 10, {copy}).edges[-1]
    assert (elsewhere.start, elsewhere.note) == (copy, None)


def test_what_is_left_out_beside_a_data_set_is_told(store, made):
    """No more is looked up than was asked for."""
    found = of_dataset(store, DatasetRef("file", "/a", digest=made.digest("content")), 2)
    assert len(found.edges) == 2
    assert found.more


def test_the_runs_of_a_content_are_counted(store, made):
    """Each once, under whatever name."""
    assert users(store, [made.digest("content"), made.digest("other")]) == {made.digest("content"): 3}
