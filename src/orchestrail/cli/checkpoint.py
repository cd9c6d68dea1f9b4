"""`orchestrail checkpoint`: the signed head of the log, for a keeper outside."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from orchestrail.cli.options import Home, Json, NoCollect, StoreUrl
from orchestrail.cli.output import Output
from orchestrail.cli.record import collected, settings_of
from orchestrail.operations.checkpoint import checkpoint as newest
from orchestrail.queries.documents import checkpoint_document
from orchestrail.queries.words import counted


def checkpoint(
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write it to a file.")] = None,
    as_json: Json = False,
    no_collect: NoCollect = False,
    home: Home = None,
    store: StoreUrl = None,
) -> None:
    """Print the signed head of the log.

    Kept outside, it shows later whether the log was rewritten.
    """
    output = Output(as_json=as_json)
    head = newest(collected(settings_of(home, store), output, no_collect=no_collect), out)
    if as_json:
        output.document(checkpoint_document(head))
    elif out is None:
        sys.stdout.write(head.note.decode("utf-8"))
    if out is not None:
        output.remark(f"The head of {counted(head.size, 'event')} was written to {out}.")
