"""`orchestrail recover`: that the log lacks what it had signed, onto the record."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrail.cli.options import Home, Json, Signed, StoreUrl
from orchestrail.cli.output import Output
from orchestrail.cli.record import settings_of
from orchestrail.operations.backup import recover as put_loss
from orchestrail.queries.documents import behind_document


def recover(
    reason: Annotated[str, typer.Option("--reason", help="How it was lost, and what is known of it.")],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who says so, or a pseudonym.")],
    against: Signed = None,
    as_json: Json = False,
    home: Home = None,
    store: StoreUrl = None,
) -> None:
    """Put on the record that the log lacks what it had signed, so that it goes on.

    The record says who says so and when, from which checkpoint to which the log fell back, and how much is lost.
    """
    output = Output(as_json=as_json)
    behind = put_loss(settings_of(home, store), reason, by, against)
    if as_json:
        output.document(behind_document(behind))
    else:
        output.line(f"It is on the record that the log fell back: {behind}. It goes on from there.")
