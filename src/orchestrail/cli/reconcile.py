"""`orchestrail reconcile`: the orchestrator's own records against the store, and what came of that the last time."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.text import Text

from orchestrail.cli.options import Home, Json, StoreUrl
from orchestrail.cli.output import Output, clean
from orchestrail.cli.record import collecting, reading, settings_of
from orchestrail.cli.runs import parse_since
from orchestrail.cli.words import GAP
from orchestrail.errors import ConfigurationError, NotRecorded
from orchestrail.histories import open_history
from orchestrail.operations.reconcile import SETTLE
from orchestrail.operations.reconcile import reconcile as compare_with
from orchestrail.queries.documents import reconciliation_document
from orchestrail.queries.reconciliations import last_reconciliations
from orchestrail.queries.words import counted
from orchestrail.settings import Settings

_SHOWN = 20


class Orchestrator(StrEnum):
    """Orchestrators whose records can be read."""

    PREFECT = "prefect"
    AIRFLOW = "airflow"


def reconcile(
    orchestrator: Annotated[Orchestrator | None, typer.Argument(help="Whose records are read.")] = None,
    last: Annotated[
        bool, typer.Option("--last", help="Show the last stored result, of each orchestrator where none is given.")
    ] = False,
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

    The result is stored; --last shows it again, from the store alone. Runs that only the orchestrator has ended are closed. Exit
    code 1 where something is missing, surplus or different, 4 where its records cannot be read.
    """
    output = Output(as_json=as_json)
    settings = settings_of(home, store)
    if last:
        if (since, job, url, settle) != (None, None, None, SETTLE):
            why = "It was compared as the result itself says."
            raise ConfigurationError(
                "--last shows a stored result as it is.", why, "Leave out --since, --job, --url, --settle."
            )
        found = _stored(settings, orchestrator, output)
    elif orchestrator is None:
        do = f"Type one of {', '.join(Orchestrator)}; or --last for what is on the record."
        raise ConfigurationError("No orchestrator is named.", "Its own records are to be read.", do)
    else:
        begin = parse_since(since) if since else None
        history = open_history(orchestrator.value, settings, os.environ, url)
        progress = output.progress("collecting segments")
        opened = collecting(settings)
        result = compare_with(settings, opened, history, since=begin, job=job, settle=settle, progress=progress)
        found = [result.document() | {"sequence": result.sequence}]
    if as_json:
        output.document({"results": found} if last and orchestrator is None else found[0])
    else:
        for one in found:
            _print(one, None if last else _SHOWN, output)
    raise typer.Exit(1 if any(_differs(one["counts"]) for one in found) else 0)


def _stored(settings: Settings, orchestrator: Orchestrator | None, output: Output) -> list[dict[str, Any]]:
    """Read the last results from the log, where they are put without passing the spool.

    Raises:
        NotRecorded: there is none.
    """
    with reading(settings, output, no_collect=True) as record:
        rows = last_reconciliations(record)
    found = [reconciliation_document(row) for name, row in rows.items() if orchestrator in (None, name)]
    if not found:
        which = orchestrator or "|".join(Orchestrator)
        raise NotRecorded(
            f"No reconciliation{f' with {orchestrator}' if orchestrator else ''} is on the record.",
            "Nobody has compared the orchestrator's own records with this store yet.",
            f"Where its API can be reached: `orchestrail reconcile {which}`.",
        )
    return found


def _differs(counts: Mapping[str, int]) -> bool:
    return bool(counts["missing"] or counts["surplus"] or counts["different"])


def _print(found: Mapping[str, Any], limit: int | None, output: Output) -> None:
    version = f" {found['version']}" if found["version"] else ""
    output.line(f"{found['orchestrator']}{version} at {found['address']}", style="bold")
    output.line(f"  read {output.time(found['read_at'])}")
    if found["record_begins"] is None:
        output.line(Text("  Nothing of it was on the record: there was nothing to compare.", style=GAP))
    else:
        output.line(
            f"  the record begins {output.time(found['record_begins'])}; "
            f"compared since {output.time(found['since'])} until {output.time(found['until'])}"
        )
    if found["job"] is not None:
        output.line(f"  limited to {found['job']}", style=GAP)
    attempts = found["attempts"]
    there = counted(attempts["orchestrator"], "attempt")
    output.line(f"  {there} there, {attempts['record']:,} on the record, {attempts['agreed']:,} alike")
    for kind, what in (
        ("missing", "missing from the record"),
        ("surplus", "on the record alone"),
        ("different", "told differently"),
        ("closed", "closed here, as the orchestrator has them"),
    ):
        _print_findings(found["counts"][kind], what, found[kind], limit, output)
    for kind, one, many in (
        ("runs_before_record", "run of before the record", "runs of before the record"),
        ("unsettled", "attempt of which one side may be behind", "attempts of which one side may be behind"),
        ("waiting", "run that had not begun", "runs that had not begun"),
        ("pruned", "attempt older than what the orchestrator has", "attempts older than what the orchestrator has"),
        ("earlier_passes", "earlier pass of a cleared run", "earlier passes of cleared runs"),
    ):
        if number := found["not_compared"][kind]:
            output.line(Text(f"  not compared: {counted(number, one, many)}", style=GAP))
    output.line(f"  stored as event {found['sequence']} of the log", style="dim")


def _print_findings(
    count: int, what: str, findings: Sequence[Mapping[str, Any]], limit: int | None, output: Output
) -> None:
    if not count:
        return
    output.line(f"  {count:,} {what}", style=GAP if what.startswith("closed") else "red")
    shown = findings[:limit]
    for one in shown:
        states = f"{one['orchestrator_state'] or 'not there'} / {one['recorded_state'] or 'not recorded'}"
        attempt = f"  attempt {one['attempt']}" if one["attempt"] is not None else ""
        line = f"    {one['job'] or ''}  {one['name'] or ''}{attempt}  {states}  {one['native_id']}"
        output.line(clean(line) + (f"\n      {clean(one['reason'])}" if one["reason"] else ""))
    if len(findings) > len(shown):
        output.line(f"    and {count - len(shown):,} more: see --json", style="dim")
    elif count > len(shown):
        output.line(f"    and {count - len(shown):,} more, which were counted and not listed", style="dim")
