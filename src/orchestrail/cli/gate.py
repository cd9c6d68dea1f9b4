"""`orchestrail gate MODEL`: may this model be promoted, as far as the record tells? For CI/CD."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrail.cli.check import day_of, judged, print_report, write_reports
from orchestrail.cli.options import Day, Full, Home, Json, JUnit, NoCollect, Profile, Sarif, StoreUrl, Verify
from orchestrail.cli.output import Output
from orchestrail.cli.record import settings_of
from orchestrail.operations.checking import Question
from orchestrail.requirements.catalogue import catalogue_in_force
from orchestrail.requirements.report import report_document


def gate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model file, its sha256:... digest or its name.")],
    profile: Annotated[Profile, typer.Option(help="Which requirements have to hold.")] = Profile.RELEASE,
    day: Day = None,
    verify: Verify = False,
    sarif: Sarif = None,
    junit: JUnit = None,
    as_json: Json = False,
    no_collect: NoCollect = False,
    full: Full = False,
    home: Home = None,
    store: StoreUrl = None,
) -> None:
    """Say whether a model may be promoted.

    Open, exit code 0, where every `must` of the profile is decided and none fails. Closed: 1 where one fails, 3 where one is
    unknown: what nobody knows opens no gate.
    """
    output = Output(as_json=as_json, full=full)
    settings = settings_of(home, store)
    catalogue = catalogue_in_force(settings.catalogue)
    report = judged(
        settings, catalogue, Question(model, None, profile.value, day_of(day), verify), output, no_collect=no_collect
    )
    write_reports(report, sarif, junit)
    is_open = report.exit_code == 0
    if as_json:
        output.document(report_document(report) | {"gate": "open" if is_open else "closed"})
    else:
        print_report(report, output)
        output.line(f"gate {'open' if is_open else 'closed'}", style="bold green" if is_open else "bold red")
    raise typer.Exit(report.exit_code)
