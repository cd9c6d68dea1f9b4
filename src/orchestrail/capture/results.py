"""What a run measured, checked and seeded, stated by its code or heard by an observer: bounded, in the words of the facets.

What cannot be written as JSON is refused here, where it costs one statement: in the event of the run's end it would cost the end.
Nothing is observed here, and no value of a row is ever taken.
"""

from __future__ import annotations

import math
import operator
import os
from typing import Any, SupportsFloat, SupportsIndex

from orchestrail.capture.frames import label_of
from orchestrail.capture.given import is_of
from orchestrail.errors import ConfigurationError
from orchestrail.locks import Lock
from orchestrail.model import DatasetRef
from orchestrail.redaction import redact_message

MAX_RESULTS = 1000
"""Metrics, and checks, that one run keeps."""
MAX_SEEDS = 100
"""Seeds that one run keeps."""
MAX_NAME = 200
"""Characters of a name that are kept."""
MAX_SCALAR = 1000
"""Characters of what a check expected or found that are kept."""
_MAX_WHOLE = 2**63
"""Beyond this readers of JSON disagree: such a whole number is kept as text."""
_MAX_BITS = 4096

_MOST = {"metrics": MAX_RESULTS, "checks": MAX_RESULTS, "seeds": MAX_SEEDS}

Entry = dict[str, Any]
Key = tuple[str, str]
"""Namespace and name of a data set."""


_lock = Lock()
"""One for all runs: it is held for some steps on lists, and most runs measure nothing that one would have to be made for."""


class _Kept:
    """Entries of one kind. When it is full, a further one takes the place of the last of its name, and is counted.

    Args:
        what: what they are.
        most: how many are kept.
    """

    def __init__(self, what: str, most: int) -> None:
        self.entries: list[Entry] = []
        self._what, self._most = what, most
        self._last: dict[object, int] = {}
        self._surplus = self._failures = 0

    def add(self, entry: Entry) -> None:
        """Keep an entry, or count it."""
        name = entry["name"]
        with _lock:
            if len(self.entries) < self._most:
                self._last[name] = len(self.entries)
                self.entries.append(entry)
                return
            place = self._last.get(name)
            # A check that failed is not pushed out by one that passed.
            if place is not None and (_failed(entry) or not _failed(self.entries[place])):
                entry, self.entries[place] = self.entries[place], entry
            self._surplus += 1
            self._failures += _failed(entry)

    @property
    def missing(self) -> list[tuple[str, str]]:
        """What was not kept, as (what, reason)."""
        if not self._surplus:
            return []
        failed = f", of which {self._failures:,} failed" if self._failures else ""
        reason = f"more than {self._most:,} in one run: {self._surplus:,} are not kept{failed}"
        return [(self._what, reason)]


