"""Data sets in memory: frames and arrays are told by their content, and no code of their values runs."""

from __future__ import annotations

import datetime
import decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest

from orchestrail.capture import content, frames
from orchestrail.capture.frames import identify


class Wary:
    """A value whose own code must not run."""

    def __repr__(self) -> str:
        raise AssertionError("repr")

    def __str__(self) -> str:
        raise AssertionError("str")

    def __eq__(self, other: object) -> bool:
        raise AssertionError("eq")

    def __hash__(self) -> int:
        raise AssertionError("hash")


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {"age": [31, 45, 28], "income": [1.5, None, 3.0], "city": ["Bonn", "Köln", None]},
        index=pd.Index(["a", "b", "c"], name="key"),
    )


def as_column(values: list[object]) -> pd.Series:
    """A column that holds the very objects."""
    column = pd.Series([None] * len(values), dtype=object)
    for number, value in enumerate(values):
        column.iat[number] = value
    return column


def test_a_frame_is_named_with_rows_bytes_and_fields():
    """Names and types of its columns; none of its values."""
    found = identify(frame())
    assert (found.namespace, found.name, found.type, found.rows) == ("inmemory", "dataframe", "DATAFRAME", 3)
    assert [name for name, _ in found.fields] == ["age", "income", "city"]
    assert dict(found.fields)["age"] == "int64"
    assert found.digest.startswith("sha256:")
    assert (found.weak, found.observed, found.kind) == (None, "looked_up", "data")
    assert found.bytes == int(frame().memory_usage().sum())
    assert "Bonn" not in repr(found)


def test_a_pandas_that_gives_its_columns_no_quicker_way_is_read_too(monkeypatch):
    """By what is public; the digest and the fields are the same."""
    found = identify(frame())
    monkeypatch.delattr(pd.DataFrame, "_iter_column_arrays")
    assert identify(frame()) == found


def test_equal_frames_have_equal_digests():
    """A copy, a view of the same rows, a round trip."""
    digest = identify(frame()).digest
    assert identify(frame().copy()).digest == digest
    assert identify(pd.concat([frame(), frame()]).iloc[:3]).digest == digest


@pytest.mark.parametrize(
    "change",
    [
        lambda f: f.assign(age=[31, 45, 29]),
        lambda f: f.assign(city=["Bonn", "Köln", "Ulm"]),
        lambda f: f.rename(columns={"age": "Age"}),
        lambda f: f.rename(index={"a": "z"}),
        lambda f: f.rename_axis("id"),
        lambda f: f.iloc[::-1],
        lambda f: f[["income", "age", "city"]],
        lambda f: f.astype({"age": "int32"}),
        lambda f: f.astype({"age": "object"}),
        lambda f: f.drop(columns="city"),
        lambda f: f.iloc[:2],
        lambda f: f.reset_index(),
        lambda f: f.astype({"city": "category"}),
    ],
)
def test_a_changed_frame_has_another_digest(change):
    """Values, names, index, order, types, shape."""
    assert identify(change(frame())).digest not in (None, identify(frame()).digest)


def test_frames_of_every_plain_type_have_a_digest():
    """Times, zones, periods, decimals, nullable types, categories, several index levels, repeated and odd column names."""
    made = pd.DataFrame(
        {
            "time": pd.date_range("2024-01-01", periods=3, tz="Europe/Berlin"),
            "span": pd.to_timedelta([1, 2, 3], unit="D"),
            "period": pd.period_range("2024-01", periods=3, freq="M"),
            "nullable": pd.array([1, None, 3], dtype="Int64"),
            "text": pd.array(["a", None, "b"], dtype="string"),
            "flag": [True, False, True],
            "category": pd.Categorical(["x", "y", "x"]),
            "interval": pd.interval_range(0, 3),
            "complex": [1j, 2j, 3j],
        }
    )
    made["decimal"] = pd.Series([decimal.Decimal("1.1")] * 3, dtype=object)
    made["date"] = pd.Series([datetime.date(2024, 1, 1)] * 3, dtype=object)
    found = identify(made)
    assert (found.weak, found.rows) == (None, 3)
    assert dict(found.fields)["category"] == "category"
    levels = pd.DataFrame({"x": [1, 2]}, index=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["p", "q"]))
    odd = pd.DataFrame([[1, 2, 3]], columns=["a", "a", ("b", 1)])
    empty = pd.DataFrame()
    digests = [identify(one).digest for one in (levels, levels.rename_axis(["p", "r"]), odd, empty, empty.assign(x=[]))]
    assert None not in digests
    assert len(set(digests)) == len(digests)
    assert [name for name, _ in identify(odd).fields] == ["a", "a", "(b, 1)"]


