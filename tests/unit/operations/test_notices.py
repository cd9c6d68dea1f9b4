"""Notices: what has turned bad, who is told, and that it is told once, through a real server that listens."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from orchestrail import plugins
from orchestrail.errors import ConfigurationError, NoticeError
from orchestrail.hookspecs import hookimpl
from orchestrail.model import Finding
from orchestrail.operations.notices import FILE, LISTED, changed, notify, text_of, title_of
from orchestrail.redaction import redact_text, remember_environment
from orchestrail.requirements.catalogue import load_catalogue
from orchestrail.requirements.report import Report
from orchestrail.requirements.verdicts import ORDER, Result, Status, Verdict, Witness
from orchestrail.settings import Settings, load_settings

CATALOGUE = load_catalogue()
FAIL, UNKNOWN, WAIVED, ATTESTED, PASS, NOT_APPLICABLE = ORDER


def report(*statuses: Status, kind: str = "everything", name: str = "", reason: str = "two digests") -> Report:
    """A report of the first requirements."""
    verdicts = []
    for requirement, status in zip(CATALOGUE.requirements, statuses, strict=False):
        witness = Witness("0192f000-0000-7000-8000-000000000001", 3, "code_digest", "py-tokens-2:...")
        results = (Result("impute@1", status, reason, witnesses=(witness,)),)
        verdicts.append((requirement, Verdict(requirement.id, status, reason, None, {status: 1}, results)))
    return Report(CATALOGUE, "build", kind, name, 12, "ab" * 32, date(2026, 3, 1), verdicts)


class Mailbox(BaseHTTPRequestHandler):
    """A server that keeps what is sent to it."""

    got: list[dict[str, Any]] = []

    def do_POST(self) -> None:
        self.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def mailbox() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The address of a server that listens, and what it got."""
    Mailbox.got = []
    server = HTTPServer(("127.0.0.1", 0), Mailbox)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"json://127.0.0.1:{server.server_port}/hook?-token=Hx83mQz2", Mailbox.got
    server.shutdown()
    server.server_close()


@pytest.fixture
def hearing() -> Iterator[list[tuple[str | None, list[Finding]]]]:
    """What a plugin heard."""
    heard: list[tuple[str | None, list[Finding]]] = []

    class Hears:
        @hookimpl
        def requirement_not_met(self, run: str | None, findings: list[Finding]) -> None:
            heard.append((run, findings))

    plugins.register(Hears(), "hears")
    yield heard
    plugins.manager().unregister(name="hears")


@pytest.mark.parametrize("was", [None, *ORDER])
@pytest.mark.parametrize("now", ORDER)
def test_what_has_turned_bad(was: Status | None, now: Status) -> None:
    """A failure that was none, and an unknown that was better; of what was never judged, a failure alone."""
    before = {CATALOGUE.requirements[0].id: was} if was else {}
    bad = (now is FAIL and was is not FAIL) or (now is UNKNOWN and was in (WAIVED, ATTESTED, PASS, NOT_APPLICABLE))
    assert bool(changed(before, report(now).verdicts)) == bad


def test_one_bad_turn_is_told_once(mailbox) -> None:
    """And again only after it was better; another scope is another matter."""
    address, got = mailbox
    settings = load_settings(notify=address)
    first, second = (requirement.id for requirement in CATALOGUE.requirements[:2])
    told = [
        [turn.requirement.id for turn in notify(settings, one)]
        for one in (
            report(FAIL, UNKNOWN),
            report(FAIL, UNKNOWN),
            report(FAIL, FAIL),
            report(PASS, FAIL),
            report(UNKNOWN, FAIL),
            report(FAIL, FAIL),
            report(FAIL, FAIL, kind="system", name="scoring"),
        )
    ]
    assert told == [[first], [], [second], [], [first], [first], [first, second]]
    assert len(got) == 5
    assert (settings.home / FILE).stat().st_mode & 0o777 == 0o600


def test_a_notice_says_what_and_why(mailbox) -> None:
    """Requirement, title, verdict, what it was, reason, and what it was judged by."""
    address, got = mailbox
    settings = load_settings(notify=address)
    notify(settings, report(PASS))
    notify(settings, report(FAIL))
    (sent,) = got
    requirement = CATALOGUE.requirements[0]
    assert sent["title"] == "orchestrail: newly 1 failing, all that is on the record"
    assert f"{requirement.id}  {requirement.title}: fail, before pass. two digests" in sent["message"]
    assert "Judged on 2026-03-01 by 12 log entries, profile build" in sent["message"]


