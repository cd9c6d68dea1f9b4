"""`orchestrail reconcile`: the orchestrator's own records against the store."""

from __future__ import annotations

import os
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.text import Text

from orchestrail.cli.options import Home, Json, StoreUrl
from orchestrail.cli.output import Output, clean
from orchestrail.cli.record import settings_of
from orchestrail.cli.runs import parse_since
from orchestrail.cli.words import GAP
from orchestrail.histories import open_history
from orchestrail.operations import open_record
from orchestrail.operations.reconcile import SETTLE, Reconciled
from orchestrail.operations.reconcile import reconcile as compare_with

_SHOWN = 20


class Orchestrator(StrEnum):
    """Orchestrators whose records can be read."""

    PREFECT = "prefect"
    AIRFLOW = "airflow"


def reconcile(
    orchestrator: Annotated[Orchestrator, typer.Argument(help="Whose records are read.")],
    since: Annotated[
        str | None, typer.Option(help="Runs since a time with a zone, or since so long ago: 2h, 7d.")
    ] = None,
    job: Annotated[str | None, typer.Option(help="Runs of this flow or DAG; * stands for any text.")] = None,
    url: Annotated[str | None, typer.Option(metavar="URL", help="Address of the orchestrator's API.")] = None,
    settle: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="How far either side may be behind.")
    ] = SETTLE,
    as_json: Json = False,
    home: Home = None,
    store: StoreUrl = None,
) -> None:
    """Compare the orchestrator's own records with the store.

    The result is stored. Runs that only the orchestrator has ended are closed. Exit code 1 where something is missing, surplus or
    different, or where its records cannot be read.
    """
    output = Output(as_json=as_json)
    begin = parse_since(since) if since else None
    settings = settings_of(home, store)
    history = open_history(orchestrator.value, settings, os.environ, url)
    progress = output.progress("collecting segments")
    opened = open_record(settings, create=True)
    found = compare_with(settings, opened, history, since=begin, job=job, settle=settle, progress=progress)
    if as_json:
        output.document(found.document() | {"sequence": found.sequence})
    else:
        _print(found, output)
    raise typer.Exit(0 if found.is_complete else 1)


def _print(found: Reconciled, output: Output) -> None:
    compared = found.comparison
    version = f" {found.version}" if found.version else ""
    output.line(f"{found.orchestrator}{version} at {found.address}", style="bold")
    if found.record_begins is None:
        output.line(Text("  Nothing of it is on the record yet: there is nothing to compare.", style=GAP))
    else:
        output.line(
            f"  the record begins {output.time(found.record_begins)}; compared since {output.time(found.since)}"
        )
    output.line(f"  {found.theirs} attempts there, {found.ours} on the record, {compared.agreed} agree")
    document = found.document(_SHOWN)
    for kind, what in (
        ("missing", "missing from the record"),
        ("surplus", "on the record alone"),
        ("different", "told differently"),
        ("closed", "closed here, as the orchestrator has them"),
    ):
        _print_findings(document["counts"][kind], what, document[kind], output)
    for count, what in (
        (found.runs_before_record, "runs of before the record"),
        (compared.unsettled, "attempts of which one side may still be behind"),
        (compared.waiting, "runs that have not begun"),
        (compared.pruned, "attempts that are older than what the orchestrator still has"),
        (compared.earlier_passes, "earlier passes of cleared runs, which the orchestrator does not keep"),
    ):
        if count:
            output.line(Text(f"  not compared: {count} {what}", style=GAP))
    output.line(f"  stored as event {found.sequence} of the log", style="dim")


def _print_findings(count: int, what: str, findings: Sequence[dict[str, Any]], output: Output) -> None:
    if not count:
        return
    output.line(f"  {count} {what}", style=GAP if what.startswith("closed") else "red")
    for one in findings:
        states = f"{one['orchestrator_state'] or 'not there'} / {one['recorded_state'] or 'not recorded'}"
        attempt = f"  attempt {one['attempt']}" if one["attempt"] is not None else ""
        line = f"    {one['job']}  {one['name'] or ''}{attempt}  {states}  {one['native_id']}"
        output.line(clean(line) + (f"\n      {clean(one['reason'])}" if one["reason"] else ""))
    if count > len(findings):
        output.line(f"    and {count - len(findings)} more: see --json", style="dim")
