"""The checker in Go, and one log of 70,000 entries in a file and, migrated, in PostgreSQL; each can be served."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from orchestrail.operations.tokens import Scope, Tokens
from orchestrail.store import copy_store, open_store
from orchestrail.store.base import Store
from orchestrail.testing.postgresql import Cluster
from orchestrail.testing.stores import spooled

sys.path.insert(0, str(Path(__file__).parents[1] / "with_server"))

from serving import Serving

STEPS = (0, 1, 255, 256, 300, 65_535, 65_536, 70_000)
"""Sizes at which the log was signed: before, at and after tiles of the first and of the second level became full."""

Checker = Callable[..., "subprocess.CompletedProcess[str]"]


class Log:
    """A log that can be read, and served to whoever has the token.

    Attributes:
        url: of its store.
        home: folder of its keys.
    """

    def __init__(self, url: str, home: Path) -> None:
        self.url = url
        self.home = home
        _, self.token = Tokens(home).create("auditor", [Scope.READ], None)

    def store(self) -> Store:
        """Open it."""
        return open_store(self.url, home=self.home)

    def key(self) -> str:
        """Give the public key as it is pinned."""
        (pinned,) = (self.home / "keys").glob("*.pub")
        return pinned.read_text().strip()

    def serve(self) -> Serving:
        """Serve it."""
        return Serving(self.home, "--store", self.url, "--no-collect")


@pytest.fixture(scope="session")
def checker(tmp_path_factory: pytest.TempPathFactory) -> Checker:
    """Build the checker against Debian's package of golang.org/x/mod."""
    program = tmp_path_factory.mktemp("checker") / "checker"
    environment = {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOCACHE": str(program.parent / "cache")}
    subprocess.run(
        ["go", "build", "-o", str(program), str(Path(__file__).parent / "checker.go")],
        env=os.environ | environment,
        check=True,
    )

    def run(*arguments: str, said: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run([program, *arguments], input=said, capture_output=True, text=True, timeout=600)

    return run


@pytest.fixture(scope="session")
def file(tmp_path_factory: pytest.TempPathFactory) -> Log:
    """The log in a file."""
    home = tmp_path_factory.mktemp("log") / "home"
    url = f"sqlite:///{home / 'audit.db'}"
    with open_store(url, home=home, create=True) as store:
        for before, after in pairwise(STEPS):
            store.append([spooled(number) for number in range(before, after)])
    return Log(url, home)


@pytest.fixture(scope="session")
def database(file: Log) -> Iterator[Log]:
    """The same log in PostgreSQL."""
    with tempfile.TemporaryDirectory(prefix="orchestrail-pg-") as folder:
        cluster = Cluster(Path(folder), fsync="off")
        url = cluster.create("log")
        copy_store(file.url, url, file.home)
        yield Log(url, file.home)
        cluster.stop()


@pytest.fixture(params=["file", "database"])
def log(request: pytest.FixtureRequest) -> Log:
    """The log on each engine."""
    return request.getfixturevalue(request.param)
