"""Data sets in memory: what frames, arrays and tables are called, and what is known of them. No library is imported, and no
value is kept; how a content is hashed is `content`'s matter, and where a step meets one is `memory`'s.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any

from orchestrail.capture import content
from orchestrail.capture.digest import size_text
from orchestrail.model import IN_MEMORY, DatasetRef

MAX_BYTES = 256 << 20
"""Frames and arrays above this size get no digest: a step must not wait for us."""
MAX_FIELDS = 1000
"""Fields that are named; the digest is over all."""

_LABELS = (str, int, float, bool, bytes, tuple, type(None))


def is_known(value: object) -> bool:
    """Say whether an object is a frame, an array or a table, by its class alone."""
    return _describer(value) is not None


def identify(value: object, observed: str = "looked_up", max_bytes: int = MAX_BYTES) -> DatasetRef | None:
    """Say which data set an object in memory is.

    Args:
        value: anything; pandas frames and series, numpy arrays, polars frames and series, Arrow tables and sparse matrices of
            scipy are known.
        observed: how the digest comes about.
        max_bytes: bound of what is hashed.

    Returns:
        Its reference, with rows, bytes and fields (names and types, no values); None for objects of another kind.
    """
    found = _describer(value)
    if found is None:
        return None
    describe, library = found
    try:
        return describe(value, library, observed, max_bytes)
    except Exception:  # a subclass of anybody's
        return _reference("dataframe", observed, weak="the content could not be read")


_Describe = Callable[[Any, Any, str, int], DatasetRef]


def _describer(value: object) -> tuple[_Describe, Any] | None:
    for module, names, describe in _KNOWN:
        library = sys.modules.get(module)
        # `isinstance` would ask the object for its class.
        kinds = tuple(kind for name in names if isinstance(kind := getattr(library, name, None), type))
        if issubclass(type(value), kinds):
            return describe, library
    return None


def _pandas(value: Any, pandas: Any, observed: str, max_bytes: int) -> DatasetRef:
    if issubclass(type(value), pandas.Series):
        series = value if type(value) is pandas.Series else pandas.Series(value, copy=False)
        frame = series.to_frame()
    else:
        # A subclass may have methods of its own; its content is that of the frame in it.
        frame = value if type(value) is pandas.DataFrame else pandas.DataFrame(value, copy=False)
    columns = _columns_of(frame)
    fields = [
        (label_of(name), content.text_of(column.dtype)) for name, column in zip(frame.columns, columns, strict=True)
    ]
    size = int(frame.index.nbytes) + sum(int(column.nbytes) for column in columns)
    digest, weak = _taken(lambda frame: content.digest_of_pandas(frame, columns), frame, size, max_bytes)
    return _reference("dataframe", observed, digest, weak, len(frame), size, fields)


def _columns_of(frame: Any) -> list[Any]:
    # What is public makes a Series of each column, a quarter of all that a small frame takes. pandas 2.2 to 3.1 have this.
    arrays = getattr(frame, "_iter_column_arrays", None)
    return list(arrays()) if arrays is not None else [column.array for _, column in frame.items()]


def _numpy(value: Any, numpy: Any, observed: str, max_bytes: int) -> DatasetRef:
    masked = issubclass(type(value), numpy.ma.MaskedArray)
    array = value if type(value) is numpy.ndarray else numpy.ndarray.view(value, numpy.ndarray)
    kind = array.dtype
    names = kind.names or ()
    fields = [(name, str(kind.fields[name][0])) for name in names] or [("values", str(kind))]
    digest, weak = (
        (None, "the array is masked") if masked else _taken(content.digest_of_numpy, array, array.nbytes, max_bytes)
    )
    rows = int(array.shape[0]) if array.ndim else None
    return _reference("array", observed, digest, weak, rows, int(array.nbytes), fields)


def _sparse(value: Any, library: Any, observed: str, max_bytes: int) -> DatasetRef:
    parts = _STORED.get(value.format)
    fields = [("values", str(value.dtype))]
    if parts is None:
        return _reference("array", observed, None, _UNKNOWN, int(value.shape[0]), None, fields)
    size = sum(int(getattr(value, part).nbytes) for part in parts)
    digest, weak = _taken(lambda matrix: content.digest_of_sparse(matrix, parts), value, size, max_bytes)
    return _reference("array", observed, digest, weak, int(value.shape[0]), size, fields)


def _polars(value: Any, polars: Any, observed: str, max_bytes: int) -> DatasetRef:
    frame = value.to_frame() if issubclass(type(value), polars.Series) else value
    # The text of a type may list categories, which are values.
    fields = [(str(name), str(kind).partition("(")[0]) for name, kind in frame.schema.items()]
    size = int(frame.estimated_size())
    digest, weak = _taken(content.digest_of_polars, frame, size, max_bytes)
    return _reference("dataframe", observed, digest, weak, frame.height, size, fields)


def _arrow(value: Any, pyarrow: Any, observed: str, max_bytes: int) -> DatasetRef:
    fields = [(field.name, str(field.type)) for field in value.schema]
    digest, weak = _taken(content.digest_of_arrow, value, value.nbytes, max_bytes)
    return _reference("dataframe", observed, digest, weak, value.num_rows, value.nbytes, fields)


_KNOWN: tuple[tuple[str, tuple[str, ...], _Describe], ...] = (
    ("pandas", ("DataFrame", "Series"), _pandas),
    ("numpy", ("ndarray",), _numpy),
    ("polars", ("DataFrame", "Series"), _polars),
    ("pyarrow", ("Table",), _arrow),
    ("scipy.sparse", ("spmatrix", "sparray"), _sparse),
)
_STORED = {
    "csr": ("data", "indices", "indptr"),
    "csc": ("data", "indices", "indptr"),
    "bsr": ("data", "indices", "indptr"),
    "coo": ("data", "row", "col"),
    "dia": ("data", "offsets"),
}
_UNKNOWN = "no digest is taken of this kind of table"


def _taken(take: Callable[[Any], str], value: Any, size: int, max_bytes: int) -> tuple[str | None, str | None]:
    if size > max_bytes:
        bound = size_text(MAX_BYTES)
        return None, f"larger than {bound}" if size > MAX_BYTES else f"more than {bound} were handed over at once"
    try:
        return take(value), None
    except content.NoDigest as error:
        return None, str(error)
    except Exception:  # values of anybody's
        return None, "the content cannot be hashed"


def label_of(name: object) -> str:
    """Give the text of a column's label. A label may be any object, and its text its own code: then its class is named."""
    if isinstance(name, tuple) and type(name) is tuple:
        return "(" + ", ".join(label_of(one) for one in name) + ")"
    return str(name) if type(name) in _LABELS else f"<{type(name).__name__}>"


def _reference(
    name: str,
    observed: str,
    digest: str | None = None,
    weak: str | None = None,
    rows: int | None = None,
    size: int | None = None,
    fields: Iterable[tuple[str, str]] = (),
) -> DatasetRef:
    return DatasetRef(
        IN_MEMORY,
        name,
        digest=digest,
        observed=observed,
        weak=weak,
        type="DATAFRAME",
        rows=rows,
        bytes=size,
        fields=tuple(fields)[:MAX_FIELDS],
    )
