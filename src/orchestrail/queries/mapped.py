"""Which of the runs of one job is which: a step that ran once for each of many values, and the tries of one run. No SQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from orchestrail.projections.rows import RunRow

_LONGEST = 40
_ENDING = 12
"""Digits of the end of a run id: the beginning of a UUIDv7 is a time."""


def last_attempts(rows: Iterable[RunRow]) -> dict[str, str]:
    """Give for each run the last try of it: itself, where nothing was tried again."""
    listed = list(rows)
    following = {row.previous_attempt: row.run_id for row in listed if row.previous_attempt}
    last: dict[str, str] = {}
    for row in listed:
        run_id, passed = row.run_id, {row.run_id}
        while (after := following.get(run_id)) is not None and after not in passed:
            run_id = after
            passed.add(after)
        last[row.run_id] = run_id
    return last


def told_apart(*groups: Sequence[RunRow]) -> list[dict[str, str]] | None:
    """Name the runs of one job by what tells them apart: parameters, else the orchestrator's number, else what they read or wrote.

    Args:
        groups: runs of the job, none a retry of another one; one group for each side of a comparison.

    Returns:
        For each group the name by run id; None where nothing that the record has tells every run of a group from the others.
    """
    for way in (_parameters(groups), _number, _data(groups)):
        named = [{row.run_id: way(row) for row in group} for group in groups]
        if all(all(names.values()) and len(set(names.values())) == len(names) for names in named):
            return [{run_id: name or "" for run_id, name in names.items()} for names in named]
    return None


def siblings(rows: Iterable[RunRow], *, whole: bool = True) -> dict[str, str]:
    """Name every run that has others of its job beside it in the same parent, by run id; a retry is named as what it retries.

    Args:
        rows: the runs that are shown together.
        whole: whether these are all runs of their parents. Among some of them an order would give one run many numbers: what
            nothing else tells apart goes by the end of its id there.
    """
    groups: dict[tuple[str | None, str], list[RunRow]] = defaultdict(list)
    for row in rows:
        groups[row.parent_run_id, row.job.name].append(row)
    return {run_id: name for group in groups.values() for run_id, name in _numbered(group, whole).items()}


def by_value(value: Any) -> bool:
    """Say whether a parameter was recorded by value, and not by type and digest."""
    return not (isinstance(value, Mapping) and value and value.keys() <= {"type", "digest"})


def _numbered(rows: Sequence[RunRow], whole: bool) -> dict[str, str]:
    """Name the runs of one job and parent by what tells them apart, else by their order or by their ids."""
    last = last_attempts(rows)
    final = [row for row in rows if last[row.run_id] == row.run_id]
    if len(final) < 2:
        return {}
    names = told_apart(final)
    if names:
        known = names[0]
    elif whole:
        known = {row.run_id: f"#{place}" for place, row in enumerate(final, start=1)}
    else:
        known = {row.run_id: f"…{row.run_id[-_ENDING:]}" for row in final}
    return {run_id: known[end] for run_id, end in last.items()}


def _parameters(groups: Sequence[Sequence[RunRow]]) -> Callable[[RunRow], str | None]:
    """Name by the one parameter of which each run of a group has another value, else by all that vary in a group."""
    values: dict[str, list[list[str]]] = defaultdict(lambda: [[] for _ in groups])
    for place, group in enumerate(groups):
        for row in group:
            for name, value in (row.parameters or {}).items():
                if not isinstance(value, Mapping | list):
                    values[name][place].append(_short(value))
    always = {name: sides for name, sides in values.items() if [len(one) for one in sides] == [len(g) for g in groups]}
    alone = [name for name, sides in always.items() if all(len(set(one)) == len(one) for one in sides)]
    # What takes the same values on both sides tells the runs apart; what differs on each may be what changed.
    alone.sort(key=lambda name: -len(set.intersection(*map(set, always[name]))))
    varied = alone[:1] or [name for name, sides in always.items() if any(len(set(one)) > 1 for one in sides)]

    def named(row: RunRow) -> str | None:
        stated = row.parameters or {}
        return ", ".join(f"{name}={_short(stated[name])}" for name in varied if name in stated) or None

    return named


def _number(row: RunRow) -> str | None:
    """Name by the number that the orchestrator gives to the runs of a mapped step: the last part of its own id."""
    part = (row.native_id or "").rpartition("/")[2]
    return f"[{part}]" if part.isascii() and part.isdigit() else None


def _data(groups: Sequence[Sequence[RunRow]]) -> Callable[[RunRow], str | None]:
    """Name by the data sets that not all runs of a group read, else wrote."""
    common: set[str] = set()
    for group in groups:
        names = [{use.dataset.name for use in (*row.inputs, *row.outputs)} for row in group]
        common |= set.intersection(*names) if names else set()

    def named(row: RunRow) -> str | None:
        for uses in (row.inputs, row.outputs):
            own = [use.dataset.name.rpartition("/")[2] for use in uses if use.dataset.name not in common]
            if own:
                return ", ".join(dict.fromkeys(own))
        return None

    return named


def _short(value: Any) -> str:
    """Give a value in short; of a path the last part, for the folder of a run tells nothing about the other runs of its job."""
    text = repr(value.rpartition("/")[2] if isinstance(value, str) and value.startswith("/") else value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
