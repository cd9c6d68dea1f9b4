"""What Airflow's table says of a DAG run, what the record says, and whether both agree. Reads what runs left; runs nothing."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from openlineage.client.uuid import generate_static_uuid

from orchestrail import trouble
from orchestrail.testing import schema_problems, spooled_events

NAMESPACE = "default"
ENDS = {
    "success": {"COMPLETE"},
    "failed": {"FAIL", "ABORT"},
    "up_for_retry": {"FAIL", "ABORT"},
    "skipped": {"SKIPPED"},
    "upstream_failed": {"SKIPPED"},
    "removed": {"SKIPPED"},
}
"""Airflow's word for how a try ended, and the ends that say the same on the record."""


@dataclass(frozen=True)
class Result:
    """What Airflow made of a DAG run.

    Attributes:
        exit: how the command line ended; None where it was stopped.
        state: of the DAG run.
        tries: task, map index, try and state of each try that Airflow has.
        expected: by run id, the try and the ends that fit what Airflow says of it. The ids are made by OpenLineage's own function.
        seconds: how long it took.
    """

    exit: int | None
    state: str | None
    tries: tuple[tuple[str, int, int, str | None], ...]
    expected: Mapping[str, tuple[str, set[str]]]
    seconds: float

    @property
    def outcome(self) -> tuple[Any, ...]:
        """What must be the same with us as without us."""
        return self.exit, self.state, self.tries


def result_of(folder: Path, dag_id: str) -> Result | None:
    """Read what a run left; None where there was none."""
    if not (folder / "ended.json").exists():
        return None
    ended = json.loads((folder / "ended.json").read_text())
    with closing(sqlite3.connect(folder / "airflow.db")) as database:
        known = {name for _, name, *_ in database.execute("pragma table_info(dag_run)")}
        moments = [
            name for name in ("logical_date", "run_after", "execution_date") if name in known
        ]  # the last in 2.11
        columns = f"run_id, state, coalesce({', '.join(moments)}, null), clear_number"
        query = f"select {columns} from dag_run where dag_id = ? and run_type = 'manual' and state != 'queued'"
        runs = database.execute(query, (dag_id,)).fetchall()
        columns = "task_id, map_index, try_number, state"
        tries: list[tuple[Any, ...]] = []
        for run_id, *_ in runs:
            for table in ("task_instance", "task_instance_history"):
                query = f"select {columns} from {table} where dag_id = ? and run_id = ?"
                tries += database.execute(query, (dag_id, run_id)).fetchall()
    if len(runs) != 1:
        return Result(ended["exit"], None, (), {}, ended["seconds"])
    ((_, state, moment, clear_number),) = runs
    instant = datetime.fromisoformat(moment).replace(tzinfo=UTC)

    def identify(*parts: object) -> str:
        return str(generate_static_uuid(instant, ".".join(str(part) for part in (NAMESPACE, dag_id, *parts)).encode()))

    expected = {identify(clear_number): (dag_id, ENDS.get(state, set()))}
    for task_id, map_index, number, own in tries:
        expected[identify(task_id, number, map_index)] = (f"{task_id}[{map_index}] try {number}", ENDS.get(own, set()))
    order = sorted(tries, key=lambda one: tuple(str(part) for part in one))
    return Result(ended["exit"], state, tuple(order), expected, ended["seconds"])


def differences(first: Result, second: Result) -> str:
    """Say in what two results differ; empty where they do not."""
    if first.exit != second.exit or first.state != second.state:
        return f"{first.state} ({first.exit}), {second.state} ({second.exit})"
    only = sorted(set(first.tries) ^ set(second.tries), key=str)
    return ", ".join(sorted({f"{task_id}: {state}" for task_id, _, _, state in only}))


def problems(folder: Path, result: Result) -> Iterator[str]:
    """Hold what was spooled against Airflow's table: one fitting end for each try, and nothing that Airflow does not know of."""
    home = folder / "orchestrail"
    events = spooled_events(home / "spool")
    ends: dict[str, list[str]] = {}
    seen: set[str] = set()
    for event in events:
        run_id = event["run"]["runId"]
        seen.add(run_id)
        said = event["run"]["facets"].get("orchestrail_run", {}).get("state")
        if event["eventType"] in ("COMPLETE", "FAIL", "ABORT") or said == "SKIPPED":
            ends.setdefault(run_id, []).append(said or event["eventType"])
        for problem in schema_problems(event):
            yield f"{event['job']['name']}: {event['eventType']}: {problem}"
    for run_id, (name, fitting) in result.expected.items():
        told = ends.get(run_id, [])
        if len(told) != bool(fitting) or not set(told) <= fitting:
            yield f"{name}: {told or 'no end'}, and Airflow says {sorted(fitting) or 'nothing'}"
    for run_id in seen - result.expected.keys():
        yield f"{run_id} is on the record and not in Airflow's table"
    for note in trouble.read(home):
        yield f"trouble: {note['where']}: {note['error']}"
