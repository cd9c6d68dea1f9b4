"""`orchestrail verify`: is the record what its signed checkpoints say? Never collects, never writes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrail.cli.options import Home, Json, StoreUrl
from orchestrail.cli.output import Output
from orchestrail.cli.record import settings_of
from orchestrail.operations.verify import verify as recompute
from orchestrail.queries.documents import verification_document
from orchestrail.queries.words import counted
from orchestrail.settings import Settings


def verify(
    target: Annotated[
        str | None, typer.Argument(metavar="[STORE]", help="Another store: its file, home or URL.")
    ] = None,
    against: Annotated[
        Path | None, typer.Option(metavar="CHECKPOINT", help="A checkpoint from outside that the log shall contain.")
    ] = None,
    as_json: Json = False,
    home: Home = None,
    store: StoreUrl = None,
) -> None:
    """Recompute the log, to show whether it was altered.

    With --against, show also whether it contains a checkpoint that was kept outside. Nothing is collected or written.
    """
    ok = recompute_and_print(settings_of(home, store), Output(as_json=as_json), target, against)
    raise typer.Exit(0 if ok else 1)


def recompute_and_print(
    settings: Settings, output: Output, target: str | None = None, against: Path | None = None
) -> bool:
    """Recompute a log, print the result, and say whether it is what its signed checkpoints say."""
    result = recompute(settings, target, against, output.progress("verifying entries"))
    if output.as_json:
        output.document(verification_document(result))
        return result.ok
    if result.ok:
        output.line(f"The log of {counted(result.size, 'event')} is what its signed checkpoints say.", style="green")
        output.line(f"root hash {result.root_hash}")
    else:
        output.line(f"The log of {counted(result.size, 'event')} does not verify:", style="red")
    for problem in result.problems:
        output.line(f"  {problem}")
    for note in result.notes:
        output.line(f"note: {note}")
    return result.ok
