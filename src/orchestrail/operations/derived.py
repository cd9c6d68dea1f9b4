"""The tables that are derived from the log, and that questions are answered from: shown to be what it gives."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from orchestrail.errors import StoreError
from orchestrail.operations.rejudging import Rejudging
from orchestrail.projections.comparison import compare
from orchestrail.requirements.catalogue import Catalogue
from orchestrail.store import open_store
from orchestrail.store.base import Problem, Progress, Tables, Verification


def with_tables(
    found: Verification,
    url: str,
    home: Path,
    catalogue: Catalogue,
    applying: Progress | None,
    judging: Progress | None,
) -> Verification:
    """Hold the tables against what the log gives, and add what came of it; of a log that does not verify they would show nothing.

    Args:
        found: what came of recomputing the log.
        url: of the store.
        home: its home.
        catalogue: by which kept verdicts are judged again.
        applying: called with the log entries applied and those to apply.
        judging: called with the units judged again and those to judge.

    Raises:
        StoreError: the tables are of another version, or not made yet.
    """
    if not found.ok:
        note = "the tables were not compared: the log that they are made of does not verify"
        return replace(found, notes=(*found.notes, note))
    store = open_store(url, home=home)
    again = Rejudging(store, catalogue, judging)
    compared = compare(store, again.differences, applying)
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
    notes = again.notes
    if late := found.size - compared.entries:
        notes.append(f"the last {late} log entries were not in the tables yet")
    return replace(
        found,
        problems=(*found.problems, *problems),
        notes=(*found.notes, *notes),
        tables=Tables(compared.entries, compared.rows, sum(number for _, number in compared.counts)),
    )
