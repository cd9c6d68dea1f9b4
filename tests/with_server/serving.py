"""A server in a process of its own, as a user starts it. No test lives here."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx

from orchestrail.operations import open_record
from orchestrail.settings import load_settings
from orchestrail.store.base import Record, Store
from orchestrail.testing.stores import quarantined

COMMAND = [sys.executable, "-c", "from orchestrail.cli import main; main()"]


class Serving:
    """A running server.

    Attributes:
        url: where it listens.
        home: its home.
    """

    def __init__(
        self,
        home: Path,
        *options: str,
        environment: Mapping[str, str] = MappingProxyType({}),
        port: int = 0,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self.home = home
        self._command = command
        self._options = options
        self._environment = environment
        self._log = self._quarantine = 0
        self.start(port)

    def mark(self) -> None:
        """Look from here on at what comes now alone."""
        self._log, self._quarantine = self.store().size(), len(quarantined(self.store()))

    def start(self, port: int = 0) -> None:
        """Start it, at a port that is free or at this one."""
        command = [*self._command, "serve", "--home", str(self.home), "--port", str(port), *self._options]
        environment = os.environ | self._environment
        self.process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
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
        # Reading the certificates of authorities takes longer than most answers.
        return httpx.Client(base_url=f"{self.url}/api/v1", headers=headers, timeout=60, verify=False, **options)

    def store(self) -> Store:
        """Open its store from outside."""
        return open_record(load_settings(home=self.home))

    def records(self) -> list[Record]:
        """Read its log."""
        return list(self.store().records(self._log - 1))

    def quarantined(self) -> list[bytes]:
        """Read what is in its quarantine."""
        return [entry.body for entry in quarantined(self.store())][self._quarantine :]

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
