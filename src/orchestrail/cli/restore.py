"""`orchestrail restore FILE`: the record out of a copy, held against what is known of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrail.cli.options import Home, Json, Signed, StoreUrl
from orchestrail.cli.output import Output
from orchestrail.cli.record import settings_of
from orchestrail.operations.backup import restore as put_back
from orchestrail.queries.documents import behind_document
from orchestrail.queries.words import counted


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A copy that `orchestrail backup` made.")],
    against: Signed = None,
    as_json: Json = False,
    home: Home = None,
    store: StoreUrl = None,
) -> None:
    """Put a copy of the record back, to where there is no store.

    It is verified before it counts, under the key in the home. Where it lacks what it is known to have signed, it signs nothing
    until `orchestrail recover`: exit code 1.
    """
    output = Output(as_json=as_json)
    done = put_back(settings_of(home, store), file, against, output.progress("copying rows"))
    found = done.verification
    if as_json:
        behind = None if done.behind is None else behind_document(done.behind)
        output.document({"size": found.size, "root_hash": found.root_hash, "behind": behind})
    else:
        output.line(f"{counted(found.size, 'event')} put back and verified, root {found.root_hash}.")
        if done.behind is not None:
            output.line(f"The log is behind a checkpoint that it had signed: {done.behind}.", style="red")
            output.line("It signs nothing until `orchestrail recover` has put that on the record.")
    raise typer.Exit(0 if done.behind is None else 1)
