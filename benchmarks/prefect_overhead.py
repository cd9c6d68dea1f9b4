"""What recording costs a Prefect task that does nothing: pairs of flow runs with and without `@audited`, in turn, in one process.

Run it in an environment that holds Prefect and `orchestrail-prefect`:

    python benchmarks/prefect_overhead.py [--pairs 20] [--tasks 500] [--way direct|submit] [--events memory|server] [--keep FILE]

Text goes to standard error, one JSON document to standard output. Without `@audited` means without us: the adapter is uninstalled
for each such run. A no-op task is the upper bound: the cost is per task, whatever the task does. With `--events memory` (default)
Prefect's own events end in its in-memory client instead of its server, whose later writing would be noise on the same processors.
Two clocks: the wall, and processor time of this process with all its threads, which other work on the machine disturbs less.

What stays in the process after the first recorded run is in both sides: the interpreter's audit hook, which reads one context
variable and returns, at the about 13 audit events of such a task.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from measuring import CLOCKS, compare, difference, document, tell

WAYS = ("direct", "submit")
DISTRIBUTIONS = ("orchestrail", "orchestrail-prefect", "prefect")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=20, help="pairs of flow runs for each way")
    parser.add_argument("--tasks", type=int, default=500, help="tasks in a flow run")
    parser.add_argument("--way", action="append", choices=WAYS, help="how tasks are run; both by default")
    parser.add_argument(
        "--events", choices=("memory", "server"), default="memory", help="where Prefect sends its events"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the bootstrap")
    parser.add_argument("--keep", type=Path, help="Markdown file to put the result into")
    options = parser.parse_args(arguments)
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="orchestrail-bench-") as folder:
        prefect_environment(Path(folder))
        with ExitStack() as stack:
            prefect_server(stack, options.events)
            found = {way: _measure(way, options.pairs, options.tasks, options.seed) for way in options.way or WAYS}
    settings = {"pairs": options.pairs, "tasks": options.tasks, "events": options.events, "seed": options.seed}
    said = document("prefect_overhead", DISTRIBUTIONS, settings, load) | {"milliseconds_per_task": found}
    rows = [("task", "clock", "without us, ms", "with us, ms", "difference, ms (95 %)")]
    for way, clocks in found.items():
        for clock, one in clocks.items():
            rows.append((way, clock, f"{one['without']:.3f}", f"{one['with']:.3f}", difference(one)))
    tell(said, f"{options.pairs} pairs of {options.tasks} tasks that do nothing.", rows, options.keep)
    return 0


def prefect_environment(folder: Path) -> None:
    """Keep Prefect's files and ours in a folder, and both quiet."""
    os.environ |= {
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_LOGGING_LEVEL": "CRITICAL",
        "PREFECT_LOGGING_TO_API_ENABLED": "false",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "ORCHESTRAIL_HOME": str(folder / "orchestrail"),
        "ORCHESTRAIL_DISABLED": "false",
    }


def prefect_server(stack: ExitStack, events: str) -> None:
    """Start a server of Prefect's until the stack is left, with the heartbeat off.

    Args:
        stack: what ends it.
        events: `memory` where Prefect's events end in its in-memory client, `server` where they are sent.
    """
    from prefect.events.clients import AssertingEventsClient
    from prefect.events.worker import EventsWorker
    from prefect.server.api.server import SubprocessASGIServer
    from prefect.settings import PREFECT_API_URL, PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    server = SubprocessASGIServer()
    server.start(timeout=120)
    stack.callback(server.stop)
    stack.enter_context(temporary_settings({PREFECT_API_URL: server.api_url, PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}))
    if events == "memory":
        EventsWorker.set_client_override(AssertingEventsClient)


def _measure(way: str, pairs: int, tasks: int, seed: int) -> dict[str, Any]:
    found: dict[str, dict[bool, list[float]]] = {clock: {False: [], True: []} for clock in CLOCKS}
    for pair in range(-1, pairs):  # the first pair warms up caches and is not counted
        for audited in (False, True) if pair % 2 else (True, False):
            seconds = _run(way, tasks, audited)
            if pair >= 0:
                for clock in CLOCKS:
                    found[clock][audited].append(1000 * seconds[clock] / tasks)
    return {clock: compare(values[False], values[True], seed) for clock, values in found.items()}


def _run(way: str, tasks: int, audited: bool) -> dict[str, float]:
    """Give the seconds that the tasks of one flow run took, by each clock."""
    from prefect import flow, task
    from prefect.events.clients import AssertingEventsClient
    from prefect.events.worker import EventsWorker

    import orchestrail_prefect
    from orchestrail.adapter import deactivate

    @task
    def nothing() -> None:
        return None

    def direct() -> None:
        for _ in range(tasks):
            nothing()

    def submit() -> None:
        for future in [nothing.submit() for _ in range(tasks)]:
            future.wait()

    run_tasks: Callable[[], None] = {"direct": direct, "submit": submit}[way]

    def body() -> dict[str, float]:
        nothing()  # what is found out once a run (code, git) is no cost of each task
        wall, processor = time.perf_counter(), time.process_time()
        run_tasks()
        wall = time.perf_counter() - wall
        # What Prefect has left to send is work of these tasks too, and must not be at work beside the next run.
        EventsWorker.instance().wait_until_empty()
        return {"wall": wall, "processor": time.process_time() - processor}

    measured: Any = flow(name=f"bench-{way}")(body)
    if audited:
        measured = orchestrail_prefect.audited(measured)
    AssertingEventsClient.reset()
    gc.collect()
    seconds: dict[str, float] = measured()
    if audited:
        deactivate("prefect")
        _clean(tasks)
    return seconds


def _clean(tasks: int) -> None:
    """Check that the runs are on the record, a start and an end each, and remove it for the next."""
    from orchestrail.settings import load_settings

    events = 0
    for segment in load_settings().spool.glob("*.seg"):
        events += segment.read_bytes().count(b"\n\n")
        segment.unlink()
    expected = 2 * (1 + 1 + tasks)  # a start and an end of the flow run, of the first task run, of those that count
    if events != expected:
        raise SystemExit(f"{events} events were recorded, not {expected}: this measures something else")


if __name__ == "__main__":
    sys.exit(main())
