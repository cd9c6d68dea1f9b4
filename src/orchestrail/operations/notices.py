"""Verdicts that turn bad, to people: by one address in the settings (apprise), and by plugins (`requirement_not_met`).

What was told is kept in a small file in the home, so that one bad turn is told once. It is no evidence: where it is lost, something
is told twice. Only a command that a person or a scheduler runs comes here, never a host.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from orchestrail import plugins
from orchestrail.errors import ConfigurationError, NoticeError
from orchestrail.guard import report_to
from orchestrail.model import Finding
from orchestrail.redaction import redact_text
from orchestrail.requirements.catalogue import Requirement
from orchestrail.requirements.report import Report
from orchestrail.requirements.verdicts import ORDER, Status, Verdict
from orchestrail.settings import Settings

FILE = "notices.json"
HOOK = "requirement_not_met"
LISTED = 20
"""Turns that a notice lists; all of them are counted."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A verdict that turned bad.

    Attributes:
        requirement: of which requirement.
        before: what it was; None where nothing is known of that.
        verdict: what it is.
    """

    requirement: Requirement
    before: Status | None
    verdict: Verdict


def changed(before: Mapping[str, Status], after: Sequence[tuple[Requirement, Verdict]]) -> list[Turn]:
    """Give the verdicts that turned bad: into a failure, or from something better into unknown.

    What was never judged and is unknown has not turned: a new record knows little.

    Args:
        before: what each requirement's verdict was.
        after: what it is.
    """
    turns = (Turn(requirement, before.get(requirement.id), verdict) for requirement, verdict in after)
    return [turn for turn in turns if _is_bad(turn.before, turn.verdict.status)]


def _is_bad(before: Status | None, now: Status) -> bool:
    if before is None:
        return now is Status.FAIL
    return now in (Status.FAIL, Status.UNKNOWN) and ORDER.index(now) < ORDER.index(before)


def notify(settings: Settings, report: Report) -> list[Turn]:
    """Tell people what turned bad since the last time that the same was asked for and told.

    Returns:
        What was told.

    Raises:
        ConfigurationError: there is nobody to tell, or the address cannot be used.
        NoticeError: the notice could not be delivered; it is told the next time.
    """
    heard = plugins.implemented(HOOK)
    if settings.notify is None and not heard:
        do = "Set ORCHESTRAIL_NOTIFY to an address such as mailto://... (docs/how-to/notices.md)."
        raise ConfigurationError("There is nobody to tell.", "No address for notices is set.", do)
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with FileLock(settings.home / f"{FILE}.lock", mode=0o600):
        told = _told(settings.home)
        scope = f"{report.profile or 'all'} {report.kind} {report.name}"
        turns = changed(told.get(scope, {}), report.verdicts)
        if turns:
            # First what can fail: then a plugin is told of a turn once too.
            if settings.notify is not None:
                send(settings, title_of(report, turns), text_of(report, turns))
            report_to(settings.home, "notices")
            run = report.name if report.kind == "run" else None
            plugins.call_each(HOOK, run=run, findings=[_finding(turn) for turn in turns])
        _tell(settings.home, told | {scope: {one.id: verdict.status for one, verdict in report.verdicts}})
    return turns


def send(settings: Settings, title: str, text: str) -> None:
    """Send a text to the address of the settings.

    Raises:
        ConfigurationError: apprise is not installed, or there is no address, or one that apprise does not know.
        NoticeError: it could not be delivered.
    """
    try:
        import apprise
    except ImportError:
        raise ConfigurationError(
            "No notice can be sent.", "apprise is not installed.", "pip install 'orchestrail[notices]'."
        ) from None
    address = settings.notify.get_secret_value() if settings.notify is not None else ""
    kind = address.partition("://")[0] if "://" in address else "?"
    to = apprise.Apprise()
    with _without_its_log():
        if not to.add(address):
            raise ConfigurationError(
                "The address for notices cannot be used.",
                f"It begins with {kind}:// and apprise cannot read it. The rest is not shown: it may be a secret.",
                "The forms of addresses are in apprise's documentation; json://HOST/PATH is one.",
            )
        delivered = to.notify(title=title, body=text)
    if not delivered:
        raise NoticeError(
            "A notice could not be delivered.",
            f"The service behind the {kind}:// address of the settings did not take it, or cannot be reached from here.",
            "Nothing counts as told; the next `orchestrail check --notify` tries again.",
        )


@contextmanager
def _without_its_log() -> Iterator[None]:
    """Keep what apprise logs from everybody: the address may be in it."""
    log = logging.getLogger("apprise")
    before, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = before


def title_of(report: Report, turns: Sequence[Turn]) -> str:
    """Write the first line of a notice."""
    failing = sum(turn.verdict.status is Status.FAIL for turn in turns)
    parts = [f"{number} {word}" for number, word in ((failing, "failing"), (len(turns) - failing, "unknown")) if number]
    return f"orchestrail: newly {' and '.join(parts)}, {_about(report)}"


def text_of(report: Report, turns: Sequence[Turn]) -> str:
    """Write a notice: which verdicts, what they were before, why, and how to see all of it."""
    lines = [
        f"{turn.requirement.id}  {turn.requirement.title}: {turn.verdict.status.value}"
        f"{f', before {turn.before.value}' if turn.before else ''}. {turn.verdict.reason}"
        for turn in turns[:LISTED]
    ]
    if len(turns) > LISTED:
        lines.append(f"and {len(turns) - LISTED} more")
    profile = f"profile {report.profile}" if report.profile else "all requirements"
    lines.append(
        f"Judged on {report.day.isoformat()} by {report.size} log entries, {profile}; see `orchestrail check`."
    )
    return redact_text("\n".join(lines))


def _about(report: Report) -> str:
    return {"everything": "all that is on the record"}.get(report.kind, f"{report.kind} {report.name}")


def _finding(turn: Turn) -> Finding:
    field = next((witness.field for result in turn.verdict.results for witness in result.witnesses), "")
    return Finding(turn.requirement.id, turn.verdict.status.value, redact_text(turn.verdict.reason), field)


def _told(home: Path) -> dict[str, dict[str, Status]]:
    with suppress(OSError, ValueError, AttributeError):
        said = json.loads((home / FILE).read_text(encoding="utf-8"))
        return {scope: {name: Status(status) for name, status in statuses.items()} for scope, statuses in said.items()}
    return {}


def _tell(home: Path, told: Mapping[str, Mapping[str, Status]]) -> None:
    written = home / f"{FILE}.{secrets.token_hex(8)}"
    descriptor = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(told, file)
    written.replace(home / FILE)
