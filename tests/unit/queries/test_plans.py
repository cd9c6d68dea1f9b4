"""How SQLite goes about what pages ask: by indexes, whatever a record holds. The plan is that of the real tables."""

from __future__ import annotations

from itertools import pairwise

import pytest
from sqlalchemy import event

from orchestrail.model import DatasetRef
from orchestrail.projections import tables
from orchestrail.queries.beginnings import beginnings, orchestrators
from orchestrail.queries.datasets import datasets
from orchestrail.queries.facts import parts_of, process_roots, roots_affected_by
from orchestrail.queries.impact import impact
from orchestrail.queries.meetings import contents, met
from orchestrail.queries.neighbours import users
from orchestrail.queries.overview import latest_models
from orchestrail.queries.pipelines import declared_pipelines
from orchestrail.queries.restriction import restrict
from orchestrail.queries.runs import find_run
from orchestrail.queries.show import show
from orchestrail.queries.targets import find_target
from orchestrail.queries.trace import trace
from orchestrail.queries.versions import operations, versions


def ask(connection, made):
    """Ask what the pages of a model, of its lineage both ways and of a source ask."""
    source = DatasetRef("file", "/source", digest=made.digest("source"))
    latest_models(connection, 10)
    for given in (made.digest("source"), made.digest("model"), "/model", "file:/source"):
        target = find_target(connection, given)
        trace(connection, target)
        impact(connection, target, most=5)
    met(connection, source, 10)
    met(connection, DatasetRef("file", "/source"), 10)
    contents(connection, "file", "/source", 10)
    users(connection, [source.digest])
    orchestrators(connection)
    beginnings(connection)
    datasets(connection, 10)


def ask_of_a_root(connection, made):
    """Ask what the page of a run asks, and what judges one process or model."""
    root = made.run_id(1)
    assert len(show(connection, find_run(connection, root)).runs) == 2
    assert process_roots(connection, tables.run.c.root_run_id == root) == [(root, 2)]
    for below in (versions, operations, declared_pipelines):
        list(below(connection, [root]))


def ask_what_a_change_matters_to(connection, made):
    """Ask what has to be judged again when runs have changed."""
    for affected in (roots_affected_by, parts_of):
        affected(connection, [made.run_id(1), made.run_id(2)])


def recorded_by(recorded, made, systems):
    """A record of one process, asked by somebody who may see some systems."""
    ours = {"system": "scoring", "orchestrator": "airflow"}
    model = made.dataset("/model", "model", kind="model")
    sources = [made.dataset(f"/{name}", name) for name in ("source", "a", "b", "c", "d", "e")]
    store = recorded(
        made.event("START", 1, second=1, ours=ours),
        made.event("COMPLETE", 2, second=2, parent=1, ours={"orchestrator": "airflow"}, inputs=sources, outputs=[model]),
        made.event("COMPLETE", 1, second=3, ours=ours),
    )  # fmt: skip
    if systems is not None:
        restrict(store, systems)
    return store


def plans(connection, made, ask):
    """Ask, and give each statement with the steps by which SQLite answers it."""
    asked = []

    def note(_connection, _cursor, statement, parameters, *_more):
        asked.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", note)
    ask(connection, made)
    event.remove(connection, "before_cursor_execute", note)
    plain = connection.connection.dbapi_connection
    for statement, parameters in asked:
        yield statement, [row[3] for row in plain.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]


@pytest.mark.parametrize("systems", [None, ["scoring"]])
def test_what_pages_ask_is_found_by_indexes(recorded, made, systems):
    """No table is gone through, nothing is laid aside, and a name is not looked for among all that has no digest."""
    asked = list(plans(recorded_by(recorded, made, systems), made, ask))
    assert len(asked) > 50
    for statement, plan in asked:
        slow = [step for step in plan if step.startswith("MATERIALIZE proj_")]
        slow += [
            step for step in plan if step.startswith("SCAN") and step.endswith(("proj_run", "proj_use", "proj_edge"))
        ]
        assert not slow, (statement, plan)
        # The second way to the uses of a data set is its name: by an index of digests it would be all that has none.
        ways = [way for before, way in pairwise(plan) if before == "INDEX 2" and "proj_use_digest" in way]
        assert not (ways and "digest IS NULL" in statement), (statement, plan)


@pytest.mark.parametrize("systems", [None, ["scoring"]])
def test_what_is_asked_of_a_root_goes_through_no_other_runs(recorded, made, systems):
    """Not through their table and not through an index, whoever asks: the root that somebody sees is a column."""
    for statement, plan in plans(recorded_by(recorded, made, systems), made, ask_of_a_root):
        assert not [step for step in plan if step.startswith(("SCAN main.proj_run", "SCAN proj_run"))], (
            statement,
            plan,
        )


def test_what_a_change_matters_to_is_found_by_indexes(recorded, made):
    """It is asked of every run that changed, by whoever judges all that is on the record."""
    for statement, plan in plans(recorded_by(recorded, made, None), made, ask_what_a_change_matters_to):
        assert not [step for step in plan if step.startswith("SCAN proj_") and "INDEX" not in step], (statement, plan)
