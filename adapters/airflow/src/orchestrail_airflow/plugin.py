"""The adapter's hooks: what it is, how it attaches to Airflow and lets go, which run a thread of a task belongs to.

Airflow is not imported with this module: the command line loads it too, in environments without Airflow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version

from orchestrail.adapter import (
    AdapterInfo,
    Capability,
    Gap,
    Problem,
    Recorder,
    RunRef,
    Settings,
    Severity,
    __version__,
    hookimpl,
)
from orchestrail_airflow import guest, host, recording

REQUIRES = ">=2.11,<4"

GAPS = (
    Gap("cached", never="Airflow keeps no results that a later run takes over."),
    Gap(
        "workers_on_other_hosts",
        never="What a task did that is killed on another host is not told here, unless the hosts share one ORCHESTRAIL_SPOOL: "
        "only that Airflow failed it, when its DAG run ends.",
    ),
    Gap(
        "end_from_trigger",
        upstream="Airflow imports no DAG with end_from_trigger=True where any listener is installed.",
    ),
    Gap(
        "who_changed_many_at_once",
        upstream="Airflow's log of actions does not name the DAG runs of a change to several at once: the change is told, not who.",
    ),
)
GAPS_OF_2 = (
    Gap(
        "changed_by_hand",
        upstream="2.11 calls no listener when a person marks a task or a DAG run. A task's new state is told when its DAG run "
        "ends again; `orchestrail reconcile airflow` finds the rest.",
    ),
    Gap(
        "cancelled",
        upstream="`airflow dags test` of 2.11 dies with a task that is cut off, before it has ended its DAG run.",
    ),
    Gap(
        "timed_out",
        upstream="`airflow dags test` of 2.11 dies with a task that is cut off, before it has ended its DAG run.",
    ),
    Gap(
        "assets_named_while_running",
        upstream="2.11 shows its listeners no events of the assets that a task names through an alias.",
    ),
    Gap(
        "enforced_before_pre_execute",
        upstream="2.11 tells listeners of a task only after its pre_execute and on_execute_callback; a refusal comes after them.",
    ),
)
_FAR = ("Celery", "Kubernetes", "Ecs", "Batch", "Edge", "Lambda")


@hookimpl
def adapter_info() -> AdapterInfo | None:
    """Describe the adapter. Airflow keeps no results that a later run takes over, so there is no cache to see."""
    found = _version()
    if found is None:
        return None
    seen = frozenset(Capability) - {Capability.CACHE_ORIGIN}
    gaps: tuple[Gap, ...] = GAPS
    if host.is_2(found):
        seen, gaps = seen - {Capability.MANUAL_CHANGES}, GAPS + GAPS_OF_2
    return AdapterInfo("airflow", "airflow", found, __version__, REQUIRES, seen, gaps)


@hookimpl
def adapter_problems(settings: Settings) -> Sequence[Problem] | None:
    """Say what an executor that runs tasks elsewhere takes, and what keeps the OpenLineage provider's events from the record."""
    if _version() is None:
        return None
    return [*_far_tasks(settings), *guest.problems(settings)]


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


def _version() -> str | None:
    for name in ("apache-airflow-core", "apache-airflow"):
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return None


def _far_tasks(settings: Settings) -> Iterator[Problem]:
    executor = host.configured("core", "executor") or ""
    if any(name in executor for name in _FAR):
        yield Problem(
            "airflow-remote-workers",
            Severity.NOTE,
            f"Airflow runs its tasks with {executor}: on other hosts or in containers, each of which has a spool of its own "
            f"unless they share {settings.spool}.",
            "Install orchestrail-airflow where tasks run. Let all write into one shared folder (ORCHESTRAIL_SPOOL), or run "
            "`orchestrail ship` on each host and `orchestrail reconcile airflow` for tasks that were killed there.",
        )
