"""The content of frames, arrays and tables as one SHA-256: what is hashed of it, and in which form. What a data set is called, and
where one is met, is `frames`' and `memory`'s matter.

The form is the same in every process, whatever the hash seed, and however the value came about: numbers are their bytes, little
endian, in C order, with one bit pattern for every NaN; texts are their lengths in characters and their UTF-8; what is missing is a
mask beside them. Names, types and the order of columns, index levels and rows count. An attacker cannot make two contents alike.

No code of a value runs: an object in a column counts by its exact type, and where that is no plain one there is no digest.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

MAX_OBJECTS = 2_000_000
"""Cells that are Python objects, which are gone through one by one; a frame with more gets no digest."""
MAX_CHARACTERS = 256 << 20
"""Characters and bytes of texts that are Python objects; a frame with more gets no digest."""
MAX_COLUMNS = 10_000
"""Columns of a frame; a wider one gets no digest."""
_MAX_DEPTH = 8
_WIDEST = {"f": 8, "c": 16}

_NOT_PLAIN = "it holds objects that are no plain values"
_ZONES = (type(None), timezone, ZoneInfo)
# Exact types of objects by what is written for them. Looked up by their identity: a class may be hashed by code of the user's.
_PLAIN: tuple[type, ...] = (
    *(type(None), str, bytes, int, float, bool, Decimal, UUID, date, datetime, time, timedelta, tuple, list),
)
_KINDS = {id(kind): number for number, kind in enumerate(_PLAIN)}
_OF_PANDAS = ("Timestamp", "Timedelta")
_MISSING = ("NA", "NaT")
_OF_NUMPY = (
    "bool_",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float32",
    "float64",
    "str_",
)
_FIRST_OF_PANDAS, _FIRST_MISSING, _FIRST_OF_NUMPY, _ARRAY = 32, 40, 64, 96


class NoDigest(Exception):
    """The content cannot be hashed; the text says why."""


def digest_of_pandas(frame: Any, columns: Iterable[Any]) -> str:
    """Digest a frame of exactly pandas' own class: axes, then column by column.

    Args:
        frame: the frame.
        columns: the arrays of its columns, in order.
    """
    if frame.shape[1] > MAX_COLUMNS:
        raise NoDigest(f"more than {MAX_COLUMNS} columns")
    content = _Content(b"pandas 2\n")
    for axis in (frame.columns, frame.index):
        content.objects(list(axis.names))
        for level in range(axis.nlevels):
            content.of_pandas(axis.get_level_values(level).array)
    for column in columns:
        content.of_pandas(column)
    return content.digest()


def digest_of_numpy(array: Any) -> str:
    """Digest an array of exactly numpy's own class."""
    content = _Content(b"numpy 2\n")
    content.array(array)
    return content.digest()


def digest_of_sparse(matrix: Any, parts: Iterable[str]) -> str:
    """Digest a sparse matrix of scipy as it is stored.

    Args:
        matrix: the matrix.
        parts: names of the arrays that it is stored in.
    """
    content = _Content(b"scipy 1\n")
    content.text(f"{matrix.format} {matrix.shape}")
    for part in parts:
        content.array(getattr(matrix, part))
    return content.digest()


def digest_of_polars(frame: Any) -> str:
    """Digest a frame of polars, column by column."""
    content = _Content(b"polars 1\n")
    for name in frame.columns:
        content.text(name)
        content.of_polars(frame.get_column(name))
    return content.digest()


def digest_of_arrow(table: Any) -> str:
    """Digest a table of pyarrow, column by column; how it is cut into chunks does not count."""
    content = _Content(b"arrow 1\n")
    for name, column in zip(table.column_names, table.columns, strict=True):
        content.text(name)
        content.of_arrow(column)
    return content.digest()


