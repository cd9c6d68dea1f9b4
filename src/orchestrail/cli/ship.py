"""`orchestrail ship`: the spool to another folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrail.cli.options import Home, Json
from orchestrail.cli.output import Output
from orchestrail.cli.record import settings_of
from orchestrail.errors import ConfigurationError
from orchestrail.operations.ship import ship as send
from orchestrail.queries.words import counted


def ship(
    to: Annotated[Path | None, typer.Option(metavar="DIR", help="The folder, such as one that hosts share.")] = None,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Send the spool to another folder.

    From there `orchestrail collect --from DIR` takes it.
    """
    output = Output(as_json=as_json)
    settings = settings_of(home)
    if to is None:
        why = "This version ships to folders; it does not send to a server." if settings.url else ""
        raise ConfigurationError("Where the spool shall go is not said.", why, "Name a folder with --to DIR.")
    done = send(settings, to)
    if as_json:
        counts = {"appended": 0, "duplicates": 0, "quarantined": 0}
        output.document(counts | {"moved": done.moved, "copied": done.copied})
    else:
        writing = counted(done.copied, "copied that is", "copied that are")
        output.line(f"{counted(done.moved, 'segment')} moved to {to}, {writing} still being written.")
