"""What a step measures, checks, seeds and uses: in the facets that others read, in ours, and as `show` gives it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from orchestrail.testing import schema_problems

Run = Callable[..., Any]
SPECIFICATION = Path(__file__).parents[4] / "shared" / "data" / "openlineage-spec"

STATED = """
from decimal import Decimal
from enum import StrEnum

class Name(StrEnum):
    AUC = "auc"

@audited
def main():
    Path("written.csv").write_text("a\\n1\\n")
    for name, data in (("read.csv", "read.csv"), ("never opened", "other.csv"), ("written", "written.csv")):
        orchestrail.record_check(f"sorted: {name}", True, dataset=data)
    Path("read.csv").read_text()
    orchestrail.record_check("no nulls", False, dataset="read.csv", column="a", expected=0, actual=3, severity="warn")
    orchestrail.record_metric("row_count", 7, dataset="read.csv")
    orchestrail.record_metric("null_count", 3.0, dataset="read.csv", column="a")
    orchestrail.record_metric("null_count", 0.5, dataset="read.csv", column="b")
    orchestrail.record_metric("row_count", 1, dataset="written.csv")
    orchestrail.record_metric(Name.AUC, Decimal("0.75"), dataset="read.csv")

for name in ("read.csv", "other.csv"):
    Path(name).write_text("a\\n1\\n")
main()
"""


def of_datasets(event: dict[str, Any], direction: str) -> dict[str, dict[str, Any]]:
    """Give the facets of each data set by the name of its file, wherever they stand."""
    return {Path(one["name"]).name: one["facets"] | one.get(f"{direction}Facets", {}) for one in event[f"{direction}s"]}


def plain(facet: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in facet.items() if not key.startswith("_")}


def test_results_stand_on_their_data_set_and_on_the_run(run: Run) -> None:
    """As OpenLineage's facets; what was checked and not opened was read all the same, and no output has assertions."""
    outcome = run(STATED)
    _, (_, end) = outcome.of("program.main")
    inputs, outputs = of_datasets(end, "input"), of_datasets(end, "output")
    assert set(inputs) == {"read.csv", "other.csv"}
    assert plain(inputs["read.csv"]["dataQualityAssertions"]) == {
        "assertions": [
            {"assertion": "sorted: read.csv", "success": True, "severity": "error"},
            {
                "assertion": "no nulls", "success": False, "severity": "warn", "column": "a", "expected": "0",
                "actual": "3",
            },
        ]
    }  # fmt: skip
    assert plain(inputs["read.csv"]["dataQualityMetrics"]) == {"rowCount": 7, "columnMetrics": {"a": {"nullCount": 3}}}
    assert plain(outputs["written.csv"]["dataQualityMetrics"]) == {"rowCount": 1, "columnMetrics": {}}
    assert "dataQualityAssertions" not in outputs["written.csv"]
    tests = [(test["name"], test["status"]) for test in end["run"]["facets"]["test"]["tests"]]
    assert tests == [
        ("sorted: read.csv", "pass"), ("sorted: never opened", "pass"), ("sorted: written", "pass"), ("no nulls", "fail")
    ]  # fmt: skip
    for event in outcome.events:
        assert schema_problems(event, SPECIFICATION if SPECIFICATION.is_dir() else None) == []


IN_MEMORY = """
@audited
def main():
    for name, digest in (("first", "a"), ("second", "b")):
        frame = orchestrail.DatasetRef("inmemory", name, digest="sha256:" + digest * 64)
        orchestrail.record_input(frame)
        again = orchestrail.DatasetRef("inmemory", "dataframe", digest="sha256:" + digest * 64)
        orchestrail.record_check(f"of {name}", True, dataset=again)
    orchestrail.record_check("of a frame of the step's own", True, dataset=orchestrail.DatasetRef("inmemory", "dataframe"))

main()
"""


def test_a_frame_is_known_by_its_content_whatever_it_is_called(run: Run) -> None:
    """Its checks stand on it; a frame that the step was not given is no input."""
    outcome = run(IN_MEMORY)
    _, (_, end) = outcome.of("program.main")
    assert {
        name: [one["assertion"] for one in facets["dataQualityAssertions"]["assertions"]]
        for name, facets in of_datasets(end, "input").items()
    } == {"first": ["of first"], "second": ["of second"]}
    assert len(end["run"]["facets"]["test"]["tests"]) == 3


BAD = """
from decimal import Decimal

class Odd:
    def __str__(self): raise ValueError("a name of anybody's")

@audited
def main():
    for name, value in (
        ("nan", float("nan")), ("inf", float("-inf")), ("decimal", Decimal("1e3")), ("huge", 10**400), ("n" * 5000, 1),
        (Odd(), 2), ("\\ud800", 3), ("truth", True), ("none", None),
    ):
        orchestrail.record_metric(name, value)
    for value in ("text", [1], object(), 1j, Decimal("sNaN")):
        orchestrail.record_metric("refused", value)
    orchestrail.record_check("c" * 100, True, expected="e" * 50_000, actual=float("inf"), column=Odd())
    orchestrail.record_check("password=hunter22 " + "x" * 200_000, False)

main()
"""


