"""What MLflow logs, registers and loads, with its store in a folder of the test."""

from __future__ import annotations

import subprocess
import sys

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.models import infer_signature
from mlflow.tracking.context.git_context import GitRunContext
from sklearn.linear_model import LinearRegression

FRAME = pd.DataFrame({"a": [0.0, 1.0, 2.0], "b": [1.0, 3.0, 5.0]})


@pytest.fixture(params=["sqlite", "file"])
def place(request, tmp_path, monkeypatch):
    """The namespace of a tracking store: a database, or a folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_MAINTENANCE_MODE", "false")
    folder = tmp_path / ("mlflow.db" if request.param == "sqlite" else "mlruns")
    mlflow.set_tracking_uri(f"sqlite:///{folder}" if request.param == "sqlite" else f"file://{folder}")
    yield f"mlflow:{folder}"
    mlflow.set_tracking_uri(None)


def fitted():
    return LinearRegression().fit(FRAME[["a"]].to_numpy(), FRAME["b"])


def test_a_run_of_mlflow_leaves_models_artifacts_and_metrics(place, observed, tmp_path):
    """And no file or table of MLflow's own books; what was logged is what is loaded, by digest and by version."""
    model = fitted()
    (tmp_path / "report.txt").write_text("fine")
    with observed() as trained, mlflow.start_run() as run:
        mlflow.log_param("alpha", 1)
        mlflow.log_metric("rmse", 0.5)
        mlflow.log_metrics({"r2": 0.9, "mae": 0.1})
        mlflow.log_artifact("report.txt", "texts")
        mlflow.log_input(mlflow.data.from_pandas(FRAME, name="frame"), context="training")
        info = mlflow.sklearn.log_model(
            model, name="model", registered_model_name="credit", signature=infer_signature(np.zeros((1, 1)))
        )
    run_id = run.info.run_id
    assert {(one.namespace, one.name, one.version, one.kind) for one in trained.outputs} == {
        (place, f"models/{info.model_id}", info.model_id, "model"),
        (place, "models/credit", "1", "model"),
        (place, f"runs/{run_id}/texts/report.txt", None, "data"),
    }
    logged = trained.one("outputs", f"models/{info.model_id}")
    assert logged.digest == trained.one("outputs", "models/credit").digest
    assert logged.weak is None
    read = {one.name: (one.version, one.role) for one in trained.inputs}
    assert read.pop(str(tmp_path / "report.txt")) == (None, None)
    assert [(name, role) for name, (_, role) in read.items()] == [("datasets/frame", "train")]
    assert {(one["name"], one["value"], one.get("by")) for one in trained.results.metrics} == {
        ("rmse", 0.5, "mlflow"), ("r2", 0.9, "mlflow"), ("mae", 0.1, "mlflow"),
    }  # fmt: skip
    assert list(trained.other_runs) == [("mlflow", run_id)]
    assert trained.missing == []

    for address, name, version in (
        ("models:/credit/1", "models/credit", "1"),
        (info.model_uri, f"models/{info.model_id}", info.model_id),
        (f"runs:/{run_id}/model", f"models/{info.model_id}", info.model_id),
    ):
        for load in (mlflow.sklearn.load_model, mlflow.pyfunc.load_model):
            with observed() as served:
                load(address).predict(np.zeros((1, 1)))
            assert [(one.namespace, one.name, one.version, one.kind) for one in served.inputs] == [
                (place, name, version, "model")
            ]
            assert served.inputs[0].digest == logged.digest
            assert not served.outputs
            assert not served.missing


def test_registering_later_names_the_version(place, observed):
    """The registry's name and its count."""
    with mlflow.start_run():
        info = mlflow.sklearn.log_model(fitted(), name="model", pip_requirements=[])
    with observed() as seen:
        mlflow.register_model(info.model_uri, "later")
        mlflow.register_model(info.model_uri, "later")
    assert [(one.name, one.version) for one in seen.outputs] == [("models/later", "2")]


def test_a_model_in_a_plain_folder_is_a_folder(observed, tmp_path):
    """Saved and loaded without any run: one data set, with the digest of the folder."""
    mlflow.sklearn.save_model(fitted(), str(tmp_path / "saved"), pip_requirements=[])
    with observed() as seen:
        mlflow.sklearn.load_model(str(tmp_path / "saved"))
    (one,) = seen.inputs
    assert (one.name, one.kind, one.format, one.weak) == (str(tmp_path / "saved"), "model", "mlflow", None)


@pytest.mark.parametrize(
    ("address", "namespace"),
    [
        ("http://user:planted@tracking.example:5000/x?token=planted", "mlflow://tracking.example:5000"),
        ("databricks", "mlflow:databricks"),
        ("databricks://profile", "mlflow://profile"),
        ("postgresql://user:planted@db.example/mlflow", "mlflow://db.example"),
    ],
)
def test_namespaces_hold_no_secret(address, namespace):
    """Neither user nor password nor query."""
    from types import SimpleNamespace

    from orchestrail.capture.observers.mlflow import _namespace

    assert _namespace(SimpleNamespace(tracking_uri=address)) == namespace


def test_what_mlflow_asks_of_git_is_not_read(observed, tmp_path, monkeypatch):
    """Of a program in a repository, MLflow looks up the commit: that is no data of the run."""
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    for arguments in (("init", "-q"), (*who, "commit", "-q", "--allow-empty", "-m", "first")):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True)
    (tmp_path / "program.py").touch()
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "program.py")])
    with observed() as seen:
        context = GitRunContext()
        assert context.in_context()
        assert context.tags()["mlflow.source.git.commit"]
    assert not seen.inputs
