"""What a step is given and gives in memory: each value once, with the digest of its moment, under the name of where it was met."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass
from itertools import count

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from orchestrail.capture import frames, memory
from orchestrail.capture.frames import identify
from orchestrail.capture.memory import Handed

Pair = namedtuple("Pair", "first second")
roots = count()


@dataclass
class Parts:
    train: object
    test: object
    seed: int = 1


@pytest.fixture
def root() -> str:
    """A root run that nothing was met in yet."""
    return f"root {next(roots)}"


def table(*values: int) -> pd.DataFrame:
    return pd.DataFrame({"x": values})


def told(found) -> list[tuple[str, str | None]]:
    return [(dataset.name, dataset.digest) for dataset in found]


def test_arguments_are_read_and_results_written(root):
    """By parameter and by place, one level deep in what Python has to put values together; plain values are none."""
    frame, array = table(1), np.arange(3)
    handed = Handed("job", root)
    handed.takes({"frame": frame, "more": [array, "text", 3], "nothing": None, "deep": [[table(9)]]})
    assert told(handed.inputs) == [("job.frame", identify(frame).digest), ("job.more.0", identify(array).digest)]
    assert {dataset.observed for dataset in handed.inputs} == {"at_read"}
    for result in ((table(2), table(3)), [table(2), table(3)], {"a": table(2), "b": table(3)}):
        handed = Handed("job", f"{root} {type(result)}")
        handed.gives(result)
        assert told(handed.outputs) == [("job.0", identify(table(2)).digest), ("job.1", identify(table(3)).digest)]
        assert {dataset.observed for dataset in handed.outputs} == {"at_write"}
    for result in (Pair(table(2), 1), Parts(table(2), None)):
        handed = Handed("job", f"{root} {type(result)}")
        handed.gives(result)
        assert told(handed.outputs) == [("job.0", identify(table(2)).digest)]


def test_a_value_keeps_the_name_under_which_it_was_first_met(root):
    """In one root run, so that the next step reads what the one before wrote; in another one it is met anew."""
    first, second, other = Handed("load", root), Handed("train", root), Handed("train", f"{root} other")
    first.gives(table(1))
    for handed in (second, other):
        handed.takes({"data": table(1)})
    assert told(second.inputs) == told(first.outputs) == [("load", identify(table(1)).digest)]
    assert told(other.inputs) == [("train.data", identify(table(1)).digest)]


def test_a_frame_without_rows_is_not_known_again(root):
    """It is equal to others that nobody handed on."""
    made, given = Handed("first", root), Handed("second", root)
    made.gives(pd.DataFrame({"a": []}))
    given.takes({"frame": pd.DataFrame({"a": []})})
    assert (made.outputs[0].digest, made.outputs[0].name) == (given.inputs[0].digest, "first")
    assert given.inputs[0].name == "second.frame"


def test_what_a_step_changes_in_place_it_writes(root):
    """Read as it was, written as it became, and not twice where it is given back too; what it left as it was it did not write."""
    for back in (True, False):
        frame = table(1, 2)
        handed = Handed("clean", f"{root} {back}")
        handed.takes({"frame": frame, "other": table(7)})
        frame.loc[0, "x"] = 5
        handed.gives(frame if back else None)
        assert told(handed.inputs)[0] == ("clean.frame", identify(table(1, 2)).digest)
        assert told(handed.outputs) == [("clean" if back else "clean.frame", identify(table(5, 2)).digest)]


@pytest.mark.parametrize("make", [table, lambda *v: pl.DataFrame({"x": v}), lambda *v: np.array(v)])
def test_what_was_changed_between_two_steps_is_another_content(root, make):
    """Nothing is remembered of an object."""
    value = make(1, 2)
    first, second = Handed("first", root), Handed("second", root)
    first.gives(value)
    if isinstance(value, pd.DataFrame):
        value.iloc[0, 0] = 9
    else:
        value[(0, "x") if isinstance(value, pl.DataFrame) else 0] = 9
    second.takes({"value": value})
    assert told(second.inputs) == [("second.value", identify(make(9, 2)).digest)]
    assert first.outputs[0].digest == identify(make(1, 2)).digest


def test_one_look_takes_no_more_bytes_than_a_host_can_wait_for(root, monkeypatch):
    """What is beyond is named with the reason; the same object twice counts once."""
    monkeypatch.setattr(frames, "MAX_BYTES", 100)
    one, other = np.zeros(8), np.ones(8)
    handed = Handed("job", root)
    handed.takes({"one": one, "again": one, "other": other, "large": np.zeros(100)})
    assert [(dataset.name, dataset.digest is None, dataset.weak) for dataset in handed.inputs] == [
        ("job.one", False, None),
        ("job.other", True, "more than 100 bytes were handed over at once"),
        ("job.large", True, "larger than 100 bytes"),
    ]


def test_many_parts_are_not_gone_through(root, monkeypatch):
    """The first of them are."""
    monkeypatch.setattr(memory, "MAX_VALUES", 2)
    handed = Handed("job", root)
    handed.gives([table(number) for number in range(5)])
    assert [dataset.name for dataset in handed.outputs] == ["job.0", "job.1"]


def test_names_are_not_kept_for_ever(root, monkeypatch):
    """A service that runs for months meets many values."""
    monkeypatch.setattr(memory, "_REMEMBERED", 10)
    for number in range(50):
        Handed("job", root).gives(table(number))
    assert len(memory._names) <= 10


def test_objects_of_the_users_are_asked_nothing(root):
    """Neither as an argument nor in one: what looks like a collection may be code."""

    class Wary:
        def __getattribute__(self, name: str) -> object:
            raise AssertionError(name)

    class Listed(list):
        def __iter__(self) -> object:
            raise AssertionError("iter")

    class Named(tuple):
        def __iter__(self) -> object:
            raise AssertionError("iter")

    handed = Handed("job", root)
    handed.takes({"a": Wary(), "b": Listed([table(1)]), "c": [Wary()], "d": Named([table(2)])})
    handed.gives(Wary())
    assert told(handed.inputs) == [("job.b.0", identify(table(1)).digest), ("job.d.0", identify(table(2)).digest)]
    assert handed.outputs == []


def test_what_is_gone_when_the_step_ends_costs_nothing(root):
    """A step may let go of what it was given, to have its memory back."""
    handed = Handed("job", root)
    handed.takes({"a": table(1), "b": pa.table({"x": [1]}), "c": np.arange(3)})
    handed.gives(None)
    assert handed.outputs == []


def test_a_step_that_is_entered_again_reads_once(root):
    """A host may enter the context of one run several times."""
    handed = Handed("job", root)
    handed.takes({"a": table(1)})
    handed.takes({"a": table(1)})
    assert len(handed.inputs) == 1
