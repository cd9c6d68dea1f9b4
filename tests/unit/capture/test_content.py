"""What a content is hashed as: the same for the same content whatever its way, another for any other. No value is taken apart."""

from __future__ import annotations

import datetime
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrail.capture.frames import identify

TEXTS = st.text(st.characters(codec="utf-8"), max_size=5)
WHOLE = st.integers(-(2**63), 2**63 - 1)
NUMBERS = st.floats()
COLUMNS = {
    "int64": WHOLE,
    "Int64": st.none() | WHOLE,
    "float64": NUMBERS,
    "str": st.none() | TEXTS,
    "object": st.none() | TEXTS | WHOLE | st.booleans() | st.binary(max_size=3) | st.lists(WHOLE, max_size=2),
    "bool": st.booleans(),
    "boolean": st.none() | st.booleans(),
    "category": st.none() | TEXTS,
    "datetime64[ns]": st.none() | st.datetimes(datetime.datetime(1700, 1, 1), datetime.datetime(2200, 1, 1)),
}


@st.composite
def tables(draw):
    """A frame of some columns of some types, with names that may be alike, and an index of one level or two."""
    rows = draw(st.integers(0, 5))
    kinds = draw(st.lists(st.sampled_from(sorted(COLUMNS)), max_size=4))
    columns = []
    for kind in kinds:
        values = draw(st.lists(COLUMNS[kind], min_size=rows, max_size=rows))
        column = pd.Series([None] * rows, dtype=object)
        for number, value in enumerate(values):
            column.iat[number] = value
        columns.append(column.astype(kind))
    frame = pd.concat(columns, axis=1) if columns else pd.DataFrame(index=range(rows))
    frame.columns = draw(st.lists(st.sampled_from(["a", "b", 1, None]), min_size=len(kinds), max_size=len(kinds)))
    if draw(st.booleans()):
        frame.index = pd.MultiIndex.from_arrays([range(rows), ["x"] * rows], names=["p", draw(st.none() | TEXTS)])
    return frame


def digest(value: object) -> str:
    """The digest of a value that has one."""
    found = identify(value)
    assert found.digest is not None, found.weak
    return found.digest


@given(tables())
@settings(deadline=None, max_examples=150)
def test_the_way_of_a_frame_does_not_count(frame):
    """Copied, pickled, cut out of a larger one, put together of its columns or its rows, taken apart from its blocks."""
    expected = digest(frame)
    assert digest(frame.copy()) == expected
    assert digest(pickle.loads(pickle.dumps(frame))) == expected
    twice = pd.concat([frame, frame])
    if frame.shape[1] and (twice.dtypes.to_numpy() == frame.dtypes.to_numpy()).all():
        assert digest(twice.iloc[: len(frame)]) == expected
    if frame.shape[1]:
        apart = pd.concat([frame.iloc[:, [number]] for number in range(frame.shape[1])], axis=1)
        apart.columns = frame.columns
        assert digest(apart) == expected


@given(tables(), st.data())
@settings(deadline=None, max_examples=150)
def test_one_change_of_a_frame_counts(frame, data):
    """A cell, a type, a label, the order of columns, a row."""
    before = digest(frame)
    assert digest(pd.concat([frame, pd.DataFrame({"more": range(len(frame))}, index=frame.index)], axis=1)) != before
    assert digest(frame.rename_axis(columns="named")) != before
    assert digest(frame.reset_index(drop=False, allow_duplicates=True)) != before
    if not len(frame) or not frame.shape[1]:
        return
    assert digest(frame.iloc[1:]) != before
    at = data.draw(st.integers(0, frame.shape[1] - 1))
    changed = frame.copy()
    changed.isetitem(at, pd.Series(list(frame.iloc[:, at]), frame.index, dtype="object"))
    if frame.dtypes.iloc[at].name != "object":
        assert digest(changed) != before
    if frame.dtypes.iloc[at] == np.dtype("int64"):
        values = frame.iloc[:, at].to_numpy().copy()
        values[data.draw(st.integers(0, len(frame) - 1))] ^= 1
        changed.isetitem(at, values)
        assert digest(changed) != before


