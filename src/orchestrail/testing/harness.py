"""Running a host's program, with the adapter and without, in processes of their own. What must hold of it is judged elsewhere.

An adapter describes its host by a subclass of `Host`: which program holds the kit's processes as native tasks, and how it is run.
"""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from orchestrail.model import AdapterInfo, Capability, Gap

TIMEOUT = 300.0
"""Seconds after which a run is taken for hung."""

PASSWORD = "MARKER-environment-5a3e90"  # noqa: S105 - planted in the environment of every run, to be found nowhere
MARKER = re.compile(rb"MARKER-\w+-\w+")

_OURS = ("ORCHESTRAIL_", "OPENLINEAGE_", "KIT_", "PYTHONPATH", "COVERAGE_")
_MASKS = (
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "<uuid>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?"), "<time>"),
    (re.compile(r"\b\d\d:\d\d:\d\d(?:[.,]\d+)?\b"), "<time>"),
    (re.compile(r"\b0x[0-9a-f]+\b"), "<address>"),
)
_INFO = """
import dataclasses, importlib.metadata, json, sys
(found,) = importlib.metadata.entry_points(group="orchestrail", name=sys.argv[1])
info = found.load().adapter_info()
print(json.dumps(dataclasses.asdict(info) | {"capabilities": sorted(info.capabilities)}))
"""


