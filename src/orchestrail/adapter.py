"""What an adapter builds on: everything it may import from the core besides `orchestrail` itself. No host is named here."""

from __future__ import annotations

import logging
import os
from typing import Any, Protocol

from orchestrail import __version__, enforcement, plugins, trouble
from orchestrail.capture import files, observers
from orchestrail.capture.observers import sql
from orchestrail.context import carrier_from_context, carrier_from_environment, carrier_from_paths, environment_of
from orchestrail.datasets import dataset_of
from orchestrail.errors import ConfigurationError, RequirementNotMet
from orchestrail.guard import guard, guarded, report_to
from orchestrail.hookspecs import hookimpl
from orchestrail.locks import Lock
from orchestrail.marking import innermost, mark, marking_of
from orchestrail.model import (
    NOTHING,
    AdapterInfo,
    Capability,
    Carrier,
    DatasetRef,
    Finding,
    Gap,
    Job,
    Marking,
    Problem,
    RunRef,
    RunStart,
    Severity,
    State,
)
from orchestrail.owner import Owner, is_alive, this_process
from orchestrail.parameters import Unshown, remember_named
from orchestrail.recorder import OpenRun, Recorder, arguments_of
from orchestrail.redaction import redact_text, remember
from orchestrail.run_id import attempt_run_id, new_run_id, static_run_id
from orchestrail.settings import Settings, home_of_environment, load_settings
from orchestrail.steps import StepRun, current_open_run
from orchestrail.versions import is_below, within
from orchestrail.wrapping import wrap

__all__ = [
    "NOTHING",
    "AdapterInfo",
    "Capability",
    "Carrier",
    "ConfigurationError",
    "DatasetRef",
    "Finding",
    "Gap",
    "Job",
    "Lock",
    "Marking",
    "OpenRun",
    "Owner",
    "Problem",
    "Recorder",
    "RequirementNotMet",
    "RunRef",
    "RunStart",
    "Settings",
    "Severity",
    "State",
    "StepRun",
    "Unshown",
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
    "is_below",
    "leave_out",
    "mark",
    "marking_of",
    "new_run_id",
    "refuse_unrecorded",
    "remark",
    "remember",
    "remember_named",
    "static_run_id",
    "this_process",
    "wrap",
]


class Plugin(Protocol):
    """An adapter's plugin module, as `activate` uses it; its other hooks are found by pluggy."""

    def adapter_info(self) -> AdapterInfo | None:
        """See `orchestrail.hookspecs.adapter_info`."""


_lock = Lock()
_recorders: dict[str, Recorder | None] = {}
_left_out: set[str] = set()
_modes: dict[str, tuple[str, tuple[str, ...]] | None] = {}
"""By adapter the mode of this process and what it enforces, as far as the settings could be read; None where it is switched off."""


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
        _modes[name] = os.environ.get("ORCHESTRAIL_MODE", ""), tuple(enforcement.HINTS)
        with guard(f"begin recording ({name})"):
            report_to(home_of_environment(), name)
            settings = load_settings()
            report_to(settings.home, name)
            _modes[name] = None if settings.disabled else (settings.mode, settings.enforce)
            if settings.disabled:
                return None
            info = plugin.adapter_info()
            if info is None:
                raise ConfigurationError(
                    f"The adapter {name} does not record.", "Its host is not installed here.", "Install the host."
                )
            with guard("warn of the host's version"):  # a handler of the host's log may raise anything
                _warn_of_host(info)
            if is_below(info.host_version, info.requires):
                return None
            recorder = Recorder(info, settings)
            leave_out(str(settings.home), str(settings.spool))
            files.set_rules(settings.capture_ignore, settings.capture_include)
            plugins.register(plugin, name)
            plugin.adapter_install(recorder=recorder, settings=settings)
            observers.install()
            _recorders[name] = recorder
        return _recorders[name]


def deactivate(name: str) -> None:
    """Stop recording in this process and leave the host as it was found."""
    with _lock:
        recorder = _recorders.pop(name, None)
        _modes.pop(name, None)
        plugin = plugins.manager().get_plugin(name)
        if plugin is not None:
            with guard(f"stop recording ({name})"):
                plugin.adapter_uninstall()
            plugins.manager().unregister(plugin)
        if recorder is not None:
            recorder.at_work = False
            with guard(f"close the spool ({name})"):
                recorder.close()
        if not active():
            observers.uninstall()


def refuse_unrecorded(name: str, job: str, mode: str | None = None) -> None:
    """Refuse a run that would leave no evidence: for an adapter that `activate` gave no recorder, before user code runs.

    Nothing happens in mode `record`, and where recording is switched off or the adapter was let go: that is somebody's decision.

    Args:
        name: the adapter's name.
        job: what is about to run.
        mode: the mode that is said for this run; else that of the settings counts.

    Raises:
        RequirementNotMet: mode `enforce`.
    """
    asked = _modes.get(name)
    if asked is None or (mode or asked[0]) != "enforce":
        return
    findings = [enforcement.no_start("recording could not begin in this process")]
    refusal = enforcement.refusal(job, findings, asked[1])
    if refusal is not None:
        raise refusal


def active() -> list[Recorder]:
    """List the recorders at work in this process."""
    return [recorder for recorder in _recorders.values() if recorder is not None]


def remark(recorder: Recorder, where: str, what: str, do: str) -> None:
    """Have `orchestrail doctor` tell of something that works and could be better.

    Args:
        recorder: the adapter's.
        where: what of ours is used, in a few words.
        what: on what.
        do: what would be better, a sentence.
    """
    trouble.note(recorder.settings.home, where, redact_text(what), host=recorder.info.name, do=do)


def leave_out(*places: str) -> None:
    """Leave the host's own bookkeeping out of lineage: what lies below these folders, and the tables of these databases.

    Args:
        places: folders, and addresses of databases as SQLAlchemy has them; of an address only machine and name are kept.
    """
    _left_out.update(places)
    files.set_ignored(sorted(place for place in _left_out if "://" not in place))
    sql.leave_out(place for place in _left_out if "://" in place)


def _warn_of_host(info: AdapterInfo) -> None:
    """Say once in the host's own log that it is of a version which the adapter is not made for."""
    if within(info.host_version, info.requires) is not False:
        return
    off = is_below(info.host_version, info.requires)
    logging.getLogger("orchestrail").warning(
        "orchestrail %s: the adapter %s is made for %s %s, here is %s. %s",
        "records nothing" if off else "may record incompletely",
        info.name,
        info.host,
        info.requires,
        info.host_version,
        f"Upgrade {info.host} to have its runs recorded." if off else f"Look for a newer orchestrail-{info.name}.",
    )
