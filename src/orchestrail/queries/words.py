"""Facts put in words, for sentences and tables that are made here, on the command line and on pages. No layout, no colours."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from orchestrail.model import IN_MEMORY, DatasetRef
from orchestrail.projections.rows import RunRow

STATE_SYMBOLS = {"COMPLETE": "✔", "CACHED": "↺", "RUNNING": "▶", "FAIL": "✘", "ABORT": "■", "SKIPPED": "○"}
"""What stands before a state, so that it is told by shape and not by colour alone; any other state has a question mark."""


def counted(number: Any, one: str, many: str | None = None) -> str:
    """Give a number with what it is of, as one and as several: `1 event`, `1,200 events`.

    Args:
        number: as a facet may state it: what is no number is given as it is.
        one: the word, with its verb where it needs one, for one of it.
        many: for any other number; with an s where it is not given.
    """
    shown = f"{number:,}" if isinstance(number, int) else f"{number:.6g}" if isinstance(number, float) else f"{number}"
    return f"{shown} {one if number == 1 else many or f'{one}s'}"


def byte_count(count: int) -> str:
    """Give a number of bytes in the unit that it is read best in."""
    amount = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            return f"{count:,} bytes" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1000
    return ""


def size(dataset: DatasetRef) -> str | None:
    """Give rows and bytes as far as they are known."""
    parts = []
    if dataset.rows is not None:
        parts.append(counted(dataset.rows, "row"))
    if dataset.bytes is not None:
        parts.append(byte_count(dataset.bytes))
    return ", ".join(parts) or None


FITTED = "FITTED_STATE"
"""Type of a data set that is the state of a fitted object."""
_VALUES = {True: "fitted state of ", False: "value of "}
"""What stands before the name of what lay in memory; True where it is a fitted state."""


def data_name(dataset: DatasetRef) -> str:
    """Give the name of a data set: of a file its path, of what lay in memory whose value it was, of all else with its namespace."""
    if dataset.namespace == IN_MEMORY:
        return f"{_VALUES[dataset.type == FITTED]}{dataset.name}"
    return dataset.name if dataset.namespace == "file" else f"{dataset.namespace}:{dataset.name}"


def named_value(shown: str) -> tuple[str, bool] | None:
    """Take apart what `data_name` gives of something in memory: its name, and whether it is a fitted state; None of all else."""
    for fitted, words in _VALUES.items():
        if shown.startswith(words):
            return shown.removeprefix(words), fitted
    return None


def duration(row: RunRow) -> str | None:
    """Give how long a run took; None where one of its times is not known, or they cannot be true."""
    if row.started_at is None or row.ended_at is None or row.ends_before_start:
        return None
    seconds = (datetime.fromisoformat(row.ended_at) - datetime.fromisoformat(row.started_at)).total_seconds()
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def error_apart(row: RunRow) -> str | None:
    """Give what went wrong in a run, or why it was skipped, unless that is told with what people did to it."""
    given, own = row.given_end, row.own_end
    told = (given.reason if given else None, own.error if own else None)
    return None if row.error in told else row.error


def short_job(name: str, parent: str | None) -> str:
    """Give a job's name without that of the job that it runs in."""
    return name[len(parent) + 1 :] if parent is not None and name.startswith(f"{parent}.") else name


def orchestrator(row: RunRow) -> str:
    """Give the orchestrator and its version."""
    return " ".join(part for part in (row.orchestrator, row.orchestrator_version) if part) or "unknown"
