"""No room, no right to write, a folder that is deleted: the program does not notice, and the record tells."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrail import trouble
from orchestrail.testing import spooled_events

Run = Callable[..., Any]

STEPS = """
import resource, shutil

def fill(path):
    try:
        with open(path, "wb", buffering=0) as file:
            for size in (4096, 1):
                while file.write(b"x" * size): pass
    except OSError:
        pass

@orchestrail.step(role="other")
def one(): return 1

@orchestrail.step(role="other")
def two(): return 2

@audited
def main():
    first = one()
    {between}
    for _ in range(50): one()
    return first + two()

@audited
def later(): return two()

print(main())
{after}
"""


def program(between: str, after: str = "") -> str:
    return STEPS.format(between=between, after=after)


def command(environment: dict[str, str], *arguments: str) -> Any:
    """Type a command of ours in a process of its own; gives its document."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("orchestrail")), *arguments, "--json"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[tuple[Path, str, str]]:
    """A disk of 2 MB where the tests may mount one, else a limit on the size of files; code that fills it, and that makes room."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if os.geteuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0:
        try:
            filler = str(folder / "filler")
            yield folder, f"fill({filler!r})", f"os.unlink({filler!r})"
        finally:
            subprocess.run(["umount", str(folder)], check=True)
    else:
        limit = "resource.setrlimit(resource.RLIMIT_FSIZE, ({}, resource.RLIM_INFINITY))"
        yield folder, limit.format(40_000), limit.format("resource.RLIM_INFINITY")


def jobs(events: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(event["job"]["name"].removeprefix("program."), event["eventType"]) for event in events]


def test_a_disk_that_fills_up_costs_events_and_nothing_else(
    run: Run, small_disk: tuple[Path, str, str], environment: dict[str, str]
) -> None:
    """The program is as its control; what was recorded is there, later runs are again, and the gap and the reason are told."""
    folder, filling, making_room = small_disk
    control = run(program("pass", "later()"), audited=False)
    spool = {"ORCHESTRAIL_SPOOL": str(folder / "spool")}
    outcome = run(program(filling, f"{making_room}\nlater()"), **spool)
    assert (outcome.stdout, outcome.stderr, outcome.status) == (control.stdout, control.stderr, control.status)
    recorded = jobs(spooled_events(folder / "spool", cut_off=True))
    assert recorded[:3] == [("main", "START"), ("main.one", "START"), ("main.one", "COMPLETE")]
    assert [job for job, _ in recorded[-4:]] == ["later", "later.two", "later.two", "later"]
    assert ("main", "COMPLETE") not in recorded
    assert any("not spooled" in note["error"] for note in trouble.read(outcome.home))
    problems = {problem["code"] for problem in command(environment | spool, "doctor")["problems"]}
    assert {"trouble", "events-missing"} <= problems


@pytest.mark.parametrize("what", ["spool", "home"])
def test_a_folder_that_is_deleted_while_running_is_made_again(
    run: Run, tmp_path: Path, environment: dict[str, str], what: str
) -> None:
    """What was in the spool is written once more, what comes later is recorded, and that it happened is told."""
    folder = tmp_path / "home" / ("spool" if what == "spool" else "")
    control = run(program("pass"), audited=False)
    outcome = run(program(f"shutil.rmtree({str(folder)!r})"))
    assert (outcome.stdout, outcome.stderr, outcome.status) == (control.stdout, control.stderr, control.status)
    steps = [(f"main.{name}", kind) for name in [*["one"] * 51, "two"] for kind in ("START", "COMPLETE")]
    assert jobs(outcome.events) == [("main", "START"), *steps, ("main", "COMPLETE")]
    problems = {problem["code"]: problem["what"] for problem in command(environment, "doctor")["problems"]}
    assert "was deleted while its process was writing to it" in problems["trouble"]
    assert "events-missing" not in problems


AS_ANOTHER = """
if os.geteuid() == 0:  # root may write anywhere
    os.setgroups([])
    os.setgid(12003)
    os.setuid(12003)
"""


@pytest.mark.parametrize("what", ["spool", "home"])
def test_a_folder_that_cannot_be_written_leaves_the_program_alone(
    run: Run, tmp_path: Path, environment: dict[str, str], what: str
) -> None:
    """A fork that may only read: it goes on, and records nothing that could be taken for a record."""
    folder = tmp_path / "home" / ("spool" if what == "spool" else "")
    forked = (
        "sys.stdout.flush()\nchild = os.fork()\nif child == 0:\n"
        + "".join(f"    {line}\n" for line in AS_ANOTHER.strip().splitlines())
        + "    print(main())\n    sys.stdout.flush()\n    os._exit(0)\nos.waitpid(child, 0)\n"
    )
    readable = f"os.chmod({str(folder)!r}, 0o555)\n"
    outcome = run(program("pass", readable + forked))
    assert (outcome.stdout, outcome.stderr, outcome.status) == ("3\n3\n", "", 0)
    assert jobs(outcome.events).count(("main", "START")) == 1
    folder.chmod(0o700)
