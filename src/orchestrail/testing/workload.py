"""What the kit has every host run: plain functions that read, write, wait, fail and die. Nothing of a host is here.

A host's program puts them into native tasks. They work in the folder that `KIT_FOLDER` names, and meet through folders in it where
they must run at once, because folders are no data that a recorder sees.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import orchestrail

PATIENCE = 120.0
"""Seconds that functions which must run at once wait for each other."""

TEXT = "the host's own error"


class Odd(Exception):
    """An exception that no host knows."""


class Table:
    """Data in memory, of a kind that only a plugin can know."""


def is_recorded() -> bool:
    """Say whether this run is to be recorded; without, it is the control and the adapter must not be applied."""
    return "KIT_RECORDED" in os.environ


def folder() -> Path:
    """Give the folder in which this run reads and writes."""
    return Path(os.environ["KIT_FOLDER"])


def produce(name: str = "produced.txt", rows: int = 3) -> str:
    """Write a file; give its name."""
    spoil = os.environ.get("KIT_SPOIL")
    if spoil:  # the kit has something of ours disappear while the run is at work
        shutil.rmtree(spoil, ignore_errors=True)
    (folder() / name).write_text("row\n" * rows)
    return name


def copy(source: str, target: str = "copied.txt") -> str:
    """Read a file and something in memory, which is stated as users may, and write a file; give its name."""
    (folder() / target).write_text((folder() / source).read_text().upper())
    orchestrail.record_input(Table())
    return target


def fail() -> None:
    """Fail with an exception of our own.

    Raises:
        Odd: always.
    """
    raise Odd(TEXT)


def flaky(failures: int = 2) -> int:
    """Fail the given number of times, then give how often it was tried.

    Raises:
        Odd: on the first tries.
    """
    tries = folder() / "tries"
    tries.mkdir(exist_ok=True)
    tried = sum(1 for _ in tries.iterdir()) + 1
    (tries / str(tried)).mkdir()
    if tried <= failures:
        raise Odd(f"{TEXT}, try {tried}")
    return tried


def square(number: int) -> int:
    """Give the square."""
    return number * number


def work(number: int, together: int) -> int:
    """Write a file before and one after all that run at once have begun; give the number."""
    (folder() / f"{number}-before.txt").write_text(str(number))
    _arrive(number)
    while not _all_here(together):
        time.sleep(0.01)
    (folder() / f"{number}-after.txt").write_text(str(number))
    return number


async def wait(number: int, together: int) -> int:
    """Do as `work`, as a coroutine that leaves the others their turn."""
    (folder() / f"{number}-before.txt").write_text(str(number))
    _arrive(number)
    while not _all_here(together):
        await asyncio.sleep(0.01)
    (folder() / f"{number}-after.txt").write_text(str(number))
    return number


def sleep(seconds: float = PATIENCE) -> None:
    """Take long, in steps that let a host interrupt."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.05)


def interrupt() -> None:
    """Interrupt this process as Ctrl-C does; a shell has what it starts in the background, and so this process, ignore that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    os.kill(os.getpid(), signal.SIGINT)
    sleep()


def die() -> None:
    """Kill this process with no chance to say anything."""
    os.kill(os.getpid(), signal.SIGKILL)


def connect(url: str, api_key: str, options: Mapping[str, object]) -> None:
    """Fail as a client does that tells all it knows; write a file whose name holds a secret.

    Raises:
        Odd: always, with secrets in its text.
    """
    (folder() / f"dump-{options['password']}.txt").write_text("dump")
    raise Odd(f"cannot reach {url} as {options} with {api_key}, environment {os.environ['KIT_PASSWORD']}")


SECRETS = {
    "url": "postgres://me:MARKER-url-4f1c9a@host/db?password=MARKER-query-77ab01",
    "api_key": "MARKER-argument-b81d22",
    "options": {"password": "MARKER-nested-c0ffee"},
}
"""Arguments for `connect`."""


def touch(name: str = "touched.txt") -> str:
    """Write an empty file by which the kit sees that user code ran; give its name."""
    (folder() / name).write_text("")
    return name


def talk(value: object) -> object:
    """Print, log and warn as user code does, and give the value itself."""
    print("a line on standard output", flush=True)
    print("a line on standard error", file=sys.stderr, flush=True)
    logging.getLogger("kit").warning("a warning in the log")
    return value


def describe(function: Callable[..., object]) -> str:
    """Say what a decorated function or a host's object looks like from outside."""
    names = [getattr(function, name, None) for name in ("__name__", "__qualname__", "__module__", "__doc__")]
    kinds = [inspect.iscoroutinefunction(function), inspect.isgeneratorfunction(function), type(function).__name__]
    return f"{names} {inspect.signature(function)} {kinds}"


def main(processes: Mapping[str, object]) -> None:
    """Run the process that the command line names, and print what it gave.

    Args:
        processes: the program's own functions by name, such as its `globals()`.
    """
    name = sys.argv[1]
    process = processes.get(name)
    if not callable(process):
        sys.exit(f"This program has no process {name}.")
    result = process()
    if inspect.isawaitable(result):
        result = asyncio.run(_finished(result))
    print(f"{name} gave {result!r}", flush=True)


async def _finished(result: object) -> object:
    return await result if inspect.isawaitable(result) else result


def _arrive(number: int) -> None:
    (folder() / "here" / str(number)).mkdir(parents=True, exist_ok=True)


def _all_here(together: int) -> bool:
    here = folder() / "here"
    if time.time() - here.stat().st_ctime > PATIENCE:
        raise Odd("They do not run at once.")
    return sum(1 for _ in here.iterdir()) >= together
