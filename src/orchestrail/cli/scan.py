"""`orchestrail scan`: a second look for secrets and personal data in what is stored, and what became of what it found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.text import Text

from orchestrail.cli.options import Home, Json, NoCollect, StoreUrl, TimeZone
from orchestrail.cli.output import Output, clean
from orchestrail.cli.record import collected, settings_of
from orchestrail.cli.runs import parse_since
from orchestrail.cli.words import GAP
from orchestrail.errors import ConfigurationError
from orchestrail.manifest import Manifest
from orchestrail.operations import scan as operation
from orchestrail.queries.manifests import manifest_in_force
from orchestrail.queries.scans import Finding, Scanned, personal_places, scanned, unclassified
from orchestrail.queries.snapshot import snapshot
from orchestrail.queries.words import counted
from orchestrail.redaction import redact_text

_SHOWN = 3

scan = typer.Typer(add_completion=False, rich_markup_mode=None)


@scan.callback(invoke_without_command=True)
def look(
    context: typer.Context,
    since: Annotated[
        str | None, typer.Option(help="What the log took since a time with a zone, or so long ago: 2h, 7d.")
    ] = None,
    anew: Annotated[bool, typer.Option("--all", help="Everything, what was looked at before too.")] = False,
    last: Annotated[bool, typer.Option("--last", help="Look at nothing: show what scans have found.")] = False,
    as_json: Json = False,
    no_collect: NoCollect = False,
    zone: TimeZone = None,
    home: Home = None,
    store: StoreUrl = None,
) -> None:
    """Look for secrets and personal data in what is stored.

    What was not looked at yet is, and the result is put on the record. Exit code 1 where a secret is found and not resolved, or
    personal data in a field that the manifest says holds none.
    """
    if context.invoked_subcommand is not None:
        return
    if sum((since is not None, anew, last)) > 1:
        raise ConfigurationError("--since, --all and --last say different things.", "", "Give one of them.")
    output = Output(as_json=as_json, zone=zone)
    settings = settings_of(home, store)
    begin = parse_since(since) if since else None
    record = collected(settings, output, no_collect=no_collect or last)
    looked_at = 0
    if not last:
        progress = output.progress("looking at events")
        looked_at = operation.scan(settings, record, since=begin, anew=anew, progress=progress)
    with snapshot(record) as held:
        known, row = scanned(held), manifest_in_force(held)
    manifest = row.manifest if row else Manifest()
    if as_json:
        output.document({"looked_at": looked_at, **_document(known, manifest)})
    else:
        _print(known, manifest, looked_at, output)
    raise typer.Exit(1 if known is not None and _concerns(known, manifest) else 0)


@scan.command("resolve")
def resolve(
    finding: Annotated[str, typer.Argument(metavar="ID", help="Id of a finding, or the beginning of it.")],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="What was done, or why nothing need be.")],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who says so: a name, or a stable pseudonym.")],
    as_json: Json = False,
    home: Home = None,
    store: StoreUrl = None,
) -> None:
    """Put on the record what became of a finding: the secret was changed, the event erased, or it is none.

    It is about the value: where the same value is found again, it is resolved.
    """
    output = Output(as_json=as_json)
    settings = settings_of(home, store)
    if not reason.strip() or not by.strip():
        raise ConfigurationError("Nothing was said.", "A reason and a person are needed.", "Give --reason and --by.")
    if redact_text(reason) != reason:
        why = f"{redact_text(reason)!r} is what would be recorded: a part of it looks like a secret."
        raise ConfigurationError("The reason cannot be recorded as it is.", why, "Say it in other words.")
    named = operation.resolve(
        settings, collected(settings, output, no_collect=True), finding, reason=reason.strip(), by=by.strip()
    )
    if as_json:
        output.document({"id": named})
    else:
        output.line(f"{named} is resolved.")


def _concerns(known: Scanned, manifest: Manifest) -> bool:
    places = personal_places(known, manifest)
    return bool(known.open("secret")) or any(one.stated is not None and one.stated.kind == "none" for one in places)


def _document(known: Scanned | None, manifest: Manifest) -> dict[str, Any]:
    if known is None:
        return {"last": None, "windows": [], "entries": None, "covered": 0, "findings": [], "unclassified": []}
    last = known.last
    return {
        "last": {
            "sequence": last.seq,
            "read_at": last.read_at,
            "first": last.first,
            "last": last.last,
            "events": last.events,
            "unread": last.unread,
            "texts": last.texts,
            "detectors": dict(last.detectors),
        },
        "windows": [list(window) for window in known.windows],
        "entries": known.entries,
        "covered": known.covered,
        "findings": [_finding(one, manifest) for one in known.findings],
        "unclassified": list(unclassified(known, manifest)),
    }


def _finding(one: Finding, manifest: Manifest) -> dict[str, Any]:
    return {
        "id": one.found.id,
        "family": one.found.family,
        "kind": one.found.kind,
        "count": one.found.count,
        "places": [
            {"sequence": seq, "pointer": pointer, "class": stated.kind if stated else None}
            for seq, pointer in one.found.places
            for stated in (manifest.class_of(pointer),)
        ],
        "resolution": _resolution(one),
    }


def _resolution(one: Finding) -> Mapping[str, Any] | None:
    said = one.resolution
    return {"sequence": said.seq, "at": said.received_at, "reason": said.reason, "by": said.by} if said else None


def _print(known: Scanned | None, manifest: Manifest, looked_at: int, output: Output) -> None:
    if known is None:
        output.line(Text("Nothing was scanned.", style=GAP))
        return
    last = known.last
    names = ", ".join(f"{name} {version}" for name, version in last.detectors.items())
    output.line(
        f"{counted(looked_at, 'event')} looked at now; {known.covered:,} of {known.entries:,} in all", style="bold"
    )
    output.line(f"  the last time {output.time(last.read_at)}, with {clean(names)}", style="dim")
    if known.covered < known.entries:
        output.line(Text(f"  {known.entries - known.covered:,} were not looked at", style=GAP))
    for family, none in (("secret", "No secret"), ("personal", "No personal data")):
        found = known.open(family)
        if not found:
            output.line(f"{none} was found. That is no proof that there is none.")
        for one in found:
            _print_finding(one, manifest, output)
    if resolved := sum(not one.open for one in known.findings):
        output.line(f"{counted(resolved, 'finding')} resolved", style="dim")
    if manifest.fields and (open_fields := unclassified(known, manifest)):
        output.line(
            Text(f"{counted(len(open_fields), 'field')} without a class, such as {clean(open_fields[0])}", style=GAP)
        )


def _print_finding(one: Finding, manifest: Manifest, output: Output) -> None:
    found = one.found
    style = "red" if found.family == "secret" else GAP
    output.line(Text(f"{found.id}  {clean(found.kind)}, in {counted(found.count, 'place')}", style=style))
    for seq, pointer in found.places[:_SHOWN]:
        stated = manifest.class_of(pointer)
        class_of = f"  {stated.kind}" if stated else ""
        output.line(f"    event {seq}  {clean(pointer)}{class_of}")
