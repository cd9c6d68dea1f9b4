"""What Airflow loads through the entry point `airflow.plugins`: a name and a listener, nothing else."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from orchestrail_airflow import listener


class OrchestrailPlugin(AirflowPlugin):
    """The plugin as Airflow lists it."""

    name = "orchestrail"
    listeners = [listener]
