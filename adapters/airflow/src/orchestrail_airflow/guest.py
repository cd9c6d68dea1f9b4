"""Airflow's OpenLineage provider beside us: whether what it tells comes to the record, and to the same runs. `doctor` asks.

Airflow is not imported, and neither is the provider: its settings are read as it reads them. Nothing is recorded here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from orchestrail.adapter import Problem, Settings, Severity
from orchestrail_airflow import host

PROVIDER = "apache-airflow-providers-openlineage"
TRANSPORT = "orchestrail.transport.openlineage.SpoolTransport"
_TRUE = ("true", "1", "t")


def problems(settings: Settings) -> Iterator[Problem]:
    """Say what keeps the provider's events from our record, or its run ids from being ours; nothing where it is not in use."""
    try:
        version(PROVIDER)
    except PackageNotFoundError:
        return
    switch = _switched_off_by()
    if switch is not None:
        yield Problem(
            "airflow-openlineage-off",
            Severity.NOTE,
            f"Airflow's OpenLineage provider is switched off by {switch}: what only it knows of data in databases and object "
            "stores is not recorded. Our own recording goes on.",
            f"Take {switch} away, and let the provider write into the spool: see docs/how-to/airflow.md.",
        )
        return
    transport = _transport()
    if transport is None:
        return
    if transport and TRANSPORT not in transport:
        yield Problem(
            "airflow-openlineage-elsewhere",
            Severity.NOTE,
            "Airflow's OpenLineage provider sends its events elsewhere only: what it knows of data in databases and object stores "
            "is not on this record.",
            f'Add {{"type": "{TRANSPORT}"}} to its transport, as a part of a "composite" beside the other one.',
        )
    named = host.configured("openlineage", "namespace") or os.environ.get("OPENLINEAGE_NAMESPACE")
    if not named and settings.namespace != "default":
        yield Problem(
            "airflow-openlineage-namespace",
            Severity.WARNING,
            f"Runs are recorded in the namespace {settings.namespace} (ORCHESTRAIL_NAMESPACE), and Airflow's OpenLineage provider "
            "tells of them in the namespace default: run ids are made from it, so that each run is there twice.",
            f"Set AIRFLOW__OPENLINEAGE__NAMESPACE={settings.namespace} for all of Airflow's processes.",
        )


def _switched_off_by() -> str | None:
    if (os.environ.get("OPENLINEAGE_DISABLED") or "").lower().strip() in _TRUE:
        return "OPENLINEAGE_DISABLED"
    said = host.configured("openlineage", "disabled") or ""
    return "[openlineage] disabled" if said.lower().strip() in _TRUE else None


def _transport() -> str | None:
    """Give all that is said of the transport; empty where a Connection of Airflow's says it, None where nothing does."""
    file = host.configured("openlineage", "config_path") or os.environ.get("OPENLINEAGE_CONFIG")
    stated = [host.configured("openlineage", "transport"), os.environ.get("OPENLINEAGE_URL"), _text_of(file)]
    stated += [value for name, value in os.environ.items() if name.startswith("OPENLINEAGE__TRANSPORT")]
    said = [text for text in stated if text and text.strip() != "{}"]
    if not said:
        return "" if host.configured("openlineage", "config_conn_id") else None
    return " ".join(said)


def _text_of(file: str | None) -> str | None:
    try:
        return Path(file).expanduser().read_text(errors="replace") if file else None
    except OSError:
        return None
