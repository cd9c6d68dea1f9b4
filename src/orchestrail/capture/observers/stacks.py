"""Run a function on a thread of its own whose stack is known, for code that would overflow the stack of its caller.
What runs there is the caller's matter.
"""

from __future__ import annotations

import _thread
from collections.abc import Callable
from typing import TypeVar

from orchestrail.locks import Lock

R = TypeVar("R")


class NoThread(Exception):
    """The system gives no thread, or none with a stack of that size."""


# Not `threading`: such a thread is in nobody's list of threads, and no context, profile or trace function goes with it.
_start = _thread.start_new_thread
_lock = Lock()


def on_own_stack(size: int, function: Callable[[], R]) -> R:
    """Call a function on a new thread and wait for it.

    Args:
        size: of the stack in bytes.
        function: what to call; its exception is raised here.

    Raises:
        NoThread: none could be started.
    """
    done = _thread.allocate_lock()
    done.acquire()
    result: list[R] = []
    raised: list[BaseException] = []

    def run() -> None:
        try:
            result.append(function())
        except BaseException as error:
            raised.append(error)
        finally:
            done.release()

    with _lock:
        # The size is a setting of the process: others may change it, and what they chose meanwhile stays.
        try:
            usual = _thread.stack_size(size)
        except ValueError as error:
            raise NoThread from error
        try:
            _start(run, ())
        except RuntimeError as error:
            raise NoThread from error
        finally:
            meanwhile = _thread.stack_size(usual)
            if meanwhile != size:
                _thread.stack_size(meanwhile)
    done.acquire()
    if raised:
        raise raised[0]
    return result[0]
