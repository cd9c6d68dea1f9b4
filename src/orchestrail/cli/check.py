"""`orchestrail check [TARGET]`: the requirements, with verdicts and witnesses. What is not green comes first."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from orchestrail import __version__
from orchestrail.cli.catalogue import print_changes
from orchestrail.cli.options import Day, Full, Home, Json, JUnit, NoCollect, Profile, Sarif, StoreUrl, Verify
from orchestrail.cli.output import Output, clean
from orchestrail.cli.record import collected, settings_of
from orchestrail.cli.words import short_id
from orchestrail.errors import ConfigurationError
from orchestrail.operations.asking import check_there, is_elsewhere
from orchestrail.operations.checking import Question
from orchestrail.operations.checking import check as judge
from orchestrail.operations.notices import notify
from orchestrail.queries.times import today
from orchestrail.queries.words import counted
from orchestrail.requirements import formats
from orchestrail.requirements.catalogue import Catalogue, Requirement, catalogue_in_force
from orchestrail.requirements.report import Report, report_document
from orchestrail.requirements.verdicts import ORDER, Result, Status, Verdict, Witness
from orchestrail.settings import Settings

_SHOWN = 3
_WITNESSES = 4
MARKS = {
    Status.FAIL: ("✘", "red"),
    Status.UNKNOWN: ("?", "yellow"),
    Status.WAIVED: ("~", "magenta"),
    Status.ATTESTED: ("✎", "cyan"),
    Status.PASS: ("✔", "green"),
    Status.NOT_APPLICABLE: ("-", "dim"),
}
WORDS = {Status.NOT_APPLICABLE: "not applicable"}


def check(
    target: Annotated[
        str | None, typer.Argument(metavar="[TARGET]", help="A RUN, a model file or digest; all without it.")
    ] = None,
    system: Annotated[str | None, typer.Option(metavar="NAME", help="The runs and models of a system.")] = None,
    profile: Annotated[Profile, typer.Option(help="Which requirements count.")] = Profile.BUILD,
    day: Day = None,
    verify: Verify = False,
    sarif: Sarif = None,
    junit: JUnit = None,
    tell: Annotated[
        bool, typer.Option("--notify", help="Tell people of verdicts that turned bad (ORCHESTRAIL_NOTIFY).")
    ] = False,
    as_json: Json = False,
    no_collect: NoCollect = False,
    full: Full = False,
    home: Home = None,
    store: StoreUrl = None,
) -> None:
    """Judge the record by the requirements of a profile.

    Exit code 0: every `must` of the profile is decided and none fails. 1: one fails. 3: none fails and one is unknown.
    """
    output = Output(as_json=as_json, full=full)
    asked = Question(target, system, profile.value, day_of(day), verify)
    settings = settings_of(home, store)
    catalogue = catalogue_in_force(settings.catalogue)
    report = judged(settings, catalogue, asked, output, no_collect=no_collect)
    write_reports(report, sarif, junit)
    if as_json:
        output.document(report_document(report))
    else:
        print_report(report, output)
    if tell:
        turns = notify(settings, report)
        output.remark(f"{counted(len(turns), 'verdict')} turned bad and told.")
    raise typer.Exit(report.exit_code)


def judged(settings: Settings, catalogue: Catalogue, asked: Question, output: Output, *, no_collect: bool) -> Report:
    """Judge by the record here; where it is at the server to which the spool goes, have that judge."""
    if is_elsewhere(settings):
        output.remark(f"judged by the record at {settings.url}")
        return check_there(settings, catalogue, asked)
    record = collected(settings, output, no_collect=no_collect)
    return judge(record, catalogue, asked, output.progress("judging"))


def day_of(given: str | None) -> date:
    """Read a day; today in UTC where none is given.

    Raises:
        ConfigurationError: it is none.
    """
    if given is None:
        return today()
    try:
        return date.fromisoformat(given)
    except ValueError as error:
        raise ConfigurationError(f"{given!r} is no day.", f"{error}.", "Write it as 2027-12-02.") from error


def write_reports(report: Report, sarif: Path | None, junit: Path | None) -> None:
    """Write a report in the forms that build servers read, into the files that were named.

    Raises:
        ConfigurationError: a file cannot be written.
    """
    texts: list[tuple[Path, str]] = []
    if sarif is not None:
        texts.append((sarif, json.dumps(formats.sarif(report, __version__), indent=2, ensure_ascii=False) + "\n"))
    if junit is not None:
        texts.append((junit, formats.junit(report)))
    for file, text in texts:
        try:
            file.write_text(text, encoding="utf-8")
        except OSError as error:
            raise ConfigurationError(
                f"{file} cannot be written.", f"{error.strerror}.", "Name another file."
            ) from error


def print_report(report: Report, output: Output) -> None:
    """Print a report: what is not green first, each with its witnesses; what passes in a line each."""
    about = {
        "everything": "all that is on the record",
        "system": f"the system {report.name}",
        "run": f"the process of run {short_id(report.name, output)}",
    }.get(report.kind, f"the {report.kind} {report.name if output.full else report.name[:19]}")
    output.line(f"Profile {report.profile}, {clean(about)}", style="bold")
    for status in ORDER:
        for requirement, verdict in report.having(status):
            _print_verdict(requirement, verdict, output)
    output.line()
    _print_summary(report, output)


def _print_verdict(requirement: Requirement, verdict: Verdict, output: Output) -> None:
    symbol, style = MARKS[verdict.status]
    text = Text(f"{symbol} {requirement.id:<10} ", style=style)
    text.append(requirement.title, style="" if verdict.status is Status.PASS else "bold")
    text.append(f"  {WORDS.get(verdict.status, verdict.status.value)}", style=style)
    if verdict.status is Status.PASS:
        text.append(f", {verdict.reason}", style="dim")
        output.line(text)
        return
    if requirement.level != "must":
        text.append(f" ({requirement.level})", style="dim")
    output.line()
    output.line(text)
    output.line(f"    {clean(verdict.reason)}")
    listed = [result for result in verdict.results if result.status is verdict.status]
    for result in listed if output.full else listed[:_SHOWN]:
        _print_result(result, verdict.reason, output)
    hidden = verdict.counts.get(verdict.status, 0) - (len(listed) if output.full else min(_SHOWN, len(listed)))
    if hidden > 0:
        output.line(f"      and {hidden:,} more", style="dim")
    refs = ", ".join(f"{article.ref} ({article.basis})" for article in requirement.articles)
    output.line(f"    {clean(refs)}", style="dim")
    output.line(f"    do: {clean(requirement.hint)}", style="dim")


def _print_result(result: Result, told: str, output: Output) -> None:
    subject = result.subject if output.full or len(result.subject) <= 60 else f"{result.subject[:57]}..."
    label = f"{result.label} " if result.label else ""
    why = "" if result.reason == told else f": {result.reason}"
    output.line(f"      {clean(label)}{clean(subject)}{clean(why)}")
    shown = result.witnesses if output.full else result.witnesses[:_WITNESSES]
    for witness in shown:
        output.line(f"        {_witness(witness, output)}", style="dim")
    if hidden := len(result.witnesses) - len(shown):
        output.line(f"        and {hidden:,} more; see them with --full", style="dim")


def _witness(witness: Witness, output: Output) -> str:
    where = [f"run {short_id(witness.run_id, output)}"] if witness.run_id else []
    where += [f"log entry {witness.sequence}"] if witness.sequence is not None else []
    return f"{', '.join(where)}: {clean(witness.field)} {clean(witness.detail)}".lstrip(": ")


def _print_summary(report: Report, output: Output) -> None:
    counts = [f"{len(found)} {WORDS.get(status, status.value)}" for status in ORDER if (found := report.having(status))]
    output.line(f"{counted(len(report.verdicts), 'check')}: {', '.join(counts)}", style="bold")
    for article, verdicts in _by_article(report).items():
        of_status = {status: sum(each.status is status for each in verdicts) for status in ORDER}
        parts = [f"{of_status.pop(Status.PASS)} of {len(verdicts)} checks pass"]
        parts += [f"{number} {WORDS.get(status, status.value)}" for status, number in of_status.items() if number]
        output.line(f"  evidence for {article}: {', '.join(parts)}")
    catalogue, head = report.catalogue, "what some systems alone show"
    if report.root_hash is not None:
        root = report.root_hash if output.full else report.root_hash[:12]
        head = f"{counted(report.size, 'log entry', 'log entries')}, root hash {root}"
    output.line(f"catalogue {catalogue.id} {catalogue.version}, judged on {report.day} by {head}", style="dim")
    print_changes(catalogue, output)
    output.line(
        "A reading of the law by the authors of the catalogue, and no legal advice; unknown is not pass.", style="dim"
    )


_ARTICLES = {"AI Act 10(2)(c)": "Art. 10(2)(c)", "AI Act 11(1)": "Art. 11(1)", "AI Act 12": "Art. 12"}


def _by_article(report: Report) -> dict[str, list[Verdict]]:
    found: dict[str, list[Verdict]] = {}
    for beginning, words in _ARTICLES.items():
        verdicts = [
            verdict
            for requirement, verdict in report.verdicts
            if any(article.ref.startswith(beginning) for article in requirement.articles)
        ]
        if verdicts:
            found[words] = verdicts
    return found
