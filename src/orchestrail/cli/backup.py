"""`orchestrail backup FILE`: a copy of the record, while it is in use."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrail.cli.options import Home, Json, StoreUrl
from orchestrail.cli.output import Output
from orchestrail.cli.record import settings_of
from orchestrail.operations.backup import backup as copy
from orchestrail.queries.words import counted


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The copy, a file that is not there yet.")],
    as_json: Json = False,
    home: Home = None,
    store: StoreUrl = None,
) -> None:
    """Copy the record into a file, while it is in use.

    Every byte, proof and checkpoint is kept, from a store of either kind, and the copy is verified before it counts. The keys in
    the home are not in it.
    """
    output = Output(as_json=as_json)
    found = copy(settings_of(home, store), file, output.progress("copying rows"))
    if as_json:
        output.document({"size": found.size, "root_hash": found.root_hash})
    else:
        output.line(f"{counted(found.size, 'event')} copied to {file} and verified, root {found.root_hash}.")
