"""What is on the record of a DAG that nobody changed for us, run by `airflow dags test`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from airflow_home import DAGS, GUEST, IS_2, OUTSIDE, Home, ends, facts

from orchestrail.testing import schema_problems

RAN_ONCE = {
    "make", "clean", "copy", "choose", "taken", "after_branch", "numbers", "total", "group.inside", "declare",
    "declare_later", "sourceless", "child", "trigger", "trigger_quietly", "make_large", "take_large", "wait",
    "poke",
}  # fmt: skip


def of(home: Home, task_id: str, kind: str = "START") -> dict[str, Any]:
    """Find the one event of a task."""
    name = f"shapes.{task_id}" if task_id else "shapes"
    (event,) = [one for one in home.spooled() if one["job"]["name"] == name and one["eventType"] == kind]
    return event


def data(event: dict[str, Any], direction: str) -> dict[str, str | None]:
    """Give the digests of what an event says was read or written, by last part of the name."""
    return {one["name"].rpartition("/")[2]: one["facets"]["orchestrail_dataset"]["digest"] for one in event[direction]}


def test_airflow_is_content(recorded, failed) -> None:
    """The one DAG succeeds, the other fails, and of our own code nothing went wrong."""
    assert (recorded.said.returncode, failed.said.returncode) == (0, 1)
    assert (recorded.home.trouble(), failed.home.trouble()) == ([], [])


def test_every_try_of_every_task_instance_has_exactly_one_end(recorded) -> None:
    """The true one: skipped by a branch, skipped by itself, failed and tried again, cut off."""
    expected = {(task_id, -1, 1): ["COMPLETE"] for task_id in RAN_ONCE}
    expected |= {("square", index, 1): ["COMPLETE"] for index in range(3)}
    expected |= {("second_time_lucky", -1, 1): ["FAIL"], ("second_time_lucky", -1, 2): ["COMPLETE"]}
    expected |= {("not_taken", -1, 1): ["SKIPPED"], ("skip_itself", -1, 1): ["SKIPPED"]}
    expected[("", -1, 1)] = ["COMPLETE"]
    assert ends(recorded.home.spooled()) == expected
    assert len(recorded.home.instances("shapes")) == len(expected) - 2  # the DAG run, and a second try


def test_a_dag_run_for_a_day_of_the_past_began_when_it_did(database: Home) -> None:
    """`airflow dags test` has Airflow say that it began on its logical date, before there was any record."""
    home = database.copy("past")
    assert home.dags_test("triggered", day="2026-03-01").returncode == 0
    events = home.spooled()
    assert ends(events)["", -1, 1] == ["COMPLETE"]
    assert {facts(event)["logicalDate"][:10] for event in events if event["job"]["name"] == "triggered"} == {
        "2026-03-01"
    }
    now = datetime.now(UTC)
    assert all(timedelta() < now - datetime.fromisoformat(event["eventTime"]) < timedelta(hours=1) for event in events)


def test_what_fails_before_airflow_calls_a_listener_begins_and_ends(database: Home) -> None:
    """Its template cannot be rendered: the process of the task itself tells of both, when Airflow says that they were."""
    home = database.copy("unready")
    assert home.dags_test("unready").returncode == 1
    events = home.spooled()
    assert [(event["job"]["name"], event["eventType"]) for event in events] == [
        ("unready", "START"),
        ("unready.is_given_nothing", "START"),
        ("unready.is_given_nothing", "FAIL"),
        ("unready", "FAIL"),
    ]
    assert "toldBy" not in facts(events[2])
    times = [event["eventTime"] for event in events]
    assert times == sorted(times)


def test_a_dag_run_begins_no_later_than_its_tasks(recorded) -> None:
    """Where Airflow does not say when it began: what is looked up of the environment takes longer than a task takes to start."""
    events = recorded.home.spooled()
    assert events[0]["eventTime"] == min(event["eventTime"] for event in events)
    assert events[-1]["eventTime"] == max(event["eventTime"] for event in events)


def test_a_dag_run_by_parts(database: Home) -> None:
    """An instance of a mapped group waits for its own part alone; what the conf says goes before the DAG's params."""
    home = database.copy("parts")
    assert home.dags_test("by_parts", conf={"limit": 7, "month": "2026-01"}).returncode == 0
    assert home.trouble() == []
    starts = [event for event in home.spooled() if event["eventType"] == "START"]
    begun = {(event["job"]["name"].partition(".")[2], facts(event).get("mapIndex")): event for event in starts}
    assert len(starts) == len(begun) == 5
    for part in range(2):
        before, after = begun["part.halve", part], begun["part.round_up", part]
        (upstream,) = after["run"]["facets"]["jobDependencies"]["upstream"]
        assert upstream["run"]["runId"] == before["run"]["runId"]
    given = begun["", None]["run"]["facets"]["orchestrail_parameters"]["parameters"]
    assert {name: given[f"params.{name}"]["value"] for name in ("limit", "rest", "month")} == {
        "limit": 7,
        "rest": 1,
        "month": "2026-01",
    }


