"""The same record under a real scheduler, where no process knows of the others: and what can only happen there.

What Airflow 2.11 tells nobody is told apart by version: it is declared as a gap of the adapter, and the record shows it as open.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow_home import IS_2, OUTSIDE, STATES, VERSION, Home, Scheduled, dag_runs, ends, facts

from orchestrail.pseudonyms import person


def of_dag(home: Home, dag_id: str, run_id: str | None = None) -> list[dict[str, Any]]:
    """Give the events of a DAG's runs, or of one of them."""
    return [
        event
        for event in home.spooled()
        if event["job"]["name"].partition(".")[0] == dag_id
        and (run_id is None or facts(event)["nativeId"].split("/")[1] == run_id)
    ]


def told(home: Home, dag_id: str) -> dict[Any, Any]:
    """Give what is told of each try: its data, its code, what it waited for, how it ended."""
    found: dict[Any, Any] = {}
    for event in of_dag(home, dag_id):
        said, facets = facts(event), event["run"]["facets"]
        key = (event["job"]["name"], said.get("mapIndex", -1), said["attempt"])
        about = found.setdefault(key, {"inputs": set(), "outputs": set(), "code": None, "state": None, "after": set()})
        for direction in ("inputs", "outputs"):
            about[direction] |= {one["name"].rpartition("/")[2] for one in event[direction]}
        about["code"] = about["code"] or (facets.get("orchestrail_code") or {}).get("digest")
        about["after"] |= {one["job"]["name"] for one in facets.get("jobDependencies", {}).get("upstream", [])}
    for (task_id, map_index, attempt), states in ends(of_dag(home, dag_id)).items():
        found[f"{dag_id}.{task_id}" if task_id else dag_id, map_index, attempt]["state"] = states[0]
    return found


def test_airflows_own_states_are_what_they_should_be(scheduled: Scheduled) -> None:
    """The states that the DAGs were written for."""
    assert dag_runs(scheduled.home) == STATES


def test_same_record_as_in_one_process(scheduled: Scheduled, recorded) -> None:
    """Tries, their ends, their data, their code."""
    assert told(scheduled.home, "shapes") == told(recorded.home, "shapes")


def test_what_does_nothing_is_given_nothing(scheduled: Scheduled) -> None:
    """Airflow sets it to success without running it: it waited for others, and that is all."""
    (begun,) = [
        one
        for one in of_dag(scheduled.home, "shapes")
        if (one["job"]["name"], one["eventType"]) == ("shapes.taken", "START")
    ]
    upstream = [one["run"]["runId"] for one in begun["run"]["facets"]["jobDependencies"]["upstream"]]
    assert upstream
    assert facts(begun)["orderOnly"] == upstream


def test_every_try_has_exactly_one_end(scheduled: Scheduled) -> None:
    """Where nobody changed anything by hand."""
    for dag_id in ("shapes", "slow", "dying", "on_report"):
        found = ends(of_dag(scheduled.home, dag_id))
        assert {key: states for key, states in found.items() if len(states) != 1} == {}
    assert ends(of_dag(scheduled.home, "slow"))["too_slow", -1, 1] == ["ABORT"]


def test_the_scheduler_begins_dag_runs_and_tasks_begin_themselves(scheduled: Scheduled) -> None:
    """One START each, by another process each."""
    starts = [event for event in of_dag(scheduled.home, "shapes") if event["eventType"] == "START"]
    assert len(starts) == len({event["run"]["runId"] for event in starts})
    owners = {event["job"]["name"]: facts(event)["owner"]["pid"] for event in starts}
    assert owners["shapes"] != owners["shapes.make"] != owners["shapes.clean"]
    assert {facts(event)["closedBy"] for event in starts} == {"host"}


def test_a_killed_task_gets_its_end_from_airflows_own_table(scheduled: Scheduled) -> None:
    """No hook is called for it, whether it is tried again or not; for one that died with its supervisor the scheduler has one."""
    events = of_dag(scheduled.home, "dying")
    assert ends(events) == {
        ("", -1, 1): ["COMPLETE"],
        ("dies", -1, 1): ["FAIL"],
        ("dies_once", -1, 1): ["FAIL"],
        ("dies_once", -1, 2): ["COMPLETE"],
        ("dies_unheard", -1, 1): ["FAIL"],
        ("dies_unheard_once", -1, 1): ["FAIL"],
        ("dies_unheard_once", -1, 2): ["COMPLETE"],
        ("dies_with_its_supervisor", -1, 1): ["FAIL"],
        ("survives", -1, 1): ["COMPLETE"],
    }
    killed = {event["job"]["name"]: event for event in events if event["eventType"] == "FAIL"}
    assert {facts(event)["toldBy"] for event in killed.values()} == {"scheduler"}
    if not IS_2:  # there the scheduler has a hook for this one too, with words of its own
        assert "gone" in killed["dying.dies"]["run"]["facets"]["errorMessage"]["message"]


