"""Values that go from task to task in memory: the trace of a model reaches its source, and no file lies between."""

from __future__ import annotations

from pathlib import Path

import pytest

TABLE = "a,b,y\n" + "".join(f"{n % 7},{n % 5},{n % 2}\n" for n in range(60))
TASKS = """
import joblib, pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

@task
def load(path):
    return pd.read_csv(path)

@task
@orchestrail.preprocessing("scale", version="1.1", fits_state=True)
def fit_scaler(frame):
    return StandardScaler().fit(frame[["a", "b"]])

@task
def part(frame, remainder):
    return frame[frame.index % 3 == remainder].reset_index(drop=True)

@task
def together(parts):
    return pd.concat(parts, ignore_index=True)

@task
def train(scaler, frame):
    return LogisticRegression().fit(scaler.transform(frame[["a", "b"]]), frame["y"])

@task
def save(model, path):
    joblib.dump(model, path)
    return path

@task
def tell():
    return None
"""
WAYS = {
    "submitted": """
    frame = load.submit("in.csv")
    parts = part.map(prefect.unmapped(frame), [0, 1, 2])
    whole = together.submit(parts)
    done = save.submit(train.submit(fit_scaler.submit(whole), whole), "model.joblib", wait_for=[tell.submit()])
    done.wait()
""",
    "called": """
    frame = load("in.csv")
    whole = together([part(frame, remainder) for remainder in range(3)])
    save(train(fit_scaler(whole), whole), "model.joblib")
""",
    "in processes": """
    frame = load.submit("in.csv").result()
    whole = together.submit([part.submit(frame, remainder).result() for remainder in range(3)]).result()
    save.submit(train.submit(fit_scaler.submit(whole).result(), whole).result(), "model.joblib").result()
""",
    "to a subflow": """
    model(together([part(load("in.csv"), remainder) for remainder in range(3)]))
""",
}
RUNNERS = {"in processes": "task_runner=ProcessPoolTaskRunner(max_workers=2)"}


def flow_by(way: str) -> str:
    return f"""
import prefect
from prefect.task_runners import ProcessPoolTaskRunner
{TASKS}
@flow
def model(whole):
    save(train(fit_scaler(whole), whole), "model.joblib")

@audited
@flow({RUNNERS.get(way, "")})
def process():
{WAYS[way]}

if __name__ == "__main__":
    process()
"""


@pytest.mark.parametrize("way", sorted(WAYS))
def test_a_model_is_traced_to_its_source_through_memory(program, way):
    """Submitted, mapped and called, in processes of a pool, and into a subflow: no edge is unproven, none is without its data."""
    (program.folder / "in.csv").write_text(TABLE)
    outcome = program(flow_by(way))
    assert (outcome.problems(), {run.types[-1] for run in outcome.runs()}) == ([], {"COMPLETE"})
    traced = program.orchestrail("trace", "model.joblib")
    assert [Path(source["name"]).name for source in traced["sources"]] == ["in.csv"]
    assert (traced["unproven"], [edge for edge in traced["edges"] if not edge["captured"]]) == ([], [])
    jobs = [row["job"]["name"].rpartition(".")[2] for row in traced["runs"]]
    assert sorted(set(jobs) - {"process", "model", "tell"}) == sorted(
        ["load", "part", "together", "fit_scaler", "train", "save"]
    )
    assert jobs.count("part") == 3


def test_mere_order_is_not_taken_for_a_value(program):
    """What a task only waited for stands in the trace as that; a value that has no digest is said not to be captured."""
    outcome = program("""
        @task
        def settle():
            return None

        @task
        def choose():
            return {"depth": 3}

        @task
        def write(choice):
            Path("out.txt").write_text(str(choice))

        @audited
        @flow
        def process():
            write.submit(choose.submit(), wait_for=[settle.submit()]).wait()

        process()
    """)
    (settle,), (choose,), (write,) = (outcome.runs(f"process.{name}") for name in ("settle", "choose", "write"))
    assert write.start["orchestrail_run"]["orderOnly"] == [settle.id]
    traced = program.orchestrail("trace", "out.txt")
    said = {edge["from"]: (edge["captured"], edge["note"]) for edge in traced["edges"] if edge["kind"] == "after"}
    assert said == {
        choose.id: (False, "handed on in memory: not captured"),
        settle.id: (True, "waited for: no value of it is known to have been handed on"),
    }


def test_what_a_cached_run_stands_for_was_not_read(program):
    """The task that computed it read the frame; the one that took its result did not, and gave what that one gave."""
    outcome = program("""
        import pandas as pd
        from prefect.cache_policies import INPUTS

        @task(cache_policy=INPUTS, persist_result=True)
        def count(frame):
            return frame.assign(z=1)

        @task
        def take(frame):
            return len(frame)

        @audited
        @flow
        def process():
            frame = pd.DataFrame({"x": [1, 2]})
            for _ in range(2):
                take(count(frame))

        process()
    """)
    computed, taken = outcome.runs("process.count")
    assert [len(computed.events[-1][direction]) for direction in ("inputs", "outputs")] == [1, 1]
    assert taken.said["state"] == "CACHED"
    assert (taken.events[-1]["inputs"], taken.events[-1]["outputs"]) == ([], [])
    for take in outcome.runs("process.take"):
        assert [one["name"] for one in take.events[-1]["inputs"]] == ["process.count"]


def test_a_flow_reads_and_gives_values_too(program):
    """What a flow is called with, whatever Prefect's server keeps of it, and what it returns; asynchronous ones likewise."""
    outcome = program("""
        import pandas as pd

        @task
        async def double(frame):
            return frame * 2

        @audited
        @flow(validate_parameters=False)
        async def process(frame):
            return await double(frame)

        print(len(asyncio.run(process(pd.DataFrame({"x": [1, 2]})))))
    """)
    assert outcome.stdout == "2\n"
    flow, double = outcome.run("process"), outcome.run("process.double")
    for run in (flow, double):
        assert [one["name"] for one in run.events[-1]["inputs"]] == ["process.frame"]
        assert [one["name"] for one in run.events[-1]["outputs"]] == ["process.double"]