def test_a_task_that_ran_too_long_was_cut_off(database: Home) -> None:
    """ABORT. In 2.11 `airflow dags test` dies of it too, and leaves a DAG run that only a sweep can close."""
    home = database.copy("slow")
    done = home.dags_test("slow")
    told = {("too_slow", -1, 1): ["ABORT"]}
    if not IS_2:
        told |= {("whatever_happened", -1, 1): ["COMPLETE"], ("", -1, 1): ["COMPLETE"]}
    assert ends(home.spooled()) == told
    assert done.returncode == (1 if IS_2 else 0)
    assert {facts(event)["closedBy"] for event in home.spooled()} == {"process"}
    assert [run["job"]["name"] for run in home.command("sweep")["closed"]] == (["slow"] if IS_2 else [])
    states = {run["job"]["name"]: (run["state"], run["inferred"]) for run in home.runs()}
    assert states["slow"] == (("ABORT", ["ended_at", "state"]) if IS_2 else ("COMPLETE", []))


def test_what_never_ran_has_no_start(recorded, failed) -> None:
    """One OTHER event that says why, in Airflow's word and in a sentence."""

    def why(event: dict[str, Any]) -> tuple[str, str]:
        return facts(event)["orchestratorState"], facts(event)["reason"]

    events = {event["job"]["name"]: event for event in failed.home.spooled() if event["eventType"] == "OTHER"}
    failed_before = ("upstream_failed", "Airflow did not run it: a task before it failed")
    assert {name: why(event) for name, event in events.items()} == {
        "failing.never": failed_before,
        "failing.never_either": failed_before,
    }
    assert why(of(recorded.home, "not_taken", "OTHER")) == (
        "skipped",
        "Airflow skipped it: a branch, a condition or a rule of its DAG kept it from running",
    )
    started = {
        event["job"]["name"]
        for event in [*recorded.home.spooled(), *failed.home.spooled()]
        if event["eventType"] == "START"
    }
    assert not started & {"shapes.not_taken", "failing.never", "failing.never_either"}


def test_a_task_begins_on_the_record_before_its_code_runs(recorded) -> None:
    """START of a task lies in the spool before anything that the task made; the DAG run's before any of them."""
    events = recorded.home.spooled()
    assert (events[0]["eventType"], events[0]["job"]["name"]) == ("START", "shapes")
    assert events[-1]["job"]["name"] == "shapes"
    begun: set[str] = set()
    for event in events:
        if event["eventType"] == "START":
            begun.add(event["run"]["runId"])
        elif event["eventType"] != "OTHER":
            assert event["run"]["runId"] in begun


def test_a_try_that_waits_is_one_run(recorded) -> None:
    """Deferred or rescheduled: one START, then RUNNING, one end."""
    for task_id in ("wait", "poke"):
        events = [one for one in recorded.home.spooled() if one["job"]["name"] == f"shapes.{task_id}"]
        kinds = [event["eventType"] for event in events]
        assert (kinds[0], kinds[-1], set(kinds[1:-1])) == ("START", "COMPLETE", {"RUNNING"})
        assert len({event["run"]["runId"] for event in events}) == 1
    written = [
        set(data(event, "outputs")) for event in recorded.home.spooled() if event["job"]["name"] == "shapes.wait"
    ]
    assert written == [set(), {"before-waiting.txt"}, set(), {"after-waiting.txt"}]


