"""What the execution of a step used of time and memory, as the kernel counts it for this process. No thread, no sampling."""

from __future__ import annotations

import os
import resource
import sys
import threading
import time
from typing import Any

# Linux counts in kB, macOS in bytes.
_PEAK_UNIT = 1 if sys.platform == "darwin" else 1024


class Usage:
    """Counts from the moment it is made."""

    __slots__ = ("_children", "_process", "_processor", "_thread", "_threads_time", "_wall")

    def __init__(self) -> None:
        self._process, self._thread = os.getpid(), threading.get_ident()
        self._wall, self._children = time.monotonic_ns(), _of_children()
        self._processor, self._threads_time = time.process_time_ns(), time.thread_time_ns()

    def until_now(self) -> dict[str, Any] | None:
        """Say what was used until now.

        Returns:
            `wallSeconds`; `processorSeconds` of the whole process meanwhile, with all its threads: other steps that ran in it at
            the same time are in it; `threadSeconds` of processor of the thread that began, None where another one ends;
            `childSeconds` of processor of child processes that ended and were waited for; `peakMemoryBytes` of the process since
            it began, which may have been before. None in a forked child, whose counts are others.
        """
        if os.getpid() != self._process:
            return None
        same = threading.get_ident() == self._thread
        return {
            "wallSeconds": _seconds(time.monotonic_ns() - self._wall),
            "processorSeconds": _seconds(time.process_time_ns() - self._processor),
            "threadSeconds": _seconds(time.thread_time_ns() - self._threads_time) if same else None,
            "childSeconds": round(_of_children() - self._children, 6),
            "peakMemoryBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _PEAK_UNIT,
        }


def _seconds(nanoseconds: int) -> float:
    return nanoseconds // 1000 / 1_000_000


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
