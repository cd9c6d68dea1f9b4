"""How many events a store takes, and how many rows of the same bytes its database takes without us: `python benchmarks/ingest.py`.

Processes append batches for so many seconds: to a table with a row for each event, by its id, and to a store; in turn, a few times,
each time in a fresh database with the same durability. On SQLite, and with `--engine postgresql` on a server of its own.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sqlite3
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from databases import Databases
from measuring import document, tell

from orchestrail.store import open_store
from orchestrail.store.base import Incoming
from orchestrail.store.envelope import event_id
from serve import EVENT

Batch = list[Incoming]


def batches(count: int, size: int) -> list[Batch]:
    """Make so many batches of so many events, as a spool holds them."""
    emitter = uuid.uuid4().hex

    def one(number: int) -> Incoming:
        now = "2026-03-01T12:00:00.000000Z"
        event = EVENT | {"eventTime": now, "run": {"runId": str(uuid.uuid4())}}
        return Incoming(json.dumps(event).encode(), "spool", os.urandom(32), emitter, number, now)

    return [[one(batch * size + place + 1) for place in range(size)] for batch in range(count)]


def into_store(url: str, home: Path) -> Callable[[Batch], object]:
    """Give what appends to a store."""
    return open_store(url, home=home).append


def into_sqlite(url: str, _home: Path) -> Callable[[Batch], object]:
    """Give what inserts rows into a SQLite file."""
    connection = sqlite3.connect(url.removeprefix("sqlite:///"), timeout=60, isolation_level=None)
    connection.execute("PRAGMA synchronous = FULL")

    def insert(batch: Batch) -> None:
        rows = [(event_id(item.nonce or b"", item.body), item.nonce, item.body) for item in batch]
        connection.execute("BEGIN IMMEDIATE")
        for row in rows:
            connection.execute("INSERT INTO raw VALUES (?, ?, ?)", row)
        connection.execute("COMMIT")

    return insert


def into_postgresql(url: str, _home: Path) -> Callable[[Batch], object]:
    """Give what inserts rows into a PostgreSQL table."""
    import psycopg

    connection = psycopg.connect(url)

    def insert(batch: Batch) -> None:
        rows = [(event_id(item.nonce or b"", item.body), item.nonce, item.body) for item in batch]
        columns = [list(column) for column in zip(*rows, strict=True)]
        connection.execute("INSERT INTO raw SELECT * FROM unnest(%b::bytea[], %b::bytea[], %b::bytea[])", columns)
        connection.commit()

    return insert


RAW = {"sqlite": into_sqlite, "postgresql": into_postgresql}


def work(opened: Any, url: str, home: Path, size: int, seconds: float, gate: Any, told: Any) -> None:
    """Append for so long; tell how many events were acknowledged and how long each batch took."""
    made = batches(max(20, int(seconds * 12_000 / size)), size)
    take = opened(url, home)
    take(made.pop())  # connects, and imports what that needs
    gate.wait()
    end, took, done = time.monotonic() + seconds, [], 0
    for batch in made:
        if time.monotonic() > end:
            break
        begin = time.perf_counter()
        take(batch)
        took.append(time.perf_counter() - begin)
        done += size
    told.put((done, took))


def measured(opened: Any, url: str, home: Path, writers: int, size: int, seconds: float) -> tuple[float, list[float]]:
    """Let writers append at once; gives events a second, and the seconds of each batch."""
    context = multiprocessing.get_context("spawn")
    gate, told = context.Barrier(writers + 1), context.SimpleQueue()
    processes = [
        context.Process(target=work, args=(opened, url, home, size, seconds, gate, told)) for _ in range(writers)
    ]
    for process in processes:
        process.start()
    gate.wait()
    begin = time.perf_counter()
    results = [told.get() for _ in processes]
    elapsed = time.perf_counter() - begin
    for process in processes:
        process.join()
    return sum(done for done, _ in results) / elapsed, [each for _, took in results for each in took]


def main() -> None:
    """Measure in turn, and tell."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--engine", choices=RAW, default="sqlite")
    options.add_argument("--writers", type=int, default=4)
    options.add_argument("--batch", type=int, default=100)
    options.add_argument("--seconds", type=float, default=5.0)
    options.add_argument("--pairs", type=int, default=3)
    options.add_argument("--keep", type=Path, help="page to write the result into")
    given = options.parse_args()
    load = os.getloadavg()[0]
    rates: dict[str, list[float]] = {"raw": [], "store": []}
    took: list[float] = []
    with tempfile.TemporaryDirectory(prefix="orchestrail-ingest-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        databases = Databases(given.engine, folder)
        for pair in range(given.pairs):
            sizes = (given.writers, given.batch, given.seconds)
            rates["raw"].append(measured(RAW[given.engine], databases.with_table(), folder, *sizes)[0])
            url, home = databases.fresh(), folder / f"home-{pair}"
            open_store(url, home=home, create=True).close()
            rate, seconds = measured(into_store, url, home, *sizes)
            rates["store"].append(rate)
            took += seconds
        databases.stop()
    raw, ours = (statistics.median(each) for each in rates.values())
    p99 = statistics.quantiles(took, n=100)[98]
    used = ["orchestrail", *(["psycopg"] if given.engine == "postgresql" else [])]
    settings = {"engine": given.engine, "writers": given.writers, "batch": given.batch, "seconds": given.seconds}
    result = document(f"ingest_{given.engine}", used, settings | {"pairs": given.pairs}, load)
    result["results"] = {name: [round(rate) for rate in found] for name, found in rates.items()} | {
        "ratio": round(ours / raw, 3),
        "batch_p99_seconds": round(p99, 4),
    }
    called = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}[given.engine]
    title = f"Appending to a store in {called}, {given.writers} writers, batches of {given.batch} events of 2 kB."
    rows = [
        ("what", "measured", "bar"),
        ("rows of the same bytes, without us", f"{raw:,.0f} a second", ""),
        ("events in the log, under a signed checkpoint", f"{ours:,.0f} a second", ""),
        ("of the rows", f"{ours / raw:.0%}", "50 %"),
        ("from the call to the signed checkpoint, p99", f"{p99 * 1000:.0f} ms", "1,000 ms"),
    ]
    tell(result, title, rows, given.keep)


if __name__ == "__main__":
    main()
