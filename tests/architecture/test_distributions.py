"""The distributions of the repository belong together: one version, one form, found by their folder."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from repository import ADAPTERS, ROOT, settings_of

VERSION = settings_of(ROOT)["project"]["version"]
each_adapter = pytest.mark.parametrize("folder", ADAPTERS, ids=lambda folder: folder.name)


def test_there_are_adapters() -> None:
    """The glob finds something, so that the tests below test something."""
    assert ADAPTERS


def test_package_says_the_version_of_its_distribution() -> None:
    """`orchestrail.__version__` and `pyproject.toml` agree."""
    import orchestrail

    assert orchestrail.__version__ == VERSION


@each_adapter
def test_adapter_has_the_same_version_and_pins_it(folder: Path) -> None:
    """An adapter fits one version of the core: its own."""
    project = settings_of(folder)["project"]
    assert project["version"] == VERSION
    assert f"orchestrail=={VERSION}" in project["dependencies"]


@each_adapter
def test_host_is_an_extra_and_no_dependency(folder: Path) -> None:
    """Installing an adapter never moves a working host."""
    project = settings_of(folder)["project"]
    assert project["dependencies"] == [f"orchestrail=={VERSION}"]
    assert "host" in project["optional-dependencies"]


@each_adapter
def test_adapter_is_named_after_its_folder(folder: Path) -> None:
    """Distribution, import name and entry point follow from the name of the host."""
    settings = settings_of(folder)
    package = f"orchestrail_{folder.name}"
    assert settings["project"]["name"] == f"orchestrail-{folder.name}"
    assert settings["project"]["entry-points"]["orchestrail"] == {folder.name: f"{package}.plugin"}
    assert (folder / "src" / package / "plugin.py").is_file()
    assert (folder / "src" / package / "py.typed").is_file()


@each_adapter
def test_adapter_requires_the_python_of_the_core(folder: Path) -> None:
    """What can install the core can install the adapter."""
    assert settings_of(folder)["project"]["requires-python"] == settings_of(ROOT)["project"]["requires-python"]


@pytest.mark.parametrize("folder", [ROOT, *ADAPTERS], ids=lambda folder: folder.name)
def test_constraints_are_names_and_exact_versions(folder: Path) -> None:
    """No address of an index, no path, no range; and nothing of ours."""
    lines = (folder / "constraints.txt").read_text().splitlines()
    assert lines
    for line in lines:
        assert re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.+]*( ; .+)?", line), line
        assert not line.startswith("orchestrail")


@pytest.mark.parametrize("name", ["noxfile.py", "pyproject.toml", ".ci/run", ".pre-commit-config.yaml"])
def test_no_list_of_adapters_is_kept_by_hand(name: str) -> None:
    """A new adapter is a new folder: no file of the root names the distributions or folders of two adapters."""
    # The tour crosses two orchestrators and has to name them; what is one adapter's own bears its name.
    own = "|".join(["demo", *(rf"{folder.name}_\w+" for folder in ADAPTERS)])
    text = re.sub(rf"(@nox\.session\n)?def ({own})\(.*?(?=\n@nox)", "", (ROOT / name).read_text(), flags=re.DOTALL)
    called = {
        folder.name: rf"adapters/{folder.name}\b|orchestrail[-_]{folder.name}\b|adapter=.{folder.name}\b"
        for folder in ADAPTERS
    }
    assert len([host for host, names in called.items() if re.search(names, text)]) < 2
