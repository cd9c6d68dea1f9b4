"""A root run rebuilt."""

from __future__ import annotations

from orchestrail.queries.documents import shown_document
from orchestrail.queries.runs import find_run
from orchestrail.queries.show import show


def test_a_tree_is_rebuilt_from_any_of_its_runs(made, recorded):
    """Parents before children, children by time, three levels deep."""
    store = recorded(
        made.event("START", 4, second=4, parent=3),
        made.event("START", 3, second=3, parent=1),
        made.event("START", 2, second=2, parent=1),
        made.event("START", 1, second=1),
        made.event("START", 9, second=1),
    )
    shown = show(store, find_run(store, made.run_id(4)))
    assert shown.root.run_id == made.run_id(1)
    assert [row.run_id for row in shown.runs] == [made.run_id(number) for number in (1, 2, 3, 4)]
    assert shown.children[made.run_id(1)] == [made.run_id(2), made.run_id(3)]
    parents = [(edge.start, edge.end) for edge in shown.edges if edge.kind == "parent"]
    assert sorted(parents) == sorted(
        [(made.run_id(1), made.run_id(2)), (made.run_id(1), made.run_id(3)), (made.run_id(3), made.run_id(4))]
    )


def test_a_circle_of_parents_is_shown_once(made, recorded):
    """Each run of it, and an end."""
    store = recorded(
        made.event("START", 1, parent=3), made.event("START", 2, parent=1), made.event("START", 3, parent=2)
    )
    shown = show(store, find_run(store, made.run_id(2)))
    assert [row.run_id for row in shown.runs] == [made.run_id(1), made.run_id(2), made.run_id(3)]


def test_a_run_whose_parent_is_missing_stands_below_its_stated_root(made, recorded):
    """The run between was never recorded."""
    store = recorded(made.event("START", 1), made.event("START", 3, parent=2, root=1))
    shown = show(store, find_run(store, made.run_id(3)))
    assert shown.children[made.run_id(1)] == [made.run_id(3)]


def test_an_order_without_data_is_not_captured(made, recorded):
    """`after` edges say whether the data that both ends recorded goes with them; nothing is handed on by or to what was skipped."""
    store = recorded(
        made.event("START", 1),
        made.event("COMPLETE", 2, parent=1, outputs=[made.dataset("/a", "x")]),
        made.event("COMPLETE", 3, parent=1, upstream=(2,), inputs=[made.dataset("/a", "x")]),
        made.event("COMPLETE", 4, parent=1, upstream=(3,)),
        made.event("OTHER", 5, parent=1, upstream=(4,), ours={"state": "SKIPPED"}),
        made.event("COMPLETE", 6, parent=1, upstream=(5,)),
    )
    document = shown_document(show(store, find_run(store, made.run_id(1))))
    after = {
        (edge["from"][-1], edge["to"][-1]): edge["captured"] for edge in document["edges"] if edge["kind"] == "after"
    }
    assert after == {("2", "3"): True, ("3", "4"): False, ("4", "5"): True, ("5", "6"): True}
    assert {edge["kind"] for edge in document["edges"]} == {"parent", "after", "read", "wrote"}


RUN = [
    "run_id",
    "root_run_id",
    "parent_run_id",
    "job",
    "orchestrator",
    "native_id",
    "attempt",
    "role",
    "state",
    "started_at",
    "ended_at",
    "system",
    "environment",
    "trigger",
    "actor",
    "preprocessing",
    "code",
    "parameters",
    "environment_facts",
    "inputs",
    "outputs",
    "cached_from",
    "error",
    "inferred",
]
DATASET = ["namespace", "name", "version", "digest", "kind", "role", "observed", "rows", "bytes", "fields"]


def test_every_name_of_the_contract_is_there(made, recorded):
    """With null where nothing is known."""
    store = recorded(made.event("START", 1, producer=made.AIRFLOW, inputs=[made.dataset("/a")]))
    document = shown_document(show(store, find_run(store, made.run_id(1))))
    assert set(RUN) <= set(document["root"])
    assert set(DATASET) <= set(document["root"]["inputs"][0])
    assert document["root"] == document["runs"][0]
    assert document["root"]["orchestrator"] == {"name": None, "version": None}
    assert document["root"]["preprocessing"] is document["root"]["parameters"] is document["root"]["role"] is None
    assert {"from", "to", "kind", "proof"} <= set(document["edges"][0])