def test_a_task_killed_before_it_told_anything_has_airflows_own_times(scheduled: Scheduled) -> None:
    """Where no hook is called for it either (3, no other try), its end is concluded from Airflow's table."""
    columns = "task_id, start_date, end_date"
    rows = [
        *scheduled.home.table(f"select {columns} from task_instance where task_id = 'dies_unheard'"),
        *scheduled.home.table(f"select {columns} from task_instance_history where task_id = 'dies_unheard_once'"),
    ]
    assert [row[0] for row in rows] == ["dies_unheard", "dies_unheard_once"]
    for task_id, started, ended in rows:
        one = of_record(scheduled.home, f"dying.{task_id}")[0]
        assert (one["state"], one["attempt"], len(one["ends"])) == ("FAIL", 1, 1)
        assert "started_at" in one["inferred"]
        assert moment(one["started_at"]) == moment(started)
        concluded = task_id == "dies_unheard" and not IS_2
        assert ("state" in one["inferred"], "told nothing" in one["error"]) == (concluded, concluded)
        if concluded:
            assert moment(one["ended_at"]) == moment(ended)
    again = of_record(scheduled.home, "dying.dies_unheard_once")[1]
    assert (again["state"], again["inferred"], len(again["ends"])) == ("COMPLETE", [], 1)


def of_record(home: Home, job: str) -> list[dict[str, Any]]:
    """Give the runs of a job as the command line tells them, by attempt."""
    found = [run for run in home.copied().runs() if run["job"]["name"] == job]
    return sorted(found, key=lambda run: run["attempt"])


def moment(text: str) -> datetime:
    """Read a time; Airflow's database has them in UTC without saying so."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def test_a_task_that_a_person_ended_while_it_ran(scheduled: Scheduled) -> None:
    """Its end is the person's, with who and why; that Airflow then kills its process is no other end."""
    events = of_dag(scheduled.home, "patient", scheduled.runs["marked"])
    assert ends(events) == {("", -1, 1): ["COMPLETE"], ("first", -1, 1): ["COMPLETE"], ("waits", -1, 1): ["COMPLETE"]}
    (end,) = [one for one in events if one["job"]["name"] == "patient.waits" and one["eventType"] == "COMPLETE"]
    assert (facts(end)["toldBy"], facts(end)["manual"]) == ("person", True)
    assert facts(end)["changedBy"] == who(scheduled.home)
    if not IS_2:  # there the note is an action of its own, among those of the DAG run
        assert facts(end)["reason"] == "seen by hand, password=[redacted]"


def who(home: Home) -> str | None:
    """Give the pseudonym of the only user."""
    actions = ("patch_task_instance", "api.patch_task_instance")
    ((name,),) = home.table("select distinct owner from log where event in (?, ?)", *actions)
    assert name
    return person(home.orchestrail, "airflow", name)


def test_what_people_did_is_told_with_the_end_of_the_dag_run(scheduled: Scheduled) -> None:
    """Marks, clears and notes: who, when and why."""
    last = [one for one in of_dag(scheduled.home, "failing") if one["job"]["name"] == "failing"][-1]
    changes = facts(last)["changes"]
    assert {change["changedBy"] for change in changes} == {who(scheduled.home)}
    assert [(change["what"], change.get("task")) for change in changes if change["what"] != "noted"] == [
        ("cleared", "fails"),
        ("marked", "never"),
    ]
    assert "not needed" in [change.get("reason") for change in changes]


def test_why_somebody_triggered_a_dag_run_is_the_note_that_they_gave_with_it(scheduled: Scheduled) -> None:
    """It stands on the DAG run, and Airflow's log of actions does not say on which."""
    (end,) = [
        one
        for one in of_dag(scheduled.home, "patient", scheduled.runs["marked"])
        if one["job"]["name"] == "patient" and one["eventType"] == "COMPLETE"
    ]
    noted = [one.get("reason") for one in facts(end)["changes"] if one["what"] == "noted" and "task" not in one]
    assert noted == ["asked for, password=[redacted]"]


def test_what_a_task_triggers_is_no_act_of_a_person(scheduled: Scheduled) -> None:
    """Whatever the release of Airflow calls it; 2.11 does not tell the two apart."""
    found = {
        facts(one).get("trigger") for one in of_dag(scheduled.home, "triggered") if one["job"]["name"] == "triggered"
    }
    assert found == ({"manual"} if IS_2 else {"operator_triggered", "manual"})


