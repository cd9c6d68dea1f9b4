"""How many events a server takes over HTTP, and what it needs for that: `python benchmarks/serve.py --writers 4 --batch 100`.

Prints one JSON document: events a second that were acknowledged, the time that a batch took, the server's memory, the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
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
    options.add_argument("--store", help="another store than SQLite in a fresh home")
    chosen = options.parse_args()
    home = tempfile.mkdtemp(prefix="orchestrail-serve-")
    cli = "from orchestrail.cli import main; main()"
    command = [sys.executable, "-c", cli, "serve", "--home", home, "--port", "0", "--rate", "1000000"]
    command += ["--store", chosen.store] if chosen.store else []
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
    print(
        json.dumps(
            {
                "events_per_second": round(sum(done for done, _ in results) / elapsed),
                "batch_seconds": {"median": took[len(took) // 2], "p99": quantiles(took, n=100)[98]},
                "memory_bytes": memory,
                "writers": chosen.writers,
                "batch": chosen.batch,
                "event_bytes": len(json.dumps(EVENT)) + 100,
                "store": "sqlite" if chosen.store is None else chosen.store.partition(":")[0],
                "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
                "at": datetime.now(UTC).isoformat(timespec="seconds"),
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
