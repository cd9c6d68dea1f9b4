"""Flow runs, task runs and subflows on the record: states, attempts, tree, data. One program, looked at from many sides."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from orchestrail.run_id import attempt_run_id

PROGRAM = '''
    import threading
    from prefect.states import Cancelled, Failed

    Path("in.csv").write_text("a,b\\n1,2\\n")
    tries = {}

    def first_time(name):
        tries[name] = tries.get(name, 0) + 1
        return tries[name] == 1

    @task(version="2.1", tags=["etl"])
    def copy(source, target):
        Path(target).write_text(Path(source).read_text() * 2)
        return {"path": target}

    @task
    def count(found):
        return len(Path(found["path"]).read_text())

    @flow(name="inner")
    def inner(a: int):
        """Nobody decorated this one."""
        Path("inner.txt").write_text(str(a))
        return plain(a)

    @audited(system="other-system")
    @flow(name="decorated-inner")
    def decorated_inner(a: int):
        return plain(a)

    @task
    def plain(a):
        return a

    @audited(system="mortgage", environment="staging")
    @flow(name="success")
    def success(source: str, times: int = 3):
        found = copy(source, "out.csv")
        inner(count(found))
        decorated_inner(7)
        Path("report.txt").write_text("done")
        return times

    @task(retries=2)
    def flaky():
        if first_time("flaky"):
            raise ValueError("first try")
        Path("flaky.txt").write_text("x")

    @task(retries=1, retry_delay_seconds=0.1)
    def flaky_later():
        if first_time("flaky_later"):
            raise ValueError("first try, later")

    @audited
    @flow(name="retried", retries=1)
    def retried():
        flaky()
        flaky_later()
        if first_time("retried"):
            raise RuntimeError("whole flow again")

    @task
    def boom():
        raise KeyError("boom")

    @task
    def after(x):
        return x

    @task
    def says_failed():
        return Failed(message="said so itself")

    @task(timeout_seconds=0.2)
    def slow():
        time.sleep(2)

    @audited
    @flow(name="failing")
    def failing():
        failed = boom.submit()
        after.submit(failed).wait()
        try:
            raise LookupError("not of the task")
        except LookupError:
            says_failed(return_state=True)
        slow(return_state=True)
        inner("not a number")

    @audited
    @flow(name="refused")
    def refused(a: int):
        pass

    @task
    def interrupted():
        raise KeyboardInterrupt

    @audited
    @flow(name="crashing")
    def crashing():
        interrupted()

    @flow(name="gives-up")
    def gives_up():
        return Cancelled(message="no more")

    @audited
    @flow(name="cancelled")
    def cancelled():
        gives_up(return_state=True)
        Path("after_cancelled.txt").write_text("x")

    @audited
    @flow(name="too-slow", timeout_seconds=0.2)
    def too_slow():
        time.sleep(2)

    @task
    def nested_child(i):
        Path(f"child{i}.txt").write_text("x")
        return i

    @task
    def nested(i):
        Path("before.txt").write_text("x")
        nested_child(i)
        nested_child.submit(i + 1).wait()
        inner(3)
        Path("behind.txt").write_text("x")

    @audited
    @flow(name="deep")
    def deep():
        nested(1)

    @audited
    @flow(name="edges")
    def edges():
        one = plain.submit(1)
        two = plain.submit(2, wait_for=[one])
        plain.submit([two]).wait()

    @task(persist_result=True, cache_key_fn=lambda context, arguments: f"{os.getpid()}-{arguments['x']}")
    def stored(x):
        Path("stored.txt").write_text("x")
        return x

    @task(
        persist_result=True,
        result_storage="local-file-system/kept",
        cache_key_fn=lambda context, arguments: f"kept-{os.getpid()}",
    )
    def kept():
        return 1

    @audited
    @flow(name="cached")
    def cached():
        stored(1)
        stored(1)
        stored(2)
        kept()
        kept()

    def named(flow, flow_run, state):
        Path("own_hook.txt").write_text(state.name)

    @flow(name="free")
    def free():
        plain(1)

    @flow(name="marked-below")
    @audited(environment="below")
    def marked_below():
        plain(1)

    @flow(name="third")
    def third(a: int):
        Path("third.txt").write_text(str(a))
        return plain(a)

    @flow(name="second")
    def second(a: int):
        return third(a)

    @audited
    @flow(name="first")
    def first():
        return second(1)

    def attempt(run, *arguments):
        try:
            return run(*arguments)
        except BaseException as error:
            print(run.name, type(error).__name__)

    if __name__ == "__main__":
        from prefect.filesystems import LocalFileSystem

        LocalFileSystem(basepath=str(Path("kept").resolve())).save("kept", overwrite=True)
        print("returned", success("in.csv"))
        for run in (retried, failing, crashing, cancelled, too_slow, deep, edges, cached, free, marked_below, first):
            attempt(run)
        attempt(refused, "x")
        success.with_options(name="renamed", on_completion=[named])("in.csv")
'''


@pytest.fixture(scope="module")
def tour(shared_program: Any) -> Any:
    """What the program left."""
    return shared_program(PROGRAM)


def sha256(path: Path) -> str:
    return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()


def test_every_event_fits_the_schemas(tour: Any) -> None:
    """Ours, and OpenLineage's where they stand beside the project."""
    assert len(tour.events) > 50
    assert tour.problems() == []


