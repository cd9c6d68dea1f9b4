"""What the adapter says of itself, and of the Airflow that it is in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
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
    for name in [name for name in os.environ if name.startswith(("AIRFLOW_", "OPENLINEAGE"))]:
        if name != "AIRFLOW_HOME":
            monkeypatch.delenv(name)
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


SPOOL = {"type": "orchestrail.transport.openlineage.SpoolTransport"}
HTTP = {"type": "http", "url": "http://lineage.example"}


@pytest.mark.parametrize(
    ("variables", "codes"),
    [
        ({}, []),
        ({"ORCHESTRAIL_NAMESPACE": "bank"}, []),  # a provider that has no transport is silent
        ({"AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(SPOOL)}, []),
        ({"AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps({"type": "composite", "transports": [HTTP, SPOOL]})}, []),
        ({"AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(HTTP)}, ["airflow-openlineage-elsewhere"]),
        ({"OPENLINEAGE_URL": "http://lineage.example"}, ["airflow-openlineage-elsewhere"]),
        (
            {"AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(SPOOL), "OPENLINEAGE_DISABLED": "True"},
            ["airflow-openlineage-off"],
        ),
        ({"AIRFLOW__OPENLINEAGE__DISABLED": "1"}, ["airflow-openlineage-off"]),
        (
            {"AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(SPOOL), "ORCHESTRAIL_NAMESPACE": "bank"},
            ["airflow-openlineage-namespace"],
        ),
        (
            {
                "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(SPOOL),
                "ORCHESTRAIL_NAMESPACE": "bank",
                "AIRFLOW__OPENLINEAGE__NAMESPACE": "credit",
            },
            [],
        ),
    ],
)
def test_what_keeps_the_providers_events_from_our_runs_is_told(
    variables: dict[str, str], codes: list[str], airflow_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Switched off, sent elsewhere, or told of other run ids than ours."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert [problem.code for problem in plugin.adapter_problems(settings=load_settings()) or ()] == codes
    assert not airflow_home.exists()


def test_the_providers_own_files_are_read(airflow_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow's, and the one that it names for OpenLineage's client."""
    airflow_home.mkdir()
    client = airflow_home / "openlineage.yml"
    (airflow_home / "airflow.cfg").write_text(f"[openlineage]\nconfig_path = {client}\n")
    client.write_text("transport:\n  type: console\n")
    (problem,) = plugin.adapter_problems(settings=load_settings()) or ()
    assert problem.code == "airflow-openlineage-elsewhere"
    client.write_text(f"transport:\n  type: {SPOOL['type']}\n")
    assert not plugin.adapter_problems(settings=load_settings())


@pytest.mark.parametrize(
    ("variables", "namespace", "off"),
    [
        ({"OPENLINEAGE_URL": "http://lineage.example"}, "default", False),
        ({"OPENLINEAGE_NAMESPACE": "bank"}, "bank", True),
        ({"OPENLINEAGE_URL": "http://lineage.example", "OPENLINEAGE_DISABLED": "t"}, "default", True),
    ],
)
def test_the_provider_reads_its_settings_as_we_take_it_to(
    variables: dict[str, str], namespace: str, off: bool, airflow_home: Path
) -> None:
    """Namespace and switch, by its own functions; without a transport it is off."""
    ask = "from airflow.providers.openlineage import conf; print(conf.namespace(), conf.is_disabled())"
    done = subprocess.run(
        [sys.executable, "-c", ask], env=os.environ | variables, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == f"{namespace} {off}"
