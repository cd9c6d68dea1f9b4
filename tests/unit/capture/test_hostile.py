"""Objects of anybody in the hands of libraries that are watched: no code of theirs runs for us, and results stay what they are."""

from __future__ import annotations

import concurrent.futures
import os
import pickle
import random
import sqlite3
import threading
from collections import Counter
from itertools import count
from pathlib import Path, PosixPath

import duckdb
import joblib
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
import safetensors.numpy
import sqlalchemy as sa
from sklearn.dummy import DummyClassifier
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from orchestrail.capture.memory import Handed
from orchestrail.parameters import describe

ASKED = (
    "__array__", "__arrow_c_stream__", "__bool__", "__bytes__", "__call__", "__contains__", "__dataframe__", "__enter__",
    "__eq__", "__float__", "__format__", "__fspath__", "__getitem__", "__hash__", "__index__", "__int__", "__iter__", "__len__",
    "__next__", "__reduce_ex__", "__repr__", "__str__",
)  # fmt: skip


class Stop(BaseException):
    """What no handler of `Exception` keeps."""


def hostile(lies: dict[str, object]) -> tuple[object, Counter[str]]:
    """Make an object that counts what it is asked for: it gives its lies, and raises at anything else."""
    asked: Counter[str] = Counter()

    def answer(name):
        def method(self, *args, **kwargs):
            asked[name] += 1
            if name not in lies:
                raise Stop(name)
            told = lies[name]
            return told(*args, **kwargs) if callable(told) else told

        return method

    def attribute(self, name):
        if name == "__class__":  # what `isinstance` asks; of a library's own check it is not told apart from anybody's
            return type(self)
        asked[name] += 1
        if name not in lies:
            raise AttributeError(name)
        told = lies[name]
        return told() if name in ("shape", "dtype", "columns", "name", "ndim", "size") else answer(name).__get__(self)

    members = {
        name: answer(name) for name in ASKED if name in lies or name in ("__eq__", "__repr__", "__str__", "__len__")
    }
    return type("Hostile", (), members | {"__getattribute__": attribute, "__hash__": answer("__hash__")})(), asked


VALUES = np.array([0, 1, 0, 1, 1, 0])


def refuse():
    raise Stop


HOSTILES = {
    "raises at everything": {},
    "array": {
        "__array__": lambda *args, **kwargs: VALUES.copy(),
        "__len__": 6,
        "__getitem__": lambda at: VALUES[at],
        "shape": lambda: (6,),
        "__iter__": lambda: iter(VALUES),
        "dtype": lambda: VALUES.dtype,
        "ndim": lambda: 1,
    },
    "array that lies of its shape": {
        "__array__": lambda *args, **kwargs: VALUES.copy(),
        "__len__": 1 << 62,
        "shape": refuse,
        "columns": refuse,
    },
    "path": {"__fspath__": "in/table.csv"},
    "path that lies": {"__fspath__": 7},
    "stream": {
        "read": lambda *args: b"",
        "readline": lambda *args: b"",
        "write": lambda data: len(data),
        "name": refuse,
    },
    "function": {"__call__": lambda *args, **kwargs: 3},
    "number": {"__float__": 0.5, "__index__": 70_000, "__int__": 70_000},
    "text": {"__str__": "select 1", "__repr__": "select 1", "__len__": 8, "__iter__": lambda: iter("select 1")},
}


def in_thread(given):
    thread = threading.Thread(target=given)
    thread.run = thread.run
    thread.start()
    thread.join()


def in_pool(given):
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        return pool.submit(given).result()


def in_sqlite(given, *, parameter):
    with sqlite3.connect(":memory:") as base:
        return base.execute("select ?", (given,)).fetchall() if parameter else base.execute(given).fetchall()


def in_sqlalchemy(given):
    with sa.create_engine("sqlite://").connect() as connection:
        return connection.execute(sa.text("select :value"), {"value": given}).fetchall()


def to_file(dump):
    def call(given):
        with Path("out.bin").open("wb") as stream:
            return dump(given, stream)

    return call


