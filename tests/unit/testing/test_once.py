"""What takes long is made by one process of a test session; the others wait for it, or are told that it failed."""

from __future__ import annotations

import fcntl
import itertools
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from orchestrail.testing.once import made_once

SESSION = """
import time
from pathlib import Path

import pytest

from orchestrail.testing.once import made_once

@pytest.mark.parametrize("number", range(6))
def test_shared(number, tmp_path_factory):
    def make():
        with Path({notes!r}).open("a") as notes:
            notes.write("made\\n")
        time.sleep(0.2)
        return Path("shared"), {{"said": 1}}

    base = tmp_path_factory.getbasetemp()
    assert made_once(base, "thing", make) == (Path("shared"), {{"said": 1}})
"""


@pytest.mark.parametrize("processes", [0, 3])
def test_each_session_makes_it_once(tmp_path: Path, processes: int) -> None:
    """However many processes it has; the next session makes it anew, in the same place too."""
    notes, program = tmp_path / "notes", tmp_path / "test_session.py"
    program.write_text(SESSION.format(notes=str(notes)))
    outside = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    outside["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # others take seconds to import
    options = ["-q", "-p", "xdist", f"-n{processes}", f"--basetemp={tmp_path / 'base'}"]
    command = [sys.executable, "-m", "pytest", *options, str(program)]
    for sessions in (1, 2):
        done = subprocess.run(command, env=outside, cwd=tmp_path, capture_output=True, text=True, timeout=300)
        assert "6 passed" in done.stdout, done.stdout + done.stderr
        assert notes.read_text() == "made\n" * sessions


def test_what_could_not_be_made_is_not_tried_again(tmp_path: Path) -> None:
    """Whoever tried gets the error itself."""

    def fail() -> None:
        raise LookupError("no server")

    with pytest.raises(LookupError, match="no server"):
        made_once(tmp_path, "server", fail)
    with pytest.raises(RuntimeError, match="failed to make server"):
        made_once(tmp_path, "server", fail)


def test_those_who_wait_get_what_was_made(tmp_path: Path) -> None:
    """All of them are at the door before anything is made."""
    counts = itertools.count()
    door = tmp_path / "once" / "number.begun"
    door.parent.mkdir()

    def at_the_door() -> int:
        found = 0
        for handle in Path("/proc/self/fd").iterdir():
            with suppress(OSError):
                found += handle.readlink() == door
        return found

    with ThreadPoolExecutor(4) as threads, door.open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        asked = [threads.submit(made_once, tmp_path, "number", lambda: next(counts)) for _ in range(4)]
        while at_the_door() < 1 + len(asked):
            time.sleep(0.01)
        fcntl.flock(held, fcntl.LOCK_UN)
        assert [one.result() for one in asked] == [0] * 4
    assert next(counts) == 1


def test_a_session_within_a_test_shares_nothing_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It inherits the name of a process, and has a folder of its own."""
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw0")
    for number in (1, 2):
        base = tmp_path / f"within-{number}"
        base.mkdir()
        assert made_once(base, "thing", lambda found=number: found) == number
    (tmp_path / "popen-gw0").mkdir()
    assert made_once(tmp_path / "popen-gw0", "thing", lambda: "shared") == "shared"
    assert (tmp_path / "once" / "thing.made").exists()
