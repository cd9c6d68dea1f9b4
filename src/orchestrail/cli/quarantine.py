"""`orchestrail quarantine`: what was refused, why, and another try."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from orchestrail.cli.options import Home, Json, NoCollect, StoreUrl, TimeZone
from orchestrail.cli.output import Output
from orchestrail.cli.record import collected, settings_of
from orchestrail.operations import open_record
from orchestrail.operations.quarantine import list_quarantined, retry_quarantined, show_quarantined
from orchestrail.operations.tokens import Tokens
from orchestrail.queries.documents import quarantined_document

quarantine = typer.Typer(add_completion=False, rich_markup_mode=None)

Entry = Annotated[int, typer.Argument(metavar="ID", min=1, help="Number of the entry.")]


@quarantine.callback(invoke_without_command=True)
def _list_by_default(context: typer.Context) -> None:
    """List, show and retry what was refused."""
    if context.invoked_subcommand is None:
        list_entries()


@quarantine.command("list")
def list_entries(
    every: Annotated[bool, typer.Option("--all", help="Those that a retry resolved too.")] = False,
    as_json: Json = False,
    no_collect: NoCollect = False,
    zone: TimeZone = None,
    home: Home = None,
    store: StoreUrl = None,
) -> None:
    """List what was refused and why."""
    output = Output(as_json=as_json, zone=zone)
    opened = collected(settings_of(home, store), output, no_collect=no_collect)
    found = list_quarantined(opened, resolved=every)
    if as_json:
        output.document({"entries": [quarantined_document(entry) for entry in found]})
        return
    empty = True
    for entry in found:
        empty = False
        output.line(f"{entry.id}  {output.time(entry.received_at)}  {entry.reason_code}  {entry.source}")
        output.line(f"   {entry.reason}  {entry.size:,} bytes{'  resolved' if entry.event_id else ''}")
    if empty:
        output.line("Nothing is in quarantine.")


@quarantine.command("show")
def show_entry(
    entry_id: Entry,
    as_json: Json = False,
    home: Home = None,
    store: StoreUrl = None,
) -> None:
    """Print the bytes of an entry as they came; with --json, what is known of it."""
    output = Output(as_json=as_json)
    entry = show_quarantined(open_record(settings_of(home, store)), entry_id)
    if as_json:
        output.document(quarantined_document(entry) | {"body": entry.body.decode("utf-8", "backslashreplace")})
        return
    output.remark(f"{entry.reason_code}: {entry.reason} From {entry.source}.")
    if sys.stdout.isatty():
        output.line(entry.body.decode("utf-8", "backslashreplace"))
    else:
        sys.stdout.buffer.write(entry.body)


@quarantine.command("retry")
def retry_entries(
    entry_ids: Annotated[
        list[int] | None, typer.Argument(metavar="[ID]...", help="Which entries; all without.")
    ] = None,
    as_json: Json = False,
    home: Home = None,
    store: StoreUrl = None,
) -> None:
    """Check entries again and append those that are acceptable by now."""
    output = Output(as_json=as_json)
    settings = settings_of(home, store)
    done = retry_quarantined(open_record(settings), Tokens(settings.home), entry_ids or None)
    if as_json:
        output.document({"appended": done.appended, "duplicates": done.duplicates, "quarantined": done.quarantined})
    else:
        output.line(
            f"{done.appended} appended, {done.duplicates} were there already, {done.quarantined} still refused."
        )
    if done.forbidden:
        output.remark(
            f"{done.forbidden} of them may not go on the record for whoever sent them: their token is gone or of other systems, or"
            " they are records of orchestrail's own. `quarantine show` and `ingest` put them there in your name."
        )
    raise typer.Exit(1 if done.quarantined else 0)
