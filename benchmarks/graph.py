"""How fast a graph of 2,000 boxes draws and moves in a real browser: `python benchmarks/graph.py --boxes 2000`.

Records a lineage of so many boxes, serves it, opens it in Debian's Chromium without a window, and moves the picture with the wheel
while Chromium writes down its frames. `--trace FILE` keeps what it wrote, for its own viewer; `--keep FILE` puts the figures into
a page.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from itertools import pairwise
from pathlib import Path
from statistics import quantiles
from typing import Any

from measuring import document, tell
from playwright.sync_api import Page, sync_playwright

LAST = "0192f000-0000-7000-8000-999999999999"
ACROSS = 20
"""Runs of one row; each reads what the run above it and one beside that wrote."""
FAR, FAST = 6000, 1500
"""Pixels that the picture is moved, and pixels a second."""


def events(boxes: int) -> list[dict[str, Any]]:
    """Make runs that each write one data set, so many boxes in all."""
    made = []
    for number in range(boxes // 2):
        row, place = divmod(number, ACROSS)
        above = [(row - 1, place), (row - 1, (place + 1) % ACROSS)] if row else []
        made.append(
            {
                "eventTime": f"2026-03-01T{row // 60:02}:{row % 60:02}:{place:02}.000000Z",
                "eventType": "COMPLETE",
                "producer": "https://benchmark.example",
                "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
                "run": {"runId": f"0192f000-0000-7000-8000-{number:012}"},
                "job": {"namespace": "benchmark", "name": f"pipeline.step_{row}_{place}"},
                "inputs": [
                    {"namespace": "s3://bucket", "name": f"table/{one}/{other}.parquet"} for one, other in above
                ],
                "outputs": [{"namespace": "s3://bucket", "name": f"table/{row}/{place}.parquet"}],
            }
        )
    rows = (boxes // 2 - 1) // ACROSS
    everything = [{"namespace": "s3://bucket", "name": f"table/{rows}/{place}.parquet"} for place in range(ACROSS)]
    last = made[-1] | {"run": {"runId": LAST}, "inputs": everything, "outputs": []}
    return [*made, last | {"eventTime": "2026-03-01T23:59:59.000000Z"}]


def frames(written: list[dict[str, Any]]) -> dict[str, float]:
    """Count the frames that were drawn, and how far apart they were."""
    at = sorted(event["ts"] / 1e6 for event in written if event["name"] == "DrawFrame")
    between = [late - early for early, late in pairwise(at)]
    return {
        "frames": len(at),
        "frames_per_second": len(between) / sum(between),
        "p95_between_ms": 1000 * quantiles(between, n=20)[-1],
        "longest_between_ms": 1000 * max(between),
    }


def drawn(page: Page, address: str) -> dict[str, float]:
    """Open a page; give when its answer began and ended, and when it was painted with all boxes, in seconds from the start."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(address, wait_until="load", timeout=180_000)
    found: dict[str, float] = page.evaluate(
        """new Promise((tell) => requestAnimationFrame(() => requestAnimationFrame(() => {
            const [way] = performance.getEntriesByType("navigation");
            const [paint] = performance.getEntriesByName("first-contentful-paint");
            tell({ answer_began_s: way.responseStart / 1000, answer_ended_s: way.responseEnd / 1000,
                   first_paint_s: paint.startTime / 1000, drawn_s: performance.now() / 1000,
                   sent_bytes: way.encodedBodySize, page_bytes: way.decodedBodySize });
        })))"""
    )
    metrics = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
    return found | {"computed_s": metrics["ThreadTime"]}


def moved(page: Page) -> list[dict[str, Any]]:
    """Move the picture down and up again, and give what Chromium wrote down meanwhile."""
    page.locator(".picture").scroll_into_view_if_needed()
    box = page.locator(".picture").bounding_box()
    assert box is not None
    session = page.context.new_cdp_session(page)
    page.context.browser.start_tracing(
        page=page, categories=["cc", "devtools.timeline", "disabled-by-default-devtools.timeline.frame"]
    )
    for way in (-FAR, FAR):
        session.send(
            "Input.synthesizeScrollGesture",
            {"x": box["x"] + 400, "y": box["y"] + 300, "yDistance": way, "speed": FAST, "gestureSourceType": "mouse"},
        )
    written: list[dict[str, Any]] = json.loads(page.context.browser.stop_tracing())["traceEvents"]
    return written


def main() -> None:
    """Measure once."""
    options = argparse.ArgumentParser()
    options.add_argument("--boxes", type=int, default=2000)
    options.add_argument("--trace", type=Path, help="keep what Chromium wrote down, gzipped")
    options.add_argument("--keep", type=Path, help="page to write the result into")
    chosen = options.parse_args()
    load = os.getloadavg()[0]
    home = tempfile.mkdtemp(prefix="orchestrail-graph-")
    cli = "from orchestrail.cli import main; main()"
    server = subprocess.Popen(
        [sys.executable, "-c", cli, "serve", "--home", home, "--port", "0"], stderr=subprocess.PIPE, text=True
    )
    try:
        url = re.search(r"listening at (\S+)", server.stderr.readline())[1].rstrip("/")
        body = json.dumps(events(chosen.boxes)).encode()
        request = urllib.request.Request(f"{url}/api/v1/lineage/batch", body, {"Content-Type": "application/json"})
        urllib.request.urlopen(request, timeout=300).close()
        urllib.request.urlopen(f"{url}/runs", timeout=300).close()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            address = f"{url}/lineage?target={LAST}&boxes=2000"
            opened = [drawn(page, address) for _ in range(3)][-1]
            boxes = page.locator(".picture rect").count()
            lines = page.locator(".picture path.arrow").count()
            written = moved(page)
            chromium = browser.version
            browser.close()
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(home)
    if chosen.trace:
        chosen.trace.write_bytes(gzip.compress(json.dumps({"traceEvents": written}).encode()))
    result = document("graph", ["orchestrail", "playwright"], {"boxes": chosen.boxes, "chromium": chromium}, load)
    result["results"] = {**opened, **frames(written)}
    found = result["results"]
    rows = [
        ["what", "measured", "bar"],
        ["from the answer to all of it drawn", f"{found['drawn_s'] - found['answer_began_s']:.2f} s", "2 s"],
        ["of that, what the page's thread computed", f"{found['computed_s']:.2f} s", ""],
        ["frames a second while it moves", f"{found['frames_per_second']:.0f}", "30"],
        ["95 % of frames came within", f"{found['p95_between_ms']:.0f} ms", ""],
        ["the answer itself, until it begins", f"{found['answer_began_s']:.2f} s", ""],
        ["the page as it is sent", f"{found['sent_bytes'] / 1000:.0f} kB", "500 kB"],
        ["the page unpacked", f"{found['page_bytes'] / 1000:.0f} kB", ""],
    ]
    tell(result, f"A graph of {boxes:,} boxes and {lines:,} lines in Chromium {chromium}.", rows, chosen.keep)


if __name__ == "__main__":
    main()
