"""The adapter's hooks: what it is, how it attaches to Prefect and lets go, which run a thread of Prefect's belongs to."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

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
    is_below,
    leave_out,
)

REQUIRES = ">=3.5,<4"

_BY_HAND = Gap(
    "changed_by_hand",
    upstream="Prefect tells no process in which a flow ran of the state that a person gives it later;"
    " `orchestrail reconcile prefect` finds it.",
)
_SIGTERM = Gap(
    "sigterm",
    upstream="Prefect before 3.8.4 ends its process before it tells of the flow run that a SIGTERM met;"
    " `orchestrail sweep` concludes its end.",
)
_DISK = Gap(
    "container_disk",
    never="A worker's container takes with its disk what was spooled there and not collected:"
    " set ORCHESTRAIL_SPOOL to a folder that outlives it, or ship from within.",
)


@hookimpl
def adapter_info() -> AdapterInfo | None:
    """Describe the adapter. Prefect tells of no change that a person makes to a run's state, so manual changes are not seen."""
    host_version = _installed("prefect")
    if host_version is None:
        return None
    seen = {
        Capability.CODE_DIGEST,
        Capability.DATASET_VERSION,
        Capability.CACHE_ORIGIN,
        Capability.ATTEMPTS,
        Capability.SKIPS,
        Capability.PARAMETERS,
        Capability.ENVIRONMENT,
    }
    gaps = (_BY_HAND, _DISK) + ((_SIGTERM,) if is_below(host_version, ">=3.8.4") else ())
    return AdapterInfo("prefect", "prefect", host_version, __version__, REQUIRES, frozenset(seen), gaps)


@hookimpl
def adapter_problems(settings: Settings) -> Sequence[Problem] | None:
    """Tell of a task runner that the adapter was never tried with; those of Prefect itself and Dask's are tested."""
    found = _installed("prefect-ray") if _installed("prefect") else None
    if found is None:
        return None
    what = f"prefect-ray {found} is installed: the adapter is not tested with Ray's workers."
    do = "See that the task runs of a flow with RayTaskRunner are recorded; a thread or process pool and Dask are tested."
    return [Problem("ray-runner", Severity.NOTE, what, do)]


@hookimpl
def adapter_install(recorder: Recorder, settings: Settings) -> None:
    """Attach to Prefect's classes in this process; called again, change nothing."""
    from prefect.settings import PREFECT_HOME, PREFECT_LOCAL_STORAGE_PATH

    from orchestrail_prefect import seams
    from orchestrail_prefect.listener import Listener

    # Prefect's own bookkeeping (profiles, results, a Dask cluster of its runner's) is no data that a step read or wrote.
    dask = Path(tempfile.gettempdir(), "dask-scratch-space")
    own = (PREFECT_HOME.value(), PREFECT_LOCAL_STORAGE_PATH.value(), dask)
    leave_out(str(settings.home), str(settings.spool), *(str(path) for path in own if path))
    seams.install(Listener(recorder))


@hookimpl
def adapter_uninstall() -> None:
    """Put Prefect's classes back and take our hooks off the flows."""
    from orchestrail_prefect import seams

    seams.uninstall()


@hookimpl
def adapter_current_run() -> RunRef | None:
    """Say which recorded run Prefect takes the calling code for."""
    from orchestrail_prefect import seams

    listener = seams.listening()
    return listener.current() if listener is not None else None


def _installed(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
