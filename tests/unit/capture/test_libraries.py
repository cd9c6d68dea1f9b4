"""What pandas, numpy, joblib, pickle and csv do with files, as the capture sees it."""

# What is tested are these very calls.
# ruff: noqa: PTH105, PTH123
from __future__ import annotations

import csv
import hashlib
import os
import pickle
import sqlite3
from collections.abc import Callable
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from orchestrail.capture.files import FileCapture, capturing, install

OLD = 1_600_000_000


def seen(action: Callable[[], object]) -> tuple[list[str], list[tuple[str, str]]]:
    """Run something in a capture; give names of inputs, names and kinds of outputs, each with its right digest."""
    install()
    capture = FileCapture()
    token = capturing.set(capture)
    try:
        action()
    finally:
        capturing.reset(token)
    inputs, outputs, missing = capture.close()
    assert capture.failures == 0
    assert not missing
    for one in (*inputs, *outputs):
        content = Path(one.name).read_bytes()
        assert (one.digest, one.bytes, one.weak) == (
            f"sha256:{hashlib.sha256(content).hexdigest()}",
            len(content),
            None,
        )
    return [Path(one.name).name for one in inputs], [(Path(one.name).name, one.kind) for one in outputs]


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


FRAME = pd.DataFrame({"a": range(100), "b": ["x", "y"] * 50})
ARRAY = np.arange(1000.0)
MODEL = LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])


def write_csv(path: str) -> None:
    with open(path, "w", newline="") as stream:
        csv.writer(stream).writerows([[1, 2], [3, 4]])


def read_csv(path: str) -> list:
    with open(path, newline="") as stream:
        return list(csv.reader(stream))


def write_pickle(path: str) -> None:
    with open(path, "wb") as stream:
        pickle.dump(MODEL, stream)


def read_pickle(path: str) -> object:
    with open(path, "rb") as stream:
        return pickle.load(stream)


def write_low(path: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.write(descriptor, b"low")
    os.close(descriptor)


def read_low(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, 100)
    finally:
        os.close(descriptor)


def write_map(path: str) -> None:
    mapped = np.memmap(path, dtype="f8", mode="w+", shape=(10,))
    mapped[:] = 1
    mapped.flush()


WAYS = {
    "pandas csv": ("f.csv", lambda p: FRAME.to_csv(p), pd.read_csv, "data"),
    "pandas gzip": ("f.csv.gz", lambda p: FRAME.to_csv(p), pd.read_csv, "data"),
    "pandas json": ("f.json", lambda p: FRAME.to_json(p), pd.read_json, "data"),
    "pandas pickle": ("f.pkl", lambda p: FRAME.to_pickle(p), pd.read_pickle, "model"),
    "numpy": ("f.npy", lambda p: np.save(p, ARRAY), np.load, "data"),
    "numpy archive": ("f.npz", lambda p: np.savez_compressed(p, a=ARRAY), lambda p: np.load(p)["a"], "data"),
    "numpy text": ("f.txt", lambda p: np.savetxt(p, ARRAY), np.loadtxt, "data"),
    "numpy raw": ("f.raw", lambda p: ARRAY.tofile(p), lambda p: np.fromfile(p), "data"),
    "numpy map": ("f.map", write_map, lambda p: np.memmap(p, dtype="f8", mode="r").sum(), "data"),
    "joblib": ("f.joblib", lambda p: joblib.dump(MODEL, p), joblib.load, "model"),
    "joblib compressed": ("g.joblib", lambda p: joblib.dump(MODEL, p, compress=3), joblib.load, "model"),
    "joblib mapped": ("h.joblib", lambda p: joblib.dump(ARRAY, p), lambda p: joblib.load(p, mmap_mode="r"), "model"),
    "pickle": ("f.pickle", write_pickle, read_pickle, "model"),
    "csv": ("g.csv", write_csv, read_csv, "data"),
    "descriptors": ("f.low", write_low, read_low, "data"),
}


@pytest.mark.parametrize("way", WAYS)
def test_libraries_are_seen_writing_and_reading(way):
    """Each way of writing a file is one output, each way of reading it one input, and nothing else."""
    name, write, read, kind = WAYS[way]
    assert seen(lambda: write(name)) == ([], [(name, kind)])
    os.utime(name, (OLD, OLD))
    assert seen(lambda: read(name)) == ([name], [])


def test_a_step_of_a_real_kind_is_seen_as_it_is():
    """Read, transform, train, write beside, put in place, read again."""
    FRAME.to_csv("train.csv")
    os.utime("train.csv", (OLD, OLD))

    def step() -> None:
        frame = pd.read_csv("train.csv")
        model = LinearRegression().fit(frame[["a"]], frame["a"])
        joblib.dump(model, "model.joblib.tmp")
        os.replace("model.joblib.tmp", "model.joblib")
        joblib.load("model.joblib")
        frame.to_csv("scores.csv")

    assert seen(step) == (["train.csv"], [("model.joblib", "model"), ("scores.csv", "data")])


def test_what_a_library_opens_in_c_is_not_seen():
    """The documented limit: SQLite opens its file itself."""

    def step() -> None:
        with sqlite3.connect("base.db") as base:
            base.execute("create table t (x)")

    assert seen(step) == ([], [])
    assert Path("base.db").exists()


def test_what_openlineages_own_client_does_is_no_data_of_the_step(observed):
    """Its settings, its file of events, what a transport of somebody's own writes; what the step writes stays."""
    from openlineage.client import OpenLineageClient
    from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
    from openlineage.client.transport import Transport

    class Own(Transport):
        kind = "own"

        def emit(self, event: object) -> None:
            Path("own.json").write_text("{}")

    event = RunEvent(
        eventTime="2026-03-01T12:00:00Z",
        producer="https://example.com/test",
        run=Run(runId="0192f000-0000-7000-8000-000000000001"),
        job=Job(namespace="default", name="job"),
        eventType=RunState.START,
    )
    Path("openlineage.yml").write_text("transport: {type: file, log_file_path: events.jsonl, append: true}\n")
    with observed() as seen:
        OpenLineageClient().emit(event)
        OpenLineageClient(transport=Own()).emit(event)
        Path("table.csv").write_text("1")
    assert Path("events.jsonl").read_text()
    assert Path("own.json").exists()
    assert seen.names() == ([], ["table.csv"])
