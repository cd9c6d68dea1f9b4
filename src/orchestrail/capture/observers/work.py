"""Threads, pools and child processes: what is handed to them belongs to the run whose code hands it over.

A thread or process that is started takes the run of whoever starts it along. A pool does not: its workers belong to nobody, and
each piece of work takes along the run of whoever hands it in. `orchestrail.joining` does the taking; here is only where.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

from orchestrail import joining
from orchestrail.capture.observers import Patches
from orchestrail.capture.observing import capturing

KILLED = "it was killed; what it did since it last gave a result back is not known"

Carry = Callable[[Callable[..., Any]], Callable[..., Any]]


def attach(module: ModuleType, patches: Patches) -> None:
    """Watch where work is handed over."""
    library: Any = module
    if module.__name__ == "threading":
        patches.replace(library.Thread, "start", _starting_thread)
    elif module.__name__ == "multiprocessing.process":
        patches.replace(library.BaseProcess, "start", _starting_process)
        patches.around(library.BaseProcess, "join", after=_waited)
    elif module.__name__ == "multiprocessing.pool":
        patches.replace(library.Pool, "__init__", _making)
        patches.replace(library.Pool, "apply_async", functools.partial(_handing, place=0, name="func"))
        patches.replace(library.Pool, "_guarded_task_generation", functools.partial(_handing, place=1, name="func"))
    else:
        executor = getattr(library, "ThreadPoolExecutor", None) or library.ProcessPoolExecutor
        patches.replace(executor, "__init__", _making)
        patches.replace(executor, "submit", functools.partial(_handing, place=0, name="fn"))


def _carry(pool: object) -> Carry:
    """Say how work gets to the workers of a pool."""
    in_threads = any(kind.__name__ in ("ThreadPool", "ThreadPoolExecutor") for kind in type(pool).__mro__)
    return joining.in_a_thread if in_threads else joining.in_a_process


def _starting_thread(original: Any) -> Any:
    """Have what a thread runs take the run along."""

    @functools.wraps(original)
    def start(self: Any, *args: Any, **kwargs: Any) -> Any:
        if capturing.get() is None:
            return original(self, *args, **kwargs)
        put_back = _put(self, joining.in_a_thread(self.run), once=True)
        try:
            return original(self, *args, **kwargs)
        except BaseException:
            put_back()
            raise

    return start


def _starting_process(original: Any) -> Any:
    """Have what a process runs take the run along: it gets the object as it is now, by a fork or pickled."""

    @functools.wraps(original)
    def start(self: Any, *args: Any, **kwargs: Any) -> Any:
        if capturing.get() is None:
            return original(self, *args, **kwargs)
        put_back = _put(self, joining.in_a_process(self.run))
        try:
            return original(self, *args, **kwargs)
        finally:
            put_back()

    return start


def _waited(capture: Any, process: object, *given: object, result: object, **more: object) -> None:
    """Tell of a child that a signal ended, as the step itself learned by waiting for it: nothing is asked of the kernel here."""
    status = getattr(getattr(process, "_popen", None), "returncode", None)
    if isinstance(status, int) and status < 0:
        capture.told.misses("a child process", f"{KILLED} (signal {-status})")


def _put(started: Any, run: Callable[..., Any], *, once: bool = False) -> Callable[[], None]:
    """Put something in the place of an object's `run`, until it is called where it is for `once`; give what puts it back."""
    own = vars(started)
    before = own.get("run")

    def put_back() -> None:
        if before is None:
            own.pop("run", None)
        else:
            own["run"] = before

    def call(*args: Any, **kwargs: Any) -> Any:
        put_back()
        return run(*args, **kwargs)

    own["run"] = call if once else run
    return put_back


def _handing(original: Any, place: int, name: str) -> Any:
    """Have the function that is handed to a pool take the run along."""

    @functools.wraps(original)
    def hand(self: Any, *args: Any, **kwargs: Any) -> Any:
        if capturing.get() is None:
            return original(self, *args, **kwargs)
        carry = _carry(self)
        if len(args) > place:
            args = (*args[:place], carry(args[place]), *args[place + 1 :])
        elif name in kwargs:
            kwargs[name] = carry(kwargs[name])
        with joining.apart():
            return original(self, *args, **kwargs)

    return hand


def _making(original: Any) -> Any:
    """Have what a pool's workers begin with take the run along, and nothing else of them."""
    signature = inspect.signature(original)

    @functools.wraps(original)
    def make(self: Any, *args: Any, **kwargs: Any) -> Any:
        if capturing.get() is None:
            return original(self, *args, **kwargs)
        try:
            bound = signature.bind(self, *args, **kwargs)
        except TypeError:  # the caller's mistake, and told by the original
            return original(self, *args, **kwargs)
        if callable(bound.arguments.get("initializer")):
            bound.arguments["initializer"] = _carry(self)(bound.arguments["initializer"])
        with joining.apart():
            return original(*bound.args, **bound.kwargs)

    return make
