"""The form of the repository: what lies at its top, and what no file may hold."""

from __future__ import annotations

import re

import pytest
from repository import tracked_files, tracked_texts

TOP = {
    ".ci",
    ".gitignore",
    ".pre-commit-config.yaml",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "README.md",
    "SECURITY.md",
    "adapters",
    "benchmarks",
    "constraints.txt",
    "docs",
    "examples",
    "noxfile.py",
    "pyproject.toml",
    "src",
    "tests",
}

# Written in parts, so that this file does not hold what it looks for.
MACHINE_PATHS = re.compile(
    r"(?<![\w./~-])/(?:" + "|".join(("work", "root", "home/[a-z]", "Users/[a-z]", "tmp/[a-z]+s/")) + ")(?:/|\\b)"
)
REGISTRIES = re.compile(
    "|".join((r"py" + r"pi\.org", r"pythonhosted" + r"\.org", r"--(?:extra-)?index" + r"-url", r"find" + "-links"))
)
LEFTOVERS = re.compile(
    r"\b(?:" + "|".join(("TO" + "DO", "FIX" + "ME", "NotImplemented" + "Error")) + r")\b|type: " + "ignore"
)


def test_top_level_is_the_agreed_one() -> None:
    """Everything has its place below one of these names."""
    assert {path.parts[0] for path in tracked_files()} == TOP


@pytest.mark.parametrize(
    ("pattern", "what"),
    [
        (MACHINE_PATHS, "a path of somebody's machine"),
        (REGISTRIES, "the address of a registry"),
        (LEFTOVERS, "a leftover"),
    ],
    ids=["machine-path", "registry", "leftover"],
)
def test_no_file_holds(pattern: re.Pattern[str], what: str) -> None:
    """A clone works anywhere, and what is in it is finished."""
    found = [
        f"{path}: {match.group()!r} is {what}" for path, text in tracked_texts() if (match := pattern.search(text))
    ]
    assert not found, "\n".join(found)