class _Content:
    """A digest in the making."""

    def __init__(self, form: bytes) -> None:
        numpy = sys.modules.get("numpy")
        if numpy is None:  # nothing is imported into a host's process
            raise NoDigest("numpy is not loaded")
        self._numpy: Any = numpy
        self._hashed = hashlib.sha256(form)
        self._objects = 0
        self._characters = 0
        self._kinds = _kinds()

    def digest(self) -> str:
        """Give the digest, with its algorithm."""
        return f"sha256:{self._hashed.hexdigest()}"

    def text(self, text: str) -> None:
        """Add a text; what comes after it cannot be taken for a part of it."""
        encoded = text.encode("utf-8", "surrogatepass")
        self._hashed.update(b"%d:%s\n" % (len(encoded), encoded))

    def array(self, array: Any) -> None:
        """Add an array of numpy with its type and shape."""
        numpy, kind = self._numpy, array.dtype
        if kind.names is not None:
            # Field by field: what lies between the fields is left over from whatever was in memory.
            for name in kind.names:
                self.text(f"field {name}")
                self.array(array[name])
            return
        if kind.hasobject:
            self.text(f"objects {array.shape}")
            self.objects(array.reshape(-1).tolist())
            return
        if kind.kind in "fc" and kind.itemsize > _WIDEST[kind.kind]:
            raise NoDigest("numbers of this width have bytes that mean nothing")
        if sys.byteorder == "big" and kind.byteorder in "=|":
            array = array.astype(kind.newbyteorder("<"))
        self.text(f"{array.dtype.str} {','.join(map(str, array.shape))}")
        if kind.kind in "fc":
            array = self._without_signs_of_nan(array)
        self._hashed.update(numpy.ascontiguousarray(array).reshape(-1).view(numpy.uint8))

    def _without_signs_of_nan(self, array: Any) -> Any:
        numpy = self._numpy
        missing = numpy.isnan(array)
        if not missing.any():
            return array
        array = numpy.array(array)  # a plain copy
        if array.dtype.kind == "f":
            array[missing] = numpy.nan
            return array
        # Of a complex number each part has bits of its own.
        for part in (array.real, array.imag):
            part[numpy.isnan(part)] = numpy.nan
        return array

    # -- pandas

    def of_pandas(self, values: Any) -> None:
        """Add a column or a level of an index: an array of pandas."""
        kind = values.dtype
        if not hasattr(type(kind), "name") or type(kind).__module__.partition(".")[0] not in ("numpy", "pandas"):
            raise NoDigest("a column is of a type of another library")
        pandas: Any = sys.modules["pandas"]
        if type(values) is pandas.arrays.NumpyExtensionArray:
            kind = kind.numpy_dtype
        if isinstance(kind, pandas.CategoricalDtype):
            self._categories(values)
            return
        self.text(text_of(kind))
        if isinstance(kind, self._numpy.dtype):
            self._of_numpy(values)
        elif isinstance(kind, pandas.StringDtype):
            self._strings_of_pandas(values)
        elif isinstance(kind, pandas.ArrowDtype):
            self.of_arrow(values.__arrow_array__())
        elif isinstance(kind, pandas.IntervalDtype):
            self.of_pandas(values.left.array)
            self.of_pandas(values.right.array)
        elif isinstance(kind, pandas.SparseDtype):
            self.array(self._numpy.asarray(values))
        elif isinstance(kind, pandas.DatetimeTZDtype | pandas.PeriodDtype):
            self.array(values.asi8)
        else:
            missing = values.isna()
            self.array(missing)
            self.array(values.to_numpy(dtype=kind.numpy_dtype, na_value=kind.numpy_dtype.type(0)))

    def _of_numpy(self, values: Any) -> None:
        array = self._numpy.asarray(values)
        if array.dtype == object:
            self.objects(array.tolist())
        else:
            self.array(array)

    def _categories(self, values: Any) -> None:
        categories, codes = values.categories, self._numpy.asarray(values.codes, dtype="int64")
        if not values.ordered:
            # Their order says nothing then; those that are in the data decide.
            try:
                order = categories.argsort()
            except TypeError:  # texts and numbers, say, have no order
                order = self._numpy.arange(len(categories))
            places = self._numpy.empty(len(categories) + 1, dtype="int64")
            places[order] = self._numpy.arange(len(categories))
            places[-1] = -1
            categories, codes = categories[order], places[codes]
        self.text("category ordered" if values.ordered else "category")
        self.of_pandas(categories.array)
        self.array(codes)

    def _strings_of_pandas(self, values: Any) -> None:
        pyarrow = sys.modules.get("pyarrow")
        if values.dtype.storage == "pyarrow" and pyarrow is not None:
            self._strings_of_arrow(self._whole(values.__arrow_array__()))
            return
        missing = values.isna()
        texts = ["" if absent else text for text, absent in zip(values.to_numpy(object), missing.tolist(), strict=True)]
        self.array(missing)
        self._texts(texts)

    def objects(self, values: Sequence[object], depth: int = 0) -> None:
        """Add Python objects by their exact types; no code of theirs runs."""
        self._objects += len(values)
        if self._objects > MAX_OBJECTS:
            raise NoDigest(f"more than {MAX_OBJECTS} Python objects")
        if depth > _MAX_DEPTH:
            raise NoDigest("lists in lists too deep")
        try:
            kinds = bytes(map(self._kinds.__getitem__, map(id, map(type, values))))
        except KeyError:
            raise NoDigest(_NOT_PLAIN) from None
        self.text(f"objects {len(kinds)}")
        self._hashed.update(kinds)
        present = sorted(set(kinds))
        for kind in present:
            picked = values if len(present) == 1 else [v for v, k in zip(values, kinds, strict=True) if k == kind]
            self._of_kind(kind, picked, depth)

    def _of_kind(self, kind: int, values: Any, depth: int) -> None:
        numpy = self._numpy
        if kind == _ARRAY:
            for value in values:
                self.array(value)
            return
        if kind >= _FIRST_OF_NUMPY:
            self.array(numpy.array(values))
            return
        if kind >= _FIRST_MISSING:
            return
        if kind >= _FIRST_OF_PANDAS:
            self._texts([_moment(value) for value in values])
            return
        exact = _PLAIN[kind]
        if exact is str:
            self._texts(values)
        elif exact is bytes:
            self._lengths(values)
            self._hashed.update(b"".join(values))
        elif exact is float:
            self.array(numpy.array(values, dtype="<f8"))
        elif exact is bool:
            self.array(numpy.array(values, dtype=bool))
        elif exact is int:
            try:
                self.array(numpy.array(values, dtype="<i8"))
            except OverflowError:
                self._texts([str(value) for value in values])
        elif exact is tuple or exact is list:
            self._lengths(values)
            self.objects([item for value in values for item in value], depth + 1)
        elif exact is datetime or exact is time:
            self._texts([_moment(value) for value in values])
        elif exact is not type(None):
            self._texts([str(value) for value in values])

    def _texts(self, texts: Sequence[str]) -> None:
        self._lengths(texts)
        self._hashed.update("".join(texts).encode("utf-8", "surrogatepass"))

    def _lengths(self, values: Sequence[str | bytes | tuple[object, ...] | list[object]]) -> None:
        numpy = self._numpy
        lengths = numpy.fromiter(map(len, values), "<u8", len(values))
        self._characters += int(lengths.sum())
        if self._characters > MAX_CHARACTERS:
            raise NoDigest(f"more than {MAX_CHARACTERS >> 20} million characters in Python objects")
        self.array(lengths)

    # -- Arrow

    def of_arrow(self, column: Any) -> None:
        """Add an array of pyarrow, whole or in chunks."""
        whole = self._whole(column)
        self.text(_type_of_arrow(whole.type))
        self._of_arrow(whole)

    def _whole(self, column: Any) -> Any:
        pyarrow: Any = sys.modules["pyarrow"]
        if not isinstance(column, pyarrow.ChunkedArray):
            return column
        if column.num_chunks == 1:
            return column.chunk(0)
        return pyarrow.concat_arrays(column.chunks) if column.num_chunks else pyarrow.array([], column.type)

    def _of_arrow(self, array: Any) -> None:
        pyarrow: Any = sys.modules["pyarrow"]
        kind, types = array.type, pyarrow.types
        self.text(f"arrow {len(array)}")
        if types.is_null(kind):
            return
        if types.is_dictionary(kind):
            self._of_arrow(array.dictionary_decode())
            return
        if types.is_string(kind) or types.is_large_string(kind):
            self._strings_of_arrow(array)
            return
        self._missing_of_arrow(array)
        if types.is_binary(kind) or types.is_large_binary(kind):
            self._bytes_of_arrow(array.drop_null())
        elif types.is_struct(kind):
            for part in array.flatten():
                self._of_arrow(part)
        elif types.is_map(kind):
            offsets = self._numpy.asarray(array.drop_null().offsets)
            self.array(self._numpy.diff(offsets).astype("<i8"))
            for part in (array.drop_null().keys, array.drop_null().items):
                self._of_arrow(part[int(offsets[0]) : int(offsets[-1])])
        elif types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
            present = array.drop_null()
            if not types.is_fixed_size_list(kind):
                self.array(self._numpy.diff(self._numpy.asarray(present.offsets)).astype("<i8"))
            self._of_arrow(present.flatten())
        elif types.is_boolean(kind):
            self.array(array.drop_null().to_numpy(zero_copy_only=False))
        elif types.is_primitive(kind) or types.is_decimal(kind) or types.is_fixed_size_binary(kind):
            self._fixed_of_arrow(array.drop_null())
        else:
            raise NoDigest("a column is of a type that is not known")

    def _missing_of_arrow(self, array: Any) -> None:
        if array.null_count:
            self.array(array.is_null().to_numpy(zero_copy_only=False))
        else:  # as an array of as many False
            self.text(f"|b1 {len(array)}")
            self._hashed.update(bytes(len(array)))

    def _fixed_of_arrow(self, array: Any) -> None:
        width = array.type.bit_width // 8
        content = array.buffers()[1]
        part = self._numpy.frombuffer(content, "u1") if content is not None else self._numpy.empty(0, "u1")
        part = part[array.offset * width : (array.offset + len(array)) * width]
        if sys.modules["pyarrow"].types.is_floating(array.type):
            part = part.view(f"<f{width}")
        self.array(part)

    def _strings_of_arrow(self, array: Any) -> None:
        compute: Any = sys.modules.get("pyarrow.compute")
        if compute is None:
            raise NoDigest("pyarrow.compute is not loaded")
        self._missing_of_arrow(array)
        if array.null_count:
            array = compute.fill_null(array, "")
        offsets = self._offsets_of(array)
        data = self._data_of(array, offsets)
        # Of ASCII alone each byte is a character; to count them costs as much as to hash them.
        is_ascii = not len(data) or self._numpy.frombuffer(data, "i1").min() >= 0
        lengths = offsets[1:] - offsets[:-1] if is_ascii else self._numpy.asarray(compute.utf8_length(array))
        self.array(lengths.astype("<u8"))
        self._hashed.update(data)

    def _bytes_of_arrow(self, array: Any) -> None:
        offsets = self._offsets_of(array)
        self.array((offsets[1:] - offsets[:-1]).astype("<i8"))
        self._hashed.update(self._data_of(array, offsets))

    def _offsets_of(self, array: Any) -> Any:
        types = sys.modules["pyarrow"].types
        large = types.is_large_string(array.type) or types.is_large_binary(array.type)
        offsets = array.buffers()[1]
        if offsets is None or not len(array):
            return self._numpy.zeros(1, "<i8")
        return self._numpy.frombuffer(offsets, "<i8" if large else "<i4")[array.offset : array.offset + len(array) + 1]

    def _data_of(self, array: Any, offsets: Any) -> Any:
        data = array.buffers()[2] if len(array) else None
        return memoryview(data)[int(offsets[0]) : int(offsets[-1])] if data is not None else b""

    # -- polars

    def of_polars(self, series: Any) -> None:
        """Add a series of polars."""
        self.text(str(series.dtype))
        self._of_polars(series)

    def _of_polars(self, series: Any, depth: int = 0) -> None:
        polars: Any = sys.modules["polars"]
        kind = series.dtype
        if depth > _MAX_DEPTH or kind == polars.Object:
            raise NoDigest(_NOT_PLAIN)
        self.text(f"polars {len(series)}")
        self.array(series.is_null().to_numpy())
        present = series.drop_nulls()
        if kind.is_temporal():
            self.array(present.to_physical().to_numpy())
        elif kind == polars.Boolean or kind.is_float() or (kind.is_integer() and kind not in _wide(polars)):
            self.array(present.to_numpy())
        elif kind == polars.Binary:
            self.objects(present.to_list())
        elif kind == polars.List or kind == polars.Array:
            listed = present.arr.to_list() if kind == polars.Array else present
            lengths = listed.list.len()
            self.array(lengths.to_numpy())
            filled = listed.filter(lengths > 0)
            self._of_polars(filled.explode() if len(filled) else filled.list.explode(), depth + 1)
        elif kind == polars.Struct:
            for part in present.struct.fields:
                self._of_polars(present.struct.field(part), depth + 1)
        elif kind != polars.Null:
            # Texts; categories, whose numbers are each process's own; decimals.
            self.objects(present.cast(polars.String).to_list())


