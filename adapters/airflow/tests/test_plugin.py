"""What the adapter says of itself, and of the Airflow that it is in."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow_home import IS_2

from orchestrail.adapter import Capability
from orchestrail.settings import load_settings
from orchestrail_airflow import host, plugin


@pytest.fixture
def airflow_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for Airflow's configuration, where none is yet."""
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "airflow"))
    for name in ("AIRFLOW_CONFIG", "AIRFLOW__CORE__EXECUTOR"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "airflow"


def test_gaps_and_capabilities_are_those_of_the_version_that_is_here() -> None:
    """2.11 tells no listener what people do; what cannot be seen is no capability. Nothing is left to do."""
    info = plugin.adapter_info()
    assert info is not None
    gaps = {gap.name for gap in info.gaps}
    assert ("changed_by_hand" in gaps) == IS_2 == (Capability.MANUAL_CHANGES not in info.capabilities)
    assert Capability.CACHE_ORIGIN not in info.capabilities
    assert [gap.name for gap in info.gaps if gap.todo] == []


@pytest.mark.parametrize(
    "executor", ["CeleryExecutor", "airflow.providers.cncf.kubernetes.executors.kubernetes_executor.KubernetesExecutor"]
)
def test_an_executor_that_runs_tasks_elsewhere_is_told(
    executor: str, airflow_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what to do; by the environment or by Airflow's file, and without making Airflow's files."""
    settings = load_settings()
    assert not plugin.adapter_problems(settings=settings)
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", executor)
    (problem,) = plugin.adapter_problems(settings=settings) or ()
    assert executor in problem.what
    assert "ORCHESTRAIL_SPOOL" in problem.do
    assert not airflow_home.exists()
    monkeypatch.delenv("AIRFLOW__CORE__EXECUTOR")
    airflow_home.mkdir()
    (airflow_home / "airflow.cfg").write_text(
        f"[core]\nexecutor = {executor}\n[logging]\nlog_format = %%(message)s %s\n"
    )
    (problem,) = plugin.adapter_problems(settings=settings) or ()
    assert executor in problem.what


def test_tasks_beside_the_scheduler_are_no_problem(airflow_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """LocalExecutor, and a file that cannot be read."""
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "LocalExecutor")
    assert not plugin.adapter_problems(settings=load_settings())
    monkeypatch.delenv("AIRFLOW__CORE__EXECUTOR")
    airflow_home.mkdir()
    (airflow_home / "airflow.cfg").write_text("executor = CeleryExecutor\n")
    assert not plugin.adapter_problems(settings=load_settings())
    assert host.configured("core", "executor") is None