class Results:
    """Takes what one run measured, checked and seeded."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}
        self.subjects: dict[Key, DatasetRef] = {}
        """The data sets that metrics and checks are about."""

    @property
    def metrics(self) -> list[Entry]:
        """What was measured, as the facet `orchestrail_metrics` has it."""
        return self._entries("metrics")

    @property
    def checks(self) -> list[Entry]:
        """What was checked, as the facet `orchestrail_checks` has it."""
        return self._entries("checks")

    @property
    def seeds(self) -> list[Entry]:
        """Which seeds were set, as the facet `orchestrail_execution` has them."""
        return self._entries("seeds")

    @property
    def any(self) -> bool:
        """True where something was measured, checked or seeded."""
        return bool(self._kept)

    @property
    def missing(self) -> list[tuple[str, str]]:
        """What there was too much of, as (what, reason)."""
        return [one for what in _MOST if what in self._kept for one in self._kept[what].missing]

    def metric(
        self,
        name: object,
        value: object,
        *,
        dataset: DatasetRef | None = None,
        column: object = None,
        rows: int | None = None,
        by: str | None = None,
    ) -> None:
        """Take a measured figure.

        Args:
            name: what was measured.
            value: the figure, or the text that stands for one which cannot be kept.
            dataset: what it was measured on.
            column: the column of it, where it is of one.
            rows: on how many rows, where that is known.
            by: the library that it was heard of; None where the code of the step stated it.

        Raises:
            ConfigurationError: the value is no number.
        """
        told = value if isinstance(value, str) and by is not None else number(value)
        self._add(
            "metrics",
            {
                "name": short(name),
                "value": told,
                "dataset": self._about(dataset),
                **_known(column=column, rows=rows, by=by),
            },
        )

    def check(
        self,
        name: object,
        success: bool,
        *,
        severity: object = "error",
        kind: object = "quality",
        expected: object = None,
        actual: object = None,
        dataset: DatasetRef | None = None,
        column: object = None,
        failures: int | None = None,
        by: str | None = None,
    ) -> None:
        """Take the result of a check.

        Args:
            name: what was checked.
            success: whether it held.
            severity: `error` or `warn`.
            kind: quality, bias, accuracy ...
            expected: what was expected.
            actual: what was found.
            dataset: what was checked.
            column: the column of it, where it is of one.
            failures: how many rows failed, where that is known.
            by: as in `metric`.

        Raises:
            ConfigurationError: what was expected or found is neither text nor number.
        """
        self._add(
            "checks",
            {
                "name": short(name),
                "success": bool(success),
                "severity": short(severity),
                "kind": short(kind),
                "expected": scalar(expected),
                "actual": scalar(actual),
                "dataset": self._about(dataset),
                **_known(column=column, failures=failures, by=by),
            },
        )

    def seed(self, name: str, value: object) -> None:
        """Take note of a seed.

        Args:
            name: what was seeded: `random.seed`. The same seed is kept once.
            value: a whole number; of anything else the type alone is kept.
        """
        entry = {"name": short(name), **_seed(value)}
        if entry not in self.seeds:
            self._add("seeds", entry)

    def _entries(self, what: str) -> list[Entry]:
        kept = self._kept.get(what)
        return kept.entries if kept is not None else []

    def _add(self, what: str, entry: Entry) -> None:
        kept = self._kept.get(what)
        if kept is None:
            kept = self._kept.setdefault(what, _Kept(what, _MOST[what]))
        kept.add(entry)

    def _about(self, dataset: DatasetRef | None) -> Entry | None:
        if dataset is None:
            return None
        self.subjects.setdefault((dataset.namespace, dataset.name), dataset)
        return {"namespace": dataset.namespace, "name": dataset.name, "digest": dataset.digest}


def number(value: object) -> float | int | str | None:
    """Give a figure as JSON can hold it: `nan` and `inf` are text, and so are whole numbers of more than 64 bits.

    Raises:
        ConfigurationError: it is no number.
    """
    if value is None or type(value) is bool:
        return value
    if type(value) is int:
        return _whole(value)
    if not isinstance(value, SupportsFloat) or _is_several(value):
        raise ConfigurationError("A metric's value is no number.", f"It is {type(value).__name__}.", "Give a number.")
    figure = float(value)
    return figure if math.isfinite(figure) else str(figure)


def scalar(value: object) -> object:
    """Give what a check expected or found: a text, a truth value or a number.

    Raises:
        ConfigurationError: it is none of these.
    """
    if isinstance(value, os.PathLike):
        value = os.fsdecode(value)
    if isinstance(value, str):
        return short(value, MAX_SCALAR)
    return number(value)


def short(value: object, most: int = MAX_NAME) -> str:
    """Give a text, cut to a length; of what is no text the class is named."""
    text = str.__str__(value) if isinstance(value, str) else label_of(value)
    # Redacted before it is cut: a secret cut in half would not be known as one.
    return text if len(text) <= most else f"{redact_message(text)[: most - 3]}..."


def _is_several(value: object) -> bool:
    """Say whether it is an array: it may be asked for a number too, and then warns or fails."""
    return getattr(value, "ndim", 0) != 0


def _whole(value: int) -> int | str:
    if abs(value) < _MAX_WHOLE:
        return value
    return str(value) if value.bit_length() <= _MAX_BITS else f"a whole number of {value.bit_length():,} bits"


def _seed(value: object) -> Entry:
    if type(value) is int:
        return {"value": _whole(value)}
    if is_of(value, "numpy") and isinstance(value, SupportsIndex) and not _is_several(value):
        return {"value": _whole(operator.index(value))}
    return {"value": None, "type": short(type(value).__name__)}


def _failed(entry: Entry) -> bool:
    return entry.get("success") is False


def _known(*, column: object = None, **facts: object) -> Entry:
    """Give what is known beside the rest; what is not is left out."""
    entry = {name: value for name, value in facts.items() if value is not None}
    return entry if column is None else {"column": short(column), **entry}
