"""`orchestrail verify`: is the record what its signed checkpoints say, and what is derived from it what it gives? Never collects,
never writes.
"""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrail.cli.options import Home, Json, StoreUrl
from orchestrail.cli.output import Output
from orchestrail.cli.record import settings_of
from orchestrail.operations.verify import Compared, Tables
from orchestrail.operations.verify import verify as recompute
from orchestrail.queries.documents import verification_document
from orchestrail.queries.words import counted
from orchestrail.settings import Settings


def verify(
    target: Annotated[
        str | None,
        typer.Argument(metavar="[STORE]", help="Another store: its file, home or URL; or a server's address."),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(metavar="CHECKPOINT", help="A checkpoint from outside: a file, or the address of a server."),
    ] = None,
    projections: Annotated[
        bool,
        typer.Option("--projections", help="Make the tables that answers are read from anew, beside, and compare."),
    ] = False,
    as_json: Json = False,
    home: Home = None,
    store: StoreUrl = None,
) -> None:
    """Recompute the log, to show whether it was altered.

    With --against, show also whether it contains a checkpoint that was kept outside; a server's log may also be the longer one. Of
    a server, the entries of its log are recomputed, by the key that is pinned here. With --projections, show also that the tables
    from which questions are answered are what the log gives. Nothing is collected or written. Exit code 1 where
    it was altered, 4 where the store or the server cannot be read: that says nothing of the log.
    """
    output = Output(as_json=as_json)
    ok = recompute_and_print(settings_of(home, store), output, target, against, projections=projections)
    if ok and target is None and not projections:
        output.remark(
            "answers are read from tables made of the log, which were not looked at; --projections compares them."
        )
    raise typer.Exit(0 if ok else 1)


def recompute_and_print(
    settings: Settings,
    output: Output,
    target: str | None = None,
    against: str | None = None,
    *,
    projections: bool = False,
) -> bool:
    """Recompute a log, print the result, and say whether it is what its signed checkpoints say."""
    progress = [output.progress(what) for what in ("verifying entries", "making tables anew", "judging again")]
    result = recompute(settings, target, against, *progress, projections=projections)
    if output.as_json:
        output.document(verification_document(result))
        return result.ok
    log_holds = result.ok or result.tables is not None
    if log_holds:
        output.line(f"The log of {counted(result.size, 'event')} is what its signed checkpoints say.", style="green")
        output.line(f"root hash {result.root_hash}")
    else:
        output.line(f"The log of {counted(result.size, 'event')} does not verify:", style="red")
    if result.tables is not None:
        output.line(*_of_tables(result.tables))
    for problem in result.problems:
        output.line(f"  {problem}")
    if log_holds and result.against is not None and result.against.consistent:
        output.line(_compared(result.size, result.against))
    if result.tables is not None and result.tables.differences:
        output.line("`orchestrail collect --rebuild` makes them what the log gives.")
    for note in result.notes:
        output.line(f"note: {note}")
    if log_holds and not result.size:
        output.line(
            "The log is empty. Of a file that was copied while it was in use, what lay beside it (-wal) may be missing;"
        )
        output.line("`orchestrail backup` copies a store that is in use.")
    return result.ok


def _of_tables(tables: Tables) -> tuple[str, str]:
    of = f"{counted(tables.rows, 'row')} that the first {counted(tables.entries, 'event')} give"
    if not tables.differences:
        return f"The tables have the {of}, and no other.", "green"
    return f"The tables differ from the {of}, in {counted(tables.differences, 'row')}:", "red"


def _compared(size: int, against: Compared) -> str:
    root = f"root hash {against.root_hash}"
    if against.size > size:
        missing = counted(against.size - size, "event")
        return f"The log of {counted(against.size, 'event')} there begins with it: {missing} more, {root}"
    return f"It begins with the log of {counted(against.size, 'event')} of the checkpoint from outside, {root}"
