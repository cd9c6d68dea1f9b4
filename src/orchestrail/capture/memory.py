"""Values in memory that a step is given and gives back: the frames, arrays, tables and fitted estimators among its arguments and
in its result, each with the digest that it had then. Their values are not kept, and no code of theirs runs.

What is handed on in a tuple, list, dictionary, named tuple or data class is seen too, one level deep. An argument is looked at when
the step begins and, because a step may change it in place, again when it ends. Nothing is remembered of an object between two
looks: whoever holds it may change it.

A value has the name under which it was first met in its root run, the job and the place there: `credit.impute` for what that job
returned, `credit.train.frame` for an argument that no recorded step gave. How one is identified is `frames`' and `fitted`'s matter.
"""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from orchestrail.capture import fitted, frames
from orchestrail.model import DatasetRef

MAX_VALUES = 100
"""Parts of one argument or result that are looked at."""
_REMEMBERED = 10_000
_PLAIN = frozenset({type(None), bool, int, float, complex, str, bytes})
"""Classes of which nothing is data that is handed on: most steps are given such alone, and must pay nothing for it."""
_CONTAINERS = frozenset({dict, list, tuple})

_names: OrderedDict[tuple[str, str], str] = OrderedDict()
"""By root run and digest the name of a value. No lock: every step is one atomic operation."""


@dataclass(frozen=True, slots=True)
class _Given:
    """An argument that the step may change in place."""

    place: str
    get: Callable[[], object]
    digest: str | None


@dataclass(slots=True, eq=False)
class Handed:
    """What one run was given in memory, and what it gave.

    Args:
        job: name of the run's job.
        root: id of the root run.

    Attributes:
        inputs: what it was given.
        outputs: what it gave back, and what it changed in place.
        applied: the fitted state that it was given.
        made: the fitted state that it gave back or changed.
    """

    job: str
    root: str
    inputs: list[DatasetRef] = field(default_factory=list)
    outputs: list[DatasetRef] = field(default_factory=list)
    applied: list[DatasetRef] = field(default_factory=list)
    made: list[DatasetRef] = field(default_factory=list)
    _given: list[_Given] | None = None

    def takes(self, arguments: Mapping[str, object], state: Sequence[str] = ()) -> None:
        """Look at the arguments of the step, as its code begins; it may be entered several times.

        Args:
            arguments: by name.
            state: names of those that were declared to be fitted state.
        """
        if self._given is not None:
            return
        self._given = []
        if not arguments:
            return
        looked = _Looking(self.job, self.root, "at_read")
        for name, argument in arguments.items():
            for place, value in _values(f".{name}", argument):
                found = looked.at(place, value)
                if found is not None:
                    self.inputs.append(found)
                    if found.type == fitted.TYPE and name not in state:
                        self.applied.append(found)
                if found is not None or fitted.is_known(value):
                    self._given.append(_Given(place, _reference_to(value), found.digest if found else None))

        self.applied += [found for name in state if (found := fitted.identify_plain(arguments.get(name), "at_read"))]

    def gives(self, result: object, *, fits: bool = False) -> None:
        """Look at the result of the step, and at its arguments again, as it ends.

        Args:
            result: what it gave back.
            fits: True where it was declared to fit state: of plain values that it gives back, that is what it has learned.
        """
        if result is None and not self._given:
            return
        looked = _Looking(self.job, self.root, "at_write")
        for place, value in _values("", result):
            found = looked.at(place, value)
            if found is not None:
                self.outputs.append(found)
        for given in self._given or ():
            value = given.get()
            if value is None or looked.has_seen(value):
                continue
            found = looked.at(given.place, value)
            if found is not None and found.digest is not None and found.digest != given.digest:
                self.outputs.append(found)
        self.made += [output for output in self.outputs if output.type == fitted.TYPE]
        if fits and not self.made and type(result) in _CONTAINERS and not any(map(_may_be_data, _parts(result))):
            self.made += [found for found in [fitted.identify_plain(result, "at_write")] if found is not None]


class _Looking:
    """One look at several values: each object once, and no more bytes than a host can wait for."""

    def __init__(self, job: str, root: str, observed: str) -> None:
        self._job, self._root, self._observed = job, root, observed
        self._left = frames.MAX_BYTES
        self._seen: dict[int, DatasetRef | None] = {}

    def has_seen(self, value: object) -> bool:
        return id(value) in self._seen

    def at(self, place: str, value: object) -> DatasetRef | None:
        """Identify a value; None for one that holds no data, and for one that was looked at already."""
        if id(value) in self._seen:
            return None
        found = frames.identify(value, self._observed, self._left) or fitted.identify(value, self._observed, self._left)
        self._seen[id(value)] = found
        if found is None:
            return None
        if found.digest is not None:
            self._left -= found.bytes or 0
        content = None if found.is_empty else found.digest
        return replace(found, name=name_of(self._root, content, f"{self._job}{place}"))


def name_of(root: str, digest: str | None, name: str) -> str:
    """Give the name of a value: that under which it was first met in a root run, else this one, which it then keeps.

    Args:
        root: id of the root run.
        digest: of the value; without one it has no other name than this, nor has a frame without rows, which is equal to others.
        name: what it is called here.
    """
    if digest is None:
        return name
    while len(_names) >= _REMEMBERED:
        _names.popitem(last=False)
    return _names.setdefault((root, digest), name)


def _values(place: str, value: object) -> Iterator[tuple[str, object]]:
    """Give the values that may be data, each with its place: the value itself, or what is in it."""
    if type(value) in _PLAIN:
        return
    if _may_be_data(value):
        yield place, value
        return
    for number, part in enumerate(_parts(value)):
        if number >= MAX_VALUES:
            return
        if type(part) not in _PLAIN and _may_be_data(part):
            yield f"{place}.{number}", part


def _may_be_data(value: object) -> bool:
    return frames.is_known(value) or fitted.is_known(value)


def _parts(value: Any) -> Iterator[object]:
    """Give what is in a value, without asking code of its class for it."""
    kind = type(value)
    if issubclass(kind, tuple):
        return tuple.__iter__(value)
    if issubclass(kind, list):
        return list.__iter__(value)
    if issubclass(kind, dict):
        return iter(dict.values(value))
    fields = kind.__dict__.get("__dataclass_fields__")
    attributes = (
        object.__getattribute__(value, "__dict__") if type(fields) is dict and "__slots__" not in kind.__dict__ else {}
    )
    return (attributes[name] for name in fields or () if name in attributes)


def _reference_to(value: object) -> Callable[[], object]:
    try:
        return weakref.ref(value)
    except TypeError:
        return lambda: None
