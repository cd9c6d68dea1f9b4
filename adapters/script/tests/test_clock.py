"""A clock that jumps while a program runs: what was told stays as it was told, in its order, and what cannot be true is marked."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Run = Callable[..., Any]

CLOCK = """
# Loaded by the interpreter before anything else: the clocks of this process can be set.
import datetime, time

offset = 0.0
really, really_ns, actual = time.time, time.time_ns, datetime.datetime

class Settable(actual):
    @classmethod
    def now(cls, tz=None):
        return actual.fromtimestamp(really() + offset, tz)

time.time = lambda: really() + offset
time.time_ns = lambda: really_ns() + int(offset * 1e9)
datetime.datetime = Settable
"""

JUMPS = """
import sitecustomize

def jump(seconds):
    sitecustomize.offset += seconds

@orchestrail.step(role="other")
def back():
    jump(-3600)

@orchestrail.step(role="other")
def forth():
    jump(10 * 24 * 3600)

@orchestrail.step(role="other")
def last(): pass

@audited
def main():
    back(); forth(); jump(-20 * 24 * 3600); last()

main()
"""


def test_times_are_as_they_were_told_and_impossible_ones_are_marked(
    run: Run, tmp_path: Path, environment: dict[str, str]
) -> None:
    """An hour back, ten days forth, twenty back: one segment in its order, nothing lost, and no time is mended."""
    (tmp_path / "sitecustomize.py").write_text(CLOCK)
    outcome = run(JUMPS, PYTHONPATH=str(tmp_path))
    assert (outcome.stderr, outcome.status) == ("", 0)
    spool = tmp_path / "home" / "spool"
    (segment,) = spool.glob("*.seg")
    lines = [json.loads(line.split(b" ", 3)[3]) for line in segment.read_bytes().splitlines()[1:] if line]
    told = [(line["job"]["name"].removeprefix("program."), line["eventType"]) for line in lines]
    assert told == [
        ("main", "START"), ("main.back", "START"), ("main.back", "COMPLETE"), ("main.forth", "START"),
        ("main.forth", "COMPLETE"), ("main.last", "START"), ("main.last", "COMPLETE"), ("main", "COMPLETE"),
    ]  # fmt: skip
    document = ask(environment, "show", lines[0]["run"]["runId"], "--json")
    runs = {one["job"]["name"].removeprefix("program."): one for one in json.loads(document)["runs"]}
    assert {name: (one["state"], one["ends_before_start"]) for name, one in runs.items()} == {
        "main": ("COMPLETE", True),
        "main.back": ("COMPLETE", True),
        "main.forth": ("COMPLETE", False),
        "main.last": ("COMPLETE", False),
    }
    times = {(name, kind): line["eventTime"] for (name, kind), line in zip(told, lines, strict=True)}
    assert runs["main.back"]["started_at"] == times["main.back", "START"]
    assert runs["main.back"]["ended_at"] == times["main.back", "COMPLETE"]
    text = ask(environment, "show", lines[0]["run"]["runId"])
    assert text.count("it ends before it starts") == 2
    assert (
        "-" not in next(line for line in text.splitlines() if line.startswith("program.main")).partition("COMPLETE")[2]
    )
    assert json.loads(ask(environment, "doctor", "--json"))["problems"] == []
    assert json.loads(ask(environment, "verify", "--json"))["ok"]


def ask(environment: dict[str, str], *arguments: str) -> str:
    """Type a command of ours in a process of its own, whose clock is right."""
    command = [str(Path(sys.executable).with_name("orchestrail")), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=True)
    return done.stdout
