"""However the log was applied, the tables are the same."""

from __future__ import annotations

import json
from collections import defaultdict
from contextlib import contextmanager

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from orchestrail.projections import tables
from orchestrail.projections.apply import apply, rebuild

run_numbers = st.integers(1, 6)
SAID = [
    {"state": "SKIPPED"},
    {"state": "CACHED"},
    {"cacheKey": "one"},
    {"cacheKey": "two"},
    {"cacheKey": "one", "orchestrator": "airflow"},
    {"state": "CACHED", "cacheKey": "one"},
    {"state": "CACHED", "cacheKey": "one", "cachedFrom": "0192f000-0000-7000-8000-000000000001"},
    {"system": "scoring"},
    {"system": "fraud", "environment": "dev"},
]
PREPARED = [{"orchestrail_step": {"role": "preprocess", "operation": "impute", "version": version}} for version in "12"]
CODES = [{"orchestrail_code": {"digest": digest}} for digest in ("py-tokens-2:x", "py-tokens-2:y")]


@st.composite
def described(draw):
    """An event to be made: few runs and few files, so that they meet."""
    files = st.tuples(st.sampled_from(["/a", "/b"]), st.none() | st.sampled_from(["x", "y"]))
    return {
        "kind": draw(st.sampled_from(["START", "RUNNING", "COMPLETE", "FAIL", "ABORT", "OTHER"])),
        "run": draw(run_numbers),
        "second": draw(st.integers(0, 5)),
        "parent": draw(st.none() | run_numbers),
        "root": draw(st.none() | run_numbers),
        "upstream": tuple(draw(st.lists(run_numbers, max_size=2))),
        "inputs": draw(st.lists(files, max_size=2)),
        "outputs": draw(st.lists(files, max_size=2)),
        "producer": draw(st.sampled_from(["PREFECT", "AIRFLOW", "SWEEP"])),
        "ours": draw(st.none() | st.sampled_from(SAID)),
        **draw(st.sampled_from([{}, *PREPARED])),
        **draw(st.sampled_from([{}, *CODES])),
    }


def build(made, parts):
    parts = dict(parts)
    parts["producer"] = getattr(made, parts["producer"])
    for direction in ("inputs", "outputs"):
        parts[direction] = [made.dataset(*file) for file in parts[direction]]
    return made.event(parts.pop("kind"), parts.pop("run"), **parts)


def tallied(counted):
    """Count anew what the tallies say of some rows: their keys, each with the number, the first and the last place."""
    places = defaultdict(list)
    for key, seq in counted:
        places[key].append(seq)
    return [(*key, len(found), min(found), max(found)) for key, found in places.items()]


@settings(deadline=None, max_examples=80)
@given(st.lists(described(), max_size=14), st.data())
def test_applying_in_any_steps_is_as_good_as_rebuilding(made, parts, data):
    """Random events in random order, cut at random points, with other things of the log between them."""
    bodies = [made.body(build(made, part)) for part in parts]
    bodies += [b"not json", b'{"job": {}}', bodies[0] if bodies else b"[]"]
    bodies += [made.body(made.reconciliation("prefect", missing=number)) for number in range(2)]
    bodies += [made.body(made.reconciliation("airflow")), made.body(made.reconciliation("airflow", readAt="lately"))]
    bodies = data.draw(st.permutations(bodies))
    log = made.MemoryLog()
    for body in bodies:
        log.bodies.append(body)
        if data.draw(st.booleans()):
            apply(log)
    apply(log)
    stepwise = log.tables()
    assert stepwise["proj_ran_as"] == sorted(
        tallied((tuple(run[1:5]), run[5]) for run in stepwise["proj_ran"]), key=repr
    )
    with log.read() as connection:
        named = connection.exec_driver_sql("SELECT system, first_seq FROM proj_run WHERE system IS NOT NULL").all()
        rows = connection.exec_driver_sql(
            "SELECT run_id, system, belongs_to, parent_run_id, stated_root_run_id FROM proj_run"
        ).all()
    assert stepwise["proj_of_system"] == sorted(tallied(((system,), seq) for system, seq in named), key=repr)
    first = {}
    for body in bodies:
        said = json.loads(body) if body.startswith(b"{") else {}
        system = said.get("run", {}).get("facets", {}).get("orchestrail_run", {}).get("system")
        if system is not None:
            first.setdefault(said["run"]["runId"], system)
    assert {row.run_id: row.system for row in rows if row.system} == first
    by_id = {row.run_id: row for row in rows}
    for row in rows:
        above = row
        for _ in rows:  # no way up is longer, but round a circle
            if above.system is not None or above.parent_run_id is None:
                break
            further = next((by_id[one] for one in (above[3], above[4]) if one in by_id), None)
            if further is None:
                break
            above = further
        assert row.belongs_to == above.system
    rebuild(log)
    assert log.tables() == stepwise
    at_once = made.MemoryLog(bodies)
    apply(at_once)
    assert at_once.tables() == stepwise


