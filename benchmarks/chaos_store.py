"""Chaos for the store: its writers, the server that gives events their places, and the database are killed at random moments.

    python benchmarks/chaos_store.py --folder DIR [1000 --seed S --engine sqlite]

Events go in by two ways at once: as batches over HTTP to `orchestrail serve`, and by processes that append to the store
themselves. Each notes in a file, which nothing else writes, what was acknowledged; what was not, it sends again until it is.
Whoever is killed is replaced. Afterwards every acknowledged event has to be in the log, none twice, and `orchestrail verify`
recomputes the root.

Victims are forked from one process that has imported everything, so that their lives are spent on what shall be interrupted.
SIGKILL leaves what the kernel holds in its memory: this says nothing about a loss of power. Exit code 1 where the log is not
what it should be.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
import traceback
import urllib.request
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from chaos import COMMAND, keep_row, kill, machine, wait_for

import orchestrail.cli.serve
import orchestrail.server.serving  # noqa: F401 - imported once, before it is forked
from orchestrail import cli
from orchestrail.errors import StoreError
from orchestrail.store import open_store, schema, verify_store
from orchestrail.store.base import Incoming
from orchestrail.testing.ports import kept_port
from orchestrail.testing.postgresql import Cluster

TABLE = Path(__file__).parent / "results" / "chaos_store.md"
COLUMNS = (
    "date", "engine", "machine", "seed", "kills", "acknowledged", "lost", "twice", "unacknowledged", "log", "verified", "took",
    "outcome",
)  # fmt: skip
HEAD = f"""# Chaos in the store

Written by `nox -s chaos_store`, a row for each run and engine, newest last. What the columns mean:

- **seed, kills**: `nox -s chaos_store -- KILLS --seed S` draws the same victims and moments again; the machine's timing differs.
  Kills are SIGKILL, by what was killed: a *sender* sends batches over HTTP, an *appender* appends to the store itself, the
  *server* is `orchestrail serve`; a *session* is one process of PostgreSQL, whose death makes it recover; *database* is all of
  PostgreSQL at once, and for SQLite, which has no process, all senders, appenders and the server at once.
- **acknowledged**: events whose sender was told that they are stored, by the notes that it made itself.
- **lost**, **twice**: of these, what the log does not hold; of the log, what it holds more than once.
- **unacknowledged**: events in the log whose sender was killed before it heard of it.
- **verified**: how often the whole log was recomputed, between the kills and at the end.
- **outcome**: `pass` where nothing is lost or twice, nothing that an appender numbered is missing, every recomputation found
  nothing, and as many were killed as was asked for.

