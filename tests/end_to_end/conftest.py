"""One recorded run of the mortgage example for all end-to-end tests, made as a user would make it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "mortgage"
AIRFLOW = os.environ.get("AIRFLOW_PYTHON", "")
"""Interpreter of an environment with Airflow and orchestrail-airflow: `nox -s end_to_end` makes one."""


@dataclass(frozen=True)
class Recorded:
    """A home with what the example left, the example's folder, and the command line on it."""

    home: Path
    out: Path
    environment: dict[str, str]

    def command(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run `orchestrail` and give what it printed."""
        return subprocess.run(
            [Path(sys.executable).with_name("orchestrail"), *map(str, arguments)],
            env=self.environment | {"ORCHESTRAIL_HOME": str(self.home)},
            cwd=self.out,
            capture_output=True,
            text=True,
            timeout=300,
        )

    def json(self, *arguments: str | Path, status: int = 0) -> Any:
        """Run `orchestrail ... --json` and give the one document that it prints."""
        done = self.command(*arguments, "--json")
        assert done.returncode == status, done.stderr
        return json.loads(done.stdout)

    def copy(self, folder: Path) -> Recorded:
        """Give the same record in another place, for tests that damage it."""
        shutil.copytree(self.home, folder / "home")
        return Recorded(folder / "home", self.out, self.environment)


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """Run the example once, with a home of its own."""
    folder = tmp_path_factory.mktemp("mortgage")
    home, out = folder / "home", folder / "out"
    out.mkdir()
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("ORCHESTRAIL_", "OPENLINEAGE_", "PREFECT_"))}
    environment = kept | {"ORCHESTRAIL_HOME": str(home), "PREFECT_HOME": str(folder / "prefect")}
    environment |= {"PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180"}
    done = subprocess.run(
        [sys.executable, EXAMPLE / "flow.py", "--data", EXAMPLE / "hmda-boston-1990.csv", "--out", out],
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return Recorded(home, out, environment)


@pytest.fixture(scope="session")
def processed(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """Run the example over both, as the tour does."""
    folder = tmp_path_factory.mktemp("both")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("ORCHESTRAIL_", "OPENLINEAGE_", "PREFECT_"))}
    environment = kept | {"PREFECT_HOME": str(folder / "prefect")}
    done = subprocess.run(
        [
            Path(sys.executable).with_name("orchestrail"),
            "demo",
            "--airflow",
            AIRFLOW,
            "--out",
            "tour",
            "--home",
            "home",
        ],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].endswith("orchestrail serve")
    return Recorded(folder / "home", folder / "tour", environment)
