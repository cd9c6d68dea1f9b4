"""`orchestrail manifest`: what people state about their systems: shown, put on the record, and declared from what ran."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Annotated, Any

import typer
from rich.text import Text

from orchestrail.cli.options import Home, Json, NoCollect, StoreUrl, TimeZone
from orchestrail.cli.output import Output, clean
from orchestrail.cli.record import collected, reading, settings_of
from orchestrail.cli.runs import parse_since
from orchestrail.cli.words import GAP
from orchestrail.errors import ConfigurationError, NotRecorded
from orchestrail.manifest import ARROW, Manifest
from orchestrail.operations.manifest import Difference, differences, manifest_here, record_manifest
from orchestrail.queries.manifests import ManifestRow, manifest_in_force
from orchestrail.queries.pipelines import Observed, observed_pipeline
from orchestrail.queries.words import counted

manifest = typer.Typer(add_completion=False, rich_markup_mode=None)


@manifest.callback(invoke_without_command=True)
def _show_by_default(
    context: typer.Context,
    as_json: Json = False,
    no_collect: NoCollect = False,
    zone: TimeZone = None,
    home: Home = None,
    store: StoreUrl = None,
) -> None:
    """Show what is stated about systems, and put it on the record."""
    if context.invoked_subcommand is None:
        show_manifest(as_json=as_json, no_collect=no_collect, zone=zone, home=home, store=store)


@manifest.command("show")
def show_manifest(
    as_json: Json = False,
    no_collect: NoCollect = False,
    zone: TimeZone = None,
    home: Home = None,
    store: StoreUrl = None,
) -> None:
    """Show what the settings file states, and what the record says otherwise.

    Exit code 1 where the two differ: verdicts follow the record alone.
    """
    output = Output(as_json=as_json, zone=zone)
    file, here = manifest_here()
    with reading(settings_of(home, store), output, no_collect=no_collect) as record:
        recorded = manifest_in_force(record)
    found = differences(here, recorded.manifest if recorded else None)
    if as_json:
        output.document(
            {
                "file": str(file) if file else None,
                "manifest": here.document(),
                "recorded": _recorded(recorded),
                "missing": {system.name: list(system.missing) for system in here.systems},
                "differences": [{"place": one.place, "file": one.file, "recorded": one.recorded} for one in found],
            }
        )
    else:
        _print(here, output)
        _print_differences(recorded, found, output)
    raise typer.Exit(1 if found else 0)


@manifest.command("record")
def record(as_json: Json = False, home: Home = None, store: StoreUrl = None) -> None:
    """Put what the settings file states on the record, where it says something new."""
    output = Output(as_json=as_json)
    file, here = manifest_here()
    if here == Manifest():
        why = f"{file} holds none of its tables." if file else "There is no settings file."
        raise ConfigurationError(
            "There is no manifest to put on the record.", why, "Write [systems.NAME], [policy] or [[fields]] into it."
        )
    settings = settings_of(home, store)
    row, new = record_manifest(settings, collected(settings, output, no_collect=False), here)
    if as_json:
        output.document({"recorded": _recorded(row), "new": new})
    else:
        said = "recorded" if new else "already on the record"
        output.line(f"The manifest of {file} is {said}, as event {row.seq} of the log.")


@manifest.command("steps")
def declare_steps(
    root_job: Annotated[str, typer.Argument(metavar="ROOT_JOB", help="Name of the root job of the pipeline.")],
    since: Annotated[
        str | None, typer.Option(help="What began since a time with a zone, or so long ago: 2h, 7d.")
    ] = None,
    as_json: Json = False,
    no_collect: NoCollect = False,
    home: Home = None,
    store: StoreUrl = None,
) -> None:
    """Print the declaration of a pipeline, from what ran, to be read and put into the settings file."""
    output = Output(as_json=as_json)
    begin = parse_since(since) if since else None
    with reading(settings_of(home, store), output, no_collect=no_collect) as record:
        seen = observed_pipeline(record, root_job, begin)
    if not seen.processes:
        why = f"No root run of that job{f' since {since}' if since else ''} is recorded."
        raise NotRecorded(
            f"The pipeline {root_job!r} is not on the record.", why, "`orchestrail runs` lists root runs."
        )
    if as_json:
        output.document(
            {
                "job": seen.job,
                "systems": sorted(seen.systems),
                "processes": seen.processes,
                "since": seen.since,
                "steps": list(seen.steps),
                "edges": [list(edge) for edge in seen.edges],
                "not_taken": list(seen.skipped),
            }
        )
    else:
        output.line(_declaration(seen))


def _recorded(row: ManifestRow | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {
        "sequence": row.seq,
        "received_at": row.received_at,
        "by": row.by,
        "digest": row.digest,
        "manifest": row.manifest.document(),
    }


def _print(here: Manifest, output: Output) -> None:
    for system in here.systems:
        output.line(clean(system.name), style="bold")
        for name, value in system.model_dump(exclude={"name", "pipelines"}, exclude_none=True).items():
            output.line(f"  {name.replace('_', ' ')}  {clean(str(value))}")
        if system.missing:
            names = ", ".join(name.replace("_", " ") for name in system.missing)
            output.line(Text(f"  not stated: {names}", style=GAP))
        for pipeline in system.pipelines:
            parts = counted(len(pipeline.steps), "step"), counted(len(pipeline.edges), "edge")
            output.line(f"  pipeline {clean(pipeline.job)}  {', '.join(parts)}")
    said = here.policy.model_dump(exclude_none=True)
    if said:
        output.line("policy", style="bold")
    for name, value in said.items():
        output.line(
            f"  {name.replace('_', ' ')}  {clean(', '.join(value) if isinstance(value, tuple) else str(value))}"
        )
    for one in here.not_applicable:
        of = f" of {clean(one.system)}" if one.system else ""
        output.line(f"not applicable{of}: {one.requirement}", style="bold")
        output.line(f"  {clean(one.reason)}  said by {clean(one.by)}")
    for each in here.fields:
        where = each.field or f"{each.dataset} : {each.column}"
        more = "".join(
            f"  {word} {clean(str(value))}" for word, value in (("for", each.purpose), ("until", each.until)) if value
        )
        output.line(f"field {clean(where)}  {each.kind}{more}")


def _print_differences(recorded: ManifestRow | None, found: Sequence[Difference], output: Output) -> None:
    if recorded is None:
        output.line(Text("Nothing of it is on the record: `orchestrail manifest record`.", style=GAP))
        return
    place = f"event {recorded.seq}, {output.time(recorded.received_at)}"
    if not found:
        output.line(f"On the record as it stands here ({place}).", style="dim")
        return
    output.line(Text(f"The record says otherwise ({place}):", style=GAP))
    for one in found:
        output.line(f"  {clean(one.place)}: here {_said(one.file)}, on the record {_said(one.recorded)}")


def _said(value: Any) -> str:
    return "nothing" if value is None else clean(json.dumps(value, ensure_ascii=False))


def _declaration(seen: Observed) -> str:
    """Write what was seen as TOML: a JSON string is a TOML string too."""
    system = sorted(seen.systems)[0] if seen.systems else "NAME"
    lines = [f"[systems.{_key(system)}.pipelines.{_key(seen.job)}]"]
    if seen.since:
        lines.append(f"since = {date.fromisoformat(seen.since[:10]).isoformat()}")
    lines += _list("steps", [*seen.steps, *seen.skipped])
    lines += _list("edges", [f"{start}{ARROW}{end}" for start, end in seen.edges])
    lines += _list("not_taken", seen.skipped) if seen.skipped else []
    return "\n".join(lines)


def _key(name: str) -> str:
    bare = name.isascii() and name.replace("-", "").replace("_", "").isalnum()
    return name if bare else json.dumps(name)


def _list(name: str, texts: Iterable[str] | Mapping[str, int]) -> list[str]:
    listed = [f"  {json.dumps(text)}," for text in texts]
    return [f"{name} = [", *listed, "]"] if listed else [f"{name} = []"]
