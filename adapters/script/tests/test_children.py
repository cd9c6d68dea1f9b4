"""Child processes of a recorded run: what they read and write is the run's, whatever way they were started."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrail.operations import open_record
from orchestrail.operations.collect import collect
from orchestrail.projections.apply import apply
from orchestrail.queries.runs import runs
from orchestrail.queries.snapshot import snapshot
from orchestrail.settings import Settings

Run = Callable[..., Any]

HEAD = """
    import multiprocessing, signal
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool

    def work(name):
        text = Path(name).read_text()
        Path(name + ".out").write_text(text)
        return text

    def begin(name):
        Path(name).read_text()

    @orchestrail.step(role="preprocess")
    def prepared(name):
        return work(name)

    if __name__ == "__main__":  # a worker that is started anew runs this too, while another one reads
        for name in "abcd":
            Path(name).write_text(name)
"""


def touched(outcome: Any, job: str = "program.main") -> tuple[list[str], list[str]]:
    """Give the short names of what all events of a job say was read and written; each of them has a digest."""
    found: list[set[str]] = [set(), set()]
    for _, event in outcome.of(job):
        for names, direction in zip(found, ("inputs", "outputs"), strict=True):
            for dataset in event[direction]:
                assert dataset["facets"]["orchestrail_dataset"]["digest"], dataset
                names.add(Path(dataset["name"]).name)
    return sorted(found[0]), sorted(found[1])


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize(
    "body",
    [
        """
        for name in names:
            process = context.Process(target=work, args=(name,))
            process.start()
            process.join()
            assert process.exitcode == 0
        """,
        """
        with context.Pool(2) as pool:
            pool.map(work, names)
        """,
        """
        with context.Pool(2, begin, ("d",)) as pool:
            assert pool.apply(work, ("a",)) == "a"
            assert list(pool.imap_unordered(work, "b")) == ["b"]
            assert pool.starmap_async(work, [("c",)]).get() == ["c"]
        """,
        """
        with ProcessPoolExecutor(2, mp_context=context) as pool:
            assert list(pool.map(work, names, chunksize=2)) == list(names)
        """,
        """
        with ProcessPoolExecutor(1, context, begin, ("d",)) as pool:
            assert [pool.submit(work, name).result() for name in names] == list(names)
        """,
    ],
)
def test_what_a_child_touches_is_the_runs(run: Run, method: str, body: str) -> None:
    """A process or a pool of them, by every way to start one: all that it read and wrote, with digests."""
    outcome = run(f"""
    {HEAD}
    @audited
    def main(names, context):
        {body}
        return len(names)

    if __name__ == "__main__":
        print(main("abc", multiprocessing.get_context({method!r})))
    """)
    assert (outcome.stdout, outcome.stderr, outcome.status) == ("3\n", "", 0)
    begun = ["d"] if "begin" in body else []
    assert touched(outcome) == (["a", "b", "c", *begun], ["a.out", "b.out", "c.out"])
    events = outcome.of("program.main")
    assert sorted(kind for kind, _ in events)[0] == "COMPLETE"
    assert {kind for kind, _ in events} == {"START", "RUNNING", "COMPLETE"}
    owners = {event["run"]["facets"]["orchestrail_run"]["owner"]["pid"] for _, event in events}
    assert len(owners) == 1, "a child is no owner of the run"
    assert len({event["run"]["runId"] for _, event in events}) == 1


@pytest.mark.parametrize(
    "ending", ["os._exit(0)", "sys.exit(0)", "os.execv('/bin/true', ['true', 'hunter2secret'])", "return"]
)
def test_a_forked_child(run: Run, ending: str) -> None:
    """However it ends, what it saw is put on the record; the run's end is its parent's."""
    outcome = run(f"""
    {HEAD}
    @audited
    def main():
        work("a")
        child = os.fork()
        if child == 0:
            work("b")
            {ending}
        os.waitpid(child, 0)

    main()
    """)
    assert outcome.stderr == ""
    assert touched(outcome) == (["a", "b"], ["a.out", "b.out"])
    kinds = [kind for kind, _ in outcome.of("program.main")]
    assert sorted(kinds) == ["COMPLETE", "RUNNING", "START"]
    (child,) = [event for kind, event in outcome.of("program.main") if kind == "RUNNING"]
    missing = (child["run"]["facets"].get("orchestrail_capture") or {"notCaptured": []})["notCaptured"]
    assert [one["what"] for one in missing] == (["true"] if "execv" in ending else [])
    assert "hunter2" not in str(outcome.events)


def test_a_child_that_is_killed_costs_the_parent_nothing(run: Run) -> None:
    """The parent's record is whole, and so is what another child handed in before it was killed."""
    outcome = run(f"""
    {HEAD}
    def endless(name):
        work(name)
        os.kill(os.getpid(), signal.SIGKILL)

    @audited
    def main():
        work("a")
        try:
            with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as pool:
                pool.submit(work, "b").result()
                pool.submit(endless, "c").result()
        except BrokenProcessPool as error:
            print(type(error).__name__)
        process = multiprocessing.get_context("fork").Process(target=endless, args=("c",))
        process.start()
        process.join()
        work("d")
        return process.exitcode

    print(main())
    """)
    assert (outcome.stdout, outcome.stderr) == ("BrokenProcessPool\n-9\n", "")
    inputs, outputs = touched(outcome)
    assert {"a", "b", "d"} <= set(inputs)
    assert {"a.out", "b.out", "d.out"} <= set(outputs)
    assert [kind for kind, _ in outcome.of("program.main")][-1] == "COMPLETE"


