"""How many events a server takes over HTTP, and what it needs for that: `python benchmarks/serve.py --writers 4 --batch 100`.

Tells events a second that were acknowledged, the time that a batch took, the server's memory, the machine. With
`--engine postgresql` on a database server of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles

from databases import Databases
from measuring import document, tell

EVENT = {
    "eventType": "START",
    "producer": "https://benchmark.example",
    "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
    "job": {"namespace": "benchmark", "name": "load"},
    "inputs": [{"namespace": "s3://bucket", "name": f"in/{number}.parquet"} for number in range(4)],
    "outputs": [{"namespace": "s3://bucket", "name": "out.parquet", "facets": {"text": {"filling": "x" * 1500}}}],
}
"""About 2 kB, as events with facets are."""


def write(url: str, batch: int, seconds: float) -> tuple[int, list[float]]:
    """Send batches for so long; give how many events were acknowledged, and the seconds that each batch took."""
    done, took = 0, []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        now = datetime.now(UTC).isoformat()
        events = [EVENT | {"eventTime": now, "run": {"runId": str(uuid.uuid4())}} for _ in range(batch)]
        request = urllib.request.Request(
            f"{url}/api/v1/lineage/batch", json.dumps(events).encode(), {"Content-Type": "application/json"}
        )
        begin = time.perf_counter()
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert answer.status == 204
        took.append(time.perf_counter() - begin)
        done += batch
    return done, took


def most_memory(pid: int) -> int:
    """Give the most memory that a process ever had resident, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024


def main() -> None:
    """Measure once."""
    options = argparse.ArgumentParser()
    options.add_argument("--writers", type=int, default=4)
    options.add_argument("--batch", type=int, default=100)
    options.add_argument("--seconds", type=float, default=10.0)
    options.add_argument(
        "--engine", choices=("sqlite", "postgresql"), default="sqlite", help="with a server of its own"
    )
    options.add_argument("--keep", type=Path, help="page to write the result into")
    chosen = options.parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="orchestrail-serve-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        databases = Databases(chosen.engine, folder)
        try:
            measure(chosen, databases.fresh(), folder / "home", load)
        finally:
            databases.stop()


def measure(chosen: argparse.Namespace, store: str, home: Path, load: float) -> None:
    """Serve a store, send to it, and tell."""
    cli = "from orchestrail.cli import main; main()"
    command = [sys.executable, "-c", cli, "serve", "--home", str(home), "--port", "0", "--rate", "1000000"]
    command += ["--store", store]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        url = re.search(r"listening at (\S+)", server.stderr.readline())[1]
        with ProcessPoolExecutor(chosen.writers) as pool:
            begin = time.perf_counter()
            sending = [pool.submit(write, url, chosen.batch, chosen.seconds) for _ in range(chosen.writers)]
            results = [each.result() for each in sending]
            elapsed = time.perf_counter() - begin
        memory = most_memory(server.pid)
    finally:
        server.terminate()
        server.wait()
    took = sorted(each for _, batches in results for each in batches)
    rate, p99 = sum(done for done, _ in results) / elapsed, quantiles(took, n=100)[98]
    settings = {"engine": chosen.engine, "writers": chosen.writers, "batch": chosen.batch, "seconds": chosen.seconds}
    used = ["orchestrail", "fastapi", "uvicorn", *(["psycopg"] if chosen.engine == "postgresql" else [])]
    result = document(f"serve_{chosen.engine}", used, settings, load)
    result["results"] = {
        "events_per_second": round(rate),
        "batch_seconds": {"median": round(took[len(took) // 2], 4), "p99": round(p99, 4)},
        "memory_megabytes": memory >> 20,
    }
    called = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}[chosen.engine]
    title = f"`orchestrail serve` with a store in {called}: {chosen.writers} writers, batches of {chosen.batch} events of 2 kB."
    rows = [
        ("what", "measured", "bar"),
        ("events acknowledged", f"{rate:,.0f} a second", "10,000 a second" if chosen.engine == "postgresql" else ""),
        (
            "a batch, from the request to the answer that it is in the log, median",
            f"{took[len(took) // 2] * 1000:.0f} ms",
            "",
        ),
        ("the same, p99", f"{p99 * 1000:.0f} ms", "1,000 ms"),
        ("the server's memory, at most", f"{memory >> 20} MB", "300 MB"),
    ]
    tell(result, title, rows, chosen.keep)


if __name__ == "__main__":
    main()
