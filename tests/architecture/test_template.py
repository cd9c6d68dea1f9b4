"""A new adapter is made from the template, whole and under its own name; `nox -s template` installs one and runs its kit."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from repository import ROOT, settings_of, tracked_files


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A copy of what makes an adapter."""
    for path in tracked_files():
        if path.is_relative_to("adapters/_template") or str(path) in ("adapters/new_adapter.py", "constraints.txt"):
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, tmp_path / path)
    return tmp_path


def make(repository: Path, *name: str) -> subprocess.CompletedProcess[str]:
    """Run the maker as a user does."""
    command = [sys.executable, "adapters/new_adapter.py", *name]
    return subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)


def test_an_adapter_is_made_under_its_own_name(repository: Path) -> None:
    """No placeholder is left in any name or text, and the version is that of the core."""
    assert make(repository, "tidepool").returncode == 0
    folder = repository / "adapters" / "tidepool"
    made = [path for path in folder.rglob("*") if path.is_file()]
    template = [path for path in tracked_files() if path.is_relative_to("adapters/_template")]
    assert len(made) == len(template) + 1  # the constraints
    for path in made:
        assert "newhost" not in f"{path.relative_to(folder)} {path.read_text()}".lower()
    assert settings_of(folder)["project"]["version"] == settings_of(ROOT)["project"]["version"]
    assert settings_of(folder)["project"]["entry-points"]["orchestrail"] == {"tidepool": "orchestrail_tidepool.plugin"}


@pytest.mark.parametrize("name", [(), ("Tide-Pool",), ("../out",), ("1st",), ("_template",)], ids=str)
def test_a_name_that_cannot_be_one_is_refused(repository: Path, name: tuple[str, ...]) -> None:
    """And nothing is made."""
    before = sorted(repository.rglob("*"))
    assert make(repository, *name).returncode == 1
    assert sorted(repository.rglob("*")) == before


def test_an_adapter_that_is_there_is_left_alone(repository: Path) -> None:
    """A second call with the same name overwrites nothing."""
    make(repository, "tidepool")
    (repository / "adapters" / "tidepool" / "README.md").write_text("mine")
    done = make(repository, "tidepool")
    assert done.returncode == 1
    assert "is there already" in done.stderr
    assert (repository / "adapters" / "tidepool" / "README.md").read_text() == "mine"