def test_a_dag_run_of_which_a_task_was_cleared(scheduled: Scheduled) -> None:
    """Each pass is a run of its own, so is the second try; what a person marked afterwards has a second end.

    In 2.11 that is told when the DAG run ends again, which it does not after the last mark.
    """
    events = of_dag(scheduled.home, "failing")
    found = ends(events)
    assert found["fails", -1, 1] == ["FAIL"]
    assert found["fails", -1, 2] == ["FAIL", *([] if IS_2 else ["COMPLETE"])]
    assert found["never", -1, 1] == ["SKIPPED", "COMPLETE"]
    assert found["fine", -1, 1] == found["always", -1, 1] == ["COMPLETE"]
    passes = [one for one in events if one["job"]["name"] == "failing"]
    assert [one["eventType"] for one in passes] == ["START", "FAIL", "START", "FAIL", "START", "COMPLETE"]
    assert [facts(one)["clearNumber"] for one in passes] == [0, 0, 1, 1, 2, 2]
    (marked,) = [one for one in events if one["job"]["name"] == "failing.never" and one["eventType"] == "COMPLETE"]
    assert (facts(marked)["toldBy"], facts(marked)["changedBy"]) == ("person", who(scheduled.home))


def test_a_try_that_a_person_marked_keeps_its_place(scheduled: Scheduled) -> None:
    """It stays below the pass of the DAG run that it ran in, though a mark makes another pass."""
    places: dict[str, set[tuple[str, str]]] = {}
    for event in scheduled.home.spooled():
        parent = event["run"]["facets"].get("parent")
        if parent is not None:
            named = (parent["run"]["runId"], parent["root"]["run"]["runId"])
            places.setdefault(event["run"]["runId"], set()).add(named)
    assert [run_id for run_id, named in places.items() if len(named) > 1] == []
    passes = [one["run"]["runId"] for one in of_dag(scheduled.home, "failing") if one["job"]["name"] == "failing"]
    first, second, _ = dict.fromkeys(passes)
    of_task = {
        (one["job"]["name"].partition(".")[2], facts(one)["attempt"]): one["run"]["facets"]["parent"]["run"]["runId"]
        for one in of_dag(scheduled.home, "failing")
        if one["job"]["name"] != "failing"
    }
    assert (of_task["fails", 1], of_task["fails", 2], of_task["fine", 1]) == (first, second, first)


def test_a_failed_try_that_a_person_marked_shows_both_ends(scheduled: Scheduled) -> None:
    """What the command line tells: the state that Airflow has now, who gave it and why, and how it ended by itself."""
    if IS_2:
        return
    again = of_record(scheduled.home, "failing.fails")[1]
    own, marked = again["ends"]
    assert (again["state"], own["state"], marked["state"]) == ("COMPLETE", "FAIL", "COMPLETE")
    assert own["error"] == again["error"]
    assert own["error"]
    assert (own["by_hand"], marked["by_hand"]) == (False, True)
    assert (marked["changed_by"], marked["reason"]) == (who(scheduled.home), "shipped by hand")
    assert moment(marked["changed_at"]) > moment(own["at"])


def test_a_dag_run_that_was_cleared_as_a_whole(scheduled: Scheduled) -> None:
    """Two passes, two tries, one end each."""
    events = of_dag(scheduled.home, "triggered", scheduled.runs["cleared"])
    by_run: dict[str, list[str]] = {}
    for event in events:
        by_run.setdefault(event["run"]["runId"], []).append(event["eventType"])
    assert list(by_run.values()) == [["START", "COMPLETE"]] * 4
    assert ends(events)["only", -1, 1] == ends(events)["only", -1, 2] == ["COMPLETE"]


def test_a_dag_run_of_which_a_task_was_cleared_while_it_ran(scheduled: Scheduled) -> None:
    """Airflow 3 counts another pass of it, and tells of its end alone: it begins with its first task, and ends the pass before."""
    events = of_dag(scheduled.home, "patient", scheduled.runs["cleared_running"])
    passes: dict[str, list[str]] = {}
    for event in events:
        if event["job"]["name"] == "patient":
            passes.setdefault(event["run"]["runId"], []).append(event["eventType"])
    assert ends(events)["first", -1, 1] == ends(events)["first", -1, 2] == ends(events)["waits", -1, 1] == ["COMPLETE"]
    if IS_2:
        assert list(passes.values()) == [["START", "COMPLETE"]]
        return
    assert list(passes.values()) == [["START", "COMPLETE"]] * 2
    (concluded,) = [one for one in events if "orchestrail_inferred" in one["run"]["facets"]]
    assert concluded["run"]["runId"] == next(iter(passes))
    assert "clearNumber" not in {name for name, value in facts(concluded).items() if value is not None}


def test_a_dag_run_that_a_person_stopped(scheduled: Scheduled) -> None:
    """It failed by hand, and so did the task that ran. Airflow 2.11 tells nobody of it: both stay open."""
    events = of_dag(scheduled.home, "patient", scheduled.runs["stopped"])
    expected = {("first", -1, 1): ["COMPLETE"]}
    if not IS_2:
        expected |= {("", -1, 1): ["FAIL"], ("waits", -1, 1): ["FAIL"]}
        told_by = {facts(one).get("toldBy") for one in events if one["eventType"] == "FAIL"}
        assert told_by == {"person"}
    assert ends(events) == expected


