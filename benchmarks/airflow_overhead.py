"""What recording costs Airflow: 40 mapped tasks that do nothing under `airflow dags test`, and the import of our plugin.

Run it in an environment that holds Airflow, `orchestrail-airflow` and Airflow's OpenLineage provider:

    python benchmarks/airflow_overhead.py [--pairs 9] [--tasks 40] [--seed 1] [--keep FILE]

Text goes to standard error, one JSON document to standard output. A round is four processes of `airflow dags test`, in an order
that turns: without us, with us, and with the official provider, which writes to a file, in its default mode (a fork for each event)
and in a thread. Without means hidden from Airflow (ours) and switched off (the provider). Each process runs a small DAG first, so
that what is paid once a process is no cost of a task.

- Added: the time of Airflow's own function that runs one task in the process, with the hooks in it, and the processor time of the
  process meanwhile, with that of children it waited for. The mean over a run's tasks but the first; the difference to `without` is
  taken in pairs of one round.
- In hooks: the time within the calls of our listener, or the provider's, alone: for a task, and for the first task of a process,
  where settings are read, the recorder is made and the DAG run is begun.
- Import: in a fresh process that has imported Airflow with its listeners, the time to import the plugin that Airflow loads.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

from measuring import CLOCKS, compare, difference, document, tell

WAYS = ("without", "with us", "provider, fork", "provider, thread")
DISTRIBUTIONS = (
    "orchestrail",
    "orchestrail-airflow",
    "apache-airflow-core",
    "apache-airflow-providers-openlineage",
)
PLUGINS = {"with us": "orchestrail_airflow.entry", "provider": "airflow.providers.openlineage.plugins.openlineage"}

DAGS = """
import os
from airflow.sdk import dag, task

@task
def nothing(number):
    return None

def build(name, tasks):
    @dag(dag_id=name, schedule=None)
    def made():
        nothing.expand(number=list(range(tasks)))
    made()

build("warm", 2)
build("bench", int(os.environ["BENCH_TASKS"]))
"""
HIDE = """
import importlib

def hide(module):
    found = module.distributions
    module.distributions = lambda **arguments: (
        one for one in found(**arguments) if one.metadata["Name"] != "orchestrail-airflow"
    )

for name in ("importlib.metadata", "importlib_metadata"):  # Airflow asks the one or the other, by the version of Python
    try:
        hide(importlib.import_module(name))
    except ImportError:
        pass
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=9, help="rounds, and imports of each plugin")
    parser.add_argument("--tasks", type=int, default=40, help="mapped tasks in a DAG run")
    parser.add_argument("--seed", type=int, default=1, help="of the bootstrap")
    parser.add_argument("--keep", type=Path, help="Markdown file to put the result into")
    parser.add_argument("--inside", choices=("tasks", "import"), help=argparse.SUPPRESS)
    parser.add_argument("--plugin", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.inside is not None:
        found = _tasks() if options.inside == "tasks" else _import(options.plugin)
        options.keep.write_text(json.dumps(found))
        return 0
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="orchestrail-bench-") as folder:
        found = _measure(Path(folder), options.pairs, options.tasks, options.seed)
    settings = {"pairs": options.pairs, "tasks": options.tasks, "seed": options.seed}
    said = document("airflow_overhead", DISTRIBUTIONS, settings, load) | found
    rows = [("", "clock", "added, ms (95 %)", "in hooks, ms", "in hooks of the first task, ms")]
    for way, clocks in found["milliseconds_per_task"].items():
        for clock, one in clocks.items():
            rows.append((f"a task, {way}", clock, difference(one), f"{one['hooks']:.3f}", f"{one['first_hooks']:.1f}"))
    for plugin, clocks in found["milliseconds_of_import"].items():
        rows += [(f"import, {plugin}", clock, f"{one['median']:+.1f}", "", "") for clock, one in clocks.items()]
    tell(said, f"{options.pairs} rounds of {options.tasks} mapped tasks that do nothing.", rows, options.keep)
    return 0