def test_applying_again_does_nothing(made):
    """What was applied is not applied twice."""
    log = made.MemoryLog()
    assert apply(log) == 0
    log.add(made.event("START", 1), made.event("COMPLETE", 1))
    assert (apply(log), apply(log)) == (2, 0)
    log.add(made.event("START", 2))
    assert apply(log) == 1


def test_every_reconciliation_is_kept(made):
    """By its place in the log: a later one need not have looked at the same."""
    log = made.MemoryLog()
    log.add(made.reconciliation("prefect", missing=1), made.event("START", 1), made.reconciliation("airflow"))
    apply(log)
    log.add(made.reconciliation("prefect"))
    apply(log)
    assert [row[:2] for row in log.tables()["proj_reconciliation"]] == [(0, "prefect"), (2, "airflow"), (3, "prefect")]


def roots(log):
    with log.read() as connection:
        return dict(map(tuple, connection.exec_driver_sql("SELECT run_id, root_run_id FROM proj_run")))


def test_a_late_parent_moves_the_whole_subtree(made):
    """Children and grandchildren of a run that is recorded last get its root."""
    log = made.MemoryLog()
    log.add(made.event("START", 3, parent=2), made.event("START", 4, parent=3), made.event("START", 5, parent=3))
    apply(log)
    assert set(roots(log).values()) == {made.run_id(3)}
    log.add(made.event("START", 2, parent=1))
    apply(log)
    log.add(made.event("START", 1))
    apply(log)
    assert set(roots(log).values()) == {made.run_id(1)}


def test_a_late_stated_root_moves_the_subtree(made):
    """The parent is never recorded; the root that was stated is, later."""
    log = made.MemoryLog()
    log.add(made.event("START", 3, parent=2, root=1), made.event("START", 4, parent=3))
    apply(log)
    log.add(made.event("START", 1))
    apply(log)
    assert set(roots(log).values()) == {made.run_id(1)}


def origins(log):
    with log.read() as connection:
        run = tables.run.c
        found = connection.execute(select(run.run_id, run.cached_from, run.facts).where(run.state == "CACHED"))
        return {run: (origin, "cached_from" in json.loads(facts)["inferred"]) for run, origin, facts in found}


def test_a_cached_run_finds_who_computed_its_result(made):
    """The nearest run before it with the same key, of the same orchestrator, that completed; what its adapter said stands."""
    computed, taken = {"cacheKey": "k"}, {"cacheKey": "k", "state": "CACHED"}
    log = made.MemoryLog()
    log.add(made.event("COMPLETE", 9, ours=taken))
    apply(log)
    log.add(made.event("COMPLETE", 1, ours=computed), made.event("COMPLETE", 2, ours=computed))
    log.add(made.event("COMPLETE", 3, ours=computed | {"orchestrator": "airflow"}))
    log.add(made.event("FAIL", 4, ours=computed), made.event("COMPLETE", 5, ours={"cacheKey": "other"}))
    log.add(made.event("COMPLETE", 10, ours=taken, parent=11))
    log.add(made.event("COMPLETE", 12, ours=taken | {"cachedFrom": made.run_id(1)}))
    log.add(made.event("COMPLETE", 13, ours={"cacheKey": "unheard", "state": "CACHED"}))
    apply(log)
    expected = {
        made.run_id(9): (None, False),
        made.run_id(10): (made.run_id(2), True),
        made.run_id(12): (made.run_id(1), False),
        made.run_id(13): (None, False),
    }
    assert origins(log) == expected
    assert {edge[1:] for edge in log.tables()["proj_edge"]} == {
        ("cached_from", made.run_id(2), made.run_id(10)),
        ("cached_from", made.run_id(1), made.run_id(12)),
        ("parent", made.run_id(11), made.run_id(10)),
    }


