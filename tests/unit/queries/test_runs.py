"""Finding runs."""

from __future__ import annotations

import pytest

from orchestrail.errors import AmbiguousRun, ConfigurationError, UnknownRun
from orchestrail.model import State
from orchestrail.queries.runs import find_run, runs


@pytest.fixture
def store(made, recorded):
    """Two root runs of two orchestrators, one of them with a child."""
    airflow = {"orchestrator": "airflow", "system": "scoring"}
    return recorded(
        made.event("START", 0xABC1, second=1, job="train_model"),
        made.event("START", 0xABC2, second=2, parent=0xABC1, job="train_model.clean"),
        made.event("COMPLETE", 0xABC1, second=5, job="train_model"),
        made.event("START", 0xDEF3, second=9, ours=airflow, job="trainXmodel"),
    )


@pytest.mark.parametrize(
    "given", ["0192f000-0000-7000-8000-00000000abc1", "0192F000-0000-7000-8000-00000000ABC1", "abc1", "native-43969"]
)
def test_a_run_is_found_by_what_a_person_has(made, store, given):
    """Full id in any case, unique suffix, the orchestrator's own id."""
    assert find_run(store, given).run_id == made.run_id(0xABC1)


@pytest.mark.parametrize("given", ["fff", "", " ", "%", "_", "native-439", "x\udcff", "\ud800"])
def test_what_fits_no_run_is_unknown(store, given):
    """Not by a part of a native id, and not by what a database takes for a wildcard."""
    with pytest.raises(UnknownRun):
        find_run(store, given)


def test_a_prefix_that_many_share_is_ambiguous(store):
    """The prefix of a UUIDv7 is a time; the message names the runs."""
    with pytest.raises(AmbiguousRun, match=r"train_model\.clean"):
        find_run(store, "0192f000")


def test_a_native_id_means_the_last_attempt(made, recorded):
    """Attempts of one run share the orchestrator's id."""
    ours = {"nativeId": "n"}
    store = recorded(
        made.event("START", 2, ours=ours | {"attempt": 2}, job="a"),
        made.event("START", 1, ours=ours | {"attempt": 1}, job="a"),
    )
    assert find_run(store, "n").attempt == 2


def test_a_native_id_of_different_jobs_is_ambiguous(made, recorded):
    """Two orchestrators may number alike."""
    store = recorded(
        made.event("START", 1, ours={"nativeId": "n"}, job="a"), made.event("START", 2, ours={"nativeId": "n"}, job="b")
    )
    with pytest.raises(AmbiguousRun):
        find_run(store, "n")


def numbers(rows):
    return [row.run_id[-4:] for row in rows]


def test_root_runs_are_listed_newest_first(store):
    """Children only where every run is asked for."""
    assert numbers(runs(store)) == ["def3", "abc1"]
    assert numbers(runs(store, every=True)) == ["def3", "abc2", "abc1"]
    assert numbers(runs(store, every=True, limit=1)) == ["def3"]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"orchestrator": "Airflow"}, ["def3"]),
        ({"state": State.COMPLETE}, ["abc1"]),
        ({"job": "train_model"}, ["abc1"]),
        ({"job": "*model"}, ["def3", "abc1"]),
        ({"job": "%model"}, []),
        ({"system": "scoring"}, ["def3"]),
        ({"since": "2026-03-01T12:00:09.000000Z"}, ["def3"]),
        ({"since": "2027-03-01T12:00:09.000000Z"}, []),
    ],
)
def test_runs_are_filtered(store, filters, expected):
    """Each filter by itself; `_` and `%` in a job's name are no wildcards, `*` is one."""
    assert numbers(runs(store, **filters)) == expected


def test_a_cached_run_shows_the_outputs_of_the_one_that_computed_them(made, recorded):
    """Through a chain of cached runs; marked as concluded."""
    store = recorded(
        made.event("COMPLETE", 1, outputs=[made.dataset("/a", "x")]),
        made.event("COMPLETE", 2, ours={"state": "CACHED", "cachedFrom": made.run_id(1)}),
        made.event("COMPLETE", 3, ours={"state": "CACHED", "cachedFrom": made.run_id(2)}),
        made.event("COMPLETE", 4, ours={"state": "CACHED", "cachedFrom": made.run_id(4)}),
        made.event("COMPLETE", 5, ours={"state": "CACHED", "cachedFrom": made.run_id(99)}),
    )
    row = find_run(store, made.run_id(3))
    assert [use.dataset.name for use in row.outputs] == ["/a"]
    assert row.inferred == ("outputs",)
    assert find_run(store, made.run_id(4)).outputs == find_run(store, made.run_id(5)).outputs == ()


def test_a_name_that_is_too_long_to_look_for_is_the_askers_mistake(store):
    """SQLite refuses it, which is no damage of the store."""
    assert runs(store, job="x" * 50_000) == []
    with pytest.raises(ConfigurationError, match="too long"):
        runs(store, job="_" * 30_000)
