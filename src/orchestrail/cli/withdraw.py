"""`orchestrail withdraw TARGET`: a data set or model that is to be used no more, and what descends from it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from orchestrail.cli.impact import print_impact
from orchestrail.cli.options import Full, Home, Json, StoreUrl, TimeZone
from orchestrail.cli.output import Output
from orchestrail.cli.record import collected, settings_of
from orchestrail.cli.runs import parse_since
from orchestrail.errors import ConfigurationError
from orchestrail.operations.withdraw import withdraw as put_withdrawal
from orchestrail.queries.documents import impact_document
from orchestrail.queries.impact import examined, impact
from orchestrail.queries.meetings import left_out
from orchestrail.queries.snapshot import snapshot
from orchestrail.queries.targets import find_target, require_version


def withdraw(
    target: Annotated[
        str, typer.Argument(metavar="TARGET", help="A data set, a model, a file or a sha256:... digest.")
    ],
    reason: Annotated[str, typer.Option("--reason", help="Why it is to be used no more.")],
    version: Annotated[str | None, typer.Option("--version", help="Only this version of the data set.")] = None,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="TIME", help="Since when: a time with a zone, or 2h, 7d ago; now without."),
    ] = None,
    by: Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who withdraws it, or a pseudonym.")] = None,
    as_json: Json = False,
    zone: TimeZone = None,
    full: Full = False,
    home: Home = None,
    store: StoreUrl = None,
) -> None:
    """Put on the record that a data set or model is to be used no more.

    A file or a digest stands for its content, wherever it lies; a name for all that bore it. Nothing is deleted. Shows what
    descends from it.
    """
    output = Output(as_json=as_json, zone=zone, full=full)
    settings = settings_of(home, store)
    since = parse_since(at) if at else datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    opened = collected(settings, output, no_collect=False)
    with snapshot(opened) as record:
        found = find_target(record, target)
        if version is not None:
            require_version(record, found, version)
    if found.dataset is None:
        why = "It is a run; what it wrote can be withdrawn, by name, file or digest."
        raise ConfigurationError(
            f"{target} cannot be withdrawn.", why, f"`orchestrail show {target}` lists its outputs."
        )
    put_withdrawal(settings, opened, found.dataset, reason, at=since, everything=found.is_name, version=version, by=by)
    with snapshot(opened) as record:
        descending = impact(record, found, version)
        looked_at = None if descending.certain.models or descending.certain.deployments else examined(record)
        others = left_out(record, found)
    if as_json:
        output.document(impact_document(descending, others, looked_at))
    else:
        print_impact(descending, others, looked_at, output)