def test_a_dag_run_whose_scheduler_was_killed(scheduled: Scheduled) -> None:
    """The next scheduler goes on with it: one end each, and none twice."""
    events = of_dag(scheduled.home, "patient", scheduled.runs["orphaned"])
    assert ends(events) == {("", -1, 1): ["COMPLETE"], ("first", -1, 1): ["COMPLETE"], ("waits", -1, 1): ["COMPLETE"]}


def test_backfills_and_scheduled_runs_say_what_began_them(scheduled: Scheduled) -> None:
    """By Airflow's own words."""
    begun = [one for one in of_dag(scheduled.home, "daily") if one["job"]["name"] == "daily"]
    assert {facts(one)["trigger"] for one in begun} == {"backfill", "scheduled"}
    ended = [one["run"]["runId"] for one in begun if one["eventType"] == "COMPLETE"]
    assert len(ended) == len(set(ended)) == 2
    assert ends(of_dag(scheduled.home, "daily"))["only", -1, 1] == ["COMPLETE"] * 2


def test_a_run_that_was_triggered_through_the_interface_has_the_root_of_its_conf(scheduled: Scheduled) -> None:
    """As has every task of it."""
    for event in of_dag(scheduled.home, "patient", scheduled.runs["marked"]):
        assert event["run"]["facets"]["parent"]["root"]["run"]["runId"] == OUTSIDE["rootParentRunId"]


def test_the_bundle_of_the_dags_and_its_version(scheduled: Scheduled) -> None:
    """Of the DAG run and of each task, with the id of Airflow's version; beside our digest of the code. 2.11 has none of them."""
    starts = {one["job"]["name"]: one for one in of_dag(scheduled.home, "shapes") if one["eventType"] == "START"}
    dag_run, task = facts(starts["shapes"]), facts(starts["shapes.make"])
    names = ("bundleName", "bundleVersion", "dagVersionId")
    if IS_2:
        assert not set(names) & {*dag_run, *task}
    else:
        assert (dag_run["bundleVersion"], task["bundleName"], task["bundleVersion"]) == (VERSION, "release", VERSION)
        assert task["dagVersionId"]
    assert starts["shapes.make"]["run"]["facets"]["orchestrail_code"]["digest"]


def test_a_triggered_dag_run_is_a_child_of_the_task_that_triggered_it(scheduled: Scheduled) -> None:
    """And below the same root; not where the operator is told to keep quiet."""
    (trigger,) = [
        one
        for one in of_dag(scheduled.home, "shapes")
        if one["job"]["name"] == "shapes.trigger" and one["eventType"] == "START"
    ]
    root = trigger["run"]["facets"]["parent"]["root"]
    begun = [
        one
        for one in of_dag(scheduled.home, "triggered")
        if one["job"]["name"] == "triggered"
        and one["eventType"] == "START"
        and scheduled.runs["cleared"] not in facts(one)["nativeId"]
    ]
    parents = [one["run"]["facets"].get("parent") for one in begun]
    (child,) = [parent for parent in parents if parent is not None]
    assert len(parents) == 2
    assert (child["run"]["runId"], child["root"]) == (trigger["run"]["runId"], root)


def test_the_assets_that_triggered_a_dag_run_are_its_inputs(scheduled: Scheduled) -> None:
    """By the name under which the task that changed them has them among its outputs."""
    (begun,) = [
        one
        for one in of_dag(scheduled.home, "on_report")
        if (one["job"]["name"], one["eventType"]) == ("on_report", "START")
    ]
    (ended,) = [
        one
        for one in of_dag(scheduled.home, "on_report")
        if (one["job"]["name"], one["eventType"]) == ("on_report", "COMPLETE")
    ]
    assert facts(begun)["trigger"] == ("dataset_triggered" if IS_2 else "asset_triggered")
    (asset,) = [(one["namespace"], one["name"]) for one in ended["inputs"]]
    (declared,) = [
        one
        for one in of_dag(scheduled.home, "shapes")
        if (one["job"]["name"], one["eventType"]) == ("shapes.declare", "COMPLETE")
    ]
    assert asset in [(one["namespace"], one["name"]) for one in declared["outputs"]]


def test_nothing_of_ours_went_wrong(scheduled: Scheduled) -> None:
    """In none of Airflow's processes; and what people write is searched for secrets."""
    assert scheduled.home.trouble() == []
    files = [path for path in scheduled.home.orchestrail.rglob("*") if path.is_file()]
    assert [path.name for path in files if b"planted" in path.read_bytes()] == []
