"""`orchestrail ingest`: OpenLineage events of other producers, from files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrail.cli.collect import print_counts
from orchestrail.cli.options import Home, Json, StoreUrl
from orchestrail.cli.output import Output
from orchestrail.cli.record import settings_of
from orchestrail.operations import open_record
from orchestrail.operations.ingest import ingest as take


def ingest(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="JSON documents, JSON arrays or JSON lines.")],
    as_json: Json = False,
    home: Home = None,
    store: StoreUrl = None,
) -> None:
    """Append OpenLineage events from files.

    What is no event goes to quarantine, whole.
    """
    output = Output(as_json=as_json)
    settings = settings_of(home, store)
    done = take(open_record(settings, create=True), files, output.progress("reading files"))
    print_counts({"appended": done.appended, "duplicates": done.duplicates, "quarantined": done.quarantined}, output)
    raise typer.Exit(1 if done.quarantined else 0)
