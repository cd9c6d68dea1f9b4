"""What a step that prepares data has learned: the same digest in training and in serving, by whatever way it gets there."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PREPARATION = """
import joblib, json
from pathlib import Path
import orchestrail
import pandas as pd
from sklearn.preprocessing import StandardScaler

@orchestrail.preprocessing("fit-medians", version="1", fits_state=True, train_only=True)
def fit_medians(frame):
    return {name: frame[name].median() for name in ("b", "a")}

@orchestrail.preprocessing("impute", version="1", serve_time=True, state="medians")
def impute(frame, medians):
    return frame.fillna(medians)

@orchestrail.preprocessing("fit-scale", version="1", fits_state=True, train_only=True)
def fit_scale(frame, path):
    scaler = StandardScaler().fit(frame)
    joblib.dump(scaler, path)
    return scaler

@orchestrail.preprocessing("scale", version="1", serve_time=True)
def scale(frame, scaler):
    return scaler.transform(frame)

@orchestrail.preprocessing("scale-again", version="1", serve_time=True)
def scale_again(frame, path):
    return joblib.load(path).transform(frame)
"""
TRAIN = """
import sys
from preparation import *
from orchestrail_script import audited
from sklearn.linear_model import LinearRegression

@orchestrail.step(role="train")
def fit(values):
    joblib.dump(LinearRegression().fit(values, [0.0, 1.0, 2.0, 3.0]), "model.joblib")

@audited
def train(power):
    frame = pd.DataFrame({"a": [1.0, None, 3.0, 5.0], "b": [0.5, 1.5, None, 7.0]}) ** power
    medians = fit_medians(frame)
    Path("medians.json").write_text(json.dumps(medians, sort_keys=True))
    frame = impute(frame, medians)
    scaler = fit_scale(frame, "scaler.joblib")
    fit(scale(frame, scaler))
    scale_again(frame, "scaler.joblib")

train(float(sys.argv[1]))
"""
SERVE = """
import sys
from preparation import *

with orchestrail.serving(model="model.joblib", deployment="eu-1"):
    for folder in sys.argv[1:]:
        scaler = joblib.load(Path(folder, "scaler.joblib"))
        medians = json.loads(Path(folder, "medians.json").read_text())
        for _ in range(3):
            row = impute(pd.DataFrame({"a": [None], "b": [1.0]}, dtype=float), medians)
            scale(row, scaler)
            scale_again(row, Path(folder, "scaler.joblib"))
"""
SERVED = ["impute", "scale", "scale-again"]
Python = Callable[..., None]
Ask = Callable[..., Any]


@pytest.fixture
def python(tmp_path: Path, environment: dict[str, str]) -> Python:
    """Run a program of the project."""
    for name, text in (("preparation.py", PREPARATION), ("train.py", TRAIN), ("serve.py", SERVE)):
        (tmp_path / name).write_text(text)

    def run(program: str, *arguments: str, within: str = ".") -> None:
        folder = tmp_path / within
        folder.mkdir(exist_ok=True)
        command = [sys.executable, str(tmp_path / program), *arguments]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
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


def states(ask: Ask) -> dict[str, str | None]:
    """Give the fitted state of each operation of the last training."""
    runs = ask("runs", "--all")["runs"]
    return {
        one["preprocessing"]["operation"]: one["preprocessing"]["state_digest"] for one in runs if one["preprocessing"]
    }


def test_what_training_learned_is_what_serving_applies(python: Python, ask: Ask) -> None:
    """As a dictionary that went through JSON, as an object, and as a file that is loaded in the step."""
    python("train.py", "1.0")
    found = states(ask)
    assert None not in found.values()
    assert found["fit-medians"] == found["impute"]
    assert found["fit-scale"] == found["scale"] == found["scale-again"]
    written = [one for run in ask("runs", "--all")["runs"] for one in run["outputs"] if one["namespace"] == "file"]
    kinds = {Path(one["name"]).name: (one["kind"], one["kind_source"], one["type"]) for one in written}
    assert kinds["scaler.joblib"] == ("data", "inferred", "FITTED_STATE")
    assert kinds["model.joblib"] == ("model", "inferred", "MODEL")

    python("serve.py", ".")
    (service,) = ask("runs", "--job", "serving.*")["runs"]
    stated = {one["operation"]: one["stateDigest"] for one in service["serving"][-1]["preparation"]}
    assert stated == {name: found[name] for name in SERVED}
    document = ask("diff", service["run_id"])
    assert (document["changed"], document["findings"]) == ([], [])
    same = {entry["subject"] for entry in document["same"] if entry["fact"] == "fitted state"}
    assert same == set(SERVED)


def test_a_service_that_applies_what_another_training_learned(python: Python, ask: Ask, tmp_path: Path) -> None:
    """Version and code are the same, and the numbers are not; nor are they where the service changes to them as it runs."""
    python("train.py", "1.0")
    python("train.py", "2.0", within="other")
    for folders in (["other"], [".", "other"]):
        python("serve.py", *folders)
        service = ask("runs", "--job", "serving.*")["runs"][0]
        document = ask("diff", service["run_id"])
        found = {
            entry["subject"]: entry["fact"] for entry in document["changed"] if entry["category"] == "preprocessing"
        }
        assert {one["code"] for one in document["findings"]} == {"serving-differs"}
        # What is loaded within a call is looked at in its first one.
        assert found == dict.fromkeys(SERVED if len(folders) == 1 else SERVED[:2], "fitted state")
