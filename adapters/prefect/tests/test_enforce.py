"""Enforce mode: Prefect shows a refused run as failed, with our message, and no line of its body ran; else nothing is changed."""

from __future__ import annotations

from typing import Any

import pytest

PROGRAM = """
    import inspect
    import traceback
    from prefect.task_runners import ProcessPoolTaskRunner

    unversioned = orchestrail.preprocessing("impute")

    def ran(name):
        with open("ran.txt", "a") as file:
            file.write(name + " ")

    @unversioned
    def plain(x):
        ran("plain")
        return x

    @unversioned
    async def coroutine(x):
        ran("coroutine")
        return x

    @unversioned
    def generator(x):
        ran("generator")
        yield x

    @unversioned
    async def stream(x):
        ran("stream")
        yield x

    async def drain(items):
        return [item async for item in items]

    CALLS = {
        plain: lambda run: run(1),
        coroutine: lambda run: asyncio.run(run(1)),
        generator: lambda run: list(run(1)),
        stream: lambda run: asyncio.run(drain(run(1))),
    }

    def attempt(name, call, *arguments):
        try:
            print(name, "went on", call(*arguments))
        except Exception as error:
            print(name, type(error).__name__, [one.requirement for one in getattr(error, "findings", ())], error)
            frames = [Path(frame.filename) for frame in traceback.extract_tb(error.__traceback__)]
            print(name, "through", {file.name for file in frames if file.parent.name.startswith("orchestrail")})

    @task
    @orchestrail.preprocessing("impute", version="1.0.0")
    def versioned(x):
        return x

    @task(retries=1)
    @unversioned
    def again(x):
        ran("again")

    @task(persist_result=True, cache_key_fn=lambda context, arguments: f"kept-{os.getpid()}")
    @unversioned
    def kept(x):
        ran("kept")
        return x

    @flow
    @unversioned
    def below(x):
        ran("below")

    @task
    @unversioned
    def sometimes(x):
        ran("sometimes")

    @audited
    @flow(name="recording")
    def recording():
        return kept(1)

    @audited(mode="enforce")
    @flow(name="tasks")
    def tasks():
        ran("tasks")
        for body, call in CALLS.items():
            if body in (plain, coroutine):
                attempt(body.__name__, call, task(name=body.__name__)(body))
        attempt("submitted", lambda: task(name="submitted")(plain).submit(1).result())
        attempt("again", again, 1)
        attempt("below", below, 1)
        attempt("kept", kept, 1)
        return versioned(2)

    pooled = task(name="pooled")(plain)

    @audited(mode="enforce")
    @flow(name="pool", task_runner=ProcessPoolTaskRunner(max_workers=1))
    def pool():
        attempt("pooled", lambda: pooled.submit(1).result())

    @audited
    @flow(name="mixed")
    def mixed():
        sometimes(1)

    if __name__ == "__main__":
        for body, call in CALLS.items():
            subject = audited(mode="enforce")(flow(name=body.__name__)(body))
            untouched = subject.fn
            attempt(body.__name__, call, subject)
            assert subject.fn.__name__ == body.__name__
            assert inspect.signature(subject.fn) == inspect.signature(body)
            assert subject.fn.__wrapped__ is untouched
        print(recording())
        print(tasks())
        pool()
        copy = audited(mode="enforce")(flow(name="first")(plain))
        print(copy.with_options(name="copy")(1, return_state=True).name)
        print(copy(1, return_state=True).name, copy.with_options(name="again").version == copy.version)
        attempt("mixed", mixed)
"""


@pytest.fixture(scope="module")
def refused(shared_program: Any) -> Any:
    """What the program left."""
    return shared_program(PROGRAM)


def ran(outcome: Any) -> list[str]:
    """The bodies of the user's that began."""
    path = outcome.folder / "ran.txt"
    return path.read_text().split() if path.exists() else []


def test_no_body_of_a_refused_run_began(refused: Any) -> None:
    """Nor any line of it: flows and tasks of every kind, called, submitted, tried again."""
    assert ran(refused) == ["kept", "tasks", "sometimes"]


@pytest.mark.parametrize("kind", ["plain", "coroutine", "generator", "stream"])
def test_a_refused_flow_fails_with_our_message(refused: Any, kind: str) -> None:
    """For its caller and on the record, whatever kind of function it is; and once."""
    run = refused.run(kind)
    assert f"{kind} RequirementNotMet ['PREP-01'] {kind} was refused before it ran." in refused.stdout
    assert (run.types, run.said["mode"]) == (["START", "FAIL"], "enforce")
    (finding,) = run.start["orchestrail_requirements"]["findings"]
    assert (finding["requirement"], finding["verdict"]) == ("PREP-01", "fail")
    assert "PREP-01" in run.error
    assert run.start["orchestrail_code"]["digest"].startswith("py-tokens-2:")


