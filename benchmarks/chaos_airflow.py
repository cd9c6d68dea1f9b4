"""Chaos for Airflow: tasks are killed, the processes that watch over them, the scheduler, the scheduler with all its tasks.

    python benchmarks/chaos_airflow.py --folder DIR [--tasks 1000 --kills 20 --seed S]

A real `airflow standalone` with the LocalExecutor, as the adapter's tests run it. A killed scheduler is started again. Exit code 1
where the record is not what it should be.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from chaos import Chaos, arguments, kill, wait_for

sys.path.insert(0, str(Path(__file__).parents[1] / "adapters" / "airflow" / "tests"))
from airflow_home import Home, Server

KINDS = ("task", "task's supervisor", "task", "scheduler", "task", "scheduler with all its tasks")
IMPATIENT = {
    # A dead task, and a dead scheduler's tasks, are looked for sooner than Airflow does by itself (minutes).
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "30",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
}
PATIENCE = 900.0


def children(pid: int) -> list[int]:
    """List the processes that a process has begun, theirs included."""
    found: list[int] = []
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            found += [int(child) for child in (thread / "children").read_text().split()]
    return [each for child in found for each in (child, *children(child))]


def says(pid: int) -> str:
    """Give a process's command line."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
    except OSError:
        return ""


class AirflowChaos:
    """The victims and the killing.

    Args:
        chaos: the run.
        home: the installation.
        server: the standalone Airflow.
    """

    def __init__(self, chaos: Chaos, home: Home, server: Server) -> None:
        self.chaos = chaos
        self.home = home
        self.server = server
        self.chance = random.Random(chaos.seed)
        self.scheduler = wait_for(self._first_scheduler, PATIENCE, "the scheduler begins")
        self.started: subprocess.Popen[bytes] | None = None

    def _first_scheduler(self) -> int | None:
        found = [pid for pid in children(self.server.processes[0].pid) if says(pid).endswith("airflow scheduler")]
        return found[0] if found else None

    def done(self) -> int:
        """Count the items that are done."""
        return len(list((self.chaos.folder / "done").iterdir()))

    def ended(self, run_id: str) -> str | None:
        """Give the state of the DAG run, once it has ended."""
        found: str = self.server.ask("GET", f"/api/v2/dags/chaos/dagRuns/{run_id}")["state"]
        return found if found in ("success", "failed") else None

    def at_work(self) -> list[tuple[int, int]]:
        """List the processes that are at an item: the task and the one that watches over it."""
        found = []
        for path in (self.chaos.folder / "at-work").iterdir():
            with suppress(ValueError):
                pid, parent = map(int, path.read_text().split())
                if "airflow" in says(pid):  # and no other process that got its number
                    found.append((pid, parent))
        return found

    def catch(self, which: int) -> bool:
        """Kill one of the processes that are at an item, or the one that watches over it; False where it was gone already."""
        at_work = self.at_work()
        return bool(at_work) and kill(self.chance.choice(at_work)[which])

    def strike(self, kind: str) -> None:
        """Kill one of a kind."""
        if kind.startswith("task"):
            wait_for(
                lambda: self.catch(0 if kind == "task" else 1),
                PATIENCE,
                f"a process is caught at work ({kind})",
                every=0.01,
            )
            self.chaos.kills[kind] += 1
        else:
            tasks = children(self.scheduler) if kind != "scheduler" else []
            if kill(self.scheduler):
                self.chaos.kills[kind] += 1
            for pid in tasks:
                kill(pid)
            if self.started is not None:
                self.started.wait()
            time.sleep(self.chance.uniform(0.5, 5.0))
            self.started = self.server.start_scheduler()
            self.scheduler = self.started.pid
        self.chaos.say(f"{kind}: {self.chaos.kills[kind]} killed; {self.done()} items done")


def main() -> int:
    """Run it."""
    given = arguments(__doc__ or "").parse_args()
    folder = given.folder.resolve()
    for name in ("at-work", "done"):
        (folder / name).mkdir()
    home = Home(folder / "airflow-home")
    home.variables.update(
        IMPATIENT,
        AIRFLOW__CORE__DAGS_FOLDER=str(Path(__file__).with_name("chaos_dags")),
        CHAOS_FOLDER=str(folder),
        CHAOS_SEED=str(given.seed),
        CHAOS_TASKS=str(given.tasks),
    )
    home.migrate()
    host = f"Airflow {version('apache-airflow')}, LocalExecutor"
    chaos = Chaos(host, folder, home.environment(), given.seed, given.tasks, given.kills)
    with home.standalone() as server:
        airflow = AirflowChaos(chaos, home, server)
        run_id = server.trigger("chaos")
        moments = sorted(airflow.chance.uniform(0.0, 0.95) for _ in range(given.kills))
        for number, moment in enumerate(moments):
            wait_for(lambda moment=moment: airflow.done() >= moment * given.tasks, PATIENCE, "the tasks go on")
            airflow.strike(KINDS[number % len(KINDS)])
        state = wait_for(lambda: airflow.ended(run_id), 3 * PATIENCE, "the DAG run ends")
        chaos.say(f"the DAG run is {state}; {airflow.done()} of {given.tasks} items done")
        time.sleep(5)  # the scheduler's listener tells of the end right behind it
        return 0 if chaos.judge("airflow", server.url, given.table) else 1


if __name__ == "__main__":
    sys.exit(main())
