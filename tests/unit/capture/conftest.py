from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrail.capture import files
from orchestrail.capture.code import code_facts
from orchestrail.model import CodeFacts

SOURCE = Path(__file__).parents[3] / "src"


class Project:
    """A folder of modules that can be imported, changed and imported again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.copies = 0

    def facts(self, sources: dict[str, str | bytes], name: str = "step", module: str = "steps") -> CodeFacts:
        """Write modules to a new folder, import one and take the facts of a function of it; then forget the modules."""
        folder = self.folder / f"copy{self.copies}"
        self.copies += 1
        write(folder, sources)
        before = set(sys.modules)
        sys.path.insert(0, str(folder))
        importlib.invalidate_caches()
        try:
            value: object = importlib.import_module(module)
            for part in name.split("."):
                value = getattr(value, part)
            return code_facts(value, folder)
        finally:
            sys.path.remove(str(folder))
            for imported in set(sys.modules) - before:
                file = getattr(sys.modules[imported], "__file__", None) or ""
                if file.startswith(str(folder)) or not file:
                    del sys.modules[imported]

    def digest(self, sources: dict[str, str | bytes], name: str = "step", module: str = "steps") -> str | None:
        """Take the digest alone."""
        return self.facts(sources, name, module).digest


def write(folder: Path, sources: dict[str, str | bytes]) -> None:
    """Write files below a folder; text is dedented."""
    for path, text in sources.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else textwrap.dedent(text).encode())


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Somewhere to write modules."""
    return Project(tmp_path / "project")


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., object]:
    """Run a program in a process of its own and read the JSON document that it prints last."""

    def run(program: str, *arguments: str, cwd: Path = tmp_path, stdin: str | None = None, **variables: str) -> object:
        command = [sys.executable, *(arguments or ("-c", textwrap.dedent(program)))]
        environment = {**os.environ, "PYTHONPATH": str(SOURCE), **variables}
        done = subprocess.run(
            command, cwd=cwd, env=environment, input=stdin, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


@pytest.fixture
def capture() -> Iterator[files.FileCapture]:
    """A capture of what the test itself opens."""
    files.install()
    made = files.FileCapture()
    token = files.capturing.set(made)
    yield made
    files.capturing.reset(token)
    assert made.failures == 0
