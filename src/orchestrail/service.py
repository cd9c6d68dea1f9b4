"""A service states what it loads and how it prepares data, so that serving can be compared with training (Art. 10(2)(c), 15(1)).

The service is one run of its own. It has no run per request: that is the log of the running system (Art. 12), which is another one.
"""

from __future__ import annotations

import inspect
import operator
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from orchestrail import declarations
from orchestrail.capture import fitted
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
from orchestrail.wrapping import Ending

MAX_STATES = 20
"""Different fitted states of one operation that a service states."""

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
        self._stated: dict[object, _Prepared] = {}
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

    def prepared_by(
        self, function: Callable[..., Any], args: Sequence[object], kwargs: Mapping[str, object]
    ) -> Ending | None:
        """State that the service prepares data by this function: once, and again where it is given other fitted state.

        Args:
            function: what is called.
            args: what it is given by place.
            kwargs: what it is given by name.

        Returns:
            Who is told of the end of its first call: what it loads then is its state too.
        """
        key = getattr(function, "__code__", function)
        known = self._stated.get(key)
        if known is not None:
            self._apply(known, known.state_among(args, kwargs))
            return None
        marking = marking_of(function)
        if self._recorder is None or self._ref is None or marking is None or marking.operation is None:
            return None
        with self._lock:
            if key in self._stated:  # whoever else calls it meanwhile does not wait
                return None
            declared = self._recorder.settings.declared_of(
                f"serving.{self.deployment}.{getattr(function, '__name__', '')}"
            )
            marking = declarations.merged(marking, declared) or marking
            known = self._stated[key] = _Prepared(function, marking)
        known.identity = _identity(function, marking, self._recorder.settings.home / "cache")
        given = known.state_among(args, kwargs)
        self._apply(known, given, first=True)
        return _FirstCall(self, known) if not given else None

    def _apply(self, known: _Prepared, given: tuple[object, ...], *, first: bool = False) -> None:
        """Take note of the fitted state that an operation is given; what it was given last costs no more than a look."""
        if not first and len(given) == len(known.given) and all(map(operator.is_, given, known.given)):
            return
        known.given = given
        if len(known.states) < MAX_STATES:
            self.applies(known, [found for one in given if (found := known.identify(one)) is not None], first=first)

    def applies(self, known: _Prepared, states: Sequence[DatasetRef], *, first: bool = False) -> None:
        """State what an operation applies, where that was not stated yet.

        Args:
            known: the operation.
            states: its fitted state.
            first: True where nothing was stated of it yet.
        """
        digest, unknown = fitted.digest_of_several(states)
        run = self.run
        if unknown is not None and run is not None:
            run.not_captured.append(("fitted state", f"{known.identity['operation']}: {unknown}"))
        if self._recorder is None or self._ref is None or (digest in known.states and not first):
            return
        with self._lock:
            known.states.pop(None, None)
            known.states[digest] = None
            preparation = [
                {**one.identity, "stateDigest": state} for one in self._stated.values() for state in one.states
            ]
        self._recorder.running(self._ref.run_id, {"orchestrail_serving": {**self._facts, "preparation": preparation}})

    def within(self) -> Entered | None:
        """Make the service's run the current one, in whatever thread it is called."""
        return self._recorder.enter(self._ref.run_id) if self._recorder and self._ref else None

    def leave(self, entered: Entered | None) -> None:
        """Make the run before the current one again."""
        if self._recorder is not None:
            self._recorder.leave(entered)

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


class _Prepared:
    """An operation by which a service prepares data.

    Args:
        function: what is called.
        marking: what is said of it.

    Attributes:
        identity: what is stated of it.
        states: the digests of the fitted state that it applied; None among them as long as none is known.
        given: the state that it was given last: held, so that nothing else can be taken for it.
    """

    def __init__(self, function: Callable[..., Any], marking: Marking) -> None:
        self.identity: dict[str, Any] = {}
        self.states: dict[str | None, None] = {}
        self.given: tuple[object, ...] = ()
        parameters = list(inspect.signature(function).parameters.values())
        self._declared = [(place, one) for place, one in enumerate(parameters) if one.name in marking.state_names]

    def state_among(self, args: Sequence[object], kwargs: Mapping[str, object]) -> tuple[object, ...]:
        """Give the fitted state among the arguments of a call: what was declared, and what its class tells."""
        declared = [
            args[place] if place < len(args) else kwargs.get(one.name, one.default) for place, one in self._declared
        ]
        told = [one for one in (*args, *kwargs.values()) if fitted.is_known(one)]
        return (*declared, *(one for one in told if not any(one is other for other in declared)))

    def identify(self, state: object) -> DatasetRef | None:
        """Identify fitted state."""
        return fitted.identify(state) if fitted.is_known(state) else fitted.identify_plain(state)


class _FirstCall:
    """The first call of an operation, which may load its state by itself.

    Args:
        service: who makes it.
        known: the operation.
    """

    def __init__(self, service: serving, known: _Prepared) -> None:
        self._service, self._known = service, known
        self._entered = service.within()
        self._before = len(self._loaded)

    def end(self, error: BaseException | None = None, result: object = None) -> None:
        """Take note of what it loaded."""
        with guard("look at what a service loads"):
            loaded = self._loaded[self._before :]
            self._service.leave(self._entered)
            if loaded:
                self._service.applies(self._known, loaded)

    @property
    def _loaded(self) -> list[DatasetRef]:
        return self._entered.run.files.told.applied if self._entered is not None else []


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
