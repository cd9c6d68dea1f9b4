"""Where a scenario is tried: it runs a process with and without the adapter and holds both against the invariants."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from orchestrail.model import AdapterInfo
from orchestrail.settings import Settings
from orchestrail.testing import invariants
from orchestrail.testing.events import spooled_events
from orchestrail.testing.harness import Ended, Harness, Host
from orchestrail.testing.invariants import Planted
from orchestrail.testing.recorded import Recorded

_DOCTOR = "import sys; from orchestrail.cli import main; sys.exit(main())"


class Bench:
    """Tries scenarios on one host.

    Args:
        host: the host.
        folder: where its runs take place.
        injected: a deliberate fault, as `Harness` takes it.
        sound: a bench of the same host without the fault, whose control runs and whose adapter's information this one takes.
    """

    def __init__(self, host: Host, folder: Path, injected: str | None = None, sound: Bench | None = None) -> None:
        self.host = host
        self.harness = Harness(host, folder, injected)
        self._sound = sound
        self._controls: dict[tuple[str, bool], Ended] = {} if sound is None else sound._controls

    @cached_property
    def info(self) -> AdapterInfo:
        """What the adapter says of itself."""
        return self.harness.info() if self._sound is None else self._sound.info

    def control(self, process: str, *, fresh: bool) -> Ended:
        """Run a process without the adapter, once for all scenarios that use it.

        Args:
            process: name of the function in the host's program.
            fresh: True for the control of a run that is `Harness.is_fresh`.

        Raises:
            AssertionError: something was recorded, so it is no control.
        """
        if (process, fresh) not in self._controls:
            ended = self.harness.run(process, recorded=False, fresh=fresh)
            assert f"no process {process}" not in ended.stderr, f"{self.host.program} has no process {process}"
            assert spooled_events(ended.spool) == [], f"the control of {process} is recorded"
            self._controls[process, fresh] = ended
        return self._controls[process, fresh]

    def record(
        self,
        process: str,
        planted: Planted | None = None,
        *,
        prefix: Sequence[str] = (),
        packages: Path | None = None,
        **variables: str,
    ) -> Recorded:
        """Run a process with and without the adapter, and judge what holds after every run.

        Args:
            process: name of the function in the host's program.
            planted: what the scenario breaks on purpose.
            prefix: a command that runs the recorded one.
            packages: a folder with packages that are installed for the recorded run.
            variables: environment variables of the recorded run; `{home}` in them is its home.

        Raises:
            AssertionError: with all that does not hold.
        """
        planted = planted or Planted()
        fresh = self.harness.is_fresh(prefix, packages)
        control = self.control(process, fresh=fresh)
        ended = self.harness.run(process, recorded=True, fresh=fresh, prefix=prefix, packages=packages, **variables)
        recorded = Recorded(ended, tuple(spooled_events(ended.spool)))
        problems = [
            *invariants.of_host(self.harness, control, ended, planted),
            *invariants.of_events(recorded, self.info, planted, self.host.specification),
            *invariants.of_trouble(ended, planted),
            *invariants.of_store(ended, planted),
        ]
        assert not problems, f"{process}:\n" + "\n".join(problems)
        return recorded

    def doctor(self, recorded: Recorded, **variables: str) -> list[dict[str, Any]]:
        """Give the problems that `orchestrail doctor` tells of a run's home."""
        environment = (
            self.harness.environment(recorded=True) | {"ORCHESTRAIL_HOME": str(recorded.ended.home)} | variables
        )
        command = [sys.executable, "-c", _DOCTOR, "doctor", "--json", "--no-collect"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        problems: list[dict[str, Any]] = json.loads(done.stdout)["problems"]
        return problems


def settings_of(recorded: Recorded) -> Settings:
    """Give the settings under which a run's record is read."""
    return Settings(home=recorded.ended.home, spool=recorded.ended.spool)


@contextmanager
def bench(host: Host, folder: Path, injected: str | None = None, sound: Bench | None = None) -> Iterator[Bench]:
    """Give a bench, and end what it kept."""
    made = Bench(host, folder, injected, sound)
    try:
        yield made
    finally:
        made.harness.close()
