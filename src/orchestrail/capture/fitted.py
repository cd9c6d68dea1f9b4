"""Fitted state: what transformers and estimators of scikit-learn have learned, as one SHA-256. No library is imported.

What a class is fitted for is read from its methods: what predicts is a model, what only transforms is state of a step that prepares
data. Hashed are the class, the parameters and what fitting left on the object, read from where Python keeps them: `get_params`,
properties and descriptors are the class's code, which may be the user's, and are not called. Only state of plain values, arrays,
frames and objects of scikit-learn's own classes has a digest; with anything else in it (a function of the user's, say) there is
none, and the record says why. The version of scikit-learn is no part of it.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from orchestrail.capture import content, frames
from orchestrail.model import IN_MEMORY, DatasetRef

TYPE = "FITTED_STATE"
"""Data set type of fitted state in memory."""
MAX_NODES = 200_000
"""Values that are looked at in one object: about as many as a forest of 5,000 trees has."""
MAX_BYTES = 256 << 20
_MAX_DEPTH = 40
_OURS = ("sklearn", "numpy", "scipy")
_dictionary_of = object.__getattribute__
_STEPS = 16


def is_known(value: object) -> bool:
    """Say whether an object is an estimator, by its class alone."""
    base = getattr(sys.modules.get("sklearn.base"), "BaseEstimator", None)
    return isinstance(base, type) and issubclass(type(value), base)


def is_preparation(value: object) -> bool:
    """Say whether an object is an estimator that prepares data and predicts nothing; of a pipeline its last step decides."""
    for _ in range(_STEPS):
        if not is_known(value):
            return False
        steps = _dictionary_of(value, "__dict__").get("steps")
        if type(value).__name__ != "Pipeline" or type(steps) is not list or not steps or type(steps[-1]) is not tuple:
            break
        value = steps[-1][-1]
        if value is None or type(value) is str:  # the pipeline passes on what the steps before made of it
            return True
    return _has(value, "transform", "fit_transform") and not _has(value, "predict")


def _has(value: object, *names: str) -> bool:
    return any(name in vars(kind) for kind in type(value).__mro__ for name in names)


def identify_plain(value: object, observed: str = "looked_up") -> DatasetRef | None:
    """Identify what a step that was declared to fit or to apply state has learned in plain values: a dictionary of medians, say.

    Args:
        value: what was declared to be fitted state.
        observed: how the digest comes about.

    Returns:
        Its reference, without a digest where it holds what has none; None where there is no value.
    """
    return None if value is None else _identified(value, observed, MAX_BYTES)[0]


def digest_of_several(states: Iterable[DatasetRef]) -> tuple[str | None, str | None]:
    """Give one digest of all state that a step fitted or applied: of one state its own.

    Args:
        states: what it made, or what it was given, in any order.

    Returns:
        The digest, and why there is none where there should be one.
    """
    digests: dict[str, None] = {}
    for state in states:
        if state.digest is None:
            return None, state.weak or "the fitted state cannot be hashed"
        digests[state.digest] = None
    if len(digests) < 2:
        return next(iter(digests), None), None
    return f"sha256:{hashlib.sha256(' '.join(sorted(digests)).encode()).hexdigest()}", None


def identify(value: object, observed: str = "looked_up", max_bytes: int = MAX_BYTES) -> DatasetRef | None:
    """Say which fitted state an object holds.

    Args:
        value: anything.
        observed: how the digest comes about.
        max_bytes: bound of what is hashed.

    Returns:
        Its reference; None for what is no estimator, and for one that nothing was fitted with.
    """
    if not is_known(value):
        return None
    found, is_fitted = _identified(value, observed, max_bytes)
    if not is_fitted:
        return None
    version = getattr(sys.modules.get("sklearn"), "__version__", None)
    return replace(found, framework=f"scikit-learn {version}" if isinstance(version, str) else "scikit-learn")


def _identified(value: object, observed: str, max_bytes: int) -> tuple[DatasetRef, bool]:
    """Identify a value that is state, and say whether anything in it was fitted."""
    state = _State(max_bytes)
    digest = weak = None
    try:
        state.add(value)
        digest = state.digest()
    except content.NoDigest as error:
        weak = str(error)
    except Exception:  # state of anybody's
        weak = "the fitted state cannot be hashed"
    size = state.bytes if digest else None
    found = DatasetRef(IN_MEMORY, "fitted", digest=digest, observed=observed, weak=weak, type=TYPE, bytes=size)
    return found, state.is_fitted


class _State:
    """A digest in the making.

    Attributes:
        is_fitted: True once an attribute was met that only fitting leaves: `mean_`.
        bytes: size of the arrays and frames in it.
    """

    def __init__(self, max_bytes: int) -> None:
        self.is_fitted = False
        self.bytes = 0
        self._hashed = hashlib.sha256(b"fitted 2\n")
        self._nodes = 0
        self._max_bytes = max_bytes

    def digest(self) -> str:
        """Give the digest, with its algorithm."""
        return f"sha256:{self._hashed.hexdigest()}"

    def add(self, value: Any, depth: int = 0) -> None:
        """Add a value with all that is in it."""
        self._nodes += 1
        if self._nodes > MAX_NODES or depth > _MAX_DEPTH:
            raise content.NoDigest("the fitted state holds too much to be hashed")
        kind = type(value)
        if value is None or kind in (bool, int, float, complex):
            self._write(kind.__name__, repr(value))
        elif kind is str:
            self._write("str", value)
        elif kind is bytes:
            self._write("bytes", value.hex())
        elif kind is tuple or kind is list:
            self._write(kind.__name__, str(len(value)))
            for item in value:
                self.add(item, depth + 1)
        elif kind is dict:
            self._mapping(value, depth)
        elif kind is set or kind is frozenset:
            self._write(kind.__name__, " ".join(sorted(_digest_of(item, depth, self._max_bytes) for item in value)))
        elif kind is slice:
            self.add((value.start, value.stop, value.step), depth + 1)
        elif kind is type or (type(kind) is type and issubclass(kind, type)):
            self._name(value)
        else:
            self._object(value, depth)

    def _object(self, value: Any, depth: int) -> None:
        numpy: Any = sys.modules.get("numpy")
        kind = type(value)
        if numpy is None:
            raise content.NoDigest(f"the fitted state holds a value of the class {kind.__qualname__}")
        if is_known(value):
            self._class(kind)
            self._attributes(_dictionary_of(value, "__dict__"), depth)
        elif frames.is_known(value):
            self._frame(value, depth)
        elif kind in (numpy.float64, numpy.int64, numpy.bool_, numpy.str_):
            self.add(value.item(), depth)  # the number that Python has for it, which it is once it was written as JSON
        elif issubclass(kind, numpy.generic) and kind.__module__ == "numpy":
            self._write(kind.__name__, numpy.asarray(value).dtype.str + numpy.asarray(value).tobytes().hex())
        elif issubclass(kind, numpy.dtype):
            self._write("dtype", str(value))
        elif kind is numpy.ufunc:
            self._write("ufunc", value.__name__)
        elif kind is numpy.random.RandomState:
            self._write("RandomState", "")
            self.add(value.get_state(legacy=True), depth + 1)
        elif kind is numpy.random.Generator:
            self._write("Generator", type(value.bit_generator).__name__)
            self.add(value.bit_generator.state, depth + 1)
        elif kind.__module__.partition(".")[0] == "sklearn":
            self._of_sklearn(value, depth)
        elif _is_function_of(value, _OURS):
            self._write("function", f"{value.__module__}.{value.__qualname__}")
        else:
            raise content.NoDigest(f"the fitted state holds a value of the class {kind.__qualname__}")

    def _of_sklearn(self, value: Any, depth: int) -> None:
        """Add an object of scikit-learn's own classes as it would be pickled: a tree, a loss, a mapping of bins."""
        self._class(type(value))
        if issubclass(type(value), dict):
            self._mapping(dict(dict.items(value)), depth)
            return
        reduced = value.__reduce_ex__(2)
        if type(reduced) is not tuple or any(part is not None for part in reduced[3:]):
            raise content.NoDigest(f"the fitted state holds a value of the class {type(value).__qualname__}")
        for part in reduced[1:3]:
            self.add(part, depth + 1)

    def _frame(self, value: Any, depth: int) -> None:
        numpy: Any = sys.modules["numpy"]
        if type(value) is numpy.ndarray and value.dtype == object:
            # Estimators within an ensemble lie in such arrays; texts and numbers do too.
            self._write("objects", str(value.shape))
            for item in value.reshape(-1).tolist():
                self.add(item, depth + 1)
            return
        if type(value) is numpy.ma.MaskedArray:
            self.add(numpy.ma.getmaskarray(value), depth + 1)
            self.add(numpy.asarray(value.compressed()), depth + 1)
            return
        found = frames.identify(value, max_bytes=self._max_bytes - self.bytes)
        if found is None or found.digest is None:
            raise content.NoDigest(
                found.weak if found is not None and found.weak else "the fitted state cannot be hashed"
            )
        self.bytes += found.bytes or 0
        self._write("frame", found.digest)

    def _attributes(self, attributes: dict[str, Any], depth: int) -> None:
        names = [name for name in attributes if type(name) is str and name != "_sklearn_version"]
        self.is_fitted |= any(name.endswith("_") and not name.startswith("_") for name in names)
        self._write("attributes", str(len(names)))
        for name in sorted(names):
            self._write("attribute", name)
            self.add(attributes[name], depth + 1)

    def _mapping(self, mapping: dict[Any, Any], depth: int) -> None:
        self._write("dict", str(len(mapping)))
        pairs = mapping.items()
        # Two that hold the same are equal, in whatever order they were filled; JSON is often written in another one.
        for key, value in sorted(pairs, key=_key_of) if all(type(key) is str for key in mapping) else pairs:
            self.add(key, depth + 1)
            self.add(value, depth + 1)

    def _class(self, kind: type) -> None:
        self._write("class", f"{kind.__module__}.{kind.__qualname__}")

    def _name(self, kind: Any) -> None:
        module = type.__dict__["__module__"].__get__(kind)
        if str(module).partition(".")[0] not in (*_OURS, "builtins", "pandas"):
            raise content.NoDigest("the fitted state holds a class of the user's")
        self._class(kind)

    def _write(self, kind: str, text: str) -> None:
        encoded = text.encode("utf-8", "surrogatepass")
        self._hashed.update(b"%s %d:%s\n" % (kind.encode(), len(encoded), encoded))


def _digest_of(value: Any, depth: int, max_bytes: int) -> str:
    state = _State(max_bytes)
    state.add(value, depth + 1)
    return state.digest()


def _is_function_of(value: Any, packages: tuple[str, ...]) -> bool:
    if type(value) not in (type(_digest_of), type(len)):
        return False
    return str(value.__module__).partition(".")[0] in packages


def _key_of(pair: tuple[str, Any]) -> str:
    return pair[0]
