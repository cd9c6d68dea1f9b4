"""Model files: what they are written with and made with, as far as the object tells."""

from __future__ import annotations

import pickle
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import safetensors
import safetensors.numpy
import sklearn
from joblib import dump as dumped_by_name
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from orchestrail.capture import fitted

MODEL = make_pipeline(StandardScaler(), LinearRegression()).fit([[0.0], [1.0]], [0.0, 1.0])
GROUPS = KMeans(2, random_state=1).fit([[0.0], [1.0]])
COLUMNS = make_pipeline(ColumnTransformer([("scale", StandardScaler(), [0])]), PCA(1)).fit([[0.0], [1.0]])
PASSED = make_pipeline(StandardScaler(), "passthrough").fit([[0.0], [1.0]])
SKLEARN = f"scikit-learn {sklearn.__version__}"


def pickled(value: object, path: str) -> None:
    with Path(path).open("wb") as stream:
        pickle.dump(value, stream)


def loaded(path: str, write: object) -> object:
    with Path(path).open("rb") as stream:
        return pickle.load(stream) if write is pickled else joblib.load(stream)


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("name", "write", "told"),
    [
        ("m.joblib", lambda p: joblib.dump(MODEL, p), ("model", "joblib", SKLEARN)),
        ("m.bin", lambda p: dumped_by_name(MODEL, p), ("model", "joblib", SKLEARN)),
        ("m.joblib.gz", lambda p: joblib.dump(MODEL, p, compress=("gzip", 3)), ("model", "joblib", SKLEARN)),
        ("m.pkl", lambda p: pickled(MODEL, p), ("model", "pickle", SKLEARN)),
        ("scaler.pkl", lambda p: pickled(MODEL[0], p), ("data", "pickle", SKLEARN)),
        ("groups.joblib", lambda p: joblib.dump(GROUPS, p), ("model", "joblib", SKLEARN)),
        ("columns.joblib", lambda p: joblib.dump(COLUMNS, p), ("data", "joblib", SKLEARN)),
        ("passed.joblib", lambda p: joblib.dump(PASSED, p), ("data", "joblib", SKLEARN)),
        ("frame.pkl", lambda p: pickled(pd.DataFrame({"a": [1]}), p), ("data", "pickle", None)),
        ("array.joblib", lambda p: joblib.dump(np.arange(3), p), ("data", "joblib", None)),
        ("other.pkl", lambda p: pickled({"a": 1}, p), ("model", "pickle", None)),
        ("x.npy", lambda p: np.save(p, np.arange(3)), ("data", None, None)),
        (
            "w.safetensors",
            lambda p: safetensors.numpy.save_file({"w": np.ones(3)}, p),
            ("model", "safetensors", None),
        ),
    ],
)
def test_a_written_model_says_what_it_is(observed, name, write, told):
    """Kind, format and framework with its version: what predicts is a model; the suffix decides where the object does not tell."""
    with observed() as seen:
        write(name)
    (one,) = seen.outputs
    assert (Path(one.name).name, one.kind, one.format, one.framework) == (name, *told)
    assert (one.digest is not None, one.weak) == (True, None)
    assert one.kind_source == (None if name == "x.npy" else "inferred")
    assert not seen.missing


@pytest.mark.parametrize("write", [joblib.dump, pickled])
def test_fitted_state_in_a_file_is_what_it_is_in_memory(observed, write):
    """Whoever writes or loads it, and in whatever format: one digest of what was learned."""
    with observed() as seen:
        write(MODEL[0], "scaler.any")
    digest = fitted.identify(MODEL[0]).digest
    assert [(one.digest, one.observed) for one in seen.made] == [(digest, "at_write")]
    assert seen.outputs[0].type == "FITTED_STATE"
    with observed() as seen:
        assert fitted.identify(loaded("scaler.any", write)).digest == digest
    assert [(one.digest, one.observed) for one in seen.applied] == [(digest, "at_read")]
    with observed() as seen:
        write(MODEL, "model.any")
        loaded("model.any", write)
    assert (seen.made, seen.applied) == ([], [])


def test_weights_that_rust_maps_are_an_input(observed):
    """safetensors opens the file by itself."""
    safetensors.numpy.save_file({"w": np.ones(3)}, "w.safetensors")
    for read in (
        lambda: safetensors.numpy.load_file("w.safetensors"),
        lambda: safetensors.safe_open("w.safetensors", framework="np").__enter__(),
    ):
        with observed() as seen:
            read()
        (one,) = seen.inputs
        assert (Path(one.name).name, one.kind, one.format, one.weak) == ("w.safetensors", "model", "safetensors", None)


def test_a_users_own_object_is_not_looked_into(observed):
    """Its class decides; none of its code runs."""

    class Odd:
        def __getattribute__(self, name):
            if name in ("__reduce_ex__", "__class__", "__getstate__", "__dict__", "__reduce__"):
                return object.__getattribute__(self, name)
            raise AssertionError(name)

        def __reduce__(self):
            return (dict, ())

    with observed() as seen:
        pickled(Odd(), "odd.pkl")
    assert seen.outputs[0].framework is None
