"""The same record under a real scheduler, where no process knows of the others: and what can only happen there."""

from __future__ import annotations

from typing import Any

from airflow_home import STATES, Home, dag_runs, ends, facts


def of_dag(home: Home, dag_id: str) -> list[dict[str, Any]]:
    """Give the events of a DAG's runs."""
    return [event for event in home.spooled() if event["job"]["name"].partition(".")[0] == dag_id]


def test_same_record_as_in_one_process(scheduled: Home, recorded, failed) -> None:
    """Tries, their ends, their data, their code: of the DAG that succeeds and of the one that fails."""

    def told(home: Home, dag_id: str) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        for event in of_dag(home, dag_id):
            said, facets = facts(event), event["run"]["facets"]
            key = (event["job"]["name"], said.get("mapIndex", -1), said["attempt"])
            about = found.setdefault(
                key, {"inputs": set(), "outputs": set(), "code": None, "state": None, "after": set()}
            )
            for direction in ("inputs", "outputs"):
                about[direction] |= {one["name"].rpartition("/")[2] for one in event[direction]}
            about["code"] = about["code"] or (facets.get("orchestrail_code") or {}).get("digest")
            about["after"] |= {one["job"]["name"] for one in facets.get("jobDependencies", {}).get("upstream", [])}
        for (task_id, map_index, attempt), states in ends(of_dag(home, dag_id)).items():
            found[f"{dag_id}.{task_id}" if task_id else dag_id, map_index, attempt]["state"] = states[0]
        return found

    assert told(scheduled, "shapes") == told(recorded.home, "shapes")
    assert told(scheduled, "failing") == told(failed.home, "failing")


def test_every_try_has_exactly_one_end(scheduled: Home) -> None:
    """But for the one that a person marked afterwards."""
    for dag_id in ("shapes", "triggered", "dying", "on_report"):
        found = ends(of_dag(scheduled, dag_id))
        assert {
            key: states for key, states in found.items() if len(states) != (2 if dag_id == "triggered" else 1)
        } == {}
    assert ends(of_dag(scheduled, "failing"))["never", -1, 1] == ["SKIPPED", "COMPLETE"]


def test_the_scheduler_begins_dag_runs_and_tasks_begin_themselves(scheduled: Home) -> None:
    """One START each, by another process each."""
    starts = [event for event in of_dag(scheduled, "shapes") if event["eventType"] == "START"]
    assert len(starts) == len({event["run"]["runId"] for event in starts})
    owners = {event["job"]["name"]: facts(event)["owner"]["pid"] for event in starts}
    assert owners["shapes"] != owners["shapes.make"] != owners["shapes.clean"]
    assert {facts(event)["closedBy"] for event in starts} == {"host"}


def test_a_killed_task_gets_its_end_from_airflows_own_table(scheduled: Home) -> None:
    """No hook is called for it."""
    assert ends(of_dag(scheduled, "dying")) == {
        ("", -1, 1): ["COMPLETE"],
        ("dies", -1, 1): ["FAIL"],
        ("survives", -1, 1): ["COMPLETE"],
    }
    (killed,) = [event for event in of_dag(scheduled, "dying") if event["eventType"] == "FAIL"]
    assert facts(killed)["toldBy"] == "scheduler"
    assert "gone" in killed["run"]["facets"]["errorMessage"]["message"]


def test_a_person_s_change_is_on_the_record(scheduled: Home) -> None:
    """As one: a second end, told by the API server."""
    (changed,) = [one for one in of_dag(scheduled, "failing") if facts(one).get("toldBy") == "person"]
    assert (changed["job"]["name"], changed["eventType"]) == ("failing.never", "COMPLETE")


def test_a_triggered_dag_run_is_a_child_of_the_task_that_triggered_it(scheduled: Home) -> None:
    """And below the same root; not where the operator is told to keep quiet."""
    (trigger,) = [
        one
        for one in of_dag(scheduled, "shapes")
        if one["job"]["name"] == "shapes.trigger" and one["eventType"] == "START"
    ]
    root = trigger["run"]["facets"]["parent"]["root"]
    begun = [
        one
        for one in of_dag(scheduled, "triggered")
        if one["job"]["name"] == "triggered" and one["eventType"] == "START"
    ]
    parents = [one["run"]["facets"].get("parent") for one in begun]
    (child,) = [parent for parent in parents if parent is not None]
    assert len(parents) == 2
    assert (child["run"]["runId"], child["root"]) == (trigger["run"]["runId"], root)


def test_the_assets_that_triggered_a_dag_run_are_its_inputs(scheduled: Home) -> None:
    """By the name under which the task that changed them has them among its outputs."""
    (begun,) = [
        one
        for one in of_dag(scheduled, "on_report")
        if (one["job"]["name"], one["eventType"]) == ("on_report", "START")
    ]
    (ended,) = [
        one
        for one in of_dag(scheduled, "on_report")
        if (one["job"]["name"], one["eventType"]) == ("on_report", "COMPLETE")
    ]
    assert facts(begun)["trigger"] == "asset_triggered"
    (asset,) = [(one["namespace"], one["name"]) for one in ended["inputs"]]
    (declared,) = [
        one
        for one in of_dag(scheduled, "shapes")
        if (one["job"]["name"], one["eventType"]) == ("shapes.declare", "COMPLETE")
    ]
    assert asset in [(one["namespace"], one["name"]) for one in declared["outputs"]]


def test_nothing_of_ours_went_wrong(scheduled: Home) -> None:
    """In none of Airflow's processes."""
    assert scheduled.trouble() == []


def test_airflows_own_states_are_what_they_should_be(scheduled: Home) -> None:
    """The states that the DAGs were written for."""
    assert dag_runs(scheduled) == STATES