FRAME = pd.DataFrame({"a": [1, 2]})
FITTED = DummyClassifier().fit(np.zeros((6, 1)), VALUES)
CALLS = {
    "open": lambda given: open(given).read(),  # noqa: PTH123, SIM115
    "os.open": lambda given: os.close(os.open(given, os.O_RDONLY)),
    "os.rename": lambda given: os.rename(given, "elsewhere"),  # noqa: PTH104
    "os.link": lambda given: os.link(given, "elsewhere"),
    "numpy.load": np.load,
    "numpy.save": lambda given: np.save("out.npy", given),
    "numpy.savetxt": lambda given: np.savetxt(given, VALUES),
    "random.seed": random.seed,
    "numpy.random.seed": np.random.seed,
    "numpy.random.default_rng": lambda given: type(np.random.default_rng(given)),
    "pandas.read_csv": lambda given: pd.read_csv(given).to_dict(),
    "pandas.read_parquet": lambda given: pd.read_parquet(given).to_dict(),
    "pandas.to_parquet": lambda given: FRAME.to_parquet(given),
    "polars.read_csv": lambda given: pl.read_csv(given).to_dict(as_series=False),
    "polars.scan_csv": lambda given: pl.scan_csv(given).collect().to_dict(as_series=False),
    "polars.write_csv": lambda given: pl.DataFrame({"a": [1]}).write_csv(given),
    "arrow.read_table": lambda given: pq.read_table(given).num_rows,
    "arrow.write_table": lambda given: pq.write_table(pa.table({"a": [1]}), given),
    "arrow.dataset": lambda given: ds.dataset(given, format="csv").count_rows(),
    "arrow.write_dataset": lambda given: ds.write_dataset(pa.table({"a": [1]}), given, format="csv"),
    "duckdb.read_csv": lambda given: duckdb.connect().read_csv(given).fetchall(),
    "duckdb.connect": lambda given: duckdb.connect(given).close(),
    "pickle.dump": to_file(pickle.dump),
    "pickle.dump to it": lambda given: pickle.dump({"a": 1}, given),
    "pickle.load": pickle.load,
    "joblib.dump": to_file(joblib.dump),
    "joblib.dump to it": lambda given: joblib.dump({"a": 1}, given),
    "joblib.load": joblib.load,
    "safetensors.save_file": lambda given: safetensors.numpy.save_file({"a": given}, "out.safetensors"),
    "safetensors.load_file": lambda given: sorted(safetensors.numpy.load_file(given)),
    "sqlite3.connect": lambda given: sqlite3.connect(given).close(),
    "sqlite3, a statement": lambda given: in_sqlite(given, parameter=False),
    "sqlite3, a parameter": lambda given: in_sqlite(given, parameter=True),
    "sqlalchemy, a parameter": in_sqlalchemy,
    "threading.Thread": in_thread,
    "ThreadPoolExecutor": in_pool,
    "sklearn: fit": lambda given: StandardScaler().fit(given).n_features_in_,
    "sklearn: labels": lambda given: DummyClassifier().fit(np.zeros((6, 1)), given).n_classes_,
    "sklearn: predict": lambda given: FITTED.predict(given).tolist(),
    "sklearn: score": lambda given: FITTED.score(np.zeros((6, 1)), given),
    "sklearn: a metric": lambda given: accuracy_score(given, VALUES),
    "sklearn: a parameter": lambda given: DummyClassifier(random_state=given, constant=given).fit(
        np.zeros((6, 1)), VALUES
    ),
    "sklearn: a split": lambda given: [part.tolist() for part in train_test_split(given, random_state=1)],
}


def outcome(call, lies):
    """Give what a call comes to, and what it asked the object for."""
    given, asked = hostile(lies)
    try:
        result = call(given)
    except BaseException as error:
        result = type(error), type(error.__cause__), error.args if isinstance(error, Stop) else None
    return type(result) if isinstance(result, DummyClassifier) else result, asked


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Give folders to work in, each like the other."""
    monkeypatch.setattr(threading, "excepthook", lambda told: None)

    def made():
        for number in count():
            folder = tmp_path / str(number)
            (folder / "in").mkdir(parents=True)
            (folder / "in" / "table.csv").write_text("a,b\n1,2\n")
            monkeypatch.chdir(folder)
            yield

    return made()


@pytest.mark.parametrize("name", CALLS)
def test_a_watched_call_asks_an_object_no_more_than_the_library_does(name, observed, places):
    """It comes to the same, and runs the object's code as often: what lies, raises or takes long does so once, for the host."""
    for kind, lies in HOSTILES.items():
        next(places)
        alone = outcome(CALLS[name], lies)
        next(places)
        with observed():
            watched = outcome(CALLS[name], lies)
        assert watched == alone, kind


class Text(str):
    """A class of texts, as libraries have."""


class Place(PosixPath):
    """A class of paths, as libraries have."""


def test_texts_and_paths_of_other_classes_are_what_is_in_them(observed, places):
    """Evidence is not lost because a program has a class of texts or paths of its own."""
    next(places)

    with observed() as seen:
        os.close(os.open(Place("in/table.csv"), os.O_RDONLY))
        os.rename(Place("in"), "elsewhere")  # noqa: PTH104
        pq.write_table(pa.table({"a": [1]}), Place("out.parquet"))
        with sqlite3.connect(Text("base.db")) as base:
            base.execute(Text("create table t (x)"))
        base.close()
        with os.scandir("elsewhere") as found:
            os.close(os.open(next(found), os.O_RDONLY))
    assert seen.names() == (["table.csv", "table.csv"], ["base.db", "out.parquet", "t"])
    assert not seen.missing


def test_a_path_whose_class_would_have_to_be_asked_is_told(observed, places):
    """It may answer otherwise each time: what it stood for is not known, and that is said."""
    next(places)
    path, _ = hostile({"__fspath__": "out.parquet"})
    with observed() as seen:
        pq.write_table(pa.table({"a": [1]}), path)
    assert not seen.outputs
    assert [what for what, _ in seen.missing] == ["a path"]


def test_what_a_step_is_given_and_gives_is_not_asked():
    """Neither as a parameter, nor as an argument or a result, alone or in a container of a class of its own."""
    for lies in HOSTILES.values():
        given, asked = hostile(lies)
        describe({"given": given, "several": [given, (given,), {"key": given}]})
        handed = Handed("job", "root")
        handed.takes({"given": given, "several": [given]})
        handed.gives((given, {"part": given}))
        assert not asked
        assert not handed.inputs + handed.outputs