def test_figures_and_names_of_any_kind_cost_their_own_statement_at_most(run: Run) -> None:
    """What is no number is left out and told of; long texts are cut; nothing is asked for its text."""
    outcome = run(BAD)
    assert (outcome.stdout, outcome.stderr, outcome.status) == ("", "", 0)
    _, (_, end) = outcome.of("program.main")
    metrics = end["run"]["facets"]["orchestrail_metrics"]["metrics"]
    assert {metric["name"][:9]: metric["value"] for metric in metrics} == {
        "nan": "nan", "inf": "-inf", "decimal": 1000.0, "huge": str(10**400), "nnnnnnnnn": 1, "<Odd>": 2, "\ud800": 3,
        "truth": True, "none": None,
    }  # fmt: skip
    assert max(len(metric["name"]) for metric in metrics) == 200
    checks = end["run"]["facets"]["orchestrail_checks"]["checks"]
    assert (len(checks[0]["expected"]), checks[0]["actual"], checks[0]["column"]) == (1000, "inf", "<Odd>")
    assert "hunter22" not in str(outcome.events)
    assert "no number" in (outcome.home / "trouble").read_text()


MANY = """
@audited
def main():
    for n in range(100_000):
        orchestrail.record_metric("loss", 1 / (n + 1))
        orchestrail.record_metric(f"loss[{n}]", n)
    for n in range(3_000):
        orchestrail.record_check("holds", n != 2_500)

main()
"""


def test_very_many_results_are_bounded_and_said_to_be(run: Run) -> None:
    """The last of each name stays, so does the check that failed; the surplus stands in the record."""
    outcome = run(MANY)
    assert outcome.stderr == ""
    _, (_, end) = outcome.of("program.main")
    facets = end["run"]["facets"]
    metrics, checks = facets["orchestrail_metrics"]["metrics"], facets["orchestrail_checks"]["checks"]
    assert (len(metrics), len(checks)) == (1000, 1000)
    assert [metric["value"] for metric in metrics if metric["name"] == "loss"][-1] == 1 / 100_000
    assert [check["success"] for check in checks].count(False) == 1
    assert [one["what"] for one in facets["orchestrail_capture"]["notCaptured"]] == ["metrics", "checks"]
    assert "199,000 are not kept" in facets["orchestrail_capture"]["notCaptured"][0]["reason"]
    assert len(str(end)) < 400_000


USED = """
import random, subprocess
from concurrent.futures import ThreadPoolExecutor

def spin(seconds):
    until = time.thread_time() + seconds
    while time.thread_time() < until: pass

@orchestrail.step(role="train")
def train():
    random.seed(11)
    spin(0.3)

@orchestrail.step(role="other")
def helped():
    with ThreadPoolExecutor(1) as pool: pool.submit(spin, 0.3).result()

@orchestrail.step(role="other")
def called():
    subprocess.run([sys.executable, "-c", "import time\\nwhile time.process_time() < 0.3: pass"])

@orchestrail.step(role="other")
def waits(): time.sleep(0.3)

@audited
def main():
    for step in (train, helped, called, waits): step()

main()
"""


def test_a_step_tells_what_it_used_and_what_it_seeded(run: Run) -> None:
    """By the kernel's count: its own thread, all threads, child processes; a seed belongs to the step that sets it."""
    outcome = run(USED)
    ends = {name: outcome.of(f"program.main.{name}")[-1][1] for name in ("train", "helped", "called", "waits")}
    facets = {name: end["run"]["facets"]["orchestrail_execution"] for name, end in ends.items()}
    used = {name: facet["usage"] for name, facet in facets.items()}
    assert {name: facet["seeds"] for name, facet in facets.items() if facet["seeds"]} == {
        "train": [{"name": "random.seed", "value": 11}]
    }
    for name, field in (("train", "threadSeconds"), ("helped", "processorSeconds"), ("called", "childSeconds")):
        assert used[name][field] >= 0.29
    for name, field in (
        ("helped", "threadSeconds"), ("called", "processorSeconds"), ("waits", "processorSeconds"), ("train", "childSeconds")
    ):  # fmt: skip
        assert used[name][field] < 0.2
    assert all(usage["wallSeconds"] >= 0.29 and usage["peakMemoryBytes"] > 1 << 20 for usage in used.values())
    for event in outcome.events:
        assert schema_problems(event, SPECIFICATION if SPECIFICATION.is_dir() else None) == []
