"""Where people try things out: a console, a notebook's cells, pytest. Recorded as anywhere else, and told apart."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrail.testing import spooled_events

CELLS = """
import orchestrail
from orchestrail_script import audited

@orchestrail.preprocessing("double", version="1.0.0")
def double(x):
    return 2 * x

@audited(mode="enforce")
def main(x=1):
    return double(x)

main(3)
"""

NOTEBOOK = """
# What a notebook's kernel does with a cell: its source is put where `inspect` looks, and it is run in `__main__`.
import linecache, sys
import ipykernel
source = sys.stdin.read()
linecache.cache["/tmp/ipykernel_1/1.py"] = (len(source), None, source.splitlines(keepends=True), "/tmp/ipykernel_1/1.py")
exec(compile(source, "/tmp/ipykernel_1/1.py", "exec"))
"""

TEST = "import sys\nsys.path.insert(0, '.')\ndef test_main():\n    import cells\n    assert cells.main(4) == 8\n"


@pytest.mark.parametrize("where", ["console", "notebook", "pytest", "program"])
def test_a_trial_is_recorded_as_such(tmp_path: Path, environment: dict[str, str], where: str) -> None:
    """Environment `dev`; a step has its code's digest even where there is no file, so that enforce has nothing to refuse."""
    (tmp_path / "cells.py").write_text(CELLS)
    (tmp_path / "ipykernel.py").write_text("")
    (tmp_path / "kernel.py").write_text(NOTEBOOK)
    (tmp_path / "test_cells.py").write_text(TEST)
    arguments = {
        "console": ["-i", "-q"],
        "notebook": ["kernel.py"],
        "pytest": ["-m", "pytest", "-q", "-p", "no:cacheprovider", "test_cells.py"],
        "program": ["cells.py"],
    }[where]
    typed = CELLS.replace("\n    return 2 * x\n", "\n    return 2 * x\n\n") if where == "console" else CELLS
    surroundings = {key: value for key, value in environment.items() if not key.startswith("PYTEST")}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=tmp_path,
        env=surroundings,
        input=typed,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    events = spooled_events(tmp_path / "home" / "spool")
    roots: list[dict[str, Any]] = [event for event in events if "parent" not in event["run"]["facets"]]
    begun = next(event["run"]["facets"] for event in roots if event["eventType"] == "START")
    assert begun["orchestrail_run"]["environment"] == "dev"
    assert begun["orchestrail_environment"]["session"] == (None if where == "program" else where)
    step = next(e for e in events if e["job"]["name"].endswith("main.double") and e["eventType"] == "START")
    assert step["run"]["facets"]["orchestrail_code"]["digest"], step["run"]["facets"]["orchestrail_code"]
    assert {event["eventType"] for event in events} == {"START", "COMPLETE"}
