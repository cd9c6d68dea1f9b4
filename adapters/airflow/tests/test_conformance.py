"""The Airflow adapter under the kit that every adapter is tested with: each process is a DAG that `airflow dags test` would run.

One process imports Airflow and forks for each scenario. The kit reads the store, so it needs the command line's environment: where
that does not hold this Airflow, the suite is run there, and Airflow here.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PYTHON = Path(os.environ.get("KIT_AIRFLOW_PYTHON", sys.executable))
"""The interpreter of Airflow's environment."""

COMMAND = os.environ.get("ORCHESTRAIL_COMMAND")

if COMMAND is not None and "KIT_AIRFLOW_PYTHON" not in os.environ:

    def test_conformance_with_airflow_in_an_environment_of_its_own() -> None:
        """The same suite, run by the command line's interpreter."""
        done = subprocess.run(
            [str(Path(COMMAND).with_name("python")), "-m", "pytest", "-q", "-rxX", "--noconftest", __file__],
            env=os.environ | {"KIT_AIRFLOW_PYTHON": sys.executable},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-20_000:]
        print(done.stdout[-3000:])

else:
    from orchestrail.testing import ConformanceSuite, Host

    class Airflow(Host):
        """DAGs in a file, run in one process."""

        adapter = "airflow"
        program = HERE / "kit" / "dags" / "native.py"
        python = str(PYTHON)
        warm = ("loaded",)

        def __init__(self, home: Path) -> None:
            self._home = home

        def environment(self, recorded: bool) -> Mapping[str, str]:
            own = {
                "AIRFLOW_HOME": str(self._home),
                "AIRFLOW__CORE__DAGS_FOLDER": str(self.program.parent),
                "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
                "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
                "AIRFLOW__OPENLINEAGE__DISABLED": "True",  # Airflow's own provider is not what is tested
                "AIRFLOW__METRICS__TIMER_UNIT_CONSISTENCY": "True",  # 2.11 warns of it when it is imported
                "NO_COLOR": "1",
            }
            paths = [HERE / "kit"] if recorded else [HERE / "without", HERE / "kit"]
            return own | {"PYTHONPATH": os.pathsep.join(map(str, paths))}

        def mask(self, text: str) -> str:
            return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d+", "#", text)

    @pytest.fixture(scope="module")
    def host(tmp_path_factory: pytest.TempPathFactory) -> Host:
        found = Airflow(tmp_path_factory.mktemp("airflow"))
        airflow = PYTHON.with_name("airflow")
        environment = {**os.environ, **found.environment(recorded=False)}
        for arguments in (["db", "migrate"], ["dags", "reserialize"]):
            subprocess.run([airflow, *arguments], env=environment, check=True, capture_output=True, timeout=300)
        return found

    class TestConformance(ConformanceSuite):
        """The scenarios, tried with Airflow."""
