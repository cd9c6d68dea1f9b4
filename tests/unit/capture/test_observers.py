"""How observers are attached to libraries, kept from the host and taken away again; what they tell is in files of its own."""

from __future__ import annotations

import importlib
import pickle
import sqlite3
import sys
from pathlib import Path

import cloudpickle
import joblib
import polars as pl
import pyarrow.csv
import pyarrow.dataset
import pyarrow.feather
import pytest

from orchestrail import guard, trouble
from orchestrail.capture import observers
from orchestrail.capture.observers import MAX_FAILURES, Patches, Watch

LIBRARY = """
class Reader:
    def __init__(self, path): self.path = path

class Special(Reader):
    pass

def read(path):
    "Reads."
    return Reader(path)

def fail():
    raise KeyError("the library's own")
"""


@pytest.fixture
def library(tmp_path, monkeypatch):
    """A library that nobody knows, with an observer of its own."""
    (tmp_path / "made_up_library.py").write_text(LIBRARY)
    monkeypatch.syspath_prepend(tmp_path)
    told = []

    class Observer:
        broken = False

        @staticmethod
        def attach(module, patches):
            def read(capture, path, **rest):
                if Observer.broken:
                    raise ValueError("the observer's own")
                told.append(path)
                capture.read(path)

            patches.around(module, "read", before=read)
            patches.around(module, "fail", after=read)
            patches.around(module.Special, "__init__", after=lambda capture, reader, path, result: told.append(reader))

    monkeypatch.setitem(observers.OBSERVERS, "made_up_library", "made_up")
    monkeypatch.setitem(sys.modules, "orchestrail.capture.observers.made_up", Observer)
    Observer.told = told
    yield Observer
    observers.uninstall()
    sys.modules.pop("made_up_library", None)


def test_a_library_is_observed_from_its_import_on_and_never_imported(library, observed, tmp_path):
    """Whether the host imports it before or after."""
    assert "made_up_library" not in sys.modules
    made_up = importlib.import_module("made_up_library")
    (tmp_path / "x.csv").write_text("1")
    with observed() as seen:
        assert made_up.read(str(tmp_path / "x.csv")).path == str(tmp_path / "x.csv")
    assert seen.names() == (["x.csv"], [])
    observers.uninstall()
    observers.install()
    with observed() as seen:
        made_up.read(str(tmp_path / "x.csv"))
    assert seen.names() == (["x.csv"], [])


def test_an_import_is_left_as_it_is(library, observed):
    """The loader is the same and has nothing of ours on it; a module is found by others as ever."""
    made_up = importlib.import_module("made_up_library")
    assert type(made_up.__loader__).__name__ == "SourceFileLoader"
    assert "exec_module" not in vars(made_up.__loader__)
    assert (made_up.read.__name__, made_up.read.__doc__) == ("read", "Reads.")
    assert importlib.util.find_spec("sqlite3") is not None
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("made_up_library.missing")


def test_uninstalling_leaves_the_library_as_it_was(library, observed):
    """Functions, methods and what was inherited; what somebody put around ours stays."""
    observers.uninstall()
    made_up = importlib.import_module("made_up_library")
    before = (made_up.read, made_up.fail, vars(made_up.Special).copy())
    connect = sqlite3.connect
    observers.install()
    assert made_up.read is not before[0]
    assert "__init__" in vars(made_up.Special)
    theirs = made_up.fail = lambda: None
    observers.uninstall()
    assert (made_up.read, made_up.fail) == (before[0], theirs)
    assert vars(made_up.Special) == before[2]
    assert sqlite3.connect is connect
    assert not any(type(finder).__module__ == observers.__name__ for finder in sys.meta_path)


def test_installing_twice_observes_once(library, observed):
    """A second adapter in the same process tells nothing twice."""
    observers.install()
    made_up = importlib.import_module("made_up_library")
    observers.install()
    with observed():
        made_up.read("a")
    assert library.told == ["a"]


def test_outside_a_run_nothing_is_told(library, observed):
    """And what the library raises is its own."""
    made_up = importlib.import_module("made_up_library")
    made_up.read("a")
    assert not library.told
    with pytest.raises(KeyError, match="the library's own"), observed():
        made_up.fail()


@pytest.mark.swallows
def test_an_observer_that_raises_is_kept_from_the_host_and_switched_off(library, observed, tmp_path):
    """The record of the run and doctor tell; the other observers go on."""
    guard.report_to(tmp_path / "home", "script")
    made_up = importlib.import_module("made_up_library")
    library.broken = True
    with observed() as seen:
        assert made_up.read("a").path == "a"
    assert seen.missing == [("made_up_library", "its observer failed")]
    with observed() as seen:
        for _ in range(MAX_FAILURES):
            made_up.read("a")
    assert ("made_up_library", f"its observer was switched off after {MAX_FAILURES} failures") in seen.missing
    assert len(guard.swallowed) == MAX_FAILURES
    (note,) = trouble.read(tmp_path / "home")
    assert note["where"] == "observe made_up_library"


@pytest.mark.swallows
def test_a_library_that_an_observer_does_not_fit_is_left_alone_and_told(library, observed, tmp_path):
    """A version without the functions that are watched: nothing is half replaced."""
    (tmp_path / "made_up_library.py").write_text(LIBRARY.replace("def fail()", "def other()"))
    made_up = importlib.import_module("made_up_library")
    assert not hasattr(made_up.read, "__wrapped__")
    with observed() as seen:
        made_up.read("a")
    assert seen.missing == [("made_up_library", "its observer does not fit the version that is installed")]


def test_an_import_of_another_module_is_not_searched_for(observed, monkeypatch):
    """One look into a dictionary, no other finder asked."""
    (finder,) = [one for one in sys.meta_path if type(one).__module__ == observers.__name__]
    monkeypatch.setattr(sys, "meta_path", [finder, None])
    assert finder.find_spec("any_other_module") is None


def test_every_observer_is_there():
    """What the table names exists, and every module beside it is used."""
    folder = Path(observers.__file__).parent
    shared = {"__init__", "hub", "models", "objects", "paths", "scores", "sql", "stacks"}
    assert {path.stem for path in folder.glob("*.py")} - shared == set(observers.OBSERVERS.values())
    for name in set(observers.OBSERVERS.values()):
        assert callable(importlib.import_module(f"orchestrail.capture.observers.{name}").attach)


def test_replacing_what_is_not_there_is_an_error():
    """So that a version that does not fit is noticed."""
    with pytest.raises(AttributeError):
        Patches(Watch("x")).around(sys, "no_such_function")


def test_watched_functions_are_pickled_as_ever(observed):
    """As pools of processes do with what they are to call."""
    for function in (
        pl.read_csv, pl.scan_parquet, pyarrow.csv.read_csv, pyarrow.dataset.parquet_dataset, pickle.dump, joblib.dump,
        pyarrow.feather.write_feather, sqlite3.connect, sqlite3.Cursor.execute, pl.DataFrame.write_csv,
    ):  # fmt: skip
        assert pickle.loads(pickle.dumps(function)) is function
        assert cloudpickle.loads(cloudpickle.dumps(function)) is function
    before = pl.read_csv
    observers.uninstall()
    assert pickle.loads(pickle.dumps(pl.read_csv)) is pl.read_csv is not before
