"""The adapter's hooks: what it is, how it attaches to Airflow and lets go, which run a thread of a task belongs to.

Airflow is not imported here: the command line loads this module too, in environments without Airflow.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from orchestrail.adapter import AdapterInfo, Capability, Recorder, RunRef, Settings, __version__, hookimpl
from orchestrail_airflow import recording

REQUIRES = ">=2.11,<4"


@hookimpl
def adapter_info() -> AdapterInfo | None:
    """Describe the adapter. Airflow keeps no results that a later run takes over, so there is no cache to see."""
    try:
        host_version = version("apache-airflow-core")
    except PackageNotFoundError:
        try:
            host_version = version("apache-airflow")
        except PackageNotFoundError:
            return None
    seen = frozenset(Capability) - {Capability.CACHE_ORIGIN}
    return AdapterInfo("airflow", "airflow", host_version, __version__, REQUIRES, seen)


@hookimpl
def adapter_install(recorder: Recorder, settings: Settings) -> None:
    """Begin to record what Airflow tells the listener in this process."""
    recording.begin(recorder, settings)


@hookimpl
def adapter_uninstall() -> None:
    """Let the listener go quiet; Airflow keeps it registered."""
    recording.end()


@hookimpl
def adapter_current_run() -> RunRef | None:
    """Say which task this process runs: a task process has one at a time, whatever the thread."""
    at_work = recording.at_work()
    return at_work.current() if at_work is not None else None
