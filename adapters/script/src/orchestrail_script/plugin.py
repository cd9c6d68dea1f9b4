"""The script adapter's hooks: what it is and what plain Python has not. `orchestrail_script.audited` does the recording."""

from __future__ import annotations

import platform

from orchestrail.adapter import AdapterInfo, Capability, Gap, Recorder, Settings, __version__, hookimpl

GAPS = (
    Gap("retry", never="Plain Python has no retries: a function that is called again is another run."),
    Gap("cached", never="Plain Python keeps no results; a cache of your own is your code, and recorded as that."),
    Gap("skipped", never="Plain Python skips nothing: a function that is not called leaves no trace."),
    Gap(
        "timed_out",
        never="Plain Python has no time limits; a process that is killed from outside is closed by `orchestrail sweep`.",
    ),
    Gap("changed_by_hand", never="There is no orchestrator in which a person could change the state of a run."),
)

_let_go = False


@hookimpl
def adapter_info() -> AdapterInfo:
    """Describe the adapter. Plain Python has no retries, no cache, no skips and no manual changes to see."""
    seen = {
        Capability.CODE_DIGEST,
        Capability.DATASET_VERSION,
        Capability.PARAMETERS,
        Capability.ENVIRONMENT,
    }
    return AdapterInfo("script", "python", platform.python_version(), __version__, ">=3.11", frozenset(seen), GAPS)


@hookimpl
def adapter_install(recorder: Recorder, settings: Settings) -> None:
    """Attach to nothing: from now on `audited` records."""
    global _let_go
    _let_go = False


@hookimpl
def adapter_uninstall() -> None:
    """Leave decorated functions as they are; from now on they only pass on."""
    global _let_go
    _let_go = True


def was_let_go() -> bool:
    """Say whether the adapter was uninstalled, so that a call must not install it again."""
    return _let_go