@given(st.lists(st.none() | TEXTS, max_size=6))
@settings(deadline=None)
def test_texts_are_the_same_wherever_they_lie(values):
    """Of Python or of Arrow, whole, sliced or in chunks; of categories it does not count which are there in what order."""
    of_python = pd.DataFrame({"a": pd.array(values, dtype="string[python]")})
    of_arrow = pd.DataFrame({"a": pd.array(values, dtype="string[pyarrow]")})
    padded = pd.DataFrame({"a": pd.array(["x", *values, "y"], dtype="string[pyarrow]")})
    cut = padded.iloc[1:-1].set_axis(of_arrow.index)
    assert digest(of_python) == digest(of_arrow) == digest(cut)
    found = sorted({value for value in values if value is not None})
    one = pd.DataFrame({"a": pd.Categorical(values, categories=pd.Index(found, dtype="str"))})
    other = pd.DataFrame({"a": pd.Categorical(values, categories=pd.Index(found[::-1], dtype="str"))})
    assert digest(one) == digest(other)
    orders = [
        pd.Categorical(values, categories=pd.Index(each, dtype="str"), ordered=True) for each in (found, found[::-1])
    ]
    assert (digest(pd.DataFrame({"a": orders[0]})) == digest(pd.DataFrame({"a": orders[1]}))) == (len(found) < 2)


def test_every_nan_is_the_same():
    """What is missing came about by a division or by a file; zero and minus zero are two numbers."""
    with np.errstate(invalid="ignore"):
        divided = np.array([0.0]) / np.array([0.0])
    assert divided.tobytes() != np.array([np.nan]).tobytes()
    assert digest(divided) == digest(np.array([np.nan]))
    assert digest(np.array([0.0])) != digest(np.array([-0.0]))
    one, other = np.array([complex(np.nan, 1)]), np.array([complex(-np.nan, 1)])
    assert digest(one) == digest(other) != digest(np.array([complex(1, np.nan)]))


NESTED = pa.table(
    {
        "list": pa.array([[1, 2], None, [], [3]], pa.list_(pa.int64())),
        "fixed": pa.array([[1, 2], None, [3, 4], [5, 6]], pa.list_(pa.int8(), 2)),
        "struct": pa.array([{"a": 1, "b": "x"}, None, {"a": None, "b": "y"}, {"a": 2, "b": None}]),
        "map": pa.array([[("a", 1)], None, [], [("b", 2), ("c", None)]], pa.map_(pa.string(), pa.int64())),
        "text": pa.array(["a", None, "", "bc"], pa.large_string()),
        "bytes": pa.array([b"a", None, b"", b"bc"]),
        "flag": pa.array([True, None, False, True]),
        "when": pa.array([0, None, 2, 3], pa.timestamp("us", "UTC")),
        "sum": pa.array([1, None, 3, 4], pa.decimal128(10, 2)),
        "word": pa.array(["p", None, "q", "p"]).dictionary_encode(),
        "nothing": pa.nulls(4),
    }
)


def test_tables_of_nested_types_have_a_digest():
    """Lists, structures, maps, decimals, dictionaries, nulls: by content, whatever the chunks, the slice and the dictionary."""
    expected = digest(NESTED)
    assert digest(pa.concat_tables([NESTED.slice(0, 1), NESTED.slice(1, 2), NESTED.slice(3)])) == expected
    assert digest(pa.concat_tables([NESTED, NESTED]).slice(4)) == expected
    assert digest(pa.concat_tables([NESTED, NESTED]).slice(2, 4)) != expected
    assert digest(pa.Table.from_pylist(NESTED.to_pylist(), NESTED.schema)) == expected
    for name in NESTED.column_names[:-1]:
        place = NESTED.column_names.index(name)
        turned = NESTED.set_column(place, NESTED.schema.field(place), NESTED[name].take(pa.array([3, 2, 1, 0])))
        assert digest(turned) != expected, name
    assert digest(NESTED.rename_columns([name.upper() for name in NESTED.column_names])) != expected
    assert digest(NESTED.slice(0, 0)) != expected


def test_what_lies_under_a_null_does_not_count():
    """Nobody can read it there."""
    mask = np.array([False, True])
    one, other = (pa.table({"x": pa.array(np.array([1, hidden]), mask=mask)}) for hidden in (2, 3))
    assert digest(one) == digest(other)