def test_all_hang_in_one_tree(recorded) -> None:
    """Parent and root of each task is the DAG run."""
    root = of(recorded.home, "")["run"]
    assert "parent" not in root["facets"]
    for event in recorded.home.spooled()[1:-1]:
        parent = event["run"]["facets"]["parent"]
        assert parent["run"]["runId"] == parent["root"]["run"]["runId"] == root["runId"]
        assert parent["job"] == parent["root"]["job"] == {"namespace": "bank", "name": "shapes"}


def test_a_run_of_elsewhere_is_parent_and_root(failed) -> None:
    """As the conf of the trigger says, which is no parameter of the DAG."""
    events = failed.home.spooled()
    own = events[0]["run"]["runId"]
    for event in events:
        parent = event["run"]["facets"]["parent"]
        is_dag_run = event["job"]["name"] == "failing"
        assert parent["root"]["run"]["runId"] == OUTSIDE["rootParentRunId"]
        assert parent["root"]["job"] == {"namespace": "outside", "name": "nightly"}
        assert parent["run"]["runId"] == (OUTSIDE["parentRunId"] if is_dag_run else own)
    parameters = events[0]["run"]["facets"]["orchestrail_parameters"]["parameters"]
    assert parameters == {
        "conf.password": {"type": "str", "value": "[redacted]"},
        "conf.size": {"type": "int", "value": 3},
    }


def test_tries_are_runs_that_follow_each_other(recorded) -> None:
    """Own ids, numbered, same job."""
    first, second = [
        one
        for one in recorded.home.spooled()
        if one["job"]["name"] == "shapes.second_time_lucky" and one["eventType"] == "START"
    ]
    assert (facts(first)["attempt"], facts(second)["attempt"]) == (1, 2)
    assert facts(second)["previousAttempt"] == first["run"]["runId"] != second["run"]["runId"]


def test_files_read_and_written_with_their_digests(recorded) -> None:
    """As `sha256sum` gives them; of Airflow's own files none."""

    def digest(name: str) -> str:
        return "sha256:" + sha256((recorded.home.data / name).read_bytes()).hexdigest()

    home = recorded.home
    assert data(of(home, "make", "COMPLETE"), "outputs") == {"raw.csv": digest("raw.csv")}
    clean, copy = of(home, "clean", "COMPLETE"), of(home, "copy", "COMPLETE")
    assert (data(clean, "inputs"), data(clean, "outputs")) == (
        {"raw.csv": digest("raw.csv")},
        {"clean.csv": digest("clean.csv")},
    )
    assert (data(copy, "inputs"), data(copy, "outputs")) == (
        {"clean.csv": digest("clean.csv")},
        {"copy.csv": digest("copy.csv")},
    )
    failing = of(home, "second_time_lucky", "FAIL")
    assert data(failing, "outputs") == {"partial.csv": digest("partial.csv")}
    named = {one["name"] for event in home.spooled() for one in event["inputs"] + event["outputs"]}
    assert {name for name in named if name.startswith("/")} == {
        str(home.data / name)
        for name in (
            "raw.csv",
            "clean.csv",
            "copy.csv",
            "partial.csv",
            "poked.txt",
            "before-waiting.txt",
            "after-waiting.txt",
        )
    }


def test_inlets_and_outlets_are_data_sets(recorded) -> None:
    """An asset with the address of a file has the file's digest, others are names."""
    event = of(recorded.home, "declare", "COMPLETE")
    assert [(one["namespace"], one["name"]) for one in event["inputs"]] == [("s3://warehouse", "applications")]
    outputs = {(one["namespace"], one["name"].rpartition("/")[2]) for one in event["outputs"]}
    assert outputs == {("bank", "monthly-report"), ("file", "raw.csv")}
    assert data(event, "outputs")["raw.csv"] == data(of(recorded.home, "make", "COMPLETE"), "outputs")["raw.csv"]


def test_an_asset_that_a_task_names_while_it_runs(recorded) -> None:
    """Through an alias, whose own name is an output too. In 2.11 listeners cannot see it: a declared gap."""
    outputs = {(one["namespace"], one["name"]) for one in of(recorded.home, "declare_later", "COMPLETE")["outputs"]}
    assert outputs == {("bank", "named-later"), *([] if IS_2 else [("s3://warehouse", "later")])}


