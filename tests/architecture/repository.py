"""What the architecture tests know about the repository: its files, its distributions, its modules. No test lives here."""

from __future__ import annotations

import ast
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
ADAPTERS = sorted(path.parent for path in ROOT.glob("adapters/[!_]*/pyproject.toml"))
PACKAGE = ROOT / "src" / "orchestrail"


@cache
def tracked_files() -> tuple[Path, ...]:
    """List what git tracks and what it would track, relative to the root; deleted files are left out."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    return tuple(Path(name) for name in names if name and (ROOT / name).is_file())


def tracked_texts() -> Iterator[tuple[Path, str]]:
    """Give the tracked files that hold text, with their text."""
    for path in tracked_files():
        try:
            yield path, (ROOT / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def settings_of(folder: Path) -> dict[str, Any]:
    """Read the `pyproject.toml` of a distribution."""
    return tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))


def imports_of(path: Path) -> set[str]:
    """Name the modules that a file imports, at its head or within functions; imports for type checking alone too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def top_modules() -> set[str]:
    """Name the modules and packages directly below `orchestrail`."""
    files = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
    return files | {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
