"""Work of a run in other threads and processes: it takes the run along, and what it touches there is the run's.

A thread has the run and its capture from the context that handed the work over. A process has them by value: it takes part in the
run under its id (`Recorder.join`) and puts what it saw on the record itself, in a segment of its own, before its result is given
back; the process that began the run ends it. Which calls hand work over is the observer's matter (`capture.observers.work`).
"""

from __future__ import annotations

import atexit
import functools
import os
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from orchestrail.capture import files, observers
from orchestrail.capture.observing import capturing, unobserved
from orchestrail.context import current
from orchestrail.guard import guard, report_to
from orchestrail.model import AdapterInfo, Job, RunRef, RunStart
from orchestrail.owner import Owner
from orchestrail.recorder import Entered, OpenRun, Recorder
from orchestrail.redaction import known_secrets, remember, remember_environment

_SECRET = {"token", "url", "airflow_url", "airflow_token", "airflow_user", "airflow_password"}
"""Settings that recording does not need; what is handed over holds none of them."""


@dataclass(frozen=True, slots=True)
class _Handed:
    """What another process has to know to take part in a run."""

    info: AdapterInfo
    settings: dict[str, Any]
    ref: RunRef
    start: RunStart
    parent_job: Job | None
    owner: Owner
    ignored: tuple[str, ...]
    secrets: frozenset[str]


class Work:
    """A call that takes part in a run, in whatever process it is made.

    Args:
        function: what is called.
        handed: a pickled `_Handed`: made beforehand, so that the host's own pickling meets nothing of ours that could fail.
    """

    __slots__ = ("function", "handed")

    def __init__(self, function: Callable[..., Any], handed: bytes) -> None:
        self.function, self.handed = function, handed

    def __reduce__(self) -> tuple[type[Work], tuple[Callable[..., Any], bytes]]:
        """Pickle by value; the function as its owner would have it."""
        return Work, (self.function, self.handed)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function within the run."""
        entered = _enter(self.handed)
        try:
            return self.function(*args, **kwargs)
        finally:
            _leave(entered)


def in_a_thread(function: Callable[..., Any]) -> Callable[..., Any]:
    """Have a function run within the run of this context, in whatever thread it is called."""
    run, capture = current.get(), capturing.get()

    def carried(*args: Any, **kwargs: Any) -> Any:
        tokens = current.set(run), capturing.set(capture)
        try:
            return function(*args, **kwargs)
        finally:
            current.reset(tokens[0])
            capturing.reset(tokens[1])

    return carried


def in_a_process(function: Callable[..., Any]) -> Callable[..., Any]:
    """Have a function run within the run of this context, in whatever process it is called; as it is where that cannot be."""
    run = current.get()
    if run is None or not run.recorder.at_work:
        return function
    with guard("hand a run to another process"), unobserved():
        return Work(function, _handed(run))
    run.files.told.misses("a child process", "the run could not be handed to it")
    return function


@contextmanager
def apart() -> Iterator[None]:
    """Leave the run of this context for a while: what is started then, the workers of a pool, works for whoever comes."""
    tokens = current.set(None), capturing.set(None)
    try:
        yield
    finally:
        current.reset(tokens[0])
        capturing.reset(tokens[1])


def hand_in() -> None:
    """Put on the record what this process saw of the run that it takes part in: it may be gone at the next moment."""
    run = current.get()
    if run is None or not run.joined or capturing.get() is not run.files:
        return
    with guard("hand in what a child process saw"):
        run.recorder.hand_in(run)
        capturing.set(run.files)


def _handed(run: OpenRun) -> bytes:
    secrets = known_secrets()
    if run.handed is None or run.handed[0] is not secrets:
        start = replace(
            run.start, function=None, file=None, marking=None, parameters=None, upstream=(), parent=None, carrier=None
        )
        recorder = run.recorder
        settings = recorder.settings.model_dump(exclude=_SECRET)
        known = _Handed(recorder.info, settings, run.ref, start, run.parent_job, run.owner, files.ignored(), secrets)
        run.handed = secrets, pickle.dumps(known)
    return run.handed[1]


def _joined(handed: bytes) -> OpenRun | None:
    with guard("take part in a run"), unobserved():
        known, recorder = _received(handed)
        return recorder.join(known.ref, known.start, known.parent_job, known.owner)
    return None


@functools.lru_cache(maxsize=8)
def _received(handed: bytes) -> tuple[_Handed, Recorder]:
    known: _Handed = pickle.loads(handed)  # noqa: S301 - from the process that sent the work itself
    remember(*known.secrets)
    return known, _recorder(known)


def _recorder(known: _Handed) -> Recorder:
    """Give the recorder of this process for what others hand over; the first time it begins to look."""
    from orchestrail.settings import Settings

    key = f"{known.info.name} {known.info.version} {sorted(known.settings.items())}"
    recorder = _recorders.get(key)
    if recorder is None:
        settings = Settings(**known.settings)
        report_to(settings.home, known.info.name)
        remember_environment()
        files.install()
        if not observers.at_work():
            files.set_ignored(known.ignored)
            files.set_rules(settings.capture_ignore, settings.capture_include)
            observers.install()
        recorder = _recorders[key] = Recorder(known.info, settings)
    return recorder


def _enter(handed: bytes) -> Entered | None:
    run = _joined(handed)
    return None if run is None else Entered(run, current.set(run), capturing.set(run.files))


def _leave(entered: Entered | None) -> None:
    if entered is None:
        return
    run, recorder = entered.run, entered.run.recorder
    with guard("hand in what a child process saw"):
        recorder.leave(entered)
        recorder.hand_in(run)
    hand_in()  # of the worker itself, which may be ended without notice once it has given its result back


def _after_fork() -> None:
    """Take part, in a forked child, in the run that its parent has begun and ends."""
    run, capture = current.get(), capturing.get()
    if run is None or capture is not run.files or not run.recorder.at_work:
        return
    with guard("take part in a run after a fork"):
        joined = run.recorder.join(run.ref, run.start, run.parent_job, run.owner)
        current.set(joined)
        capturing.set(joined.files)


_recorders: dict[str, Recorder] = {}
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
atexit.register(hand_in)
