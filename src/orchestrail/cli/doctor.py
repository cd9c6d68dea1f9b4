"""`orchestrail doctor`: what is installed, what is switched off, what is stuck, what cannot be seen."""

from __future__ import annotations

import platform
import sys
from dataclasses import asdict
from typing import Annotated

import typer
from rich.text import Text

from orchestrail import trouble
from orchestrail.cli.options import Home, Json, NoCollect, StoreUrl
from orchestrail.cli.output import Output, clean
from orchestrail.cli.record import settings_of
from orchestrail.errors import ConfigurationError, OrchestrailError
from orchestrail.model import Gap, Problem, Severity
from orchestrail.operations import open_record
from orchestrail.operations.aside import Aside
from orchestrail.operations.collect import collect
from orchestrail.operations.sweep import abandoned
from orchestrail.queries import ReconciliationRow
from orchestrail.queries.documents import beginnings_document
from orchestrail.queries.health import Health, examine, problem_of
from orchestrail.queries.words import counted
from orchestrail.settings import Settings, home_of_environment
from orchestrail.transport.segments import segments

_MARKS = {"error": ("✘", "red"), "warning": ("!", "yellow"), "note": ("·", "dim")}


def doctor(
    clear: Annotated[
        bool, typer.Option("--clear", help="Forget the notes of trouble, once they are dealt with.")
    ] = False,
    as_json: Json = False,
    no_collect: NoCollect = False,
    home: Home = None,
    store: StoreUrl = None,
) -> None:
    """Say what is installed, off, stuck or unseen.

    Exit code 1 where events are lost, kept back or not recorded.
    """
    output = Output(as_json=as_json)
    met: list[Problem] = []
    try:
        settings = settings_of(home, store)
    except ConfigurationError as error:
        # What else is to be found is looked for where trouble goes then; whether its spool belongs to this record is not known.
        settings, met = Settings(home=home or home_of_environment()), [problem_of(error)]
    if clear:
        trouble.clear(settings.home)
    if not no_collect and not met:
        met = _collect(settings, output)
    met += _kept_aside(settings)
    health = examine(settings, lambda: open_record(settings), abandoned, met)
    if as_json:
        output.document(_document(health))
    else:
        _print(health, output)
    raise typer.Exit(1 if any(problem.severity == Severity.ERROR for problem in health.problems) else 0)


def _collect(settings: Settings, output: Output) -> list[Problem]:
    """Collect the spool first, as every reading command does; what stands in the way of that is a finding.

    Where it goes to a server, it is left for `orchestrail ship`.
    """
    try:
        if settings.url is None and segments(settings.spool):
            done = collect(
                settings,
                open_record(settings, create=settings.store_is_in_home),
                progress=output.progress("collecting segments"),
            )
            return [Problem("spool-kept", Severity.ERROR, why, "See who owns the spool.") for why in done.kept]
    except OrchestrailError as error:
        return [problem_of(error)]
    return []


def _kept_aside(settings: Settings) -> list[Problem]:
    """Tell of events that a server does not take from here."""
    aside = Aside(settings)
    try:
        count = aside.count()
    except OrchestrailError as error:
        return [problem_of(error)]
    if not count:
        return []
    what = f"{counted(count, 'event')} that the server does not take from here, kept in {aside.folder}."
    do = "See the token, and which system the runs name; `orchestrail ship --again` sends them."
    return [Problem("forbidden", Severity.ERROR, what, do)]


