"""Two runs or models held against each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from orchestrail.errors import NotRecorded
from orchestrail.queries.diff import CATEGORIES, diff
from orchestrail.queries.differences import Difference
from orchestrail.queries.runs import runs
from orchestrail.queries.snapshot import Snapshot
from orchestrail.queries.words import data_name
from orchestrail.web.data import meant

LINES = 300
"""Differences of one category that are listed."""
_OFFERED = 20

WORDS = {
    "preprocessing": "preparation of data",
    "input": "input data",
    "model": "models",
    "output": "outputs",
    "intermediate": "data between steps",
    "paths": "paths among the parameters",
}


def compare(record: Snapshot, a: str | None, b: str | None) -> dict[str, Any]:
    """Give the comparison; without a second side, what there is to choose from.

    Raises:
        NotRecorded: no recorded run stands behind a side.
        AmbiguousRun: it fits more than one thing.
    """
    first, second = meant(record, a or ""), meant(record, b or "")
    compared, problem = None, None
    if first:
        try:
            compared = diff(record, first, second or None)
        except NotRecorded as error:
            if second:
                raise
            problem = error  # that there is a second side to choose is no mistake yet
    found = compared.differences if compared else None
    return {
        "a": first,
        "b": second,
        "compared": compared,
        "problem": problem,
        "sides": [("A", compared.a), ("B", compared.b)] if compared else [],
        "same_runs": compared is not None
        and {row.run_id for row in compared.a.runs} == {row.run_id for row in compared.b.runs},
        "changed": _by_category(found.changed) if found else [],
        "unknown": _by_category(found.unknown) if found else [],
        "same": _by_category(found.same) if found else [],
        "words": WORDS,
        "lines": LINES,
        "offered": runs(record, limit=_OFFERED) if compared is None else [],
        "name_of": data_name,
    }


def _by_category(entries: Iterable[Difference]) -> list[tuple[str, list[Difference]]]:
    groups: dict[str, list[Difference]] = defaultdict(list)
    for entry in entries:
        groups[entry.category].append(entry)
    return [(category, groups[category]) for category in CATEGORIES if category in groups]
