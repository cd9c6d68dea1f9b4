"""A service states what it loads and how it prepares data, so that serving can be compared with training (Art. 10(2)(c), 15(1)).

The service is one run of its own. It has no run per request: that is the log of the running system (Art. 12), which is another one.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from orchestrail import declarations
from orchestrail.capture.code import code_facts
from orchestrail.context import carrier_from_environment
from orchestrail.datasets import dataset_of
from orchestrail.guard import guard
from orchestrail.hookspecs import hookimpl
from orchestrail.locks import Lock
from orchestrail.marking import marking_of
from orchestrail.model import AdapterInfo, Capability, DatasetRef, Marking, RunRef, RunStart, State
from orchestrail.recorder import Entered, OpenRun, Recorder
from orchestrail.run_id import new_run_id

_current: serving | None = None


def current_service() -> serving | None:
    """Give the service that this process states to be, if any."""
    return _current


class serving:
    """State that this process serves a model.

    Marked functions called while it is open are stated once each as the way the service prepares data; they are not recorded
    call by call. It is visible in every thread of the process. Never raises, except to refuse (enforce mode).

    Args:
        model: the model file, or a data set reference of it.
        deployment: name of the deployment, to be put on every record of the operation log.
        system: the AI system, where it is not the one of the settings.
    """

    def __init__(
        self, model: str | os.PathLike[str] | DatasetRef, deployment: str, *, system: str | None = None
    ) -> None:
        self.deployment = deployment
        self._model, self._system = model, system
        self._lock = Lock()
        self._stated: dict[object, dict[str, Any] | None] = {}
        self._recorder: Recorder | None = None
        self._entered: Entered | None = None
        self._ref: RunRef | None = None
        self._facts: dict[str, Any] = {}
        self._before: serving | None = None

    @property
    def run(self) -> OpenRun | None:
        """The service's own run; None where nothing is recorded."""
        return self._recorder.open_run(self._ref.run_id) if self._recorder and self._ref else None

    def __enter__(self) -> serving:
        """Put the start of the service on the record."""
        global _current
        with guard("begin serving"):
            self._begin()
        self._before, _current = _current, self
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Put its end on the record."""
        global _current
        _current = self._before
        with guard("end serving"):
            if self._recorder is not None and self._ref is not None:
                self._recorder.leave(self._entered)
                stopped = error is None or isinstance(error, KeyboardInterrupt | SystemExit)
                state = State.COMPLETE if stopped else State.FAIL
                self._recorder.finish(self._ref.run_id, state, error=None if stopped else error)

    def prepared_by(self, function: Callable[..., Any]) -> None:
        """State once that the service prepares data by this function."""
        marking = marking_of(function)
        if self._recorder is None or self._ref is None or marking is None or marking.operation is None:
            return
        key = getattr(function, "__code__", function)
        with self._lock:
            if key in self._stated:
                return
            self._stated[key] = None  # whoever else calls it meanwhile does not wait
        settings = self._recorder.settings
        declared = settings.declared_of(f"serving.{self.deployment}.{getattr(function, '__name__', '')}")
        identity = _identity(function, declarations.merged(marking, declared) or marking, settings.home / "cache")
        with self._lock:
            self._stated[key] = identity
            preparation = [one for one in self._stated.values() if one is not None]
        self._recorder.running(self._ref.run_id, {"orchestrail_serving": {**self._facts, "preparation": preparation}})

    def _begin(self) -> None:
        from orchestrail import adapter, service

        recorder = adapter.activate("service", service)
        if recorder is None:
            adapter.refuse_unrecorded("service", f"serving.{self.deployment}")
            return
        model = replace(dataset_of(self._model), kind="model", type="MODEL", role=None)
        self._facts = {
            "deployment": self.deployment,
            "model": {key: asdict(model)[key] for key in ("namespace", "name", "version", "digest")},
        }
        self._ref = recorder.start(
            RunStart(
                run_id=new_run_id(),
                job_name=f"serving.{self.deployment}",
                job_type="SERVICE",
                carrier=carrier_from_environment(),
                marking=Marking(role="serve"),
                system=self._system,
            )
        )
        self._recorder = recorder
        run = self.run
        if run is not None:
            run.inputs.append(model)
        # A service may run for months, and be killed: what it serves is told now.
        stated = {"orchestrail_serving": {**self._facts, "preparation": []}}
        recorder.running(self._ref.run_id, stated, inputs=[model])
        self._entered = recorder.enter(self._ref.run_id)


def _identity(function: Callable[..., Any], marking: Marking, cache: Path) -> dict[str, Any]:
    code = code_facts(function, cache=cache)
    return {
        "operation": marking.operation,
        "version": marking.version or code.digest,
        "derived": marking.version is None,
        "codeDigest": code.digest,
        "serveTime": marking.serve_time,
        "fitsState": marking.fits_state,
        "trainOnly": marking.train_only,
    }


# A service is no adapter of a host; it records through the same door, as one whose host is the interpreter.


@hookimpl
def adapter_info() -> AdapterInfo:
    """Describe the recording of services."""
    from orchestrail import __version__

    seen = frozenset({Capability.CODE_DIGEST, Capability.DATASET_VERSION, Capability.ENVIRONMENT})
    return AdapterInfo("service", "python", platform.python_version(), __version__, ">=3.11", seen)


@hookimpl
def adapter_install(recorder: Recorder, settings: Any) -> None:
    """Attach nothing: `serving` itself is the hook."""


@hookimpl
def adapter_uninstall() -> None:
    """Leave nothing behind."""
