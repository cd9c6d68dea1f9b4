"""What the adapter says of itself, and of the Prefect that it is in."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import prefect
import pytest

from orchestrail.settings import load_settings
from orchestrail.versions import within
from orchestrail_prefect import plugin


def test_gaps_are_those_of_the_version_that_is_here() -> None:
    """Each with what is left to do without it, and nothing that is ours to do."""
    info = plugin.adapter_info()
    assert info is not None
    assert info.host_version == prefect.__version__
    assert ("sigterm" in {gap.name for gap in info.gaps}) is not within(prefect.__version__, ">=3.8.4")
    assert [gap.name for gap in info.gaps if gap.todo] == []


def test_a_process_without_flows_does_not_import_prefect() -> None:
    """The core loads every installed adapter where it asks which data set a file is, in a step of any other orchestrator too."""
    program = (
        "import sys; from orchestrail import plugins; plugins.load_installed();"
        "print('prefect' in sys.modules, plugins.manager().get_plugins())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("False")
    assert "orchestrail_prefect.plugin" in done.stdout


def test_a_task_runner_that_is_not_tested_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is installed, and nothing else: no error."""
    settings = load_settings()
    assert not plugin.adapter_problems(settings=settings)
    facts = tmp_path / "prefect_ray-0.4.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: prefect-ray\nVersion: 0.4.0\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    (problem,) = plugin.adapter_problems(settings=settings) or ()
    assert (problem.severity, "prefect-ray 0.4.0" in problem.what) == ("note", True)