def test_steps_and_statements_in_a_child(run: Run) -> None:
    """A marked function that is called in a child is a run below the one that handed the work over; so is what it states."""
    outcome = run(f"""
    {HEAD}
    def state(name):
        orchestrail.record_metric("rows", 3)
        orchestrail.record_output(name, kind="model")
        return prepared(name)

    @audited(system="credit", environment="staging")
    def main():
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            return pool.submit(state, "a").result()

    if __name__ == "__main__":
        print(main())
    """)
    assert (outcome.stdout, outcome.stderr) == ("a\n", "")
    (step, _) = [event for _, event in outcome.of("program.main.prepared")]
    (start,) = [event for kind, event in outcome.of("program.main") if kind == "START"]
    facets = step["run"]["facets"]
    assert facets["parent"]["run"]["runId"] == start["run"]["runId"]
    assert (facets["orchestrail_run"]["system"], facets["orchestrail_run"]["environment"]) == ("credit", "staging")
    assert touched(outcome, "program.main.prepared") == (["a"], ["a.out"])
    (child,) = [event for kind, event in outcome.of("program.main") if kind == "RUNNING"]
    assert child["run"]["facets"]["orchestrail_metrics"]["metrics"][0]["value"] == 3
    assert [Path(one["name"]).name for one in child["outputs"]] == ["a"]


def test_a_pool_is_nobodys(run: Run) -> None:
    """Two runs and nobody use one pool of processes: each has what it handed in."""
    outcome = run(f"""
    {HEAD}
    @audited
    def main(pool, name):
        return pool.submit(work, name).result()

    @audited
    def other(pool, name):
        return pool.submit(prepared, name).result()

    if __name__ == "__main__":
        with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as pool:
            print(main(pool, "a"), other(pool, "b"), pool.submit(prepared, "c").result())
    """)
    assert (outcome.stdout, outcome.stderr) == ("a b c\n", "")
    assert touched(outcome) == (["a"], ["a.out"])
    assert touched(outcome, "program.other") == ([], [])
    assert touched(outcome, "program.other.prepared") == (["b"], ["b.out"])
    assert {event["job"]["name"] for event in outcome.events} == {
        "program.main",
        "program.other",
        "program.other.prepared",
    }


def test_errors_and_results_of_a_child_are_the_hosts(run: Run) -> None:
    """What cannot be pickled, what raises and what exits is as without us."""
    program = f"""
    {HEAD}
    def wrong(name):
        raise KeyError(name)

    @audited
    def main(context):
        with ProcessPoolExecutor(1, context) as pool:
            for function, given in ((wrong, "a"), (lambda name: name, "a"), (work, "missing")):
                try:
                    pool.submit(function, given).result()
                except Exception as error:
                    print(type(error).__name__)
        process = context.Process(target=sys.exit, args=(7,))
        process.start()
        process.join()
        print(process.exitcode, "run" in vars(process))

    if __name__ == "__main__":
        main(multiprocessing.get_context("spawn"))
    """
    ours, theirs = run(program), run(program, audited=False)
    assert ours.stdout == theirs.stdout
    assert (ours.status, ours.stderr) == (theirs.status, theirs.stderr) == (0, "")


@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_joblib(run: Run, backend: str) -> None:
    """Each of its backends: what the calls read and wrote is the run's."""
    outcome = run(f"""
    {HEAD}
    from joblib import Parallel, delayed

    @audited
    def main():
        return Parallel(n_jobs=2, backend={backend!r})(delayed(work)(name) for name in "abc")

    if __name__ == "__main__":
        print(*main())
    """)
    assert (outcome.stdout, outcome.status) == ("a b c\n", 0)
    assert touched(outcome) == (["a", "b", "c"], ["a.out", "b.out", "c.out"])


def test_a_child_that_outlives_its_run_is_told(run: Run) -> None:
    """It goes on after the end: what it then touches stands in the run, and that it was late is said."""
    outcome = run(f"""
    {HEAD}
    def late(ready):
        ready.recv()
        work("b")
        ready.send(1)

    @audited
    def main():
        work("a")
        here, there = multiprocessing.Pipe()
        multiprocessing.get_context("fork").Process(target=late, args=(there,)).start()
        return here

    ready = main()
    ready.send(1)
    ready.recv()
    """)
    assert (outcome.stderr, outcome.status) == ("", 0)
    settings = Settings(home=outcome.home)
    store = open_record(settings, create=True)
    collect(settings, store)
    apply(store)
    with snapshot(store) as connection:
        (row,) = runs(connection)
    assert row.state == "COMPLETE"
    assert [Path(use.dataset.name).name for use in row.outputs] == ["a.out", "b.out"]
    assert [what for what, _ in row.not_captured] == ["a child process"]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_child_that_is_killed_is_told(run: Run, method: str) -> None:
    """It had no time to say what it read; of one that ended by itself nothing is missing."""
    outcome = run(f"""
    {HEAD}
    import functools

    def killed():
        Path("a").read_text()
        os.kill(os.getpid(), signal.SIGKILL)

    @audited
    def main(target, context):
        child = context.Process(target=target)
        child.start()
        child.join()
        return child.exitcode

    if __name__ == "__main__":
        context = multiprocessing.get_context({method!r})
        print(main(killed, context), main(functools.partial(work, "b"), context))
    """)
    assert (outcome.stdout, outcome.stderr, outcome.status) == ("-9 0\n", "", 0)
    ends = [event["run"]["facets"] for kind, event in outcome.of("program.main") if kind == "COMPLETE"]
    reason = "it was killed; what it did since it last gave a result back is not known (signal 9)"
    told = [facets.get("orchestrail_capture", {}).get("notCaptured") for facets in ends]
    assert told == [[{"what": "a child process", "reason": reason}], None]
