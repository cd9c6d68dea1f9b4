"""What an adapter builds on: everything it may import from the core besides `orchestrail` itself. No host is named here."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any, Protocol

from orchestrail import __version__, plugins
from orchestrail.capture import files
from orchestrail.context import carrier_from_context, carrier_from_environment, carrier_from_paths, environment_of
from orchestrail.datasets import dataset_of
from orchestrail.errors import ConfigurationError
from orchestrail.guard import guard, guarded, report_to
from orchestrail.hookspecs import hookimpl
from orchestrail.marking import innermost, mark, marking_of
from orchestrail.model import AdapterInfo, Capability, Carrier, Gap, Job, Marking, RunRef, RunStart, State
from orchestrail.owner import Owner, is_alive, this_process
from orchestrail.recorder import OpenRun, Recorder, arguments_of
from orchestrail.redaction import remember
from orchestrail.run_id import attempt_run_id, new_run_id, static_run_id
from orchestrail.settings import Settings, load_settings
from orchestrail.steps import StepRun, current_open_run
from orchestrail.wrapping import wrap

__all__ = [
    "AdapterInfo",
    "Capability",
    "Carrier",
    "ConfigurationError",
    "Gap",
    "Job",
    "Marking",
    "OpenRun",
    "Owner",
    "Recorder",
    "RunRef",
    "RunStart",
    "Settings",
    "State",
    "StepRun",
    "__version__",
    "activate",
    "active",
    "arguments_of",
    "attempt_run_id",
    "carrier_from_context",
    "carrier_from_environment",
    "carrier_from_paths",
    "current_open_run",
    "dataset_of",
    "deactivate",
    "environment_of",
    "guard",
    "guarded",
    "hookimpl",
    "innermost",
    "is_alive",
    "leave_out",
    "mark",
    "marking_of",
    "new_run_id",
    "remember",
    "static_run_id",
    "this_process",
    "wrap",
]


class Plugin(Protocol):
    """An adapter's plugin module, as `activate` uses it; its other hooks are found by pluggy."""

    def adapter_info(self) -> AdapterInfo | None:
        """See `orchestrail.hookspecs.adapter_info`."""


_lock = threading.RLock()
_recorders: dict[str, Recorder | None] = {}
_left_out: set[str] = set()


def activate(name: str, plugin: Any) -> Recorder | None:
    """Begin recording in this process: the first thing an adapter does; called again, it gives the same recorder.

    Args:
        name: the adapter's name.
        plugin: its plugin module, with the hooks of `orchestrail.hookspecs`.

    Returns:
        The recorder; None where recording is switched off or cannot work, which `orchestrail doctor` then tells.
    """
    with _lock:
        if name in _recorders:
            return _recorders[name]
        _recorders[name] = None
        with guard(f"begin recording ({name})"):
            report_to(_home(), name)
            settings = load_settings()
            report_to(settings.home, name)
            if settings.disabled:
                return None
            info = plugin.adapter_info()
            if info is None:
                raise ConfigurationError(
                    f"The adapter {name} does not record.", "Its host is not installed here.", "Install the host."
                )
            recorder = Recorder(info, settings)
            leave_out(str(settings.home), str(settings.spool))
            plugins.register(plugin, name)
            plugin.adapter_install(recorder=recorder, settings=settings)
            _recorders[name] = recorder
        return _recorders[name]


def deactivate(name: str) -> None:
    """Stop recording in this process and leave the host as it was found."""
    with _lock:
        recorder = _recorders.pop(name, None)
        plugin = plugins.manager().get_plugin(name)
        if plugin is not None:
            with guard(f"stop recording ({name})"):
                plugin.adapter_uninstall()
            plugins.manager().unregister(plugin)
        if recorder is not None:
            with guard(f"close the spool ({name})"):
                recorder.close()


def active() -> list[Recorder]:
    """List the recorders at work in this process."""
    return [recorder for recorder in _recorders.values() if recorder is not None]


def leave_out(*prefixes: str) -> None:
    """Leave files below these folders out of lineage too: the host's own bookkeeping."""
    _left_out.update(prefixes)
    files.set_ignored(sorted(_left_out))


def _home() -> Path:
    return Path(os.environ.get("ORCHESTRAIL_HOME") or "~/.orchestrail").expanduser()