# -- around the processes


def _measure(folder: Path, pairs: int, tasks: int, seed: int) -> dict[str, Any]:
    home = _Home(folder, tasks)
    runs: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
    imports: dict[str, list[dict[str, float]]] = {plugin: [] for plugin in PLUGINS}
    warming = 1 if pairs > 1 else 0  # a round that compiles modules and warms caches, and is not counted
    for number in range(-warming, pairs):
        turn = number % len(WAYS)
        for way in (*WAYS[turn:], *WAYS[:turn]):
            run = home.run("tasks", way)
            if number >= 0:
                runs[way].append(run)
        for plugin, module in PLUGINS.items():
            took = home.run("import", "with us" if plugin == "with us" else "provider, fork", "--plugin", module)
            if number >= 0:
                imports[plugin].append(took)
    per_task: dict[str, Any] = {}
    for way in WAYS[1:]:
        per_task[way] = {}
        for clock in CLOCKS:
            without, with_it = ([run["task"][clock] for run in runs[one]] for one in (WAYS[0], way))
            hooks = {
                name: round(statistics.median(run[name][clock] for run in runs[way]), 3)
                for name in ("hooks", "first_hooks")
            }
            per_task[way][clock] = compare(without, with_it, seed) | hooks
    per_import = {
        plugin: {
            clock: {
                "median": round(statistics.median(one[clock] for one in took), 2),
                "all": [round(one[clock], 2) for one in took],
            }
            for clock in CLOCKS
        }
        for plugin, took in imports.items()
    }
    return {"milliseconds_per_task": per_task, "milliseconds_of_import": per_import}


class _Home:
    """An installation of Airflow in a folder of its own.

    Args:
        folder: where.
        tasks: mapped tasks of the DAG.
    """

    def __init__(self, folder: Path, tasks: int) -> None:
        self._folder, self._tasks, self._result = folder, tasks, folder / "result.json"
        (folder / "dags").mkdir()
        (folder / "dags" / "bench.py").write_text(DAGS)
        (folder / "hide").mkdir()
        (folder / "hide" / "sitecustomize.py").write_text(HIDE)
        airflow = [str(Path(sys.executable).with_name("airflow")), "db", "migrate"]
        subprocess.run(airflow, env=self._environment("without"), check=True, capture_output=True, timeout=600)

    def run(self, what: str, way: str, *more: str) -> dict[str, Any]:
        """Measure in a process of its own."""
        command = [sys.executable, __file__, "--inside", what, "--keep", str(self._result), *more]
        done = subprocess.run(
            command,
            env=self._environment(way),
            cwd=self._folder,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        if done.returncode != 0:
            raise SystemExit(f"{way}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        found: dict[str, Any] = json.loads(self._result.read_text())
        if what == "tasks":
            self._check(way, found)
        return found

    def _environment(self, way: str) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AIRFLOW", "ORCHESTRAIL", "OPENLINEAGE", "PYTHON"))
        }
        provider = way.startswith("provider")
        return kept | {
            "AIRFLOW_HOME": str(self._folder / "airflow"),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self._folder / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__OPENLINEAGE__DISABLED": str(not provider),
            "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(
                {"type": "file", "log_file_path": str(self._folder / "provider.jsonl"), "append": True}
            ),
            "AIRFLOW__OPENLINEAGE__EXECUTE_IN_THREAD": str(way == "provider, thread"),
            "ORCHESTRAIL_HOME": str(self._folder / "orchestrail"),
            "HOME": str(self._folder),
            "BENCH_TASKS": str(self._tasks),
            "PYTHONPATH": str(self._folder / "hide") if way != "with us" else "",
        }

    def _check(self, way: str, found: dict[str, Any]) -> None:
        """See that what should be recorded was, and nothing else; remove it for the next."""
        spool, file = self._folder / "orchestrail" / "spool", self._folder / "provider.jsonl"
        ours = sum(segment.read_bytes().count(b"\n\n") for segment in spool.glob("*.seg"))
        theirs = len(file.read_bytes().splitlines()) if file.exists() else 0
        shutil.rmtree(spool, ignore_errors=True)
        file.unlink(missing_ok=True)
        tasks = self._tasks + 2
        least = {"with us": (2 * tasks, 0), "without": (0, 0)}.get(way, (0, 2 * tasks))
        if found["tasks"] != self._tasks or ours < least[0] or theirs < least[1] or (not least[0] and ours):
            raise SystemExit(f"{way}: {found['tasks']} tasks, {ours} and {theirs} events: this measures something else")


