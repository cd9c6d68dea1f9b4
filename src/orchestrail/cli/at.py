"""`orchestrail at TIME`: what was in use then, what made and tested it, what is known since, and what is not here."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated

import typer
from rich.text import Text

from orchestrail.cli.impact import deployment_text
from orchestrail.cli.options import Full, Home, Json, NoCollect, StoreUrl, TimeZone
from orchestrail.cli.output import Output, clean
from orchestrail.cli.record import reading, settings_of
from orchestrail.cli.runs import parse_since
from orchestrail.cli.words import GAP, dataset_text, short_digest, short_id
from orchestrail.queries.at import InUse, Tested, Then, Window
from orchestrail.queries.at import at as find_then
from orchestrail.queries.documents import at_document
from orchestrail.queries.words import counted

_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"
_SHOWN = 20


def at(
    time: Annotated[
        str, typer.Argument(metavar="TIME", help="A time with a zone, a UTC day such as 2026-05-03, or 2h, 7d ago.")
    ],
    system: Annotated[str | None, typer.Option("--system", help="Only this AI system.")] = None,
    as_json: Json = False,
    no_collect: NoCollect = False,
    zone: TimeZone = None,
    full: Full = False,
    home: Home = None,
    store: StoreUrl = None,
) -> None:
    """Show what was in use at a time of the past.

    The deployments of that time or day, with their models, what made and tested those, monitoring around it, and what is known
    since. Exit code 1 where none was in use.
    """
    output = Output(as_json=as_json, zone=zone, full=full)
    window = _window(time)
    with reading(settings_of(home, store), output, no_collect=no_collect) as record:
        then = find_then(record, window, system)
    if as_json:
        output.document(at_document(then))
    else:
        _print(then, output)
    raise typer.Exit(0 if then.in_use else 1)


def _window(given: str) -> Window:
    """Read a moment, or a day, which is a UTC day as in reports."""
    try:
        day = date.fromisoformat(given.strip())
    except ValueError:
        moment = parse_since(given)
        return Window(moment, moment)
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return Window(begin.strftime(_FORMAT), (begin + timedelta(days=1, microseconds=-1)).strftime(_FORMAT))


def _print(then: Then, output: Output) -> None:
    moment = then.window.begin == then.window.end
    when = output.time(then.window.begin) if moment else f"{then.window.begin[:10]} (UTC)"
    output.line(clean(f"In use at {when}{f', system {then.system}' if then.system else ''}"), style="bold")
    if not then.in_use:
        output.line(Text(f"  nothing, of {counted(then.known, 'deployment')} on the record", style=GAP))
    for one in then.in_use:
        _print_deployment(one, output)
    output.line()
    output.line("Monitoring, a day before and after", style="bold")
    for each in then.monitoring:
        output.line(Text("  ").append_text(_tested(each, output)))
    if not then.monitoring:
        output.line(Text("  no monitoring run is on the record", style=GAP))
    output.line()
    output.line("Not here", style="bold")
    output.line(
        "  What a service was asked and answered: its own operation log has that, by the deployment and the run ID above."
    )
    months = then.retention_months
    kept = f"{months} months, by the recorded policy" if months else "unknown: no policy is on the record"
    output.line(f"  How long this record is kept: {kept}. How long an operation log is kept: see there.")


def _print_deployment(one: InUse, output: Output) -> None:
    output.line()
    output.line(deployment_text(one.deployment, output))
    lines: list[tuple[str, Text]] = []
    run = one.deployment.run
    if one.end_concluded:
        lines.append(("end", Text("concluded, and not reported by the service", style=GAP)))
    lines.append(("run", Text(clean(run.run_id), style="dim")))
    if run.step.image_digest:
        lines.append(("image", Text(clean(run.step.image_digest))))
    else:
        lines.append(("image", Text("unknown", style=GAP)))
    if one.model is None:
        lines.append(("model", Text("no recorded run wrote it" if one.deployment.digest else "unknown", style=GAP)))
    else:
        lines.append(("model", dataset_text(one.model.dataset, output)))
    if one.training_root is not None:
        root = one.training_root
        made = f"{clean(root.job.name)}  {short_id(root.run_id, output)}  {output.time(root.started_at)}"
        lines.append(("made by", Text(made)))
    for role, dataset in one.data:
        lines.append((role, dataset_text(dataset, output)))
    for each in one.evaluations:
        told = _tested(each, output)
        lines.append(
            ("tested", told if each.before is not False else told.append("  after it was deployed", style=GAP))
        )
    if not one.evaluations:
        lines.append(("tested", Text("no evaluation is on the record", style=GAP)))
    operations = one.deployment.operations
    if not operations:
        lines.append(("prepares", Text("unknown: the service does not state it", style=GAP)))
    for known in operations or ():
        version = short_digest(known.version, output) if known.derived else known.version
        code = short_digest(known.code_digest, output)
        lines.append(("prepares", Text(clean(f"{known.operation}  version {version or 'unknown'}  code {code}"))))
    for stated in one.statements:
        said = f"{stated.kind} about {', '.join(stated.about)} by {stated.by}, {stated.state.value}"
        lines.append(("stated", Text(clean(f"{said}  {short_digest(stated.id, output)}"))))
    for taken in one.withdrawn:
        text = f"{taken.row.name} {output.time(taken.row.withdrawn_at)}: {taken.row.reason}"
        lines.append(("withdrawn", Text(clean(text), style="red")))
    for change in one.changes:
        lines.append(("since", Text(clean(f"{output.time(change.at)}  {change.what}"))))
    for name, line in lines:
        output.line(Text(f"  {name:<9} ", style="dim").append_text(line))


def _tested(each: Tested, output: Output) -> Text:
    text = Text(clean(f"{each.run.job.name}  {output.time(each.run.started_at)}  {each.run.state or 'UNKNOWN'}"))
    metrics = [check for check in each.checks if check.metric and check.value is not None]
    shown = metrics if output.full else metrics[:_SHOWN]
    if shown:
        text.append(clean("  " + ", ".join(f"{check.name} {check.value:.4g}" for check in shown)))
    if each.failed:
        names = ", ".join(check.name for check in each.failed)
        text.append(clean(f"  failed: {names}"), style="red")
    return text.append(f"  {short_id(each.run.run_id, output)}", style="dim")