def _document(health: Health) -> dict[str, object]:
    return {
        "problems": [
            {"code": problem.code, "severity": problem.severity, "what": problem.what, "do": problem.do}
            for problem in health.problems
        ],
        "distributions": dict(health.installed),
        "adapters": [
            {
                "name": adapter.name,
                "host": adapter.info.host if adapter.info else None,
                "host_version": adapter.info.host_version if adapter.info else None,
                "requires": adapter.info.requires if adapter.info else None,
                "version": adapter.info.version if adapter.info else None,
                "capabilities": sorted(adapter.info.capabilities) if adapter.info else None,
                "cannot_see": adapter.cannot_see if adapter.info else None,
                "gaps": [_gap_document(gap) for gap in adapter.info.gaps] if adapter.info else None,
                "failure": adapter.failure,
            }
            for adapter in health.adapters
        ],
        "settings": {
            "home": str(health.settings.home),
            "spool": str(health.settings.spool),
            "store": health.store,
            "namespace": health.settings.namespace,
            "environment": health.settings.environment,
            "mode": health.settings.mode,
            "enforce": list(health.settings.enforce),
            "disabled": health.settings.disabled,
            "capture_ignore": list(health.settings.capture_ignore),
            "capture_include": list(health.settings.capture_include),
            "steps": [{"job": step.job, **step.said} for step in health.settings.steps],
        },
        "python": platform.python_version(),
        "platform": sys.platform,
        "events": health.events,
        "writers": [asdict(writer) for writer in health.writers],
        **beginnings_document(health.begins),
        "reconciliations": [_reconciled_document(name, row) for name, row in health.reconciled.items()],
    }


def _reconciled_document(orchestrator: str, row: ReconciliationRow | None) -> dict[str, object]:
    told = ("read_at", "since", "until", "job", "attempts", "counts")
    return {
        "orchestrator": orchestrator,
        **{name: row.result[name] if row else None for name in told},
        "sequence": row.seq if row else None,
    }


def _gap_document(gap: Gap) -> dict[str, str | None]:
    return {"name": gap.name, "never": gap.never, "upstream": gap.upstream, "todo": gap.todo}


def _print(health: Health, output: Output) -> None:
    output.line("Installed", style="bold")
    for name, version in health.installed.items():
        output.line(f"  {name} {version}")
    output.line(f"  Python {platform.python_version()} on {sys.platform}")
    for adapter in health.adapters:
        if adapter.info is None:
            continue
        info = adapter.info
        output.line(f"  adapter {adapter.name}: {info.host} {info.host_version} (made for {info.requires or 'any'})")
        if adapter.cannot_see:
            output.line(f"    cannot see: {', '.join(adapter.cannot_see)}")
        for gap in info.gaps:
            output.line(f"    gap: {clean(gap.name.replace('_', ' '))}: {clean(gap.reason)}")
    output.line("Record", style="bold")
    output.line(f"  home   {health.settings.home}")
    output.line(f"  spool  {health.settings.spool}")
    for what, patterns in (
        ("leaves out", health.settings.capture_ignore),
        ("takes in", health.settings.capture_include),
    ):
        if patterns:
            output.line(f"  {what}  {clean(', '.join(patterns))}")
    count = "" if health.events is None else f"  {counted(health.events, 'event')}"
    output.line(f"  store  {health.store}{count}")
    for step in health.settings.steps:
        said = ", ".join(f"{name} {value}" for name, value in step.said.items())
        output.line(f"  steps  {clean(step.job)}  {clean(said)}")
    for writer in health.writers:
        name = f"{clean(writer.adapter)} {clean(writer.version)}"
        output.line(f"  lately {name}  {counted(writer.runs, 'run')}, the last {output.time(writer.last)}")
        if writer.cannot_see:
            output.line(f"    cannot see: {', '.join(writer.cannot_see)}")
    for beginning in health.begins:
        output.line(f"  begins {clean(beginning.orchestrator)}  {output.time(beginning.since)}")
    for name, row in health.reconciled.items():
        output.line(f"  reconciled {clean(name)}  {_reconciled(row, output) if row else 'never'}")
    output.line("Problems" if health.problems else "No problems.", style="bold")
    for problem in health.problems:
        mark, style = _MARKS[problem.severity]
        line = Text(f"  {mark} {problem.severity}", style=style).append(f"  {clean(problem.what)}", style="")
        output.line(line)
        if problem.do:
            output.line(f"      {problem.do}")


def _reconciled(row: ReconciliationRow, output: Output) -> str:
    result, counts = row.result, row.result["counts"]
    limited = f" of {clean(result['job'])} alone" if result["job"] else ""
    if result["record_begins"] not in (None, result["since"]):
        limited += f" since {output.time(result['since'])}"
    found = ", ".join(f"{counts[kind]:,} {kind}" for kind in ("missing", "surplus", "different"))
    return f"{output.time(result['read_at'])}{limited}: {result['attempts']['agreed']:,} alike, {found}"
