"""Guard and trouble: nothing of ours reaches the host, and `doctor` gets to know."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from orchestrail import guard as guards
from orchestrail import trouble
from orchestrail.errors import RequirementNotMet
from orchestrail.guard import guard, guarded, report_to

pytestmark = pytest.mark.swallows


def test_an_exception_of_ours_is_swallowed_and_noted(tmp_path: Path) -> None:
    """The block ends quietly; the note tells where and what, without secrets."""
    report_to(tmp_path, "prefect")
    with guard("count the beans"):
        raise ValueError("no beans at postgres://me:hunter22@db")
    (note,) = trouble.read(tmp_path)
    assert (note["where"], note["host"], note["pid"]) == ("count the beans", "prefect", os.getpid())
    assert note["error"].startswith("ValueError: no beans")
    assert "hunter22" not in (tmp_path / trouble.FILE).read_text()


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), SystemExit(3), asyncio.CancelledError(), RequirementNotMet("no")]
)
def test_what_is_the_hosts_passes(error: BaseException) -> None:
    """Interrupts, exits and cancellations are the host's, and a refusal is meant to be seen."""
    with pytest.raises(type(error)), guard("anything"):
        raise error


def test_a_guarded_function_gives_its_default() -> None:
    """A function that fails inside gives what was agreed on."""

    @guarded("divide", default=-1)
    def divide(a: int, b: int) -> int:
        return a // b

    assert (divide(6, 3), divide(1, 0)) == (2, -1)


def test_an_error_whose_text_fails_is_swallowed_too(tmp_path: Path) -> None:
    """Even an exception that cannot be written down does not get out."""

    class Rude(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    report_to(tmp_path, "prefect")
    with guard("be polite"):
        raise Rude
    assert len(guards.swallowed) == 1


def test_notes_have_a_fixed_place(tmp_path: Path) -> None:
    """The file never grows, repeated trouble takes one place, and an over-long text is cut to fit."""
    trouble.prepare(tmp_path)
    size = (tmp_path / trouble.FILE).stat().st_size
    for number in range(500):
        trouble.note(tmp_path, "write", f"OSError: {number} " + "\u20ac" * 2000, count=number)
    assert (tmp_path / trouble.FILE).stat().st_size == size
    (note,) = trouble.read(tmp_path)
    assert note["count"] == 499
    trouble.clear(tmp_path)
    assert trouble.read(tmp_path) == []


def test_a_damaged_file_of_notes_is_no_trouble(tmp_path: Path) -> None:
    """Whatever lies in the file, reading it gives what can be read."""
    (tmp_path / trouble.FILE).write_bytes(b"\x00\xff" * 1000)
    assert trouble.read(tmp_path) == []