@pytest.mark.parametrize(
    "values",
    [[{"a": 1}, {"b": 2}], [{1}, {2}], [Wary(), Wary()], [None, Wary()], [[1, Wary()], [2]], [(Wary(),), ()]],
    ids=["dicts", "sets", "objects", "some objects", "in a list", "in a tuple"],
)
def test_columns_of_objects_have_no_digest(values):
    """And no code of theirs runs; the rest of the frame is described."""
    found = identify(pd.DataFrame({"x": [1, 2], "y": as_column(values)}))
    assert (found.digest, found.weak, found.rows) == (None, "it holds objects that are no plain values", 2)
    assert [name for name, _ in found.fields] == ["x", "y"]


@pytest.mark.parametrize(
    ("values", "others"),
    [
        ([1, "x"], [[1, "y"], ["1", "x"], ["x", 1]]),
        ([1, 1.0], [[1.0, 1], [1, True]]),
        ([[1], [2]], [[[1, 2], []], [(1,), (2,)], [["1"], [2]]]),
        ([["a", None], []], [[["a"], [None]], [["a", "None"], []]]),
        ([np.zeros(2), np.ones(2)], [[np.zeros(2), np.zeros(2)], [np.zeros(2), np.ones(2, "f4")]]),
        ([2**80, 1], [[2**80 + 1, 1], [str(2**80), "1"]]),
        (["x", None], [["x", pd.NA], ["x", pd.NaT], ["x", "None"]]),
    ],
)
def test_columns_of_plain_objects_are_told_apart(values, others):
    """Mixed types, lists, arrays, numbers of any size, what is missing in several ways: by exact type and content."""
    digests = [identify(pd.DataFrame({"y": as_column(each)})).digest for each in (values, values, *others)]
    assert None not in digests
    assert digests[0] == digests[1]
    assert digests[0] not in digests[2:]


def test_labels_of_objects_are_not_asked_for_their_text():
    """A column may be named by anything that can be hashed."""

    class Label:
        def __str__(self) -> str:
            raise AssertionError("str")

        __repr__ = __str__

    assert identify(pd.DataFrame([[1]], columns=pd.Index([Label()], dtype=object))).fields == (("<Label>", "int64"),)


def test_a_series_is_a_frame_of_one_column():
    """With its name and index."""
    series = frame()["age"]
    found = identify(series)
    assert (found.name, found.rows, found.fields) == ("dataframe", 3, (("age", "int64"),))
    assert found.digest not in (None, identify(series.rename("other")).digest)


def test_an_array_is_told_by_type_shape_and_content():
    """In C order, wherever it lies in memory."""
    array = np.arange(12, dtype="int32").reshape(3, 4)
    found = identify(array)
    assert (found.name, found.rows, found.bytes, found.fields, found.weak) == (
        "array",
        3,
        48,
        (("values", "int32"),),
        None,
    )
    for same in (array.copy(order="F"), np.ascontiguousarray(array.T).T, np.repeat(array, 2, axis=0)[::2]):
        assert identify(same).digest == found.digest
    others = [array.T, array.ravel(), array.astype("int64"), array.astype("uint32"), array.astype(">i4"), array + 1]
    assert len({identify(one).digest for one in (array, *others)}) == 1 + len(others)


def test_arrays_of_every_plain_kind_have_a_digest():
    """No dimension, no element, text, times, bytes, fields, maps."""
    kinds = [
        np.array(1.0),
        np.zeros((0, 3)),
        np.array(["a", "bc"]),
        np.array(["2024-01-01"], "M8[D]"),
        np.array([b"a"]),
    ]
    kinds += [np.array([True]), np.array([1j]), np.float64([1.0]), np.arange(3).view(np.ndarray), np.zeros(2, "V3")]
    digests = [identify(one).digest for one in kinds]
    assert None not in digests
    assert len(set(digests)) == len(digests)
    assert identify(np.array(1.0)).rows is None


def test_what_lies_between_the_fields_of_a_record_does_not_count():
    """Padding holds whatever was in memory."""
    kind = np.dtype([("a", "i1"), ("b", "f8")], align=True)
    one = np.frombuffer(bytes(range(32)), kind).copy()
    other = np.zeros(2, kind)
    other["a"], other["b"] = one["a"], one["b"]
    assert one.tobytes() != other.tobytes()
    found = identify(one)
    assert (found.digest, found.fields) == (identify(other).digest, (("a", "int8"), ("b", "float64")))
    other["b"][1] = 0
    assert found.digest != identify(other).digest


@pytest.mark.parametrize(
    ("array", "weak"),
    [
        (np.array([Wary()], dtype=object), "it holds objects that are no plain values"),
        (np.array([(1, Wary())], dtype=[("a", "i4"), ("b", "O")]), "it holds objects that are no plain values"),
        (np.zeros(2, "longdouble"), "numbers of this width have bytes that mean nothing"),
        (np.ma.masked_array([1, 2], [0, 1]), "the array is masked"),
    ],
)
def test_arrays_whose_content_is_not_theirs_have_no_digest(array, weak):
    """Objects, and what is under a mask."""
    assert (identify(array).digest, identify(array).weak) == (None, weak)