def test_each_run_has_one_start_and_one_end(tour: Any) -> None:
    """START before the end, no run left open, none without a start but the skipped one."""
    for run in tour.runs():
        assert run.types[0] == ("OTHER" if run.job == "failing.after" else "START"), run.job
        assert len(run.types) == (1 if run.job == "failing.after" else 2), (run.job, run.types)


def test_success_reads_and_writes_what_sha256sum_says(tour: Any) -> None:
    """Files stand with the step that opened them, by the digest that their content has."""
    folder = tour.folder
    step = tour.run("success.copy")
    assert step.types == ["START", "COMPLETE"]
    assert step.files("inputs") == {"in.csv": sha256(folder / "in.csv")}
    assert step.files("outputs") == {"out.csv": sha256(folder / "out.csv")}
    assert tour.run("success.count").files("inputs") == {"out.csv": sha256(folder / "out.csv")}
    assert tour.run("success").files("outputs") == {"report.txt": sha256(folder / "report.txt")}
    assert tour.run("success").files("inputs") == {}


def test_a_flow_run_says_what_it_is(tour: Any) -> None:
    """Its id is Prefect's, its labels the decorator's, its parameters the call's with the defaults."""
    run = tour.run("success")
    assert run.id == run.said["nativeId"]
    assert (run.said["system"], run.said["environment"], run.said["attempt"]) == ("mortgage", "staging", 1)
    assert (run.said["trigger"], run.said["actor"], run.said["closedBy"]) == (None, None, "process")
    assert run.parameters == {"source": "in.csv", "times": 3}
    assert run.start["processing_engine"]["name"] == "prefect"
    assert run.start["orchestrail_environment"]["digest"].startswith("sha256:")
    assert set(run.start["orchestrail_capabilities"]["capabilities"]) == {
        "attempts", "cache_origin", "code_digest", "dataset_version", "environment", "parameters", "skips",
    }  # fmt: skip


def test_a_task_run_says_what_it_is(tour: Any) -> None:
    """Code, declared version, tags and the values that its body got."""
    run = tour.run("success.copy")
    assert run.start["orchestrail_code"]["digest"].startswith("py-tokens-2:sha256:")
    assert run.start["orchestrail_code"]["name"].endswith("copy")
    assert run.start["orchestrail_step"]["version"] == "2.1"
    assert [tag["key"] for tag in run.start["tags"]["tags"]] == ["etl"]
    assert run.parameters == {"source": "in.csv", "target": "out.csv"}
    assert "orchestrail_environment" not in run.start


def test_subflows_are_in_the_tree_decorated_or_not(tour: Any) -> None:
    """Parent, root and labels come down; a decorator's own labels win."""
    root = tour.run("success")
    bare = next(run for run in tour.runs("inner") if run.root == root.id)
    own = next(run for run in tour.runs("decorated-inner") if run.root == root.id)
    assert (bare.parent, own.parent) == (root.id, root.id)
    assert bare.files("outputs").keys() == {"inner.txt"}
    assert (bare.said["system"], bare.said["environment"]) == ("mortgage", "staging")
    assert (own.said["system"], own.said["environment"]) == ("other-system", "staging")
    task = next(run for run in tour.runs("inner.plain") if run.parent == bare.id)
    assert task.root == root.id