@pytest.mark.parametrize("job", ["tasks.plain", "tasks.coroutine", "tasks.submitted", "below", "pool.pooled"])
def test_a_refused_task_or_subflow_fails_and_its_flow_goes_on(refused: Any, job: str) -> None:
    """In the mode that the flow around says; what misses nothing runs."""
    run = refused.run(job)
    assert f"{job.rpartition('.')[2]} RequirementNotMet ['PREP-01'] {job} was refused before it ran." in refused.stdout
    around = refused.run("pool" if job == "pool.pooled" else "tasks")
    assert (run.types, run.parent, around.types) == (["START", "FAIL"], around.id, ["START", "COMPLETE"])
    assert refused.run("tasks.versioned").types == ["START", "COMPLETE"]
    assert refused.stdout.splitlines().count("2") == 1


@pytest.mark.parametrize("name", ["plain", "coroutine", "generator", "stream", "submitted", "below", "again"])
def test_a_refusal_is_shown_without_the_ways_it_came(refused: Any, name: str) -> None:
    """Of ours only the wrapper is among the frames, and no listener or recorder."""
    assert f"{name} through {{'wrapping.py'}}" in refused.stdout.splitlines()


def test_a_refused_task_is_refused_at_each_try(refused: Any) -> None:
    """Prefect tries it again as any other failed task."""
    first, second = refused.runs("tasks.again")
    assert [run.types for run in (first, second)] == [["START", "FAIL"], ["START", "FAIL"]]
    assert (second.said["attempt"], second.said["previousAttempt"]) == (2, first.id)


def test_a_refused_task_may_take_a_stored_result(refused: Any) -> None:
    """No code of the user's runs then; the record has the refusal and that it was cached."""
    (computed,) = refused.runs("recording.kept")
    (cached,) = refused.runs("tasks.kept")
    assert "kept went on 1" in refused.stdout
    assert computed.types == ["START", "COMPLETE"]
    assert cached.types == ["START", "FAIL", "COMPLETE"]
    assert (cached.said["state"], cached.said["cachedFrom"]) == ("CACHED", computed.id)


def test_copies_of_a_refused_flow_are_refused_too(refused: Any) -> None:
    """Made before or after; Prefect shows them as failed."""
    lines = refused.stdout.splitlines()
    assert "Failed" in lines
    assert "Failed True" in lines
    assert refused.run("copy").types == ["START", "FAIL"]


def test_it_fits_the_schemas(refused: Any) -> None:
    """Ours, and OpenLineage's where they stand beside the project."""
    assert refused.problems() == []
    assert refused.stderr == ""


UNRECORDED = """
    @{decorators}
    def guarded(x):
        Path("ran.txt").write_text("guarded")
        return x

    try:
        print("went on", guarded(1))
    except orchestrail.RequirementNotMet as refusal:
        print([finding.requirement for finding in refusal.findings], refusal)
"""
ABOVE, BELOW = "audited\n    @flow(name='guarded')", "flow(name='guarded')\n    @audited"


@pytest.mark.parametrize("decorators", [ABOVE, BELOW])
@pytest.mark.parametrize(
    "variables",
    [{"ORCHESTRAIL_SPOOL": "/proc/spool"}, {"ORCHESTRAIL_HOME": "/dev/null/home"}, {"ORCHESTRAIL_NAMESPACE": ""}],
)
def test_a_flow_that_would_leave_no_evidence_is_refused(
    program: Any, decorators: str, variables: dict[str, str]
) -> None:
    """A spool that cannot be written, a home that cannot be made, settings that cannot be used; in record mode it runs."""
    if "ORCHESTRAIL_NAMESPACE" in variables:
        (program.folder / "orchestrail.toml").write_text("nonsense = 1")
    path = program.write(UNRECORDED.format(decorators=decorators))
    path.write_text(path.read_text().replace("@atexit.register", ""))
    outcome = program.execute(path, ORCHESTRAIL_MODE="enforce", **variables)
    assert outcome.stdout.startswith("['RUN-LC-01'] guarded was refused before it ran."), outcome.stdout
    assert not (program.folder / "ran.txt").exists()
    assert program.execute(path, **variables).stdout == "went on 1\n"


TOUCHED = """
    from prefect import task

    def body(x):
        return x

    @audited{options}
    @flow
    def outer():
        return step(1)

    step, before = task(body), outer.fn
    outer()
    print(step.fn is body, outer.fn is before, hasattr(before, "__wrapped__"))
"""


@pytest.mark.parametrize("options", ["", "(mode='enforce')"])
def test_nothing_is_wrapped_that_was_not_refused(program: Any, options: str) -> None:
    """In record mode never; in enforce mode nothing that may run."""
    assert program(TOUCHED.format(options=options)).stdout == "True True False\n"
