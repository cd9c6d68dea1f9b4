"""Chaos for Prefect: flows are killed, the processes of their task pools, the runs of a deployment, and the runner that serves it.

    python benchmarks/chaos_prefect.py --folder DIR [--tasks 1000 --kills 20 --seed S]

Each kill takes a flow run of its own over a share of the items; what was left undone goes to the next one, and what is left behind
the last kill is finished in peace. Exit code 1 where the record is not what it should be.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from chaos import Chaos, arguments, kill, wait_for

from orchestrail.testing.ports import kept_port

FLOW = Path(__file__).with_name("chaos_flow.py")
KINDS = ("flow", "flow of a pool", "pool process", "served flow", "runner")
OF_OTHERS = ("ORCHESTRAIL_", "OPENLINEAGE_", "PREFECT_")
PATIENCE = 300.0
MEAN = 0.06
"""Seconds that an item takes, or a little more."""


@contextmanager
def server(environment: dict[str, str], log: Path) -> Iterator[str]:
    """Run a Prefect server of its own."""
    with kept_port() as port:
        command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
        with log.open("wb") as said:
            process = subprocess.Popen(command, env=environment, stdout=said, stderr=said, start_new_session=True)
        try:
            wait_for(lambda: is_up(f"http://127.0.0.1:{port}/api/health"), PATIENCE, "the Prefect server starts")
            yield f"http://127.0.0.1:{port}/api"
        finally:
            kill(process.pid, group=True)
            process.wait()


def is_up(url: str) -> bool:
    """Say whether something answers well."""
    try:
        with urllib.request.urlopen(url, timeout=10):
            return True
    except OSError:
        return False


class PrefectChaos:
    """The victims and the killing.

    Args:
        chaos: the run.
        url: of Prefect's API.
    """

    def __init__(self, chaos: Chaos, url: str) -> None:
        self.chaos = chaos
        self.url = url
        self.chance = random.Random(chaos.seed)
        self.environment = {**chaos.environment, "PREFECT_API_URL": url}
        self.runner: subprocess.Popen[bytes] | None = None
        for name in ("at-work", "done"):
            (chaos.folder / name).mkdir()

    def left(self) -> list[int]:
        """List the items that no attempt has done."""
        done = {int(path.name) for path in (self.chaos.folder / "done").iterdir()}
        return [item for item in range(self.chaos.tasks) if item not in done]

    def ask(self, path: str, body: object = None) -> Any:
        """Ask Prefect's API; a server that is at its limit is asked again."""
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"})
        for pause in (0.5, 1, 2, 5, 10, 20, None):
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                if error.code != 503 or pause is None:
                    raise
                time.sleep(pause)
        return None

    def start(self, *words: object) -> subprocess.Popen[bytes]:
        """Start the program of the flows, in a group of its own."""
        with (self.chaos.folder / "flows.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, str(FLOW), *map(str, words)],
                env=self.environment,
                cwd=self.chaos.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def at_work(self) -> list[int]:
        """List the processes that have begun an item of this round, the last one last."""
        found = sorted((self.chaos.folder / "at-work").iterdir(), key=lambda path: path.stat().st_mtime_ns)
        return [int(text) for path in found if (text := path.read_text())]

    def busy(self, flow: subprocess.Popen[bytes]) -> int | None:
        """Find a process that is in the middle of an item; None where the flow ends before there is one.

        A process of a pool that is killed between two items leaves nothing open, and so no sign that it was.
        """
        while flow.poll() is None:
            for path in sorted((self.chaos.folder / "at-work").iterdir(), key=lambda path: -path.stat().st_mtime_ns):
                text, done = path.read_text(), self.chaos.folder / "done" / path.name
                if text and not done.exists() and time.time() - path.stat().st_mtime < MEAN / 2:
                    return int(text)
            time.sleep(0.005)
        return None

    def forget_who_is_at_work(self) -> None:
        """Begin a round."""
        for path in (self.chaos.folder / "at-work").iterdir():
            path.unlink()

    def moment(self, process: subprocess.Popen[bytes] | None, items: Sequence[int], workers: int) -> None:
        """Wait for a random moment: of the work, or one time in five of what comes before it."""
        if self.chance.random() < 0.2:
            time.sleep(self.chance.uniform(0.5, 6.0))
            return
        wait_for(
            lambda: self.at_work() or (process is not None and process.poll() is not None), PATIENCE, "a body begins"
        )
        time.sleep(self.chance.uniform(0.0, MEAN * len(items) / workers))

    def round(self, kind: str, items: Sequence[int]) -> None:
        """Let one flow run begin, and kill."""
        self.forget_who_is_at_work()
        if kind in ("served flow", "runner"):
            self._served(kind, items)
            return
        process = self.start("threads" if kind == "flow" else "processes", *items)
        self.moment(process, items, 4 if kind == "flow" else 2)
        victim = process.pid
        if kind == "pool process":
            victim = self.busy(process) or process.pid
            kind = kind if victim != process.pid else "flow of a pool"
        self.count(kind, process.poll() is None and kill(victim))
        try:
            process.wait(timeout=PATIENCE if victim != process.pid else 30)
        finally:
            time.sleep(2)  # what its pool is still at may end by itself; then it goes as a container goes
            kill(process.pid, group=True)
            process.wait()

    def _served(self, kind: str, items: Sequence[int]) -> None:
        if self.runner is None or self.runner.poll() is not None:
            self.runner = self.start("serve")
        deployment = wait_for(self._deployment, PATIENCE, "the flow is served")
        body = {"parameters": {"items": list(items)}, "state": {"type": "SCHEDULED"}}
        native = self.ask(f"/deployments/{deployment}/create_flow_run", body)["id"]
        if kind == "runner":
            self.moment(None, items, 4)
            self.count(kind, kill(self.runner.pid))
            self.runner.wait()
            wait_for(lambda: self.is_over(native) or not self.is_at_work(), PATIENCE, "what the runner had begun ends")
            time.sleep(2)
            kill(self.runner.pid, group=True)
            self.runner = None
        else:
            wait_for(self.at_work, PATIENCE, "a served flow begins")
            time.sleep(self.chance.uniform(0.0, MEAN * len(items) / 4))
            self.count(kind, kill(self.at_work()[-1]))
            wait_for(lambda: self.is_over(native), PATIENCE, "the runner sees it")

    def _deployment(self) -> str | None:
        try:
            found: str = self.ask("/deployments/name/chaos-threads/chaos")["id"]
        except OSError:
            return None
        return found

    def is_over(self, native: str) -> bool:
        """Say whether Prefect has ended a flow run."""
        return self.ask(f"/flow_runs/{native}")["state_type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")

    def is_at_work(self) -> bool:
        """Say whether a process that began an item still lives."""
        return any(Path(f"/proc/{pid}").exists() for pid in set(self.at_work()))

    def count(self, kind: str, killed: bool) -> None:
        """Note a kill; one that came too late is none."""
        if killed:
            self.chaos.kills[kind] += 1
        self.chaos.say(f"{kind}: {'killed' if killed else 'was gone'}; {len(self.left())} items left")

    def finish(self) -> None:
        """Do what is left in peace, and wait until the server has written what it was sent."""
        if self.runner is not None:
            kill(self.runner.pid, group=True)
            self.runner.wait()
        while left := self.left():
            self.forget_who_is_at_work()
            self.start("threads", *left).wait()
        before, same = None, 0
        while same < 5:
            time.sleep(3)
            written = (
                self.ask("/task_runs/count", {}),
                self.ask("/task_runs/count", {"task_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}}),
            )
            before, same = written, same + 1 if written == before else 0


def main() -> int:
    """Run it."""
    given = arguments(__doc__ or "").parse_args()
    folder = given.folder.resolve()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(OF_OTHERS)},
        "ORCHESTRAIL_HOME": str(folder / "orchestrail"),
        "PREFECT_LOGGING_LEVEL": "ERROR",
        "PREFECT_RUNNER_POLL_FREQUENCY": "1",
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "CHAOS_FOLDER": str(folder),
        "CHAOS_SEED": str(given.seed),
    }
    chaos = Chaos(f"Prefect {version('prefect')}", folder, environment, given.seed, given.tasks, given.kills)
    with server(environment, folder / "server.log") as url:
        prefect = PrefectChaos(chaos, url)
        rounds = 0
        share = max(1, given.tasks // (given.kills + 1))
        while chaos.kills.total() < given.kills:
            left = prefect.left()
            if not left:
                chaos.tasks += 2 * share  # some kills came too late
                continue
            prefect.round(KINDS[rounds % len(KINDS)], left[: 2 * share])
            rounds += 1
        prefect.finish()
        return 0 if chaos.judge("prefect", url, given.table) else 1


if __name__ == "__main__":
    sys.exit(main())