def test_a_notice_holds_no_secret_and_no_end_of_lines() -> None:
    """A reason may quote what stands on the record; a long list is counted."""
    many = report(*[FAIL] * (LISTED + 3), reason="password=Hx83mQz2 is wrong")
    turns = changed({}, many.verdicts)
    text = text_of(many, turns)
    assert "Hx83mQz2" not in text
    assert "and 3 more" in text
    assert title_of(many, turns[:1]) == "orchestrail: newly 1 failing, all that is on the record"


def test_what_is_not_delivered_is_told_the_next_time(mailbox, capfd) -> None:
    """The message names the kind of the address and no more of it; apprise's own log is not seen either."""
    address, got = mailbox
    lost = load_settings(notify="json://me:Hx83mQz2@127.0.0.1:9/T0K3N")
    with pytest.raises(NoticeError, match="json://") as refused:
        notify(lost, report(FAIL))
    assert refused.value.exit_code == 1
    said = str(refused.value) + "".join(capfd.readouterr()) + repr(lost)
    assert not any(part in said for part in ("Hx83mQz2", "T0K3N", "127.0.0.1"))
    assert len(notify(load_settings(notify=address), report(FAIL))) == 1
    assert len(got) == 1


@pytest.mark.parametrize("address", ["nonsense://T0K3N", "T0K3N", "json://"])
def test_an_address_that_is_none_is_told_without_it(address: str) -> None:
    """It may be a secret all the same."""
    with pytest.raises(ConfigurationError, match="address for notices") as refused:
        notify(load_settings(notify=address), report(FAIL))
    assert "T0K3N" not in str(refused.value)


def test_without_anybody_to_tell_it_is_wrong_use() -> None:
    """Who asks for notices believes that they are sent."""
    with pytest.raises(ConfigurationError, match="ORCHESTRAIL_NOTIFY"):
        notify(load_settings(), report(PASS))


def test_a_plugin_hears_of_the_same_turns(hearing) -> None:
    """With the run where one was judged, the reason and the field; without an address too."""
    settings = load_settings()
    notify(settings, report(FAIL))
    notify(settings, report(FAIL))
    notify(settings, report(FAIL, PASS, kind="run", name="0192f000-0000-7000-8000-000000000001"))
    wanted = [Finding(CATALOGUE.requirements[0].id, "fail", "two digests", "code_digest")]
    assert hearing == [(None, wanted), ("0192f000-0000-7000-8000-000000000001", wanted)]


@pytest.mark.swallows
def test_a_plugin_that_fails_changes_nothing(mailbox) -> None:
    """The others hear, and the turn counts as told."""

    class Fails:
        @hookimpl
        def requirement_not_met(self) -> None:
            raise RuntimeError("broken")

    address, got = mailbox
    plugins.register(Fails(), "fails")
    try:
        assert len(notify(load_settings(notify=address), report(FAIL))) == 1
        assert notify(load_settings(notify=address), report(FAIL)) == []
    finally:
        plugins.manager().unregister(name="fails")
    assert len(got) == 1


@pytest.mark.parametrize(
    "content", ["", "[]", '{"build everything ": 3}', '{"build everything ": {"PREP-01": "good"}}']
)
def test_a_damaged_memory_is_told_anew(mailbox, content: str) -> None:
    """Rather twice than never."""
    settings = load_settings(notify=mailbox[0])
    settings.home.mkdir()
    (settings.home / FILE).write_text(content)
    assert len(notify(settings, report(FAIL))) == 1
    assert notify(settings, report(FAIL)) == []


def test_the_address_is_a_secret_wherever_it_stands() -> None:
    """An error may quote the environment; its name does not tell."""
    address = "slack://T1JJ3T3L2/A1BRTD4JD/q7LmZx2VbN9tRw4KcY8pHd3J"
    remember_environment({"ORCHESTRAIL_NOTIFY": address})
    assert redact_text(f"called with {address}") == "called with [redacted]"
    assert "q7LmZx2V" not in repr(Settings(notify=address))