def test_large_ones_have_no_digest():
    """They are described all the same."""
    for value in (np.zeros(13), pd.DataFrame({"x": range(100)}), pl.DataFrame({"x": range(100)})):
        found = identify(value, max_bytes=100)
        assert (found.digest, found.weak) == (None, "more than 256 MB were handed over at once")
        assert found.rows == len(value)


@pytest.mark.parametrize(
    ("bound", "weak"),
    [
        ("MAX_OBJECTS", "more than 10 Python objects"),
        ("MAX_CHARACTERS", "more than 0 million characters in Python objects"),
    ],
)
def test_frames_with_many_objects_have_no_digest(monkeypatch, bound, weak):
    """They are gone through one by one; categories and texts of Arrow are not."""
    monkeypatch.setattr(content, bound, 10)
    texts = pd.DataFrame({"a": ["x"] * 6, "b": ["y"] * 6}, dtype=object)
    assert identify(texts).weak == weak
    assert identify(texts[["a"]]).weak is None
    assert identify(texts.astype("category")).weak is None
    assert identify(texts.astype("string[pyarrow]")).weak is None
    assert identify(pd.DataFrame({"a": range(100)})).weak is None


def test_wide_frames_name_their_first_fields(monkeypatch):
    """The digest covers them all."""
    monkeypatch.setattr(frames, "MAX_FIELDS", 2)
    one, other = pd.DataFrame([[1, 2, 3]]), pd.DataFrame([[1, 2, 4]])
    assert identify(one).fields == (("0", "int64"), ("1", "int64"))
    assert identify(one).digest != identify(other).digest


def test_a_subclass_is_asked_nothing():
    """A class of anybody's may answer anything; its content is that of the frame in it."""

    class Broken(pd.DataFrame):
        @property
        def _constructor(self) -> type:
            raise RuntimeError("no")

        def memory_usage(self, *args: object, **kwargs: object) -> object:
            raise RuntimeError("no")

        def __len__(self) -> int:
            raise RuntimeError("no")

    found, plain = identify(Broken({"x": [1]})), identify(pd.DataFrame({"x": [1]}))
    assert (found.digest, found.weak, found.rows) == (plain.digest, None, 1)

    class Odd(np.ndarray):
        def __array_finalize__(self, other: object) -> None:
            pass

        def __array_function__(self, *args: object, **kwargs: object) -> object:
            raise RuntimeError("no")

    assert identify(np.arange(3).view(Odd)).digest == identify(np.arange(3)).digest


def test_a_type_of_another_library_has_no_digest():
    """Its arrays are code that nobody here knows."""

    class Kind(pd.api.extensions.ExtensionDtype):
        name, type = "kind", object

        def __str__(self) -> str:
            return "kind"

    class Values(pd.api.extensions.ExtensionArray):
        dtype = Kind()

        def __len__(self) -> int:
            return 2

        def __getitem__(self, at: object) -> object:
            return self

        def copy(self) -> Values:
            return self

        nbytes = 0

    found = identify(pd.DataFrame({"x": [1, 2], "y": pd.Series(Values())}))
    assert (found.digest, found.weak) == (None, "a column is of a type of another library")


@pytest.mark.parametrize(
    "value", [None, 3, "text", b"", [1, 2], {"a": 1}, object(), Wary(), pd.DataFrame, np.ndarray, np.float64(1)]
)
def test_anything_else_is_not_known(value):
    """Neither raised on nor guessed at."""
    assert identify(value) is None


def test_no_library_is_imported(run):
    """What is not loaded cannot have made the value."""
    told = run("""
        import json, sys
        from orchestrail.capture import code, digest, environment, files, frames, git
        frames.identify(object())
        environment.environment_facts()
        print(json.dumps(sorted({"pandas", "numpy", "polars", "pyarrow"} & set(sys.modules))))
    """)
    assert told == []


def test_digests_are_the_same_in_every_process(run):
    """Whatever the hash seed."""
    program = """
        import json, numpy, pandas
        from orchestrail.capture.frames import identify
        frame = pandas.DataFrame({"a": ["x", "y"], "b": pandas.Categorical(["p", "q"]), "c": [1, 2]})
        print(json.dumps([identify(frame).digest, identify(numpy.arange(5)).digest]))
    """
    assert run(program, PYTHONHASHSEED="1") == run(program, PYTHONHASHSEED="2")


def test_the_way_it_was_observed_is_kept():
    """A declared one says so."""
    assert identify(np.zeros(1), observed="declared").observed == "declared"
