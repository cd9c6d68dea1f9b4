"""What the pages cost on a large record: the time of each over HTTP, its weight, and both once more while events come in.

The record is that of `audit_scale.py`; `--home` keeps it for another time, and `--store` names a copy of it in PostgreSQL, which
`orchestrail migrate` made. With `--system` the pages are asked for by somebody who may see one AI system alone, of four; given
twice, by somebody who may see two.
Verdicts are asked for until they are there: how long that takes is told apart. Without arguments in a tiny size, which measures
nothing but that it works.

    python benchmarks/pages_scale.py --processes 10000
"""

from __future__ import annotations

import argparse
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from audit_scale import MANY, SYSTEMS, apart, collected, digest, p95, peak_megabytes, system_of
from measuring import document, tell

from serve import write

ASKED = 20
"""Times that each page is asked for."""
WHILE = 4
"""Times that each is asked for while events come in."""
BAR_SECONDS = 0.3
BAR_BYTES = 500_000
BY: dict[str, str] = {}
"""Header by which the pages are asked for."""
OLDER = "worked out", "no verdicts of now"
"""Words of a page whose verdicts are not there yet, or not of now."""


@contextmanager
def serving(home: Path, store: str | None) -> Iterator[tuple[str, int]]:
    """Start a server, as a user does, and give where it listens, and its process."""
    cli = "from orchestrail.cli import main; main()"
    command = [sys.executable, "-c", cli, "serve", "--home", str(home), "--port", "0", "--rate", "1000000"]
    command += ["--store", store] if store else []
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        told = process.stderr.readline() if process.stderr else ""
        found = re.search(r"listening at (\S+)", told)
        assert found, told
        yield found[1].rstrip("/"), process.pid
    finally:
        process.terminate()
        process.wait()


