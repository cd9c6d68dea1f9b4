"""`orchestrail runs`: which runs there are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from orchestrail.cli.options import Full, Home, Json, NoCollect, StoreUrl, TimeZone
from orchestrail.cli.output import Output, clean
from orchestrail.cli.record import reading, settings_of
from orchestrail.cli.words import GAP, orchestrator, short_id, state_mark
from orchestrail.model import State
from orchestrail.queries import RunRow
from orchestrail.queries.beginnings import Beginning, beginnings
from orchestrail.queries.documents import beginnings_document, runs_document
from orchestrail.queries.runs import runs as find_runs
from orchestrail.queries.times import unusable, utc
from orchestrail.queries.words import duration

_AGO = re.compile(r"(\d{1,6})\s*([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def runs(
    since: Annotated[
        str | None, typer.Option(help="Runs since a time with a zone, or since so long ago: 2h, 7d.")
    ] = None,
    orchestrator: Annotated[str | None, typer.Option(help="Runs of this orchestrator.")] = None,
    state: Annotated[State | None, typer.Option(case_sensitive=False, help="Runs in this state.")] = None,
    job: Annotated[str | None, typer.Option(help="Runs of this job; * stands for any text.")] = None,
    system: Annotated[str | None, typer.Option(help="Runs of this AI system.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every run, not root runs alone.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="No more than so many.")] = None,
    as_json: Json = False,
    no_collect: NoCollect = False,
    zone: TimeZone = None,
    full: Full = False,
    home: Home = None,
    store: StoreUrl = None,
) -> None:
    """List root runs, newest first."""
    output = Output(as_json=as_json, zone=zone, full=full)
    begin = parse_since(since) if since else None
    with reading(settings_of(home, store), output, no_collect=no_collect) as record:
        found = find_runs(
            record,
            since=begin,
            orchestrator=orchestrator,
            state=state,
            job=job,
            system=system,
            every=every,
            limit=limit,
        )
        begins = beginnings(record)
    if as_json:
        output.document(runs_document(found) | beginnings_document(begins))
    else:
        print_runs(found, output)
        print_beginnings(begins, output)
        if not found and not begins:
            output.line("`orchestrail doctor` tells what is installed here, what it cannot see, and where it writes.")


def print_runs(rows: Sequence[RunRow], output: Output) -> None:
    """Print runs as a table."""
    if not rows:
        output.line("No runs.")
        return
    table = Table(box=box.SIMPLE_HEAD if output.terminal else None, pad_edge=False, show_edge=False)
    table.add_column("run", no_wrap=True)
    table.add_column(f"started ({output.zone_name})", no_wrap=True)
    table.add_column("took", justify="right", no_wrap=True)
    table.add_column("state", no_wrap=True)
    for name in ("orchestrator", "job", "system"):
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(
            short_id(row.run_id, output),
            output.time(row.started_at or row.seen_at),
            duration(row) or "",
            state_mark(row.state).append(" (by hand)" if row.given_end else "", style=GAP),
            orchestrator(row),
            clean(row.job.name),
            clean(row.system or ""),
        )
    output.table(table)


def print_beginnings(found: Sequence[Beginning], output: Output) -> None:
    """Say where the record begins: what ran before is not on it."""
    if found:
        since = ", ".join(f"{clean(one.orchestrator)} {output.time(one.since)}" for one in found)
        output.line(f"The record begins: {since}", style="dim")


def parse_since(given: str) -> str:
    """Read `--since`: an instant with a zone, or how long ago.

    Raises:
        ConfigurationError: it is neither, or names no zone.
    """
    if match := _AGO.fullmatch(given.strip()):
        moment = datetime.now(UTC) - timedelta(**{_UNITS[match[2]]: int(match[1])})
    else:
        try:
            moment = datetime.fromisoformat(given.strip())
        except ValueError:
            raise unusable(given, "It is no time and no span.") from None
    return utc(moment)