def test_code_of_tasks_and_of_the_dag_file(recorded) -> None:
    """The function of a task, an operator of the project, a function without source, the file of the DAG."""

    def code(task_id: str) -> dict[str, Any]:
        found: dict[str, Any] = of(recorded.home, task_id)["run"]["facets"]["orchestrail_code"]
        return found

    assert code("make")["name"] == "shapes.shapes.<locals>.make"
    assert code("make")["digest"].startswith("py-tokens-2:sha256:")
    assert code("copy")["name"] == "shapes.Copy"
    assert code("sourceless")["digest"].startswith("py-bytecode-1.")
    assert code("")["name"] == "shapes"
    assert Path(code("")["path"]).name == "shapes.py"
    digests = [code(task_id)["digest"] for task_id in ("make", "clean", "copy", "sourceless", "")]
    assert len(set(digests)) == 5
    assert "orchestrail_code" not in of(recorded.home, "child")["run"]["facets"]


def test_parameters_are_those_that_the_task_was_given(recorded) -> None:
    """Arguments, rendered templates, params; large ones by type and digest."""

    def given(task_id: str) -> dict[str, Any]:
        found: dict[str, Any] = of(recorded.home, task_id)["run"]["facets"]["orchestrail_parameters"]["parameters"]
        return found

    params = {
        "params.threshold": {"type": "float", "value": 0.5},
        "params.api_key": {"type": "str", "value": "[redacted]"},
    }
    assert given("make") == params | {
        "rows": {"type": "int", "value": 20},
        "password": {"type": "str", "value": "[redacted]"},
    }
    assert given("declare_later") == params  # what Airflow passes to a function was not given to the task
    assert given("clean")["factor"] == {"type": "int", "value": 2}
    assert given("sourceless")["factor"] == {"type": "int", "value": 7}
    assert given("copy")["source"]["value"] == str(recorded.home.data / "clean.csv")
    assert given("child")["bash_command"]["value"].startswith("printf")
    assert given("")["params.threshold"] == params["params.threshold"]
    large = given("take_large")
    assert large["api_token"]["value"] == "[redacted]"
    assert set(large["values"]) == {"type", "digest"}
    assert max(len(json.dumps(event)) for event in recorded.home.spooled()) < 50_000


def test_tasks_name_the_runs_that_they_waited_for(recorded) -> None:
    """A task that does nothing stands for those before it; of a mapped task all instances."""

    def upstream(task_id: str) -> list[str]:
        facet = of(recorded.home, task_id)["run"]["facets"].get("jobDependencies", {"upstream": []})
        return [one["job"]["name"].partition(".")[2] for one in facet["upstream"]]

    assert upstream("make") == []
    assert upstream("copy") == ["clean"]
    assert upstream("total") == ["square", "square", "square"]
    assert upstream("after_branch") == ["choose"]


def test_what_does_nothing_says_so(recorded) -> None:
    """An EmptyOperator, by its job type: nobody need say what it is there for. One that chooses, or is derived, is a task."""
    kinds = {
        event["job"]["name"].partition(".")[2]: event["job"]["facets"]["jobType"]["jobType"]
        for event in recorded.home.spooled()
        if event["eventType"] == "START"
    }
    assert {name for name, kind in kinds.items() if kind == "NOTHING"} == {"taken", "after_branch"}
    assert (kinds["choose"], kinds["copy"]) == ("TASK", "TASK")


def test_a_child_process_knows_its_parent(recorded) -> None:
    """The variables are the task's while it runs, and gone after it."""
    said = json.loads((recorded.home.data / "child.json").read_text())["parent"]
    assert said["run"]["runId"] == of(recorded.home, "child")["run"]["runId"]
    assert said["root"]["run"]["runId"] == of(recorded.home, "")["run"]["runId"]


def test_planted_secrets_are_in_no_byte(recorded, failed) -> None:
    """Arguments, params, conf, the text of an error, a URL: nothing of it in our folder."""
    files = [path for done in (recorded, failed) for path in done.home.orchestrail.rglob("*") if path.is_file()]
    assert len(files) > 4
    assert [path.name for path in files if b"planted" in path.read_bytes()] == []