def test_a_type_of_somebodys_own_has_no_digest():
    """Its text is its own code; in a structure too."""

    class Own(pa.ExtensionType):
        def __init__(self) -> None:
            super().__init__(pa.int64(), "own")

        def __arrow_ext_serialize__(self) -> bytes:
            return b""

    array = pa.ExtensionArray.from_storage(Own(), pa.array([1, 2]))
    for column in (array, pa.StructArray.from_arrays([array], ["a"])):
        assert identify(pa.table({"x": column})).weak == "a column is of a type of another library"


POLARS = pl.DataFrame(
    {
        "whole": [1, None, 3],
        "number": [1.5, None, float("nan")],
        "text": ["a", None, "é"],
        "flag": [True, None, False],
        "when": [datetime.datetime(2024, 1, 1), None, datetime.datetime(2024, 1, 2)],
        "span": [datetime.timedelta(1), None, datetime.timedelta(2)],
        "bytes": [b"a", None, b""],
        "listed": [[1, 2], None, []],
        "made": [{"a": 1, "b": "x"}, None, {"a": None, "b": "y"}],
        "word": pl.Series(["p", None, "q"], dtype=pl.Categorical),
        "sum": pl.Series(["1.10", None, "2.20"]).cast(pl.Decimal(10, 2)),
        "fixed": pl.Series([[1, 2], None, [3, 4]], dtype=pl.Array(pl.Int8, 2)),
        "nothing": [None, None, None],
    }
)


def test_frames_of_polars_have_a_digest():
    """By content, whatever the chunks and the slice."""
    expected = digest(POLARS)
    assert identify(POLARS).rows == 3
    assert digest(POLARS.clone()) == expected
    assert digest(pl.concat([POLARS[:1], POLARS[1:]], rechunk=False)) == expected
    assert digest(pl.concat([POLARS, POLARS])[3:]) == expected
    for name in POLARS.columns[:-1]:
        assert digest(POLARS.with_columns(pl.col(name).reverse())) != expected, name
    assert digest(POLARS.rename({"whole": "other"})) != expected
    assert digest(POLARS.select(reversed(POLARS.columns))) != expected
    assert digest(POLARS.with_columns(pl.col("whole").cast(pl.Int32))) != expected
    assert identify(pl.DataFrame({"x": pl.Series([object()], dtype=pl.Object)})).digest is None
    assert digest(pl.Series("a", [1])) == digest(pl.DataFrame({"a": [1]}))
    assert identify(pl.LazyFrame({"a": [1]})) is None


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "dia", "bsr"])
def test_sparse_matrices_have_a_digest(form):
    """As they are stored."""
    made = scipy.sparse.random(6, 6, 0.4, form, random_state=1)
    assert digest(made) == digest(made.copy())
    assert digest(made * 2) != digest(made)
    assert digest(scipy.sparse.csr_array(made)) == digest(scipy.sparse.csr_array(made).copy())
    assert identify(made.tolil()).weak == "no digest is taken of this kind of table"


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame(),
        pd.DataFrame(index=range(3)),
        pd.DataFrame(columns=["a", "a"]),
        pd.DataFrame({"a": pd.arrays.SparseArray([0, 0, 1])}),
        pd.DataFrame({"a": pd.array([[1], None], dtype=pd.ArrowDtype(pa.list_(pa.int64())))}),
        pd.DataFrame({pd.Timestamp("2024-01-01"): [1]}),
        pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", 1), ("a", 2)])),
        pd.DataFrame({"a": pd.Categorical([1, "x", 1])}),
        pd.DataFrame({"a": [pd.Timestamp("2024-01-01", tz="Europe/Berlin"), pd.NaT, "x"]}),
        pl.DataFrame(),
        pa.table({}),
        pa.table({"a": pa.chunked_array([], pa.int64())}),
    ],
)
def test_odd_frames_have_a_digest(frame):
    """Without rows or columns, sparse, of Arrow's types, with labels and values of mixed kinds."""
    assert digest(frame) == digest(pickle.loads(pickle.dumps(frame)))
