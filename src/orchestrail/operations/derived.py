"""The tables that are derived from the log, and that questions are answered from: shown to be what it gives, or made anew."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from orchestrail.errors import StoreError
from orchestrail.projections.apply import rebuild
from orchestrail.projections.comparison import compare
from orchestrail.store import open_store
from orchestrail.store.base import Problem, Progress, Tables, Verification

__all__ = ["rebuild", "with_tables"]


def with_tables(found: Verification, url: str, home: Path, applying: Progress | None) -> Verification:
    """Hold the tables against what the log gives, and add what came of it; of a log that does not verify they would show nothing.

    Args:
        found: what came of recomputing the log.
        url: of the store.
        home: its home.
        applying: called with the log entries applied and those to apply.

    Raises:
        StoreError: the tables are of another version, or not made yet.
    """
    if not found.ok:
        note = "the tables were not compared: the log that they are made of does not verify"
        return replace(found, notes=(*found.notes, note))
    compared = compare(open_store(url, home=home), applying)
    if not compared.is_of_ours:
        which = f"of version {compared.version}" if compared.version else "not made yet"
        raise StoreError(
            f"The tables beside the log are {which}.",
            "Those that this version makes can be compared alone.",
            "Run a command that reads, such as `orchestrail runs`, which makes them, and then this one again.",
        )
    problems = [Problem(each.table, each.row, each.said) for each in compared.differences]
    for table, number in compared.counts:
        if more := number - sum(each.table == table for each in compared.differences):
            problems.append(Problem(table, None, f"{more} more rows are not what the log gives"))
    notes = [
        "kept verdicts are not compared, since the log does not give them: `orchestrail collect --rebuild` drops them"
    ]
    if late := found.size - compared.entries:
        notes.append(f"the last {late} log entries were not in the tables yet")
    return replace(
        found,
        problems=(*found.problems, *problems),
        notes=(*found.notes, *notes),
        tables=Tables(compared.entries, compared.rows, sum(number for _, number in compared.counts)),
    )