def test_what_was_concluded_of_a_cached_run_follows_the_log(made):
    """The run that seemed to have computed turns out to have failed; then the one before it counts, or none."""
    log = made.MemoryLog()
    log.add(made.event("COMPLETE", 1, ours={"cacheKey": "k"}), made.event("COMPLETE", 2, ours={"cacheKey": "k"}))
    log.add(made.event("COMPLETE", 3, ours={"cacheKey": "k", "state": "CACHED"}))
    apply(log)
    for failed, origin in ((2, made.run_id(1)), (1, None)):
        log.add(made.event("FAIL", failed))
        apply(log)
        assert origins(log) == {made.run_id(3): (origin, origin is not None)}


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(("COMPLETE", "FAIL", "RUNNING")), st.integers(1, 12), st.sampled_from(SAID))),
    st.data(),
)
def test_takers_of_a_result_have_the_same_origin_in_any_steps(made, told, data):
    """Many runs compute and take few results, runs turn out otherwise later, and events of them are told again."""
    log = made.MemoryLog()
    for kind, run, said in told:
        log.add(made.event(kind, run, ours=said))
        if data.draw(st.booleans()):
            apply(log)
    apply(log)
    stepwise = log.tables()
    rebuild(log)
    assert log.tables() == stepwise


def test_one_more_taker_costs_the_same_however_many_there_were(made):
    """Counted in steps of SQLite's machine: what the takers before it took is not read again."""

    class Counted(made.MemoryLog):
        steps = 0

        def count(self):
            self.steps += 1

        @contextmanager
        def project(self):
            with super().project() as connection:
                sqlite = connection.connection.driver_connection
                sqlite.set_progress_handler(self.count, 10)
                yield connection
                sqlite.set_progress_handler(None, 0)

    log, taken = Counted(), {"cacheKey": "k", "state": "CACHED"}
    log.add(made.event("COMPLETE", 1, ours={"cacheKey": "k"}))
    apply(log)
    costs = []
    for first, many in ((1_000, 20), (2_000, 600)):
        log.add(*[made.event("COMPLETE", first + number, ours=taken) for number in range(many)])
        apply(log)
        log.steps = 0
        log.add(made.event("COMPLETE", first + many, ours=taken))
        apply(log)
        costs.append(log.steps)
    few, many = costs
    assert 0 < many < few * 1.5
    assert set(origins(log).values()) == {(made.run_id(1), True)}


def test_tables_of_another_version_are_made_anew(made):
    """Old tables, and columns that are no longer there, do not survive."""
    log = made.MemoryLog()
    log.add(made.event("START", 1))
    apply(log)
    expected = log.tables()
    with log.project() as connection:
        connection.exec_driver_sql("UPDATE proj_meta SET value = '0' WHERE key = 'version'")
        connection.exec_driver_sql("DROP TABLE proj_run")
        connection.exec_driver_sql("CREATE TABLE proj_run (something TEXT)")
        connection.exec_driver_sql("CREATE TABLE proj_earlier (something TEXT)")
    assert apply(log) == 1
    assert log.tables() == expected


def test_an_erased_event_says_nothing(made):
    """The place in the log stays, without a body."""
    log = made.MemoryLog()
    log.add(made.event("START", 1), made.event("START", 2))
    log.bodies[0] = None
    apply(log)
    assert list(roots(log)) == [made.run_id(2)]


def test_progress_counts_to_the_end(made):
    """The last call has done all there was."""
    log = made.MemoryLog()
    log.add(*[made.event("START", number) for number in range(1, 4)])
    calls = []
    rebuild(log, lambda done, total: calls.append((done, total)))
    assert calls[-1] == (3, 3)
    assert tables.VERSION in dict(log.tables()["proj_meta"]).values()
