"""`orchestrail erase SEQ...`: events taken out of the log."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrail.cli.options import Home, Json, StoreUrl
from orchestrail.cli.output import Output, clean
from orchestrail.cli.record import collected, settings_of
from orchestrail.errors import ConfigurationError
from orchestrail.operations.erase import Erasable, erasable
from orchestrail.operations.erase import erase as take_out
from orchestrail.queries.words import counted


def erase(
    places: Annotated[list[int], typer.Argument(metavar="SEQ...", min=0, help="Places in the log.")],
    reason: Annotated[str, typer.Option("--reason", help="Why they must not be kept.")],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who decided it, or a pseudonym.")],
    yes: Annotated[
        bool, typer.Option("--yes", help="Erase; without it the entries are shown, and nothing is done.")
    ] = False,
    as_json: Json = False,
    home: Home = None,
    store: StoreUrl = None,
) -> None:
    """Take events out of the log for good.

    For what must not be kept, such as a secret or personal data. Their bytes and nonces go, their places and all proofs stay, and
    the log says who decided it and why. All tables are made anew from what is left. Copies, and what was sent elsewhere, are not
    reached. Without --yes nothing is done: exit code 2.
    """
    output = Output(as_json=as_json)
    settings = settings_of(home, store)
    opened = collected(settings, output, no_collect=False)
    if not yes:
        found = erasable(opened, places)
        if not as_json:
            for one in found:
                output.line(_words(one))
        of = counted(len(found), "entry", "entries")
        raise ConfigurationError(
            "Nothing was erased.", f"That cannot be undone: {of} would lose what they hold.", "Give --yes."
        )
    done = take_out(settings, opened, places, reason, by, output.progress("making tables anew"))
    if as_json:
        entries = [
            {
                "sequence": one.seq,
                "event_id": one.event_id,
                "run_id": one.run_id,
                "job": one.job,
                "event_type": one.kind,
                "was_gone": one.is_gone,
            }
            for one in done.entries
        ]
        output.document({"erased": entries, "record": done.record, "given_back": done.given_back})
        return
    for one in done.entries:
        output.line(_words(one))
    if done.record is not None:
        output.line(f"Erased; entry {done.record} of the log says so.", style="green")
    else:
        output.line("All of it had been erased before.")
    if not done.given_back:
        output.line(
            "Somebody reads the store now, so that its files may hold it still: run this again when nobody does."
        )
    output.line("Copies, exports and what was sent elsewhere are not reached: see to them.")


def _words(one: Erasable) -> str:
    if one.is_gone:
        return f"entry {one.seq}  erased before"
    of = " ".join(clean(word) for word in (one.kind, one.job, one.run_id) if word)
    return f"entry {one.seq}  {of or 'about no run'}"
