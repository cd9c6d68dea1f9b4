"""The lock of a host's process: it keeps threads apart, and neither a signal handler nor a forked child waits for it for ever."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

from orchestrail.locks import Lock


def test_one_thread_at_a_time_holds_it() -> None:
    """Sums that threads make of a read and a later write come out right."""
    lock, total = Lock(), 0

    def add() -> None:
        nonlocal total
        for _ in range(100):
            with lock:
                before = total
                os.sched_yield()
                total = before + 1

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert total == 800


def test_a_signal_handler_may_take_what_its_thread_holds() -> None:
    """A handler that ends a run while a run is being ended goes through."""
    lock, taken = Lock(), []

    def handle(number: int, frame: object) -> None:
        with lock:
            taken.append(number)

    before = signal.signal(signal.SIGUSR1, handle)
    try:
        with lock:
            signal.raise_signal(signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert taken == [signal.SIGUSR1]


_FORKS = """
import os, sys, threading
from orchestrail.locks import Lock

lock, held, over = Lock(), threading.Event(), threading.Event()

def hold():
    with lock:
        held.set()
        over.wait()

if sys.argv[1] == "another thread":
    threading.Thread(target=hold, daemon=True).start()
    held.wait()
    child = os.fork()
else:
    with lock:
        child = os.fork()
if child == 0:
    with lock:
        os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_forked_child_finds_it_free() -> None:
    """Whether another thread of the parent held it at that moment, or the forking one itself: the child goes on."""
    for holder in ("another thread", "this thread"):
        done = subprocess.run([sys.executable, "-c", _FORKS, holder], capture_output=True, text=True, check=False)
        assert (done.stdout, done.stderr) == ("7\n", "")