def test_nothing_of_ours_is_printed(recorded, failed) -> None:
    """Not on standard output, not on standard error, not in Airflow's logs."""
    said = [text for done in (recorded, failed) for text in (done.said.stdout, done.said.stderr)]
    said += [path.read_text() for path in (recorded.home.path / "airflow" / "logs").rglob("*.log")]
    assert not [
        line
        for text in said
        for line in text.splitlines()
        if "orchestrail" in line and "openlineage" not in line.lower()
    ]


def test_every_event_fits_the_schemas(recorded, failed) -> None:
    """Ours by the published schemas."""
    for event in [*recorded.home.spooled(), *failed.home.spooled()]:
        assert schema_problems(event) == []


def test_what_the_environment_could_do_is_said_once(recorded) -> None:
    """Environment and capabilities with the DAG run, not with each task."""
    keys = {"orchestrail_environment", "orchestrail_capabilities"}
    for event in recorded.home.spooled():
        assert bool(keys & set(event["run"]["facets"])) == (
            event["job"]["name"] == "shapes" and event["eventType"] == "START"
        )


def test_airflows_own_provider_beside_us_tells_of_the_same_runs(recorded) -> None:
    """Its events lie in the same spool, under the same ids, and each run counts once."""
    ours = {event["run"]["runId"]: event["job"] for event in recorded.home.spooled()}
    guest = {event["run"]["runId"]: event["job"] for event in recorded.home.spooled(GUEST)}
    assert len(guest) > 20
    assert set(guest) <= set(ours)
    assert {run_id: job["name"] for run_id, job in guest.items()} == {run_id: ours[run_id]["name"] for run_id in guest}
    runs = recorded.home.copied().runs()
    assert len(runs) == len({run["run_id"] for run in runs}) == len(ours)
    assert {run["run_id"]: run["job"]["name"] for run in runs} == {run_id: job["name"] for run_id, job in ours.items()}
    states = {run["job"]["name"]: run["state"] for run in runs if run["attempt"] == 1}
    assert states["shapes"] == "COMPLETE"
    assert states["shapes.not_taken"] == states["shapes.skip_itself"] == "SKIPPED"
    assert states["shapes.second_time_lucky"] == "FAIL"
    assert {run["producer"] for run in runs} == {"urn:orchestrail:airflow:0.1.0"}


def test_a_process_that_another_orchestrator_started_is_its_child(database: Home) -> None:
    """`airflow dags test` in a task of Prefect's, say: the environment names the parent."""
    home = database.copy("child")
    parent = {"run": {"runId": OUTSIDE["parentRunId"]}, "job": {"namespace": "prefect", "name": "flow.task"}}
    root = {"run": {"runId": OUTSIDE["rootParentRunId"]}, "job": {"namespace": "prefect", "name": "flow"}}
    done = home.dags_test("triggered", OPENLINEAGE_CONTEXT=json.dumps({"parent": parent | {"root": root}}))
    assert done.returncode == 0
    dag_run, task = [event for event in home.spooled() if event["eventType"] == "START"]
    assert dag_run["run"]["facets"]["parent"]["run"] == parent["run"]
    for event in (dag_run, task):
        assert event["run"]["facets"]["parent"]["root"] == root
    assert "orchestrail_environment" in dag_run["run"]["facets"]


def test_dag_file_of_the_tests_is_where_it_is_said_to_be() -> None:
    """The tests above would pass with no DAG at all if Airflow looked elsewhere."""
    assert (DAGS / "shapes.py").is_file()


def test_tags_and_descriptions_say_what_a_step_is_there_for(recorded) -> None:
    """A docstring, which Airflow takes for the description of its task; `doc` of an operator; the tags of the DAG for its run."""

    def said(task_id: str) -> list[Any]:
        step = of(recorded.home, task_id)["run"]["facets"].get("orchestrail_step") or {}
        return [step.get(name) for name in ("role", "roleSource", "operation", "version", "derived", "serveTime")]

    assert said("clean") == ["preprocess", "declared", "clean", "1.3.0", False, True]
    assert said("copy") == ["ingest", "declared", None, None, False, None]
    assert said("") == [None, None, None, "4", False, None]
    assert said("numbers") == [None] * 6
