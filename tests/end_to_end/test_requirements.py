"""The requirements on the example, as its users run it: what holds, what it lacks, and what an edit without a new version does."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "mortgage"


@pytest.fixture(scope="module")
def edited(recorded: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The example run twice in production: the second time with another imputation under the version of the first."""
    folder = tmp_path_factory.mktemp("edited")
    environment = recorded.environment | {
        "ORCHESTRAIL_HOME": str(folder / "home"),
        "ORCHESTRAIL_ENVIRONMENT": "production",
        "PREFECT_HOME": str(folder / "prefect"),
    }
    project = shutil.copytree(EXAMPLE, folder / "mortgage")
    for number in (1, 2):
        command = [sys.executable, project / "flow.py", "--data", project / "hmda-boston-1990.csv"]
        command += ["--out", folder / f"out{number}"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
        module = project / "preparation.py"
        text = module.read_text()
        assert "applications.fillna(0)" in text or "applications.fillna(medians)" in text
        module.write_text(text.replace("applications.fillna(medians)", "applications.fillna(0)"))
    return type(recorded)(folder / "home", folder, environment)


def verdicts(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {verdict["id"]: verdict for verdict in document["verdicts"]}


def test_the_example_passes_but_for_what_it_lacks(edited: Any) -> None:
    """Nothing checked the encoded table that it trains on: that is named, and so is what nobody can know yet."""
    root = edited.json("runs")["runs"][-1]["run_id"]
    document = edited.json("check", root, status=1)
    found = {name: verdict["verdict"] for name, verdict in verdicts(document).items()}
    passing = {name for name, verdict in found.items() if verdict == "pass"}
    assert passing >= {
        "RUN-ID-01",
        "RUN-ID-02",
        "RUN-LC-01",
        "LIN-01",
        "LIN-02",
        "LIN-03",
        "LIN-04",
        "PREP-01",
        "PREP-03",
    }
    assert passing >= {"PREP-05", "MOD-01", "MOD-02"}
    assert "train-encoded.csv: nothing checked it" in verdicts(document)["PREP-06"]["reason"]


def test_an_edit_without_a_new_version_fails_and_names_both_runs(edited: Any) -> None:
    """The operation and the code of each are told; operations that were not edited still hold."""
    first, second = (run["run_id"] for run in reversed(edited.json("runs")["runs"]))
    verdict = verdicts(edited.json("check", status=1))["PREP-02"]
    assert (verdict["verdict"], verdict["subjects"], verdict["counts"]) == ("fail", 4, {"fail": 1, "pass": 3})
    (result,) = verdict["results"]
    assert result["subject"] == "impute@1.0.0"
    runs = {run["run_id"]: run for run in edited.json("runs", "--all")["runs"]}
    assert {runs[witness["run_id"]]["root_run_id"] for witness in result["witnesses"]} == {first, second}
    assert len({witness["detail"].partition(",")[0] for witness in result["witnesses"]}) == 2


def test_what_is_kept_gives_the_same_bytes(edited: Any) -> None:
    """A second check judges nothing anew, and says the same."""
    one, other = (edited.command("check", "--json").stdout for _ in range(2))
    assert one == other
