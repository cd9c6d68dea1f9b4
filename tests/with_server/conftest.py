"""Servers, tokens and commands for the tests of this folder, and their way to `serving.py`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType

import made
import pytest

from orchestrail.operations.tokens import Scope, Tokens
from orchestrail.testing.patience import be_patient

sys.path.insert(0, str(Path(__file__).parent))

from serving import COMMAND, Serving

be_patient()


@pytest.fixture(scope="session", name="made")
def made_events() -> ModuleType:
    """Events to choose from: those of the unit tests."""
    return made


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Serving]]:
    """Start a server; it ends with the test."""
    running: list[Serving] = []

    def start(*options: str, home: Path | None = None, environment: Mapping[str, str] = {}, port: int = 0) -> Serving:
        running.append(Serving(home or tmp_path / "server", *options, environment=environment, port=port))
        return running[-1]

    yield start
    for server in running:
        server.kill()
        server.process.stderr.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server that the tests of a module share, where what others sent to it does not matter."""
    running = Serving(tmp_path_factory.mktemp("shared") / "server")
    yield running
    running.stop()


@pytest.fixture
def server(serve: Callable[..., Serving]) -> Serving:
    """A server of this machine alone, which needs no token."""
    return serve()


@pytest.fixture
def token(tmp_path: Path) -> Callable[..., str]:
    """Make a token of the server that is to be."""

    def make(*scopes: str, systems: list[str] | None = None, name: str = "test") -> str:
        _, text = Tokens(tmp_path / "server").create(name, [Scope(scope) for scope in scopes], systems)
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
