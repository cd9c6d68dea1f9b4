"""`orchestrail document MODEL`: the technical documentation after Annex IV, from facts and statements, gaps marked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrail.cli.check import day_of
from orchestrail.cli.options import Day, Home, Json, NoCollect, StoreUrl
from orchestrail.cli.output import Output, clean
from orchestrail.cli.record import collected, settings_of
from orchestrail.cli.words import here
from orchestrail.operations.document import make, write
from orchestrail.queries.words import counted
from orchestrail.reports.document import document_json
from orchestrail.reports.rendering import LABELS, SEVERAL
from orchestrail.reports.values import Mark
from orchestrail.requirements.catalogue import catalogue_in_force


def document(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model file, its sha256:... digest or its name.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to write it into.")],
    pdf: Annotated[bool, typer.Option("--pdf", help="Print it as PDF too (extra `documents`).")] = False,
    day: Day = None,
    as_json: Json = False,
    no_collect: NoCollect = False,
    home: Home = None,
    store: StoreUrl = None,
) -> None:
    """Write the technical documentation of a model.

    As HTML, Markdown and JSON, point by point of Annex IV: what the record shows, what persons stated, and what is missing. It is
    put on the record with its digest. Exit code 0, also for a draft.
    """
    output = Output(as_json=as_json)
    settings = settings_of(home, store)
    catalogue = catalogue_in_force(settings.catalogue)
    record = collected(settings, output, no_collect=no_collect)
    made = make(record, catalogue, model, day_of(day))
    written = write(settings, record, made, out, pdf)
    if as_json:
        files = [str(file) for file in written.files]
        output.document(document_json(made) | {"files": files, "digest": written.digest, "sequence": written.sequence})
        return
    for file in written.files:
        output.line(here(str(file.resolve())))
    counts = made.counts()
    title = "Draft of the technical documentation" if made.draft else "Technical documentation"
    output.line(f"{title} of {clean(made.name)}, {counted(len(made.points), 'point')} of Annex IV", style="bold")
    for mark in Mark:
        output.line(f"  {LABELS[mark]:<15}{counts[mark.value]:>3}")
    output.line(f"  {SEVERAL}", style="dim")
    for point in made.points:
        if point.missing is not None and Mark.MISSING in point.marks:
            roles = ", ".join(point.missing.roles).replace("_", " ")
            output.line(f"  missing {point.point:<5} {point.missing.what} ({roles})", style="yellow")
    output.line(f"on the record as entry {written.sequence}, {written.digest}", style="dim")
