"""Airflow's own records against the store, asked while the real scheduler and API server ran: `orchestrail reconcile airflow`."""

from __future__ import annotations

from importlib.metadata import version

from airflow_home import Scheduled


def test_every_attempt_is_on_both_sides(scheduled: Scheduled) -> None:
    """Tries, mapped, skipped, deferred, killed, triggered, cleared, marked by a person: told alike by both."""
    answer, table = scheduled.reconciled, scheduled.home.table
    kinds = ("missing", "surplus", "different", "closed")
    assert {kind: answer[kind] for kind in kinds} == {kind: [] for kind in kinds}
    ((last_tries,),) = table("select count(*) from task_instance")
    ((dag_runs,),) = table("select count(*) from dag_run")
    assert answer["attempts"]["agreed"] == answer["attempts"]["orchestrator"] > last_tries + dag_runs
    assert answer["version"] == version("apache-airflow")


def test_what_airflow_does_not_keep_is_counted_apart(scheduled: Scheduled) -> None:
    """The passes of DAG runs before they were cleared; nothing else was left out."""
    left_out = dict(scheduled.reconciled["not_compared"])
    assert left_out.pop("earlier_passes") >= 2
    assert set(left_out.values()) == {0}
