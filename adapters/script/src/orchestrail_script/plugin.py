"""The script adapter's hooks: what it is. There is no host to attach to; `orchestrail_script.audited` does the recording."""

from __future__ import annotations

import platform

from orchestrail.adapter import AdapterInfo, Capability, Recorder, Settings, __version__, hookimpl


@hookimpl
def adapter_info() -> AdapterInfo:
    """Describe the adapter. Plain Python has no cache, no skips and no manual changes to see."""
    seen = {
        Capability.CODE_DIGEST,
        Capability.DATASET_VERSION,
        Capability.ATTEMPTS,
        Capability.PARAMETERS,
        Capability.ENVIRONMENT,
    }
    return AdapterInfo("script", "python", platform.python_version(), __version__, ">=3.11", frozenset(seen))


@hookimpl
def adapter_install(recorder: Recorder, settings: Settings) -> None:
    """Attach to nothing."""


@hookimpl
def adapter_uninstall() -> None:
    """Leave nothing behind."""