def test_flows_in_flows(tour: Any) -> None:
    """At depth 3, of which only the outermost is decorated: parents step by step, one root."""
    chain = [tour.run("first"), tour.run("second"), tour.run("third"), tour.run("third.plain")]
    assert [run.parent for run in chain] == [None, *(run.id for run in chain[:-1])]
    assert {run.root for run in chain} == {chain[0].id}
    assert chain[2].files("outputs").keys() == {"third.txt"}


def test_a_flow_that_nothing_recorded_calls_is_not_recorded(tour: Any) -> None:
    """Neither before nor after its process recorded others."""
    assert tour.runs("free") == []
    assert tour.runs("free.plain") == []


def test_a_tried_again_task_has_a_run_for_each_try(tour: Any) -> None:
    """The failed try has its error, the next one its own id and number, at once or after a delay."""
    for job, text in (
        ("retried.flaky", "ValueError: first try"),
        ("retried.flaky_later", "ValueError: first try, later"),
    ):
        first, second, whole_again = tour.runs(job)
        assert (first.types, second.types, whole_again.types) == (
            ["START", "FAIL"],
            ["START", "COMPLETE"],
            ["START", "COMPLETE"],
        )
        assert first.error == text
        assert (first.said["attempt"], second.said["attempt"]) == (1, 2)
        assert second.id == attempt_run_id(first.id, 2)
        assert second.said["nativeId"] == first.id == second.said["previousAttempt"]
        assert first.parent == second.parent
    assert tour.runs("retried.flaky")[1].files("outputs").keys() == {"flaky.txt"}


def test_a_tried_again_flow_has_a_run_for_each_try(tour: Any) -> None:
    """Its task runs hang under the attempt that ran them."""
    first, second = tour.runs("retried")
    assert (first.types, second.types) == (["START", "FAIL"], ["START", "COMPLETE"])
    assert first.error == "RuntimeError: whole flow again"
    assert second.id == attempt_run_id(first.id, 2)
    assert second.said["previousAttempt"] == first.id
    parents = [run.parent for run in tour.runs("retried.flaky")]
    assert parents == [first.id, first.id, second.id]


def test_failures_keep_type_and_text(tour: Any) -> None:
    """Of the task that raised, of one that returned a failed state, of the flow; and no exception of somebody else's."""
    assert (tour.run("failing.boom").types[-1], tour.run("failing.boom").error) == ("FAIL", "KeyError: 'boom'")
    assert (tour.run("failing.says_failed").types[-1], tour.run("failing.says_failed").error) == (
        "FAIL",
        "said so itself",
    )
    assert tour.run("failing").types[-1] == "FAIL"
    assert tour.run("failing").error.startswith("ParameterTypeError: Flow run received invalid parameters")


def test_what_never_ran_is_skipped_or_refused(tour: Any) -> None:
    """A task behind a failed one is one OTHER event; a flow whose parameters are wrong starts and fails at once."""
    skipped = tour.run("failing.after")
    assert skipped.said["state"] == "SKIPPED"
    assert "did not reach a 'COMPLETED' state" in skipped.said["reason"]
    assert skipped.upstream == [tour.run("failing.boom").id]
    for refused in (
        tour.run("refused"),
        next(run for run in tour.runs("inner") if run.parent == tour.run("failing").id),
    ):
        assert refused.types == ["START", "FAIL"]
        assert refused.error.startswith("ParameterTypeError")


@pytest.mark.parametrize(
    ("job", "error"),
    [
        ("crashing", "KeyboardInterrupt"),
        ("crashing.interrupted", "KeyboardInterrupt"),
        ("too-slow", "FlowRunTimeoutError"),
        ("failing.slow", "TaskRunTimeoutError"),
        ("gives-up", "no more"),
    ],
)
def test_crashed_cancelled_and_timed_out_is_aborted(tour: Any, job: str, error: str) -> None:
    """Also where the body returned a cancelled state, for which Prefect calls no hook."""
    run = tour.run(job)
    assert run.types == ["START", "ABORT"]
    assert run.error.startswith(error)


