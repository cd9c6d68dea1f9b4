"""What the chaos runs share: killing, asking the command line afterwards, judging, and the table. No orchestrator is known here.

A chaos run lets an orchestrator work through many mapped tasks while its processes are killed (SIGKILL) at random moments.
Afterwards the record is swept, reconciled and verified. Three sides are held against each other: the record, the orchestrator's
own records, and a witness that neither of them writes: each task's body notes in a file which attempt it is, before anything else.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

COMMAND = os.environ.get("ORCHESTRAIL_COMMAND") or str(Path(sys.executable).with_name("orchestrail"))
TABLE = Path(__file__).parent / "results" / "chaos.md"
COLUMNS = (
    "date", "host", "machine", "seed", "tasks", "kills", "attempts", "bodies", "missing", "surplus", "different",
    "closed", "open", "log", "took", "outcome",
)  # fmt: skip
HEAD = f"""# Chaos

Written by `nox -s chaos`, a row for each run of it, newest last. What the columns mean:

- **seed, tasks, kills**: `nox -s "chaos(prefect)" -- --seed S --tasks N --kills K` draws the same victims and moments again; the
  machine's own timing differs. Kills are SIGKILL, by what was killed.
- **attempts**: on the record / in the orchestrator's own records / told alike by both, after `orchestrail sweep` and
  `orchestrail reconcile`.
- **bodies**: attempts whose code began, by the note that each task's body makes itself / of these on the record.
- **missing**: attempts that the orchestrator has and the record has not.
- **surplus**, **different**: as `orchestrail reconcile` lists them. Before the stroke those that nothing explains, behind it those
  that a rule of docs/how-to/reconcile.md explains: task runs that Prefect lost with a killed process, and flow runs whose killed
  process could not tell Prefect that it ended.
- **closed**: ends that `sweep` / `reconcile` concluded. **open**: runs on the record without an end.
- **outcome**: `pass` where nothing is missing, nothing surplus or different without a rule, no body unrecorded, no attempt recorded
  twice, no run open, the log verifies, and as many processes were killed as was asked for.

| {" | ".join(COLUMNS)} |
|{" --- |" * len(COLUMNS)}
"""


def arguments(description: str) -> argparse.ArgumentParser:
    """Give the options of a chaos run."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--tasks", type=int, default=1000, help="mapped tasks")
    parser.add_argument("--kills", type=int, default=20, help="processes to kill")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 10**6, help="of victims and moments")
    parser.add_argument("--folder", type=Path, required=True, help="an empty folder to work in")
    parser.add_argument("--table", type=Path, default=TABLE, help="where the row is added; - for nowhere")
    return parser


def kill(pid: int, *, group: bool = False) -> bool:
    """Kill a process, or its group; False where it was gone already."""
    try:
        (os.killpg if group else os.kill)(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def wait_for(condition: Callable[[], Any], seconds: float, what: str, *, every: float = 0.2) -> Any:
    """Wait until a condition holds, asked every so many seconds, and give what it gave."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(every)
    raise AssertionError(f"{what}: not within {seconds:.0f} s")


@dataclass(slots=True)
class Chaos:
    """One chaos run.

    Attributes:
        host: the orchestrator and its version.
        folder: where everything of it is.
        environment: of all its processes.
        seed: of victims and moments.
        tasks: mapped tasks.
        asked: how many processes were to be killed.
        kills: what was killed, by kind.
        begun: when it began.
    """

    host: str
    folder: Path
    environment: Mapping[str, str]
    seed: int
    tasks: int
    asked: int
    kills: Counter[str] = field(default_factory=Counter)
    begun: float = field(default_factory=time.monotonic)

    @property
    def witness(self) -> set[str]:
        """The attempts whose body began: `native id/attempt`."""
        with suppress(FileNotFoundError):
            return set((self.folder / "witness.txt").read_text().split())
        return set()

    def say(self, text: str) -> None:
        """Tell how far it is."""
        sys.stderr.write(f"{time.monotonic() - self.begun:6.0f} s  {text}\n")

    def command(self, *words: str, expect: Sequence[int] = (0,)) -> Any:
        """Ask the command line, and give its document."""
        done = subprocess.run(
            [COMMAND, *words, "--json"],
            env=dict(self.environment),
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode not in expect:
            raise AssertionError(f"orchestrail {' '.join(words)}: {done.returncode} {done.stderr}")
        return json.loads(done.stdout)

    def judge(self, orchestrator: str, url: str, table: Path) -> bool:
        """Sweep, reconcile and verify; print and keep the row; say whether all is as it should be."""
        swept = self.command("sweep")
        compared = self.command("reconcile", orchestrator, "--url", url, "--settle", "0", expect=(0, 1))
        (self.folder / "reconciled.json").write_text(json.dumps(compared, indent=2))
        runs = self.command("runs", "--all")["runs"]
        log = self.command("verify", expect=(0, 1))
        ours = {f"{run['native_id']}/{run['attempt']}" for run in runs}
        unrecorded = self.witness - ours
        still_open = [run for run in runs if run["state"] in (None, "RUNNING")]
        counts = compared["counts"]
        unexplained = {kind: counts[kind] - counts[f"{kind}_explained"] for kind in ("surplus", "different")}
        twice = [
            key for key, number in Counter(f"{run['native_id']}/{run['attempt']}" for run in runs).items() if number > 1
        ]
        unlike = bool(counts["missing"] or any(unexplained.values()) or unrecorded or still_open or twice)
        passed = self.kills.total() == self.asked and not unlike and log["ok"]
        for name, found in (
            ("unrecorded", unrecorded),
            ("open", [run["run_id"] for run in still_open]),
            ("twice", twice),
        ):
            for one in sorted(found)[:20]:
                self.say(f"{name}: {one}")
        for kind in ("missing", "surplus", "different"):
            for one in [one for one in compared[kind] if kind == "missing" or one["reason"] is None][:20]:
                self.say(f"{kind}: {json.dumps(one)}")
        attempts = compared["attempts"]
        cells = [
            datetime.now(UTC).strftime("%Y-%m-%d"),
            self.host,
            machine(),
            self.seed,
            self.tasks,
            f"{self.kills.total()}: {', '.join(f'{number} {kind}' for kind, number in sorted(self.kills.items()))}",
            f"{attempts['record']} / {attempts['orchestrator']} / {attempts['agreed']}",
            f"{len(self.witness)} / {len(self.witness) - len(unrecorded)}",
            counts["missing"],
            f"{unexplained['surplus']} / {counts['surplus_explained']}",
            f"{unexplained['different']} / {counts['different_explained']}",
            f"{len(swept['closed'])} / {counts['closed']}",
            len(still_open),
            f"{log['size']} events, {'verifies' if log['ok'] else 'does not verify'}",
            f"{time.monotonic() - self.begun:.0f} s",
            "pass" if passed else "fail",
        ]
        keep_row(table, HEAD, cells)
        return passed


def keep_row(table: Path, head: str, cells: Sequence[object]) -> None:
    """Print the row of a run, and add it to a table.

    Args:
        table: the page; - for none.
        head: what it begins with.
        cells: of the row.
    """
    row = f"| {' | '.join(map(str, cells))} |\n"
    sys.stdout.write(row)
    if str(table) != "-":
        table.parent.mkdir(exist_ok=True)
        table.write_text((table.read_text() if table.exists() else head) + row)


def machine() -> str:
    """Name the machine: its processors and its Python."""
    cores = len(os.sched_getaffinity(0))
    return f"{cores} cores, {platform.machine()}, Linux {platform.release().partition('-')[0]}, Python {platform.python_version()}"
