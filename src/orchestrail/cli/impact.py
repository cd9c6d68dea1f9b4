"""`orchestrail impact TARGET`: everything that descends from something, and how far that can be relied on."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Annotated

import typer
from rich.text import Text

from orchestrail.cli.options import Full, Home, Json, NoCollect, StoreUrl, TimeZone
from orchestrail.cli.others import print_others
from orchestrail.cli.output import Output, clean
from orchestrail.cli.record import reading, settings_of
from orchestrail.cli.words import GAP, dataset_text, heading, short_digest, short_id
from orchestrail.queries import RunRow
from orchestrail.queries.documents import impact_document
from orchestrail.queries.impact import Descendants, Examined, Impact, examined
from orchestrail.queries.impact import impact as find_impact
from orchestrail.queries.mapped import siblings
from orchestrail.queries.meetings import Others, left_out
from orchestrail.queries.models import Deployment
from orchestrail.queries.targets import find_target, require_version
from orchestrail.queries.words import counted

_SHOWN = 30


def impact(
    target: Annotated[str, typer.Argument(metavar="TARGET", help="A file, a sha256:... digest, a data set or a RUN.")],
    version: Annotated[
        str | None, typer.Option("--version", help="Only this version of the data set; all without.")
    ] = None,
    as_json: Json = False,
    no_collect: NoCollect = False,
    zone: TimeZone = None,
    full: Full = False,
    home: Home = None,
    store: StoreUrl = None,
) -> None:
    """Show everything that descends from a file, a data set or a run.

    TARGET is followed forward through the runs that read it and what they wrote, across orchestrators, to models and deployments.
    What descends only if something is so that nothing shows is listed apart.
    """
    output = Output(as_json=as_json, zone=zone, full=full)
    with reading(settings_of(home, store), output, no_collect=no_collect) as record:
        meant = find_target(record, target)
        if version is not None:
            require_version(record, meant, version)
        found = find_impact(record, meant, version)
        looked_at = None if found.certain.models or found.certain.deployments else examined(record)
        others = left_out(record, meant)
    if as_json:
        output.document(impact_document(found, others, looked_at))
    else:
        print_impact(found, others, looked_at, output)


def print_impact(found: Impact, others: Others, looked_at: Examined | None, output: Output) -> None:
    """Print an impact: models and deployments first, then data and runs, then what is only possible."""
    output.line(clean(found.target.given), style="bold")
    for dataset in found.meant.values():
        output.line(Text("  ").append_text(dataset_text(dataset, output)))
    for one in found.withdrawn:
        line = f"  withdrawn {output.time(one.row.withdrawn_at)}: {one.row.reason}  (event {one.row.seq})"
        output.line(clean(line), style="red")
    if found.target.run is None:
        output.line(f"  read by {counted(len(found.readers), 'run')}")
    apart = siblings((*found.certain.runs, *found.possible.runs), whole=False)
    for row in found.read_after:
        late = heading(row, output, apart=apart.get(row.run_id))
        output.line(Text("  read after it was withdrawn: ", style="red").append_text(late))
    if others.contents and (shown := found.target.dataset) is not None:
        named = shlex.quote(f"{shown.namespace}:{shown.name}")
        print_others(others, shown, f"`orchestrail impact {named}` is of all", output)
    _print_part(found.certain, "Descends from it", apart, output)
    if found.possible.runs:
        _print_part(
            found.possible, "May descend from it: an edge by name only, or a value that was not captured", apart, output
        )
    if found.unseen:
        _print_unseen(found.unseen, output)
    if looked_at is not None:
        output.line()
        line = (
            f"No model and no deployment is shown to descend from it: {counted(looked_at.models, 'model')} examined, "
        )
        output.line(
            Text(f"{line}{looked_at.complete} with a trace that has no gap", style="" if looked_at.complete else GAP)
        )


def _print_part(part: Descendants, title: str, apart: Mapping[str, str], output: Output) -> None:
    output.line()
    data = [dataset for dataset in part.datasets.values() if dataset.kind != "model"]
    counts = [
        counted(len(part.models), "model"),
        counted(len(part.deployments), "deployment"),
        counted(len(data), "data set"),
        counted(len(part.runs), "run"),
    ]
    output.line(f"{title}: {', '.join(counts)}", style="bold")
    for model in part.models.values():
        output.line(Text("  ").append_text(dataset_text(model, output)))
    for one in part.deployments:
        output.line(Text("  ").append_text(deployment_text(one, output)))
    shown = len(data) if output.full else _SHOWN
    for dataset in data[:shown]:
        output.line(Text("  ").append_text(dataset_text(dataset, output)))
    for row in part.runs[: len(part.runs) if output.full else _SHOWN]:
        output.line(Text("  ").append_text(heading(row, output, apart=apart.get(row.run_id))))
    if not output.full and max(len(data), len(part.runs)) > _SHOWN:
        output.line("  ... and more: --full lists them", style="dim")


def _print_unseen(rows: Sequence[RunRow], output: Output) -> None:
    output.line()
    steps = counted(len(rows), "step in the same processes did", "steps in the same processes did")
    output.line(f"Unknown: {steps} what was not seen; what came of it there is not in this answer", style=GAP)
    shown, apart = len(rows) if output.full else _SHOWN, siblings(rows, whole=False)
    for row in rows[:shown]:
        missed = "; ".join(f"{what} ({why})" if why else what for what, why in row.not_captured)
        line = Text("  ").append_text(heading(row, output, apart=apart.get(row.run_id)))
        output.line(line.append(clean(f"  {missed}"), style=GAP))
    if len(rows) > shown:
        output.line("  ... and more: --full lists them", style="dim")


def deployment_text(one: Deployment, output: Output) -> Text:
    """Give a deployment: its name, whether it goes on, its model and since when."""
    known = {True: ("active", "red"), False: ("ended", "dim"), None: ("its end is not told", GAP)}
    text = Text(clean(f"deployment {one.name}  ")).append(*known[one.active])
    text.append(f"  {clean(one.run.environment or 'environment unknown')}")
    text.append(f"  model {short_digest(one.digest, output)}" if one.digest else "  model unknown", style="dim")
    text.append(f"  since {output.time(one.run.started_at or one.run.seen_at)}")
    if one.run.ended_at:
        text.append(f" until {output.time(one.run.ended_at)}")
    return text.append(f"  {short_id(one.run.run_id, output)}", style="dim")
