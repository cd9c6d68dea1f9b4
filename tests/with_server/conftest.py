"""A server in a process of its own, as a user starts it, and what is sent to it."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from orchestrail.operations import open_record
from orchestrail.operations.tokens import Scope, Tokens
from orchestrail.settings import load_settings
from orchestrail.store.base import Record, Store

COMMAND = [sys.executable, "-c", "from orchestrail.cli import main; main()"]


@pytest.fixture(scope="session")
def made() -> ModuleType:
    """Events to choose from: those of the unit tests."""
    path = Path(__file__).parents[1] / "unit" / "projections" / "made.py"
    spec = importlib.util.spec_from_file_location("made", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Serving:
    """A running server.

    Attributes:
        url: where it listens.
        home: its home.
    """

    def __init__(self, home: Path, *options: str) -> None:
        self.home = home
        self._options = options
        self.start()

    def start(self, port: int = 0) -> None:
        """Start it, at a port that is free or at this one."""
        command = [*COMMAND, "serve", "--home", str(self.home), "--port", str(port), *self._options]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        told: list[str] = []
        for line in self.process.stderr:
            told.append(line)
            if match := re.search(r"listening at (\S+)", line):
                self.url = match[1]
                return
        raise AssertionError("".join(told))

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rpartition(":")[2])

    def client(self, token: str | None = None, **options: Any) -> httpx.Client:
        """Make a client of its API."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(base_url=f"{self.url}/api/v1", headers=headers, timeout=60, **options)

    def store(self) -> Store:
        """Open its store from outside."""
        return open_record(load_settings(home=self.home))

    def records(self) -> list[Record]:
        """Read its log."""
        return list(self.store().records())

    def bodies(self) -> list[Any]:
        """Read the events of its log."""
        return [json.loads(record.body) for record in self.records()]

    def kill(self) -> None:
        """End it in the middle of whatever it is at."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> str:
        """Tell it to end, as a service manager does; give what it said."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        _, said = self.process.communicate(timeout=60)
        return said


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Serving]]:
    """Start a server; it ends with the test."""
    running: list[Serving] = []

    def start(*options: str, home: Path | None = None) -> Serving:
        running.append(Serving(home or tmp_path / "server", *options))
        return running[-1]

    yield start
    for server in running:
        server.kill()
        server.process.stderr.close()


@pytest.fixture
def server(serve: Callable[..., Serving]) -> Serving:
    """A server of this machine alone, which needs no token."""
    return serve()


@pytest.fixture
def token(tmp_path: Path) -> Callable[..., str]:
    """Make a token of the server that is to be."""

    def make(*scopes: str, systems: list[str] | None = None, name: str = "test") -> str:
        made, text = Tokens(tmp_path / "server").create(name, [Scope(scope) for scope in scopes], systems)
        return text

    return make


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Type a command in a process of its own."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *arguments], env=os.environ | environment, capture_output=True, text=True, timeout=120
        )

    return run
