"""A process that loads a host once and forks for each program: for hosts that take seconds to import. Run as a file, by `harness`.

Nothing of ours is imported here, so that a control stays one. A line on standard input asks for a run, a line on the first
standard output answers with how it ended; a run's own output goes where the request says.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def requests() -> Iterator[dict[str, Any]]:
    """Give the requests that this process must run itself: it forks for each, and only the child gets one."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            answers.close()
            yield json.loads(line)
            return
        answers.write(json.dumps({"pid": child}) + "\n")
        _, status = os.waitpid(child, 0)
        answers.write(json.dumps({"status": os.waitstatus_to_exitcode(status)}) + "\n")


def become(request: dict[str, Any]) -> None:
    """Take the place of a process that was started for this one request."""
    for name, descriptor, flags in (("/dev/null", 0, os.O_RDONLY), *((request[n], d, _WRITE) for n, d in _OUTPUT)):
        opened = os.open(name, flags, 0o600)
        os.dup2(opened, descriptor)
        os.close(opened)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what is started in the background does not hear it
    sys.argv = request["arguments"]
    sys.path[0:0] = [str(Path(sys.argv[0]).parent)]


_WRITE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
_OUTPUT = (("stdout", 1), ("stderr", 2))

if __name__ == "__main__":
    for module in sys.argv[1:]:
        importlib.import_module(module)
    for request in requests():
        become(request)
        runpy.run_path(sys.argv[0], run_name="__main__")
