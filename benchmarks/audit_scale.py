"""What a check costs on a large record: all that is on it, once and after one more run; one run; a trace; a root with many runs;
and to verify the log and the tables beside it.

The record is made by the real recorder: processes of twenty runs with five events each, every tenth of which trains and evaluates a
model, and one root with 500 runs. Without arguments in a tiny size, which measures nothing but that it works.

    python benchmarks/audit_scale.py --processes 10000
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from measuring import document, tell

TASKS = 19
MANY = 500
ASKED = 40
SYSTEMS = ("scoring", "fraud", "pricing", "churn")
"""Ten processes each are of one of them in turn, one of which trains; the root with many runs is of the first."""
STEPS = ("ingest", "validate", "clean", "impute", "encode", "split", "train", "evaluate")


def digest(text: str) -> str:
    """A digest that stands for a content."""
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def system_of(process: int) -> str:
    """The AI system of a process of twenty runs."""
    return SYSTEMS[process // 10 % len(SYSTEMS)]


def fill(processes: int, first: int) -> None:
    """Record processes with the real recorder, as a host's process does; the settings name the home."""
    from orchestrail.model import AdapterInfo, Capability, DatasetRef, Marking, RunStart, State
    from orchestrail.recorder import Recorder
    from orchestrail.run_id import new_run_id
    from orchestrail.settings import load_settings

    info = AdapterInfo("script", "python", "3.11", "0.1.0", ">=3.11", frozenset(Capability))
    recorder = Recorder(info, load_settings(environment="production"))

    def step(part: str, depth: int) -> str:
        return part * depth

    def one(process: int, tasks: int) -> None:
        system = system_of(process) if tasks == TASKS else SYSTEMS[0]
        start = RunStart(run_id=new_run_id(), job_name="pipeline", job_type="FLOW", function=fill, system=system)
        root = recorder.start(start)
        trains = process % 10 == 0 and tasks == TASKS
        held = DatasetRef("file", "/data/source.csv", digest=digest("source"), observed="at_read")
        for number in range(tasks):
            name = STEPS[min(number, 5)] if number < tasks - 2 or not trains else STEPS[6 + number - (tasks - 2)]
            role = {"ingest": "ingest", "split": "split", "train": "train", "evaluate": "evaluate"}.get(
                name, "preprocess"
            )
            marking = Marking(role, operation=name if role == "preprocess" else None, version="1.0.0")
            start = RunStart(
                run_id=new_run_id(),
                job_name=f"pipeline.{name}",
                job_type="TASK",
                function=step,
                marking=marking,
                parameters={"part": f"part-{number}", "depth": number},
                parent=root,
            )
            recorder.start(start)
            entered = recorder.enter(start.run_id)
            run = recorder.open_run(start.run_id)
            assert run is not None
            run.inputs.append(held)
            if number < 6 or (trains and number >= tasks - 2):
                kind = "model" if name == "train" else "data"
                content = digest(f"{process}-{number}")
                made = DatasetRef("file", f"/data/{process}/{name}", digest=content, kind=kind, observed="at_write")
                run.outputs.append(made)
                held = DatasetRef("file", made.name, digest=content, kind=kind, observed="at_read")
            for _ in range(3):
                recorder.running(start.run_id, {})
            recorder.leave(entered)
            recorder.finish(start.run_id, State.COMPLETE)
        for _ in range(3):
            recorder.running(root.run_id, {})
        recorder.finish(root.run_id, State.COMPLETE)

    for process in range(first, first + processes):
        one(process, TASKS)
    if first == 0:
        one(processes, MANY - 1)
    recorder.close()


def timed(action: Callable[[], Any]) -> tuple[float, Any]:
    """Time an action in seconds of the wall."""
    began = time.perf_counter()
    answer = action()
    return time.perf_counter() - began, answer


def p95(values: list[float]) -> float:
    """Give the 95th percentile."""
    return round(statistics.quantiles(values, n=20)[-1], 4) if len(values) > 1 else round(values[0], 4)


def peak_megabytes() -> int:
    """Give the most memory that this program held; `getrusage` would tell of the process that started it, too."""
    said = Path("/proc/self/status").read_text(encoding="ascii")
    return int(said.partition("VmHWM:")[2].split()[0]) // 1024