# -- within a process


def _tasks() -> dict[str, Any]:
    """Run the DAG as `airflow dags test` does and give the milliseconds of a task."""
    from airflow.__main__ import main as airflow
    from airflow.sdk.definitions import dag

    run_task, tasks = dag._run_task, []  # the function that runs a task in this process, Airflow 3
    within = _Within()

    def timed(**arguments: Any) -> Any:
        before = _now()
        try:
            return run_task(**arguments)
        finally:
            tasks.append((_since(before), within.take()))

    dag._run_task = timed
    within.watch()
    first: list[Any] = []
    for name in ("warm", "bench"):
        tasks.clear()
        sys.argv = ["airflow", "dags", "test", name]
        try:
            airflow()
        except SystemExit as ended:
            if ended.code:
                raise
        first = first or tasks[:1]
    return {
        "tasks": len(tasks),
        "task": {clock: statistics.mean(took[clock] for took, _ in tasks[1:]) for clock in CLOCKS},
        "hooks": {clock: statistics.mean(hooks[clock] for _, hooks in tasks[1:]) for clock in CLOCKS},
        "first_hooks": {clock: first[0][1][clock] for clock in CLOCKS},
    }


class _Within:
    """The time within the calls of listeners."""

    def __init__(self) -> None:
        self._took = dict.fromkeys(CLOCKS, 0.0)

    def watch(self) -> None:
        """Time every listener of a plugin that is registered, with the core and with the task SDK."""
        from airflow.listeners.listener import get_listener_manager as of_core
        from airflow.sdk.listener import get_listener_manager as of_tasks

        for manager in (of_core(), of_tasks()):
            for name in (
                "on_starting",
                "before_stopping",
                *(f"on_task_instance_{end}" for end in ("running", "success")),
            ):
                for implementation in getattr(manager.hook, name).get_hookimpls():
                    timed = self._timed_around if implementation.wrapper else self._timed
                    implementation.function = timed(implementation.function)

    def take(self) -> dict[str, float]:
        """Give the milliseconds since the last call."""
        took, self._took = self._took, dict.fromkeys(CLOCKS, 0.0)
        return took

    def _timed(self, function: Any) -> Any:
        def call(*arguments: Any) -> Any:
            before = _now()
            try:
                return function(*arguments)
            finally:
                for clock, milliseconds in _since(before).items():
                    self._took[clock] += milliseconds

        return call

    def _timed_around(self, function: Any) -> Any:
        """Time a listener that goes around the others: what it does before and after them."""

        def call(*arguments: Any) -> Generator[None, object, object]:
            around = function(*arguments)
            self._timed(next)(around)
            result = yield
            try:
                self._timed(around.send)(result)
            except StopIteration as ended:
                return ended.value
            raise RuntimeError("a listener goes around the others once")

        return call


def _import(module: str) -> dict[str, float]:
    """Import a plugin where Airflow is imported and give the milliseconds."""
    import importlib

    import airflow.listeners.listener
    import airflow.plugins_manager
    import airflow.sdk  # noqa: F401

    before = _now()
    importlib.import_module(module)
    return _since(before)


def _now() -> dict[str, float]:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "wall": time.perf_counter(),
        "processor": time.process_time() + children.ru_utime + children.ru_stime,
    }


def _since(before: dict[str, float]) -> dict[str, float]:
    return {clock: 1000 * (moment - before[clock]) for clock, moment in _now().items()}


if __name__ == "__main__":
    sys.exit(main())