@lru_cache(maxsize=256)
def _text_of_numpy(kind: Any) -> str:
    return str(kind)


def text_of(kind: Any) -> str:
    """Give the text of the type of a column; numpy takes longer to write its own than to hash a short column."""
    return _text_of_numpy(kind) if type(kind).__module__ == "numpy.dtypes" and kind.names is None else str(kind)


def _kinds() -> dict[int, int]:
    """Number the exact types that may stand in a column, as far as their libraries are loaded."""
    found = dict(_KINDS)
    pandas, numpy = sys.modules.get("pandas"), sys.modules["numpy"]
    for first, library, names in (
        (_FIRST_OF_PANDAS, pandas, _OF_PANDAS),
        (_FIRST_MISSING, pandas, _MISSING),
        (_FIRST_OF_NUMPY, numpy, _OF_NUMPY),
    ):
        for number, name in enumerate(names):
            one = getattr(library, name, None)
            if one is not None:
                found[id(one if isinstance(one, type) else type(one))] = first + number
    found[id(numpy.ndarray)] = _ARRAY
    return found


def _type_of_arrow(kind: Any) -> str:
    """Give the text of a type; one of somebody's own would write it itself."""
    pyarrow: Any = sys.modules["pyarrow"]
    waiting = [kind]
    while waiting:
        one = waiting.pop()
        if isinstance(one, pyarrow.BaseExtensionType):
            raise NoDigest("a column is of a type of another library")
        waiting += [one.field(number).type for number in range(one.num_fields)] if one.num_fields else []
        waiting += [one.value_type] if pyarrow.types.is_dictionary(one) else []
    return str(kind)


def _wide(polars: Any) -> tuple[Any, ...]:
    return tuple(kind for name in ("Int128", "UInt128") if (kind := getattr(polars, name, None)) is not None)


def _moment(value: Any) -> str:
    """Write down a time; a zone of somebody's own is somebody's own code."""
    zone = getattr(value, "tzinfo", None)
    if type(zone) not in _ZONES and type(zone).__module__.partition(".")[0] not in ("pytz", "dateutil"):
        raise NoDigest("a time has a zone of a class of its own")
    return f"{value.isoformat()} {zone}" if zone is not None else str(value.isoformat())
