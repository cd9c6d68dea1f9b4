"""Child processes of a Prefect task: what they touch is the task run's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

PROGRAM = """
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    def count(name):
        text = Path(name).read_text()
        Path(name).with_suffix(".count").write_text(str(len(text)))
        return len(text)

    @task
    def spread(names, method):
        with ProcessPoolExecutor(2, multiprocessing.get_context(method)) as pool:
            return sum(pool.map(count, names))

    @task
    def plain():
        return Path("c.txt").read_text()

    @audited
    @flow(name="spreading")
    def spreading(method):
        plain()
        return spread(["a.txt", "b.txt"], method)

    if __name__ == "__main__":
        for name in "abc":
            Path(f"{name}.txt").write_text(name)
        print([spreading(method) for method in ("fork", "spawn")])
"""


def test_a_pool_of_processes_in_a_task(program: Any) -> None:
    """Its inputs and outputs are those of the task run that handed the work over, and of no other."""
    outcome = program(PROGRAM)
    assert (outcome.stdout, outcome.status) == ("[2, 2]\n", 0)
    assert outcome.problems() == []
    spread = [run for run in outcome.runs() if run.job == "spreading.spread"]
    assert len(spread) == 2
    for run in spread:
        found = {
            direction: sorted(Path(one["name"]).name for event in run.events for one in event[direction])
            for direction in ("inputs", "outputs")
        }
        assert found == {"inputs": ["a.txt", "b.txt"], "outputs": ["a.count", "b.count"]}
        assert run.types[0] == "START"
        assert run.types[-1] == "COMPLETE"
        assert set(run.types[1:-1]) == {"RUNNING"}
        assert len({event["run"]["facets"]["orchestrail_run"]["owner"]["pid"] for event in run.events}) == 1
    for run in outcome.runs():
        if run.job in ("spreading", "spreading.plain"):
            assert run.types == ["START", "COMPLETE"]
            assert not run.files("outputs")