def asked(home: Path) -> dict[str, Any]:
    """Ask the questions in a process of their own; gives seconds, and megabytes of memory at most."""
    from orchestrail.operations import open_record
    from orchestrail.operations.checking import Question, check
    from orchestrail.queries.runs import find_run
    from orchestrail.queries.show import show
    from orchestrail.queries.snapshot import snapshot
    from orchestrail.queries.targets import find_target
    from orchestrail.queries.trace import trace
    from orchestrail.requirements.catalogue import load_catalogue
    from orchestrail.settings import load_settings

    def traced(record: Any, model: str) -> Any:
        return trace(record, find_target(record, model))

    settings = load_settings(home=home)
    store, catalogue, day = open_record(settings), load_catalogue(), datetime.now(UTC).date()
    whole, report = timed(lambda: check(store, catalogue, Question(day=day, profile="operate")))
    with snapshot(store) as record:
        ids = record.exec_driver_sql("SELECT run_id FROM proj_run").scalars().all()
        models = record.exec_driver_sql("SELECT DISTINCT digest FROM proj_use WHERE kind = 'model'").scalars().all()
        root = record.exec_driver_sql(
            "SELECT root_run_id FROM proj_run GROUP BY root_run_id ORDER BY count(*) DESC LIMIT 1"
        ).scalar()
        chance = random.Random(7)
        traces = [timed(partial(traced, record, one))[0] for one in chance.choices(models, k=ASKED)]
        shown = [timed(lambda: show(record, find_run(record, root)))[0] for _ in range(ASKED // 2)]
    checks = [
        timed(partial(check, store, catalogue, Question(one, profile="build", day=day)))[0]
        for one in chance.choices(ids, k=ASKED)
    ]
    return {
        "runs": len(ids),
        "models": len(models),
        "entries": report.size,
        "subjects": sum(verdict.subjects for _, verdict in report.verdicts),
        "check_everything": round(whole, 2),
        "check_run_p95": p95(checks),
        "trace_p95": p95(traces),
        "show_500_p95": p95(shown),
        "memory_megabytes": peak_megabytes(),
    }


def proven(home: Path) -> dict[str, Any]:
    """Verify the log, and then again with the tables, in a process of its own; gives seconds, and megabytes of memory at most."""
    from orchestrail.operations.verify import verify
    from orchestrail.settings import load_settings

    settings = load_settings(home=home)
    log, _ = timed(lambda: verify(settings))
    both, found = timed(lambda: verify(settings, projections=True))
    if not found.ok or found.tables is None:
        raise AssertionError(found.problems)
    return {
        "log": round(log, 1),
        "log_and_tables": round(both, 1),
        "rows": found.tables.rows,
        "memory_megabytes": peak_megabytes(),
    }


def apart(home: Path, *arguments: str) -> str:
    """Run a part of this program in a process of its own."""
    environment = {**os.environ, "ORCHESTRAIL_HOME": str(home)}
    command = [sys.executable, __file__, *arguments]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def collected(home: Path) -> tuple[float, float]:
    """Collect and apply what is spooled; gives the seconds of each."""
    from orchestrail.operations import open_record
    from orchestrail.operations.collect import collect
    from orchestrail.queries.snapshot import snapshot
    from orchestrail.settings import load_settings

    settings = load_settings(home=home)
    store = open_record(settings, create=True)
    taken, _ = timed(lambda: collect(settings, store))
    began = time.perf_counter()
    with snapshot(store):
        applied = time.perf_counter() - began
    return taken, applied


def main() -> None:
    """Fill a record, ask it, and tell what it took."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--processes", type=int, default=10, help="processes of twenty runs with five events each")
    arguments.add_argument("--keep", type=Path, help="page to write the result into")
    arguments.add_argument("--fill", type=int, nargs=2, help=argparse.SUPPRESS)
    arguments.add_argument("--ask", type=Path, help=argparse.SUPPRESS)
    arguments.add_argument("--prove", type=Path, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.fill:
        fill(*given.fill)
        return
    if given.ask:
        sys.stdout.write(json.dumps(asked(given.ask)))
        return
    if given.prove:
        sys.stdout.write(json.dumps(proven(given.prove)))
        return
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="audit-scale-") as folder:
        home = Path(folder)
        recording, _ = timed(lambda: apart(home, "--fill", str(given.processes), "0"))
        taken, applied = collected(home)
        cold = json.loads(apart(home, "--ask", str(home)))
        apart(home, "--fill", "1", str(given.processes + 1))
        collected(home)
        warm = json.loads(apart(home, "--ask", str(home)))
        proof = json.loads(apart(home, "--prove", str(home)))
        result = document("audit_scale", ["orchestrail", "sqlalchemy"], {"processes": given.processes}, load)
        result["results"] = {
            "record_seconds": round(recording, 1),
            "collect_seconds": round(taken, 1),
            "apply_seconds": round(applied, 1),
            "cold": cold,
            "after_one_more_process": warm,
            "verify": proof,
            "store_megabytes": (home / "audit.db").stat().st_size >> 20,
        }
    title = f"Asking a record of {cold['runs']:,} runs, {cold['entries']:,} events and {cold['models']:,} models."
    rows = [
        ("what", "measured", "bar"),
        ("check of everything, nothing kept", f"{cold['check_everything']:.1f} s", "300 s"),
        ("memory for that", f"{cold['memory_megabytes']:,} MB", "1,000 MB"),
        ("check of everything after one more process of 20 runs", f"{warm['check_everything']:.2f} s", "2 s"),
        ("check of one run with its process, profile build, p95", f"{cold['check_run_p95'] * 1000:.0f} ms", "200 ms"),
        ("trace of a model, p95", f"{cold['trace_p95'] * 1000:.0f} ms", "100 ms"),
        (f"show of a root with {MANY} runs, p95", f"{cold['show_500_p95'] * 1000:.0f} ms", "100 ms"),
        ("verify: log, payloads, checkpoints", f"{proof['log']:.1f} s", "60 s"),
        (f"verify --projections: that, and {proof['rows']:,} rows", f"{proof['log_and_tables']:.0f} s", "600 s"),
        ("memory for that", f"{proof['memory_megabytes']:,} MB", ""),
    ]
    tell(result, title, rows, given.keep)


if __name__ == "__main__":
    main()
