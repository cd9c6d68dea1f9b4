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
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

MODEL = make_pipeline(StandardScaler(), LinearRegression()).fit([[0.0], [1.0]], [0.0, 1.0])
SKLEARN = f"scikit-learn {sklearn.__version__}"


def pickled(value: object, path: str) -> None:
    with Path(path).open("wb") as stream:
        pickle.dump(value, stream)


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
        ("scaler.pkl", lambda p: pickled(MODEL[0], p), ("model", "pickle", SKLEARN)),
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
    """Kind, format and framework with its version; the suffix decides where the object does not tell."""
    with observed() as seen:
        write(name)
    (one,) = seen.outputs
    assert (Path(one.name).name, one.kind, one.format, one.framework) == (name, *told)
    assert (one.digest is not None, one.weak) == (True, None)
    assert not seen.missing


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
