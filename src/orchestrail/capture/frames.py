"""Data sets in memory: frames and arrays by their content. No library is imported; values are hashed, never kept.

The digest of a pandas frame or series is `sha256:` and the SHA-256 over names and types of its index levels and columns and
over pandas' own 64-bit hash of each row (`hash_pandas_object`, index included). That tells two contents apart in practice; it
does not withstand somebody who sets out to make two frames alike. The digest of a numpy array is the SHA-256 over type, shape
and the bytes in C order. A column of Python objects that are no plain values gets no digest: hashing them would run their code.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable
from typing import Any

from orchestrail.model import DatasetRef

MAX_BYTES = 256 << 20
"""Frames and arrays above this size get no digest: a step must not wait for us."""
MAX_TEXTS = 1_000_000
"""Frames with more cells of text, or of other values that pandas hashes one by one, get no digest."""
MAX_FIELDS = 1000
"""Fields that are named; the digest is over all."""

# What pandas itself says of a column of objects (`infer_dtype`) where its values are plain ones.
_PLAIN = (
    *("string", "bytes", "empty", "boolean", "integer", "floating", "mixed-integer-float", "decimal"),
    *("date", "datetime", "datetime64", "timedelta", "timedelta64", "time", "period"),
)
_LABELS = (str, int, float, bool, bytes, tuple, type(None))


class _NoDigest(Exception):
    """The content cannot be hashed; the text says why."""


def identify(value: object, observed: str = "looked_up") -> DatasetRef | None:
    """Say which data set an object in memory is.

    Args:
        value: anything; pandas frames and series, numpy arrays, polars frames and Arrow tables are known.
        observed: how the digest comes about.

    Returns:
        Its reference, with rows, bytes and fields (names and types, no values); None for objects of another kind.
    """
    for module, names, describe in (
        ("pandas", ("DataFrame", "Series"), _pandas),
        ("numpy", ("ndarray",), _numpy),
        ("polars", ("DataFrame",), _polars),
        ("pyarrow", ("Table",), _arrow),
    ):
        library = sys.modules.get(module)
        kinds = tuple(kind for name in names if isinstance(kind := getattr(library, name, None), type))
        if isinstance(value, kinds):
            try:
                return describe(value, library, observed)
            except Exception:  # a subclass of anybody's
                return _reference("dataframe", observed, weak="the content could not be read")
    return None


def _pandas(value: Any, pandas: Any, observed: str) -> DatasetRef:
    frame = value.to_frame() if isinstance(value, pandas.Series) else value
    size = int(frame.memory_usage(index=True).sum())
    columns = [(label_of(name), str(kind)) for name, kind in zip(frame.columns, frame.dtypes, strict=True)]
    digest, weak = _taken(_pandas_digest, frame, size, pandas)
    return _reference("dataframe", observed, digest, weak, len(frame), size, columns)


def _pandas_digest(frame: Any, pandas: Any) -> str:
    index = frame.index
    levels = index.levels if isinstance(index, pandas.MultiIndex) else [index]
    parts = [(label_of(name), level) for name, level in zip(index.names, levels, strict=True)]
    parts += [(label_of(name), frame.iloc[:, number]) for number, name in enumerate(frame.columns)]
    slow = [part for _, part in parts if part.dtype.kind == "O" and not isinstance(part.dtype, pandas.CategoricalDtype)]
    if sum(map(len, slow)) > MAX_TEXTS:
        raise _NoDigest(f"more than {MAX_TEXTS} texts")
    hashed = hashlib.sha256(b"pandas 1\n")
    hashed.update(b"%d levels\n" % len(levels))
    for name, part in parts:
        inferred = pandas.api.types.infer_dtype(part, skipna=True) if part.dtype == object else ""
        if inferred not in ("", *_PLAIN):
            raise _NoDigest("a column holds objects that are no plain values")
        text = "\0".join((name, str(part.dtype), inferred)).encode("utf-8", "surrogatepass")
        hashed.update(b"%d:%s" % (len(text), text))
    rows = pandas.util.hash_pandas_object(frame, index=True)
    hashed.update(b"%d rows\n" % len(frame))
    hashed.update(rows.to_numpy().astype("<u8").tobytes())
    return hashed.hexdigest()


def _numpy(value: Any, numpy: Any, observed: str) -> DatasetRef:
    kind = value.dtype
    names = kind.names or ()
    fields = [(name, str(kind.fields[name][0])) for name in names] or [("values", str(kind))]
    digest, weak = _taken(_numpy_digest, value, int(value.nbytes), numpy)
    rows = int(value.shape[0]) if value.ndim else None
    return _reference("array", observed, digest, weak, rows, int(value.nbytes), fields)


def _numpy_digest(value: Any, numpy: Any) -> str:
    hashed = hashlib.sha256(b"numpy 1\n")
    _update(hashed, value, numpy)
    return hashed.hexdigest()


def _update(hashed: Any, value: Any, numpy: Any) -> None:
    if value.dtype.hasobject:
        raise _NoDigest("the array holds Python objects")
    if isinstance(value, numpy.ma.MaskedArray):
        raise _NoDigest("the array is masked")
    if value.dtype.names is not None:
        # Field by field: what lies between the fields is left over from whatever was in memory.
        for name in value.dtype.names:
            hashed.update(f"field {name}\n".encode())
            _update(hashed, value[name], numpy)
        return
    hashed.update(f"{value.dtype.str} {','.join(map(str, value.shape))}\n".encode())
    hashed.update(numpy.ascontiguousarray(value).reshape(-1).view(numpy.uint8))


def _polars(value: Any, polars: Any, observed: str) -> DatasetRef:
    # The text of a type may list categories, which are values.
    fields = [(str(name), str(kind).partition("(")[0]) for name, kind in value.schema.items()]
    return _reference("dataframe", observed, weak=_UNKNOWN, rows=value.height, fields=fields)


def _arrow(value: Any, pyarrow: Any, observed: str) -> DatasetRef:
    fields = [(field.name, str(field.type)) for field in value.schema]
    return _reference("dataframe", observed, None, _UNKNOWN, value.num_rows, value.nbytes, fields)


_UNKNOWN = "no digest is taken of this kind of table"


def _taken(take: Any, value: Any, size: int, library: Any) -> tuple[str | None, str | None]:
    if size > MAX_BYTES:
        return None, f"larger than {MAX_BYTES >> 20} MB"
    try:
        return f"sha256:{take(value, library)}", None
    except _NoDigest as error:
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
        "inmemory",
        name,
        digest=digest,
        observed=observed,
        weak=weak,
        type="DATAFRAME",
        rows=rows,
        bytes=size,
        fields=tuple(fields)[:MAX_FIELDS],
    )