def test_a_cancelled_subflow_does_not_take_its_parents_files(tour: Any) -> None:
    """The parent is the current run again."""
    assert tour.run("cancelled").files("outputs").keys() == {"after_cancelled.txt"}
    assert tour.run("gives-up").files("outputs") == {}


def test_nested_tasks(tour: Any) -> None:
    """A task in a task is below it, with the files that it wrote; a flow in a task too."""
    root, outer = tour.run("deep"), tour.run("deep.nested")
    called, submitted = tour.runs("deep.nested_child")
    within = next(run for run in tour.runs("inner") if run.root == root.id)
    assert {called.parent, submitted.parent, within.parent} == {outer.id}
    assert {run.root for run in (outer, called, submitted, within)} == {root.id}
    assert outer.files("outputs").keys() == {"before.txt", "behind.txt"}
    assert [run.files("outputs").keys() for run in (called, submitted)] == [{"child1.txt"}, {"child2.txt"}]


def test_what_a_task_waited_for_is_an_edge(tour: Any) -> None:
    """Futures handed over, one by one or in a list, and `wait_for`; the recorded value is the resolved one."""
    runs = {str(run.parameters["a"]): run for run in tour.runs("edges.plain")}
    assert runs["1"].upstream == []
    assert runs["2"].upstream == [runs["1"].id]
    assert runs["[2]"].upstream == [runs["2"].id]


def test_a_cached_task_names_the_run_that_computed(tour: Any) -> None:
    """And claims no data of its own."""
    computed, cached, other = tour.runs("cached.stored")
    assert (computed.types, cached.types) == (["START", "COMPLETE"], ["START", "COMPLETE"])
    assert (computed.said["state"], cached.said["state"], other.said["state"]) == (None, "CACHED", None)
    assert cached.said["cachedFrom"] == computed.id
    assert computed.said["cacheKey"] == cached.said["cacheKey"] != other.said["cacheKey"]
    assert computed.said["cacheKey"].startswith("sha256:")
    assert computed.files("outputs").keys() == {"stored.txt"}
    assert (cached.files("inputs"), cached.files("outputs")) == ({}, {})


def test_prefects_own_files_are_no_data_of_a_step(tour: Any) -> None:
    """Results that it stores and reads, in its home or where a block says."""
    assert list((tour.folder / "kept").iterdir())
    computed, cached = tour.runs("cached.kept")
    assert (cached.said["state"], cached.said["cachedFrom"]) == ("CACHED", computed.id)
    for run in (computed, cached, tour.run("cached")):
        assert (run.files("inputs"), run.files("outputs")) == ({}, {}), run.job


def test_options_survive_with_options(tour: Any) -> None:
    """Also where it replaces the list that held our hook."""
    run = tour.run("renamed")
    assert run.types == ["START", "COMPLETE"]
    assert (run.said["system"], run.said["environment"]) == ("mortgage", "staging")
    assert (tour.folder / "own_hook.txt").read_text() == "Completed"


def test_below_the_flow_decorator(tour: Any) -> None:
    """On the plain function it records the flow that is made of it."""
    run = tour.run("marked-below")
    assert (run.types, run.said["environment"]) == (["START", "COMPLETE"], "below")
    assert tour.run("marked-below.plain").parent == run.id


def test_doctor_names_a_decorator_below(tour: Any, shared_program: Any) -> None:
    """It works; a note says what would be better, and nothing is an error."""
    problems = shared_program.orchestrail("doctor")["problems"]
    (told,) = (problem for problem in problems if problem["code"] == "remark")
    assert told["severity"] == "note"
    assert told["what"].endswith("in prefect, @audited below @flow: __main__.marked_below.")
    assert told["do"].startswith("Write it above")
    assert not [problem for problem in problems if problem["severity"] == "error"]


def test_the_program_sees_its_own_results(tour: Any) -> None:
    """Return values and exceptions are Prefect's and the user's."""
    assert tour.stdout.splitlines() == [
        "returned 3",
        "failing ParameterTypeError",
        "crashing KeyboardInterrupt",
        "too-slow FlowRunTimeoutError",
        "refused ParameterTypeError",
    ]
    assert tour.stderr == ""
