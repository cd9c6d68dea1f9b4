"""What the script adapter's tests share: a program run in a process of its own, and what it left."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orchestrail.testing import Host, spooled_events

HEAD = """
import asyncio, json, os, sys, time
from pathlib import Path
import orchestrail
"""


@dataclass(frozen=True)
class Outcome:
    """What a program printed, how it ended, and the events that it left."""

    stdout: str
    stderr: str
    status: int
    events: list[dict[str, Any]]
    home: Path

    def of(self, job: str) -> list[tuple[str, dict[str, Any]]]:
        """Give (event type, event) of a job, in order."""
        return [(event["eventType"], event) for event in self.events if event["job"]["name"] == job]


Run = Callable[..., Outcome]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment in which nothing of ours or OpenLineage's is set but the home."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("ORCHESTRAIL_", "OPENLINEAGE_"))}
    return kept | {"ORCHESTRAIL_HOME": str(tmp_path / "home")}


@pytest.fixture
def run(tmp_path: Path, environment: dict[str, str]) -> Run:
    """Run a program in its own process: `run(text, audited=True, **environment)`; without `audited` as a control."""

    def run(text: str, *, audited: bool = True, **more: str) -> Outcome:
        if audited:
            head = HEAD + "from orchestrail_script import audited\n"
        else:
            head = HEAD + "def audited(f=None, **k): return f if f else audited\n"
        (tmp_path / "program.py").write_text(head + textwrap.dedent(text))
        done = subprocess.run(
            [sys.executable, "program.py"],
            cwd=tmp_path,
            env=environment | more,
            capture_output=True,
            text=True,
            timeout=300,
        )
        home = Path(more.get("ORCHESTRAIL_HOME", environment["ORCHESTRAIL_HOME"]))
        return Outcome(done.stdout, done.stderr, done.returncode, spooled_events(home / "spool"), home)

    return run


class Script(Host):
    """Plain Python, as the kit reaches it: the program is its own host."""

    adapter = "script"
    program = Path(__file__).with_name("native.py")


@pytest.fixture(scope="session")
def host() -> Host:
    """Give the host."""
    return Script()
