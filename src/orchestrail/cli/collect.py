"""`orchestrail collect`: the spool into the store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrail.cli.options import Home, Json, StoreUrl
from orchestrail.cli.output import Output
from orchestrail.cli.record import collecting, settings_of
from orchestrail.operations import open_record
from orchestrail.operations.collect import collect as take
from orchestrail.operations.digests import take_digests
from orchestrail.operations.rebuild import rebuild
from orchestrail.queries.snapshot import Store
from orchestrail.queries.words import counted
from orchestrail.settings import Settings

_SHOWN = 3


def collect(
    source: Annotated[Path | None, typer.Option("--from", metavar="DIR", help="Another spool folder.")] = None,
    anew: Annotated[
        bool,
        typer.Option(
            "--rebuild", help="Make the tables that answers are read from anew, out of the log, if it verifies."
        ),
    ] = False,
    as_json: Json = False,
    home: Home = None,
    store: StoreUrl = None,
) -> None:
    """Take what processes have spooled into the store.

    Exit code 1 where events were refused, or where the tables were left as they are since the log was altered.
    """
    output = Output(as_json=as_json)
    settings = settings_of(home, store)
    record = collecting(settings) if source is None else open_record(settings, create=True)
    done = take(settings, record, source, output.progress("collecting segments"))
    for why in done.kept:
        output.remark(why)
    counts = {"appended": done.appended, "duplicates": done.duplicates, "quarantined": done.quarantined}
    left = anew and not _make_anew(settings, record, output)
    if not left:  # which looks into the tables, and makes them where they are of another version
        _take_digests(settings, record, output)
    print_counts(counts, output)
    raise typer.Exit(1 if done.quarantined or left else 0)


def _take_digests(settings: Settings, record: Store, output: Output) -> None:
    """Take the digests of large files that steps left for later, and say how many."""
    digested = take_digests(settings, record, output.progress("taking digests, megabytes"))
    if digested.settled or digested.left:
        settled = counted(digested.settled, "digest of a large file was", "digests of large files were")
        output.remark(f"{settled} settled, {counted(digested.left, 'waits', 'wait')}.")


def _make_anew(settings: Settings, record: Store, output: Output) -> bool:
    """Make the tables anew, and say what came of it; False where the log does not verify."""
    made = rebuild(settings, record, *map(output.progress, ("verifying entries", "making tables anew")))
    if made.entries is None:
        output.remark("The tables were left as they are: the log that they would be made of does not verify.")
        for problem in made.problems[:_SHOWN]:
            output.remark(f"{problem}")
        output.remark("`orchestrail verify` names every place; `orchestrail restore` puts a copy of the record back.")
        return False
    output.remark(f"The log of {counted(made.entries, 'event')} verifies; the tables were made anew of it.")
    return True


def print_counts(counts: dict[str, int], output: Output) -> None:
    """Print what went into the store."""
    if output.as_json:
        output.document(counts)
        return
    there = counted(counts["duplicates"], "was", "were")
    output.line(f"{counted(counts['appended'], 'event')} appended, {there} there already.")
    if counts["quarantined"]:
        output.line(
            f"{counted(counts['quarantined'], 'was', 'were')} refused; see `orchestrail quarantine list`.",
            style="yellow",
        )