def processor(pid: int) -> float:
    """Give the seconds that the threads of a process were at work: what a page costs, however much else the machine does."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text(encoding="ascii").split()[0]) for thread in threads) / 1e9


def get(url: str) -> tuple[float, str]:
    """Ask for a page; give the seconds until all of it was there, and the page."""
    began = time.perf_counter()
    with urllib.request.urlopen(urllib.request.Request(url, headers=BY), timeout=600) as answer:
        text = answer.read().decode()
    return time.perf_counter() - began, text


def addresses(home: Path, store: str | None, processes: int, systems: list[str]) -> dict[str, list[str]]:
    """Choose what each page is asked for, by chance but the same each time."""
    from orchestrail.operations import open_record
    from orchestrail.queries.overview import latest_models
    from orchestrail.queries.snapshot import snapshot
    from orchestrail.settings import load_settings

    chance = random.Random(7)
    named = ", ".join(f"'{system}'" for system in systems)
    seen = f"root_run_id IN (SELECT run_id FROM proj_run WHERE system IN ({named}))" if systems else "1 = 1"
    record_of = open_record(load_settings(home=home, store=store))
    with snapshot(record_of, systems=systems or None) as record:
        ids = record.exec_driver_sql(f"SELECT run_id FROM proj_run WHERE {seen}").scalars().all()
        roots = record.exec_driver_sql(
            f"SELECT root_run_id FROM proj_run WHERE {seen} GROUP BY root_run_id ORDER BY count(*) DESC"
        ).scalars().all()  # fmt: skip
        models = record.exec_driver_sql(
            "SELECT DISTINCT digest FROM proj_use JOIN proj_run USING (run_id)"
            f" WHERE kind = 'model' AND proj_use.direction = 'output' AND {seen}"
        ).scalars().all()  # fmt: skip
        entries = record.exec_driver_sql("SELECT max(seq) FROM proj_event").scalar() or 0
        halfway = latest_models(record, 1, entries // 2)[0].mark
    some = [chance.choice(ids) for _ in range(ASKED)]
    made = [chance.choice(models) for _ in range(ASKED)]
    mine = [one for one in range(processes) if not systems or system_of(one) in systems]
    number = [chance.choice(mine) for _ in range(ASKED)]
    clean = [digest(f"{one}-2") for one in number]
    of_all = {
        "log": ["/log", f"/log?before={entries // 2}"] * (ASKED // 2),
        "an entry of the log": [f"/log/{chance.randrange(entries + 1)}" for _ in range(ASKED)],
        "checkpoints": ["/log/checkpoints"] * ASKED,
    }
    return {
        "overview": ["/"] * ASKED,
        "runs": ["/runs", "/runs?all=true", "/runs?state=COMPLETE", "/runs?job=pipe*"] * (ASKED // 4),
        "a run": [f"/runs/{one}" for one in some],
        f"a root run of {MANY} runs": [f"/runs/{roots[0]}"] * ASKED,
        "models": ["/models", f"/models?before={quote(halfway)}"] * (ASKED // 2),
        "data sets": [f"/datasets{asked}" for asked in ("", "?after=/data/source.csv", "?kind=data", "?name=*clean*")]
        * (ASKED // 4),
        "a model": [f"/data/{one}" for one in made],
        "a data set": [f"/data/{one}" for one in clean],
        "a data set that every process read": ["/data?namespace=file&name=/data/source.csv"] * ASKED,
        "lineage of a model": [f"/lineage?target={quote(one)}" for one in made],
        "lineage from a data set": [f"/lineage?target={quote(one)}&direction=forward" for one in clean],
        "lineage from what every process read": [f"/lineage?target={digest('source')}&direction=forward"] * ASKED,
        "requirements": [f"/requirements?profile={one}" for one in ("build", "release")] * (ASKED // 2),
        "a requirement": ["/requirements/PREP-02", "/requirements/RUN-LC-01"] * (ASKED // 2),
        **({} if systems else of_all),
        "compare": [f"/compare?a={quote(a)}&b={quote(b)}" for a, b in zip(made, made[1:] + made[:1], strict=True)],
        "find": [f"/find?target={quote(one)}" for one in (*some[:5], *made[:5], *(f"/data/{n}/clean" for n in number[:10]))],
    }  # fmt: skip


def settle(url: str, asked: list[str]) -> float:
    """Ask for pages until their verdicts are of now; give the seconds that took."""
    began = time.perf_counter()
    for path in dict.fromkeys(asked):
        while any(word in get(url + path)[1] for word in OLDER):
            time.sleep(0.05)
    return time.perf_counter() - began


def measured(url: str, pid: int, asked: list[str]) -> dict[str, Any]:
    """Ask for one kind of page."""
    answers, worked = [], []
    for path in asked:
        before = processor(pid)
        answers.append(get(url + path))
        worked.append(processor(pid) - before)
    return {
        "p95": p95([seconds for seconds, _ in answers]),
        "processor_p95": p95(worked),
        "bytes": max(len(text.encode()) for _, text in answers),
        "older": sum(any(word in text for word in OLDER) for _, text in answers),
    }


def ask(home: Path, store: str | None, processes: int, systems: list[str]) -> dict[str, Any]:
    """Ask for every page: first as a visitor who is the first to look, then with its verdicts there, then while events come in.

    Of somebody who may see some systems alone nothing is sent meanwhile.
    """
    asked = addresses(home, store, processes, systems)
    with bound(home, systems), serving(home, store) as (url, pid):
        first = {name: get(url + paths[0])[0] for name, paths in asked.items()}
        settled = {name: settle(url, asked[name]) for name in ("overview", "requirements", "a requirement", "a model")}
        quiet = {name: measured(url, pid, paths) for name, paths in asked.items()}
        busy = {}
        if not systems:
            sending = threading.Thread(target=write, args=(url, 100, len(asked) * 2.0))
            sending.start()
            busy = {name: measured(url, pid, paths[:WHILE]) for name, paths in asked.items()}
            sending.join()
    return {"first": first, "verdicts": settled, "pages": quiet, "while_events_come_in": busy}


@contextmanager
def bound(home: Path, systems: list[str]) -> Iterator[None]:
    """Ask with a token of some systems, where any is named; without any token, pages are for everybody."""
    from orchestrail.operations.tokens import Tokens

    if not systems:
        yield
        return
    kept = home / "tokens.json"
    before = kept.read_bytes() if kept.exists() else None
    _, text = Tokens(home).create("pages_scale", ["read"], systems, timedelta(days=1))
    BY["Authorization"] = f"Bearer {text}"
    try:
        yield
    finally:
        if before is None:
            kept.unlink()
        else:
            kept.write_bytes(before)


def main() -> None:
    """Fill a record where there is none, ask for its pages, and tell what it took."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--processes", type=int, default=10, help="processes of twenty runs with five events each")
    arguments.add_argument("--home", type=Path, help="home that holds the record, or shall hold it")
    arguments.add_argument("--store", help="URL of a PostgreSQL database with a copy of the record")
    arguments.add_argument(
        "--system", choices=SYSTEMS, action="append", default=[], help="ask as somebody who may see this system alone"
    )
    arguments.add_argument("--keep", type=Path, help="page to write the result into")
    given = arguments.parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="pages-scale-") as folder:
        home = given.home or Path(folder)
        if not any(home.glob("audit.db")):
            apart(home, "--fill", str(given.processes), "0")
        if given.store is None:
            collected(home)
        found = ask(home, given.store, given.processes, given.system)
    of_some = ("", "_of_one_system", "_of_two_systems")[min(2, len(given.system))]
    name, used = ("pages_scale_postgresql", ["psycopg"]) if given.store else ("pages_scale", [])
    used = ["orchestrail", "sqlalchemy", "fastapi", *used]
    result = document(name + of_some, used, {"processes": given.processes}, load)
    result["results"] = found | {"memory_megabytes": peak_megabytes()}
    rows = [("page", "first look", "p95", "of it processor, p95", "p95 while events come in", "weight")]
    busy = found["while_events_come_in"]
    for name, page in found["pages"].items():
        rows.append(
            (
                name,
                f"{found['first'][name] * 1000:.0f} ms",
                f"{page['p95'] * 1000:.0f} ms",
                f"{page['processor_p95'] * 1000:.0f} ms",
                f"{busy[name]['p95'] * 1000:.0f} ms" if busy else "",
                f"{page['bytes'] / 1000:.0f} kB",
            )
        )
    rows.append(("bar", "", f"{BAR_SECONDS * 1000:.0f} ms", "", "", f"{BAR_BYTES / 1000:.0f} kB"))
    kept_in = " in PostgreSQL" if given.store else ""
    title = f"Pages of a record{kept_in} of {given.processes * 20 + MANY:,} runs"
    verdicts = found["verdicts"]
    if given.system:
        title += f", for somebody who may see {len(given.system)} quarters of them"
        title += f"; the verdicts over these took {verdicts['requirements']:.1f} s."
    else:
        title += f"; the verdicts over all of it took {verdicts['overview']:.1f} s."
    tell(result, title, rows, given.keep)


if __name__ == "__main__":
    main()