| {" | ".join(COLUMNS)} |
|{" --- |" * len(COLUMNS)}
"""
BATCH = 12
PAUSE = 0.08
"""Seconds between two batches of a writer, at most."""
VERIFIED_EVERY = 100
PATIENCE = 120.0
NO_DATABASE = 4
"""What the server ends with where it can not open its store when it starts."""
WRITERS = ("sender", "sender", "appender", "appender")


def event(now: str) -> tuple[str, bytes]:
    """Make an event, and the run that it is known by."""
    run = str(uuid.uuid4())
    values = {
        "eventTime": now,
        "eventType": "START",
        "producer": "urn:chaos",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": run},
        "job": {"namespace": "chaos", "name": "chaos"},
    }
    return run, json.dumps(values).encode()


def batches(chance: random.Random) -> Iterator[list[tuple[str, bytes]]]:
    """Give batches for ever, with pauses."""
    while True:
        time.sleep(chance.uniform(0, PAUSE))
        now = datetime.now(UTC).isoformat()
        yield [event(now) for _ in range(chance.randint(1, BATCH))]


def until_done(action: Callable[[], object], failures: tuple[type[Exception], ...]) -> None:
    """Do something again until it does not fail."""
    while True:
        try:
            action()
        except failures:
            time.sleep(0.1)
        else:
            return


def note(ledger: int, batch: list[tuple[str, bytes]]) -> None:
    """Write down what was acknowledged."""
    os.write(ledger, "".join(f"{run}\n" for run, _ in batch).encode())


def send(url: str, ledger: int, chance: random.Random) -> NoReturn:
    """Send batches over HTTP for ever."""

    def post(body: bytes) -> None:
        request = urllib.request.Request(f"{url}/api/v1/lineage/batch", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            if answer.status != 204:
                raise OSError(f"answered {answer.status}")

    for batch in batches(chance):
        body = b"[" + b",".join(data for _, data in batch) + b"]"
        until_done(lambda body=body: post(body), (OSError, ValueError))
        note(ledger, batch)
    raise AssertionError


def append(url: str, home: Path, ledger: int, chance: random.Random) -> NoReturn:
    """Append batches to the store for ever."""
    emitter, counter = uuid.uuid4().hex, itertools.count(1)
    opened: list[Any] = []
    until_done(lambda: opened.append(open_store(url, home=home)), (StoreError,))
    for batch in batches(chance):
        items = [Incoming(data, "spool", os.urandom(32), emitter, next(counter)) for _, data in batch]
        until_done(lambda items=items: opened[0].append(items), (StoreError,))
        note(ledger, batch)
    raise AssertionError


def serve(port: int) -> None:
    """Serve the record, as the command does."""
    sys.argv = ["orchestrail", "serve", "--port", str(port), "--rate", "1000000", "--no-collect"]
    cli.main()


def forked(work: Callable[..., object], *values: object, log: Path) -> int:
    """Fork a process that does this, and give its id."""
    child = os.fork()
    if child:
        return child
    said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(said, 1)
    os.dup2(said, 2)
    code = 1
    try:
        work(*values)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        traceback.print_exc()
    os._exit(code)


class Engine:
    """The store under attack, on SQLite.

    Args:
        folder: an empty folder.

    Attributes:
        kinds: what is killed.
        processes: whether the database has processes of its own, beside those that have it open.
    """

    name = "SQLite"
    kinds: tuple[str, ...] = ("sender", "appender", "server", "database")
    processes = False

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"sqlite:///{folder / 'audit.db'}"

    def kill(self, kind: str, chance: random.Random) -> bool:
        """Kill a process of the database's own; False where there was none to kill."""
        raise AssertionError(f"SQLite has no process to kill for {kind}")

    def recover(self) -> None:
        """See that the database runs again."""

    def stop(self) -> None:
        """End it."""


class Postgres(Engine):
    """The store under attack, on PostgreSQL. Processes are killed and never the machine: nothing has to wait for the disk."""

    name = "PostgreSQL"
    kinds = ("sender", "appender", "server", "session", "database")
    processes = True

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.cluster = Cluster(folder / "cluster", fsync="off", checkpoint_timeout="'30s'")
        self.url = self.cluster.create("chaos")

    def kill(self, kind: str, chance: random.Random) -> bool:
        """Kill all of its processes, or one that answers a client."""
        if kind == "database":
            self.cluster.kill()
            return True
        sessions = self.cluster.sessions("chaos")
        return bool(sessions) and kill(chance.choice(sessions))

    def recover(self) -> None:
        """See that it runs again."""
        self.cluster.start()

    def stop(self) -> None:
        """End it."""
        self.cluster.stop()


