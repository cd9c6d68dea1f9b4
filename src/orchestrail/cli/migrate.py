"""`orchestrail migrate`: the record from a SQLite file to a PostgreSQL database."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrail.cli.options import Home, Json, StoreUrl
from orchestrail.cli.output import Output
from orchestrail.cli.record import settings_of
from orchestrail.operations.migrate import migrate as move
from orchestrail.queries.words import counted


def migrate(
    target: Annotated[str, typer.Argument(metavar="URL", help="The database, postgresql://user@host/database.")],
    as_json: Json = False,
    home: Home = None,
    store: StoreUrl = None,
) -> None:
    """Copy the record from a SQLite file to a PostgreSQL database.

    Every byte, proof and checkpoint is kept, and the copy is verified before it counts. The file stays as it is.
    """
    output = Output(as_json=as_json)
    found = move(settings_of(home, store), target, output.progress("copying rows"))
    if as_json:
        output.document({"size": found.size, "root_hash": found.root_hash})
    else:
        output.line(f"{counted(found.size, 'event')} copied and verified, root {found.root_hash}.")
        output.line("Set ORCHESTRAIL_STORE to the database wherever is collected and asked, and put the file away:")
        output.line("two stores of one log that both grow can never be joined again.")
