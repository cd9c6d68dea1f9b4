"""The audit desk as a person meets it: a server in a process of its own on a recorded example, and a real browser before it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Playwright,
    Request,
    expect,
    sync_playwright,
)

from orchestrail.testing.patience import be_patient

sys.path.insert(0, str(Path(__file__).parent))  # for `sending`, which is no test
PATIENCE = 120_000
"""Milliseconds that a page may take for what a browser does on a busy machine."""
be_patient()
expect.set_options(timeout=PATIENCE)

EXAMPLE = Path(__file__).parents[2] / "examples" / "mortgage"
DATA = EXAMPLE / "hmda-boston-1990.csv"
SCRIPT = "<script>document.title='taken'</script>"
TURNED = "ledger-\u202egpj.exe"
LONG = "x" * 1_000_000
STRANGE_RUN = "0192f000-0000-7000-8000-00000000abcd"


@dataclass(frozen=True)
class Desk:
    """A running server on a recorded example.

    Attributes:
        url: where it listens.
        home: its home.
        outs: folders of what the two recorded runs wrote, the first one's first.
    """

    url: str
    home: Path
    outs: tuple[Path, Path]
    _asked: dict[tuple[str, ...], Any] = field(default_factory=dict, compare=False)

    def json(self, *arguments: str) -> Any:
        """Give the document that a command prints about the same record; it is asked once, since nothing changes the record."""
        if arguments not in self._asked:
            self._asked[arguments] = self._command(*arguments)
        return self._asked[arguments]

    def _command(self, *arguments: str) -> Any:
        done = subprocess.run(
            [Path(sys.executable).with_name("orchestrail"), *arguments, "--json", "--no-collect", "--home", self.home],
            capture_output=True,
            text=True,
            timeout=300,
        )
        return json.loads(done.stdout)

    def size(self) -> int:
        """Give how many entries the log has now."""
        return self._command("checkpoint")["size"]

    def roots(self) -> list[dict[str, Any]]:
        """Give the root runs of the example, the newest first."""
        return [run for run in self.json("runs")["runs"] if run["system"]]


@pytest.fixture(scope="session")
def serve() -> Iterator[Callable[..., str]]:
    """Start servers as a user does, each on a home; give where they listen. One at the port of another takes its place."""
    running: dict[int, subprocess.Popen[str]] = {}

    def end(process: subprocess.Popen[str]) -> None:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=120)

    def start(home: Path, port: int = 0, **environment: str) -> str:
        if port in running:
            end(running.pop(port))
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("ORCHESTRAIL_", "OPENLINEAGE_", "PREFECT_"))}
        command = [Path(sys.executable).with_name("orchestrail"), "serve", "--home", home, "--port", str(port)]
        process = subprocess.Popen(command, env=kept | environment, stderr=subprocess.PIPE, text=True)
        told = []
        for line in process.stderr:
            told.append(line)
            if match := re.search(r"listening at (\S+:(\d+))", line):
                running[int(match[2])] = process
                return match[1]
        raise AssertionError("".join(told))

    yield start
    for process in running.values():
        end(process)


@pytest.fixture(scope="session")
def desk(serve: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Record the example twice, the second time on less data, and an event with strange names; then serve the record."""
    folder = tmp_path_factory.mktemp("desk")
    home = folder / "home"
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("ORCHESTRAIL_", "OPENLINEAGE_", "PREFECT_"))}
    environment = kept | {"ORCHESTRAIL_HOME": str(home), "PREFECT_HOME": str(folder / "prefect")}
    environment |= {"PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180"}
    shorter = folder / "applications.csv"
    shorter.write_text("".join(DATA.read_text().splitlines(keepends=True)[:2000]))
    outs = folder / "first", folder / "second"
    for out, data in zip(outs, (DATA, shorter), strict=True):
        out.mkdir()
        command = [sys.executable, EXAMPLE / "flow.py", "--data", data, "--out", out]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
    orchestrail = str(Path(sys.executable).with_name("orchestrail"))
    strange = folder / "strange.json"
    strange.write_text(json.dumps(strange_event()))
    subprocess.run([orchestrail, "ingest", strange, "--home", home], check=True, capture_output=True)
    refused = folder / "refused.json"
    refused.write_text('{"no": "event", "name": "<b>bold</b>"}')
    subprocess.run([orchestrail, "ingest", refused, "--home", home], check=False, capture_output=True)
    return Desk(serve(home), home, outs)


def strange_event() -> dict[str, Any]:
    """An event of another producer whose names try to do harm."""
    return {
        "eventTime": "2026-03-01T12:00:00.000000Z",
        "eventType": "COMPLETE",
        "producer": "https://example.org/producer",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": STRANGE_RUN, "facets": {}},
        "job": {"namespace": "elsewhere", "name": SCRIPT, "facets": {}},
        "inputs": [{"namespace": "file", "name": f"/{TURNED}", "facets": {}}],
        "outputs": [{"namespace": "file", "name": f"/{LONG}", "facets": {}}],
    }


@pytest.fixture(scope="session")
def _playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser(_playwright: Playwright) -> Iterator[Browser]:
    """Debian's Chromium, without a window; as root it has no sandbox."""
    found = shutil.which("chromium")
    assert found, "Chromium is not installed: apt-get install chromium"
    started = _playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
    yield started
    started.close()


class Watched:
    """What a browser complained of, and whom it asked: nothing, and nobody but the server."""

    def __init__(self, context: BrowserContext, host: str) -> None:
        self.complaints: list[str] = []
        self.others: list[str] = []
        self._host = host
        context.on("console", self._said)
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        context.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}"))
        context.on("request", self._asked)

    def _said(self, message: ConsoleMessage) -> None:
        # That a page is not found is told by its status, which tests look at.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def _asked(self, request: Request) -> None:
        if not request.url.startswith(self._host):
            self.others.append(request.url)


@pytest.fixture(scope="module")
def empty(serve: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> str:
    """A server that holds nothing, but for what the tests of a module send."""
    return serve(tmp_path_factory.mktemp("empty") / "home")


@pytest.fixture
def fresh(empty: str, browser: Browser) -> Iterator[BrowserContext]:
    """A browser before it."""
    context = browser.new_context(base_url=empty, viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE)
    watched = Watched(context, empty)
    yield context
    context.close()
    assert watched.others == []
    assert [said for said in watched.complaints if "Security Policy" in said] == []


@pytest.fixture
def context(browser: Browser, desk: Desk) -> Iterator[BrowserContext]:
    """A fresh session of the browser; whatever a test does there, it complains of nothing and asks nobody else."""
    made = browser.new_context(base_url=desk.url, viewport={"width": 1280, "height": 900})
    made.set_default_timeout(PATIENCE)
    watched = Watched(made, desk.url)
    yield made
    made.close()
    assert watched.complaints == []
    assert watched.others == []


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """A page of it."""
    return context.new_page()
