"""What changed between two real runs: each thing that can change is changed by itself, and told as what it is."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

TRAIN = """
import json, random
from pathlib import Path
import orchestrail
from orchestrail_script import audited
from preparation import clean

@orchestrail.step(role="train")
def fit(rows, seed):
    random.seed(seed)
    Path("model.json").write_text(json.dumps([sum(rows), random.random()]))
    orchestrail.record_output("model.json", kind="model")
    orchestrail.record_metric("total", sum(rows))

@audited
def train(data, seed):
    fit(clean([float(line) for line in Path(data).read_text().split()]), seed)

train("rows.csv", SEED)
"""
PREPARATION = """
import orchestrail
from helper import scaled

@orchestrail.preprocessing("clean", version="VERSION", serve_time=True)
def clean(rows):
    return [scaled(row) for row in rows]
"""
HELPER = """
from deep import FACTOR

def scaled(row):
    return row * FACTOR
"""
SERVE = """
import orchestrail
from preparation import clean

with orchestrail.serving(model="model.json", deployment="eu-1"):
    clean([1.0])
"""
Project = Callable[..., None]
Ask = Callable[..., Any]


@pytest.fixture
def project(tmp_path: Path, environment: dict[str, str]) -> Project:
    """Write the project as it is by default, but for what is given, and run one of its programs."""

    def run(
        program: str = "train.py",
        *,
        seed: int = 1,
        version: str = "1.0.0",
        helper: str = HELPER,
        deep: str = "FACTOR = 2.0\n",
        rows: str = "1\n2\n3\n",
    ) -> None:
        files = {
            "train.py": TRAIN.replace("SEED", str(seed)),
            "preparation.py": PREPARATION.replace("VERSION", version),
            "helper.py": helper,
            "deep.py": deep,
            "rows.csv": rows,
            "serve.py": SERVE,
        }
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        command = [sys.executable, "-B", program]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
        assert (done.returncode, done.stderr) == (0, "")

    return run


@pytest.fixture
def ask(tmp_path: Path, environment: dict[str, str]) -> Ask:
    """Ask the command line for a document."""
    command = str(Path(sys.executable).with_name("orchestrail"))

    def run(*arguments: str) -> Any:
        done = subprocess.run(
            [command, *arguments, "--json"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def last_two(ask: Ask) -> Any:
    """Compare the last two runs of the training."""
    new, old = (run["run_id"] for run in ask("runs", "--job", "*train")["runs"][:2])
    return ask("diff", old, new)


def changed(document: Any) -> set[tuple[str, str]]:
    """Give category and fact of what changed."""
    return {(entry["category"], entry["fact"]) for entry in document["changed"]}


def test_nothing_changed(project: Project, ask: Ask) -> None:
    """The same project run twice is the same in all that is recorded; so is one whose comments and layout changed."""
    project()
    project()
    document = last_two(ask)
    assert (document["changed"], document["findings"]) == ([], [])
    assert {"code", "input", "preprocessing", "environment", "model"} <= {
        entry["category"] for entry in document["same"]
    }
    project(helper=f"# scales\n\n{HELPER}".replace("(row):", "(row):  # a number"))
    assert last_two(ask)["changed"] == []


def test_a_helper_two_modules_away(project: Project, ask: Ask) -> None:
    """The declared version did not change and the code did: called out, with the module that did it."""
    project()
    project(deep="FACTOR = 3.0\n")
    document = last_two(ask)
    assert [finding["code"] for finding in document["findings"]] == ["version-unchanged-code-changed"]
    assert {("preprocessing", "code digest"), ("code", "code digest"), ("model", "contents"), ("metrics", "total")} <= (
        changed(document)
    )
    notes = {entry["note"] for entry in document["changed"] if entry["category"] == "code"}
    assert "differs in module deep" in notes
    assert not [entry for entry in document["changed"] if entry["category"] in ("input", "environment")]


def test_a_bumped_version_a_row_and_a_seed(project: Project, ask: Ask) -> None:
    """Each is told as what it is, and nothing else is."""
    project()
    project(rows="1\n2\n4\n")
    rows = last_two(ask)
    (entry,) = [entry for entry in rows["changed"] if entry["category"] == "input"]
    assert Path(entry["subject"]).name == "rows.csv"
    assert not {("code", "code digest"), ("preprocessing", "code digest")} & changed(rows)
    project(rows="1\n2\n4\n", seed=2)
    seed = last_two(ask)
    assert ("parameters", "parameter seed") in changed(seed)
    assert ("parameters", "seed random.seed") in changed(seed)
    assert not [entry for entry in seed["changed"] if entry["category"] == "input"]
    project(rows="1\n2\n4\n", seed=2, version="1.1.0")
    bumped = last_two(ask)
    assert ("preprocessing", "version") in changed(bumped)
    assert bumped["findings"] == []


def test_a_service_that_prepares_data_in_another_version(project: Project, ask: Ask) -> None:
    """Held against the training of the model that it loads, without its being named."""
    project()
    project("serve.py")
    (alike,) = ask("runs", "--job", "serving.*")["runs"]
    document = ask("diff", alike["run_id"])
    assert (document["kind"], document["changed"], document["findings"]) == ("service", [], [])
    project("serve.py", version="1.1.0", deep="FACTOR = 3.0\n")
    service = ask("runs", "--job", "serving.*")["runs"][0]["run_id"]
    for arguments in ([service], [service, "model.json"], ["model.json", service]):
        document = ask("diff", *arguments)
        assert [finding["code"] for finding in document["findings"]] == ["serving-differs"]
        assert {("preprocessing", "version"), ("preprocessing", "code digest")} == changed(document)


def test_another_release_of_a_library(project: Project, ask: Ask, tmp_path: Path, environment: dict[str, str]) -> None:
    """By the distributions that were installed when each ran."""
    for version in ("1.0", "1.1"):
        installed = tmp_path / f"site-{version}"
        (installed / "learner-0.dist-info").mkdir(parents=True)
        (installed / "learner-0.dist-info" / "METADATA").write_text(f"Name: learner\nVersion: {version}\n")
        environment["PYTHONPATH"] = str(installed)
        project()
    document = last_two(ask)
    assert [(entry["subject"], entry["a"], entry["b"]) for entry in document["changed"]] == [("learner", "1.0", "1.1")]
