"""The hooks of orchestrail (pluggy, project name `orchestrail`): signatures and what each is for. Implementations live elsewhere.

An implementation may take only the arguments that it needs. Hooks are called through `orchestrail.plugins`, which runs each
implementation under guard: one that fails does not stop the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pluggy

from orchestrail.model import AdapterInfo, DatasetRef, Finding, Problem, RunRef

if TYPE_CHECKING:
    from orchestrail.recorder import Recorder
    from orchestrail.settings import Settings

hookspec = pluggy.HookspecMarker("orchestrail")
hookimpl = pluggy.HookimplMarker("orchestrail")


@hookspec
def adapter_info() -> AdapterInfo | None:
    """Say which adapter this is, for which host and versions, and what it can see; None where its host is not installed."""


@hookspec
def adapter_install(recorder: Recorder, settings: Settings) -> None:
    """Attach to the host; called again, change nothing."""


@hookspec
def adapter_uninstall() -> None:
    """Leave the host as it was found."""


@hookspec
def adapter_problems(settings: Settings) -> Sequence[Problem] | None:
    """Say what stands in the way of recording in this environment; `orchestrail doctor` asks, in a process that is no host's."""


@hookspec(firstresult=True)
def adapter_current_run() -> RunRef | None:
    """Say which recorded run the calling code belongs to, where the context variable cannot tell (a thread of the host's)."""


@hookspec(firstresult=True)
def identify_dataset(value: object) -> DatasetRef | None:
    """Say which data set a Python object or a path stands for; None where this plugin does not know it."""


@hookspec
def requirement_not_met(run: str | None, findings: Sequence[Finding]) -> None:
    """Hear of verdicts that turned bad: from `orchestrail check --notify`, never in a host; no verdict is changed by it."""


@hookspec
def register_requirements() -> Sequence[Path] | None:
    """Name files with more requirements, in the form of catalogues; only commands that judge the record ask, never a host."""