class Host:
    """One orchestrator, as the kit reaches it. An adapter's test makes a subclass; the attributes are all that most hosts need.

    The program is a Python file with one function per process (`success`, `failure`, `retry` ...); which steps each has is said by
    the functions of `orchestrail.testing.expectations`. It ends with `workload.main(globals())`, puts the functions
    of `workload` into native tasks, and applies the adapter only where `workload.is_recorded()` says so. It is run as
    `python program.py <process>`, in the folder `KIT_FOLDER`, once as the control and once recorded.

    Attributes:
        adapter: name of the adapter, equal to its entry point.
        program: the program.
        python: the interpreter of the host's environment, where that is not the one of the tests.
        warm: modules that take long to import. Where some are named, one process imports them and forks for each run; it is given
            the environment of `environment` when it starts, and each run's own environment after the fork.
        specification: a folder with OpenLineage's own schemas, where one is at hand; ours are always used.
    """

    adapter: ClassVar[str]
    program: ClassVar[Path]
    python: str = sys.executable
    warm: Sequence[str] = ()
    specification: Path | None = None

    def environment(self, recorded: bool) -> Mapping[str, str]:
        """Give variables that this host needs, and those that keep an adapter out which attaches by itself.

        Variables that begin with the adapter's name are taken from nobody else.

        Args:
            recorded: False for the control.
        """
        return {}

    def command(self, process: str) -> Sequence[str]:
        """Give the arguments of the interpreter that run a process; the first is a file."""
        return (str(self.program), process)

    def mask(self, text: str) -> str:
        """Replace what differs between any two runs: generated names, durations. Times, UUIDs and paths are masked already."""
        return text


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run of a program ended.

    Attributes:
        process: what ran.
        status: exit status; negative for a signal.
        stdout: standard output.
        stderr: standard error.
        folder: where it read and wrote.
        home: orchestrail's home.
        spool: orchestrail's spool.
    """

    process: str
    status: int
    stdout: str
    stderr: str
    folder: Path
    home: Path
    spool: Path


class Harness:
    """Runs a host's program, each run in a folder of its own.

    Args:
        host: the host.
        folder: where everything happens.
        injected: text of a module that each recorded run imports before anything else: a deliberate fault.
    """

    def __init__(self, host: Host, folder: Path, injected: str | None = None) -> None:
        self.host = host
        self.folder = folder
        self._count = 0
        self._warm: dict[bool, _Warm] = {}
        self._injected: Path | None = None
        if injected is not None:
            self._injected = folder / "injected"
            self._injected.mkdir(parents=True)
            (self._injected / "sitecustomize.py").write_text(injected)

    def close(self) -> None:
        """End the processes that were kept."""
        for warm in self._warm.values():
            warm.close()
        self._warm.clear()

    def info(self) -> AdapterInfo:
        """Ask the adapter, in its host's environment, what it is.

        Raises:
            AssertionError: it cannot be loaded.
        """
        command = [self.host.python, "-c", _INFO, self.host.adapter]
        done = subprocess.run(
            command, env=self.environment(recorded=True), capture_output=True, text=True, timeout=TIMEOUT, check=False
        )
        assert done.returncode == 0, f"the adapter {self.host.adapter} does not tell what it is: {done.stderr}"
        said = json.loads(done.stdout)
        return AdapterInfo(
            **said
            | {
                "capabilities": frozenset(Capability(name) for name in said["capabilities"]),
                "gaps": tuple(Gap(**gap) for gap in said["gaps"]),
            }
        )

    def run(
        self,
        process: str,
        *,
        recorded: bool,
        fresh: bool,
        prefix: Sequence[str] = (),
        packages: Path | None = None,
        **variables: str,
    ) -> Ended:
        """Run a process of the host's program to its end.

        Args:
            process: name of the function in the program.
            recorded: False for the control.
            fresh: False where the process that has imported the host already may be used, see `is_fresh`.
            prefix: a command that runs the command, such as one that makes a file system for it.
            packages: a folder with packages that are installed for this run alone.
            variables: environment variables of this run.

        Raises:
            AssertionError: it does not end.
        """
        self._count += 1
        place = self.folder / f"{self._count:02}-{process}-{'recorded' if recorded else 'control'}"
        data, home = place / "data", place / "home"
        data.mkdir(parents=True)
        environment = self.environment(recorded=recorded) | {
            "KIT_FOLDER": str(data),
            "KIT_PASSWORD": PASSWORD,
            "ORCHESTRAIL_HOME": str(home),
        }
        if recorded:
            environment["KIT_RECORDED"] = "1"
        environment |= {name: value.format(home=home) for name, value in variables.items()}
        if packages is not None:
            _put_first(packages, environment)
        arguments = self.host.command(process)
        if fresh:
            status = _fresh([*prefix, self.host.python, *arguments], environment, data, place)
        else:
            status = self._kept(recorded).run(arguments, environment, data, place)
        return Ended(
            process,
            status,
            (place / "stdout").read_text(errors="replace"),
            (place / "stderr").read_text(errors="replace"),
            data,
            Path(environment["ORCHESTRAIL_HOME"]),
            Path(environment.get("ORCHESTRAIL_SPOOL") or f"{environment['ORCHESTRAIL_HOME']}/spool"),
        )

    def is_fresh(self, prefix: Sequence[str] = (), packages: Path | None = None) -> bool:
        """Say whether a run needs a process of its own from the start. Its control then needs one too: importing may print."""
        return bool(not self.host.warm or prefix or packages or self._injected)

    def masked(self, text: str, ended: Ended) -> str:
        """Mask what differs between any two runs."""
        text = text.replace(str(ended.folder.parent), "<place>")
        for pattern, mask in _MASKS:
            text = pattern.sub(mask, text)
        return self.host.mask(text)

    def environment(self, *, recorded: bool) -> dict[str, str]:
        """Give the environment that every run has: the host's variables, and nobody's of ours."""
        foreign = (*_OURS, f"{self.host.adapter.upper()}_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        variables = {**kept, **self.host.environment(recorded)}
        if recorded and self._injected is not None:
            _put_first(self._injected, variables)
        return variables

    def _kept(self, recorded: bool) -> _Warm:
        if recorded not in self._warm:
            self._warm[recorded] = _Warm(self.host, self.environment(recorded=recorded))
        return self._warm[recorded]


def _put_first(folder: Path, environment: dict[str, str]) -> None:
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(folder), environment.get("PYTHONPATH"))))


def _fresh(command: Sequence[str], environment: Mapping[str, str], folder: Path, place: Path) -> int:
    with (place / "stdout").open("wb") as out, (place / "stderr").open("wb") as err:
        process = subprocess.Popen(
            command,
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
        try:
            return process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            raise AssertionError(_hung(command)) from None
        finally:
            _end(process.pid)
            process.wait()


class _Warm:
    """The process that loads a host once and forks for each run (`warm.py`)."""

    def __init__(self, host: Host, environment: Mapping[str, str]) -> None:
        file = Path(__file__).with_name("warm.py")
        self._process = subprocess.Popen(
            [host.python, "-P", str(file), *host.warm],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, arguments: Sequence[str], environment: Mapping[str, str], folder: Path, place: Path) -> int:
        assert self._process.stdin is not None
        request = {
            "arguments": list(arguments),
            "environment": dict(environment),
            "folder": str(folder),
            "stdout": str(place / "stdout"),
            "stderr": str(place / "stderr"),
        }
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        child = int(self._answer(arguments)["pid"])
        try:
            return int(self._answer(arguments)["status"])
        finally:
            _end(child)

    def _answer(self, arguments: Sequence[str]) -> dict[str, Any]:
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], TIMEOUT)
        line = self._process.stdout.readline() if ready else ""
        assert line, _hung(arguments)
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            _end(self._process.pid)
            self._process.wait()
        self._process.stdout.close()


def _end(group: int) -> None:
    """End what a run left behind."""
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _hung(command: Sequence[str]) -> str:
    return f"{' '.join(command)} did not end within {TIMEOUT:.0f} s"