class StoreChaos:
    """The victims and the killing.

    Args:
        engine: the store.
        seed: of victims and moments.
    """

    def __init__(self, engine: Engine, seed: int) -> None:
        self.engine = engine
        self.folder = engine.folder
        self.home = self.folder / "home"
        self.ledgers = self.folder / "ledgers"
        self.ledgers.mkdir()
        self.chance = random.Random(seed)
        self.kills: Counter[str] = Counter()
        self.failed: list[str] = []
        self.problems: list[str] = []
        self.verified = 0
        self.lives = itertools.count()
        self.begun = time.monotonic()
        self.holding = ExitStack()
        self.port = self.holding.enter_context(kept_port())
        os.environ |= {"ORCHESTRAIL_HOME": str(self.home), "ORCHESTRAIL_STORE": engine.url}
        open_store(engine.url, home=self.home, create=True).close()
        self.writers = [(kind, self.writer(kind)) for kind in WRITERS]
        self.server = self.serve()

    def writer(self, kind: str) -> int:
        """Start a writer."""
        life = next(self.lives)
        chance = random.Random(self.chance.random())
        ledger = os.open(self.ledgers / f"{kind}-{life}.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        log = self.folder / "writers.log"
        try:
            if kind == "sender":
                return forked(send, f"http://127.0.0.1:{self.port}", ledger, chance, log=log)
            return forked(append, self.engine.url, self.home, ledger, chance, log=log)
        finally:
            os.close(ledger)

    def serve(self) -> int:
        """Start the server."""
        return forked(serve, self.port, log=self.folder / "server.log")

    def acknowledged(self) -> list[str]:
        """List what was acknowledged; who was killed in the middle of a line did not finish it."""
        return [run for path in self.ledgers.iterdir() for run in path.read_text().rpartition("\n")[0].split()]

    def noted(self, kind: str) -> int:
        """Say how much was acknowledged by what a kind of victims does, in bytes."""
        by = {"appender": "appender-*", "sender": "sender-*", "server": "sender-*"}.get(kind, "*")
        return sum(path.stat().st_size for path in self.ledgers.glob(by))

    def is_up(self) -> bool:
        """Say whether the server answers well."""
        self.tend()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=10):
                return True
        except OSError:
            return False

    def tend(self) -> None:
        """Start a server again that found no database, as whatever watches over a service does."""
        child, status = os.waitpid(self.server, os.WNOHANG)
        if child:
            self.ended("server", status)
            self.server = self.serve()

    def end(self, kind: str, child: int) -> bool:
        """Kill a child; False where it had ended by itself."""
        kill(child)
        return self.ended(kind, os.waitpid(child, 0)[1])

    def ended(self, kind: str, status: int) -> bool:
        """Say whether a child was killed; one that ended by itself has failed, but for a server that found no database."""
        code = os.waitstatus_to_exitcode(status)
        if code >= 0 and (kind, code) != ("server", NO_DATABASE):
            self.failed.append(f"{kind}: {code}")
        return code < 0

    def moment(self, kind: str) -> None:
        """Wait for a random moment: most often of the victim's work, or else of what comes before it, such as a recovery."""

        def at_work() -> bool:
            self.tend()
            return self.noted(kind) > before

        if self.chance.random() < 0.8:
            before = self.noted(kind)
            wait_for(at_work, PATIENCE, "an event is acknowledged", every=0.01)
        time.sleep(self.chance.uniform(0, 0.12))

    def strike(self) -> None:
        """Kill, and replace."""
        kind = self.chance.choice(self.engine.kinds)
        self.moment(kind)
        if kind in WRITERS:
            place = self.chance.choice([place for place, (one, _) in enumerate(self.writers) if one == kind])
            killed = self.end(kind, self.writers[place][1])
            self.writers[place] = kind, self.writer(kind)
        elif kind == "server":
            killed = self.end(kind, self.server)
            self.server = self.serve()
        elif self.engine.processes:
            killed = self.engine.kill(kind, self.chance)
        else:
            children = [*self.writers, ("server", self.server)]
            for _, child in children:
                kill(child)
            killed = sum(self.end(one, child) for one, child in children) == len(children)
            self.writers = [(one, self.writer(one)) for one, _ in self.writers]
            self.server = self.serve()
        if kind == "database":
            time.sleep(self.chance.uniform(0, 0.2))
            self.engine.recover()
        self.kills[kind] += killed

    def verify(self) -> None:
        """Recompute the whole log while it is in use."""

        def once() -> None:
            self.problems += map(str, verify_store(self.engine.url, self.home).problems)

        until_done(once, (StoreError,))
        self.verified += 1

    def run(self, kills: int) -> None:
        """Kill so many."""
        while (done := self.kills.total()) < kills:
            self.strike()
            if self.kills.total() > done and self.kills.total() % VERIFIED_EVERY == 0:
                self.verify()
                passed = time.monotonic() - self.begun
                sys.stderr.write(f"{passed:6.0f} s  {self.engine.name}: {self.kills.total()} kills\n")
        wait_for(self.is_up, PATIENCE, "the server answers behind the last kill")
        for kind, child in self.writers:
            self.end(kind, child)
        os.kill(self.server, signal.SIGTERM)
        if (status := os.waitpid(self.server, 0)[1]) != 0:
            self.failed.append(f"server, told to stop: {status}")

    def judge(self, kills: int, seed: int, table: Path) -> bool:
        """Hold the log against what was acknowledged; print and keep the row; say whether all is as it should be."""
        with open_store(self.engine.url, home=self.home, create=True) as store:
            found = Counter(json.loads(record.body)["run"]["runId"] for record in store.records())
            gaps = store.gaps()
        done = subprocess.run([COMMAND, "verify", "--json"], capture_output=True, text=True, check=False)
        log = json.loads(done.stdout)
        self.problems += log["problems"]
        self.verified += 1
        told = set(self.acknowledged())
        lost, twice = told - found.keys(), [run for run, times in found.items() if times > 1]
        for what, which in (
            ("lost", lost),
            ("twice", twice),
            ("gap", gaps),
            ("problem", self.problems),
            ("failed", self.failed),
        ):
            for one in [*which][:20]:
                sys.stderr.write(f"{what}: {one}\n")
        passed = not (lost or twice or gaps or self.problems or self.failed)
        passed = passed and log["ok"] and log["size"] == len(found) and self.kills.total() == kills
        each = ", ".join(f"{number} {kind}" for kind, number in sorted(self.kills.items()))
        cells = [
            datetime.now(UTC).strftime("%Y-%m-%d"),
            self.engine.name,
            machine(),
            seed,
            f"{self.kills.total()}: {each}",
            len(told),
            len(lost),
            len(twice),
            len(found.keys() - told),
            f"{log['size']} events, {'verifies' if log['ok'] else 'does not verify'}",
            self.verified,
            f"{time.monotonic() - self.begun:.0f} s",
            "pass" if passed else "fail",
        ]
        keep_row(table, HEAD, cells)
        return passed

    def stop(self) -> None:
        """Leave nothing running."""
        for child in [self.server, *(child for _, child in self.writers)]:
            with suppress(ProcessLookupError, ChildProcessError):
                kill(child)
                os.waitpid(child, 0)
        self.engine.stop()
        self.holding.close()


def main() -> int:
    """Run it, an engine after the other."""
    engines = {"sqlite": Engine, "postgresql": Postgres}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kills", type=int, nargs="?", default=1000, help="of each engine")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 10**6, help="of victims and moments")
    parser.add_argument("--engine", choices=engines, action="append", help="one alone; otherwise each")
    parser.add_argument("--folder", type=Path, required=True, help="an empty folder to work in")
    parser.add_argument("--table", type=Path, default=TABLE, help="where the rows are added; - for nowhere")
    given = parser.parse_args()
    schema.expected_objects()  # imports alembic once
    passed = []
    for name in given.engine or engines:
        folder = given.folder.resolve() / name
        folder.mkdir()
        folder.chmod(0o755)
        chaos = StoreChaos(engines[name](folder), given.seed)
        try:
            chaos.run(given.kills)
            passed.append(chaos.judge(given.kills, given.seed, given.table))
        finally:
            chaos.stop()
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
