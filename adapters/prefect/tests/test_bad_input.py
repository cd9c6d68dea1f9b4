"""Parameters that cannot be shown, and a spool that is full or deleted while a flow runs: the flow does not notice."""

from __future__ import annotations

import json
from typing import Any

from orchestrail import trouble
from orchestrail.testing.disks import full_disk

PARAMETERS = """
    import threading
    from prefect.cache_policies import NO_CACHE

    class Awkward:
        def __init__(self):
            self.lock = threading.Lock()

        def refuse(self, *arguments):
            raise RuntimeError("do not look at me")

        __repr__ = __str__ = __eq__ = __hash__ = __reduce_ex__ = __len__ = __bool__ = refuse

    class Odd(str):
        def __str__(self):
            raise RuntimeError("do not look at me")

        __repr__ = __format__ = __str__

    @task(cache_policy=NO_CACHE)
    def takes(value):
        return type(value).__name__

    @audited
    @flow(name="awkward", validate_parameters=False)
    def awkward(value):
        given = [value, Odd("x"), b"x" * 100_000_000, "y" * 100_000_000, threading.Lock(), (i for i in range(3))]
        given += [float("nan"), {1: 2, None: Awkward}, [[[[[[[[1]]]]]]]]]
        return [takes(one) for one in given]

    print(awkward(Awkward()))
"""


def test_parameters_of_any_kind_leave_the_run_alone(program: Any) -> None:
    """Not serialisable, 100 MB large, raising in `repr`: the run has its result, and the record a short word for each."""
    control = program(PARAMETERS, audited=False)
    outcome = program(PARAMETERS)
    assert (outcome.stdout, outcome.stderr) == (control.stdout, control.stderr)
    runs = outcome.runs("awkward.takes")
    assert [run.types for run in runs] == [["START", "COMPLETE"]] * 9
    described = [run.start["orchestrail_parameters"]["parameters"]["value"] for run in runs]
    assert [one["type"].rpartition(".")[2] for one in described] == [
        "Awkward", "Odd", "bytes", "str", "lock", "generator", "float", "dict", "list",
    ]  # fmt: skip
    assert all("digest" in described[place] for place in (2, 3))
    assert max(len(json.dumps(event)) for event in outcome.events) < 50_000
    assert outcome.problems() == []


SPOOLED = """
    import shutil

    @task
    def step(i):
        Path(f"step{i}.txt").write_text("x")
        return i

    @audited
    @flow(name="spooled")
    def spooled():
        first = step(1)
        WHAT
        return first + step(2)

    print(spooled())
"""


def test_a_spool_that_is_deleted_while_a_flow_runs(program: Any) -> None:
    """What was in it is written once more, what comes later goes on in the same; doctor tells that it happened."""
    deleting = SPOOLED.replace("WHAT", 'shutil.rmtree(Path(os.environ["ORCHESTRAIL_HOME"], "spool"))')
    path = program.write(deleting)
    path.write_text(path.read_text().replace("@atexit.register", ""))
    outcome = program.execute(path)
    assert (outcome.stdout, outcome.stderr) == ("3\n", "")
    assert [(run.job, run.types[-1]) for run in outcome.runs()] == [
        ("spooled", "COMPLETE"),
        ("spooled.step", "COMPLETE"),
        ("spooled.step", "COMPLETE"),
    ]
    problems = {problem["code"]: problem["what"] for problem in program.orchestrail("doctor")["problems"]}
    assert "was deleted while its process was writing to it" in problems["trouble"]
    assert "events-missing" not in problems


def test_a_spool_on_a_full_disk(program: Any) -> None:
    """The run is as it would be; nothing that was cut passes for a record; doctor tells."""
    path = program.write(SPOOLED.replace("WHAT", ""))
    path.write_text(path.read_text().replace("@atexit.register", ""))
    with full_disk(program.folder / "disk") as disk:
        outcome = program.execute(path, prefix=disk.prefix, ORCHESTRAIL_SPOOL=str(disk.folder))
    assert (outcome.stdout, outcome.stderr) == ("3\n", "")
    assert outcome.events == []
    assert any("not spooled" in note["error"] for note in trouble.read(outcome.home))
