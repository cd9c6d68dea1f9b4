"""Events as the adapters write them, and a log in memory to hold them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from sqlalchemy import Connection, StaticPool, create_engine

from orchestrail.store.base import Record
from orchestrail.store.bundle import NONCE, pack
from orchestrail.store.entries import TABLES

PREFECT = "urn:orchestrail:prefect:0.1.0"
SWEEP = "urn:orchestrail:sweep:0.1.0"
RECONCILE = "urn:orchestrail:reconcile:0.1.0"
AIRFLOW = "https://github.com/apache/airflow/tree/providers-openlineage/2.0.0"


def run_id(number: int) -> str:
    """A UUIDv7 that starts like its neighbours, as those of one moment do, and ends in its number."""
    return str(UUID(f"0192f000-0000-7000-8000-{number:012x}"))


def digest(text: str) -> str:
    """A digest that is easy to tell from another one."""
    from hashlib import sha256

    return f"sha256:{sha256(text.encode()).hexdigest()}"


def at(second: float) -> str:
    """A time, in seconds after the beginning of the tests' story."""
    moment = datetime(2026, 3, 1, 12, 0, tzinfo=UTC) + timedelta(seconds=second)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def dataset(name: str, content: str | None = None, **ours: Any) -> dict[str, Any]:
    """A file as a run of ours reports it; without content it is only named."""
    facets: dict[str, Any] = {}
    if content is not None:
        facets["version"] = {"datasetVersion": digest(content)}
        ours["digest"] = digest(content)
    if ours:
        facets["orchestrail_dataset"] = {"observed": "at_read", "weak": None, "kind": "data", "role": None} | ours
    return {"namespace": "file", "name": name, "facets": facets}


def event(
    kind: str,
    run: int,
    *,
    second: float = 0,
    producer: str = PREFECT,
    job: str | None = None,
    parent: int | None = None,
    root: int | None = None,
    upstream: tuple[int, ...] = (),
    inputs: list[dict[str, Any]] | None = None,
    outputs: list[dict[str, Any]] | None = None,
    ours: dict[str, Any] | None = None,
    job_facets: dict[str, Any] | None = None,
    **facets: Any,
) -> dict[str, Any]:
    """One run event. `ours` goes into `orchestrail_run`; further run facets are given by name."""
    if parent is not None:
        facets["parent"] = {"run": {"runId": run_id(parent)}, "job": {"namespace": "default", "name": f"job-{parent}"}}
        if root is not None:
            facets["parent"]["root"] = {"run": {"runId": run_id(root)}, "job": {"namespace": "default", "name": "r"}}
    if upstream:
        facets["jobDependencies"] = {
            "upstream": [
                {"job": {"namespace": "default", "name": f"job-{one}"}, "run": {"runId": run_id(one)}}
                for one in upstream
            ]
        }
    if producer.startswith("urn:orchestrail:") and producer != SWEEP:
        facets["orchestrail_run"] = {
            "adapter": "prefect",
            "orchestrator": "prefect",
            "orchestratorVersion": "3.8.8",
            "nativeId": f"native-{run}",
            "attempt": 1,
            "state": None,
        } | (ours or {})
    return {
        "eventTime": at(second),
        "eventType": kind,
        "producer": producer,
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": run_id(run), "facets": facets},
        "job": {"namespace": "default", "name": job or f"job-{run}", "facets": job_facets or {}},
        "inputs": inputs or [],
        "outputs": outputs or [],
    }


def reconciliation(
    orchestrator: str = "prefect", *, producer: str = RECONCILE, missing: int = 0, surplus: int = 0, **fields: Any
) -> dict[str, Any]:
    """The event of a reconciliation, about a job and no run; what was surplus has a reason. `fields` replace those of the facet."""
    finding = {"attempt": 1, "job": "train", "name": "train/1", "startedAt": at(1)}
    there = finding | {"orchestratorState": "Completed", "recordedState": None, "runId": None, "reason": None}
    here = finding | {"orchestratorState": None, "recordedState": "COMPLETE", "runId": run_id(1), "reason": "was lost"}
    facet = {
        "orchestrator": orchestrator,
        "version": "3.8.8",
        "address": "http://127.0.0.1:4200/api",
        "readAt": at(300),
        "since": at(0),
        "until": at(240),
        "recordBegins": at(0),
        "job": None,
        "attempts": {"orchestrator": 7, "record": 7, "agreed": 6},
        "counts": {
            "missing": missing,
            "surplus": surplus,
            "surplusExplained": surplus,
            "different": 0,
            "differentExplained": 0,
            "closed": 0,
        },
        "notCompared": {"runsBeforeRecord": None, "unsettled": 1, "waiting": 2, "pruned": 0, "earlierPasses": 0},
        "missing": [there | {"nativeId": f"missing-{number}"} for number in range(missing)],
        "surplus": [here | {"nativeId": f"surplus-{number}"} for number in range(surplus)],
        "different": [],
        "closed": [],
    }
    return {
        "eventTime": at(300),
        "producer": producer,
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/JobEvent",
        "job": {
            "namespace": "default",
            "name": f"orchestrail.reconcile.{orchestrator}",
            "facets": {"orchestrail_reconciliation": facet | fields},
        },
        "inputs": [],
        "outputs": [],
    }


def record(facet: str, **fields: Any) -> dict[str, Any]:
    """The event of a record of our own, about a job and no run."""
    return {
        "eventTime": at(300),
        "producer": RECONCILE,
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/JobEvent",
        "job": {"namespace": "default", "name": "orchestrail.record", "facets": {facet: fields}},
        "inputs": [],
        "outputs": [],
    }


def body(event: dict[str, Any]) -> bytes:
    """The bytes of an event, as the spool holds them."""
    return json.dumps(event, separators=(",", ":")).encode()


_FILES = st.tuples(st.sampled_from(["/a", "/b", "/c"]), st.none() | st.sampled_from(["x", "y", ""]))
_NUMBERS = st.integers(1, 6)
_DESCRIBED = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["START", "COMPLETE", "OTHER"]),
        "run": _NUMBERS,
        "second": st.integers(0, 9),
        "parent": st.none() | _NUMBERS,
        "upstream": st.lists(_NUMBERS, max_size=2).map(tuple),
        "inputs": st.lists(_FILES, max_size=2),
        "outputs": st.lists(_FILES, max_size=2),
        "ours": st.sampled_from([None, {"state": "SKIPPED"}])
        | st.builds(lambda number: {"state": "CACHED", "from": number}, _NUMBERS),
    }
)


def event_lists() -> st.SearchStrategy[list[dict[str, Any]]]:
    """Events of few runs and few files, so that they meet in every way: in circles, out of order, contradicting each other."""
    return st.lists(_DESCRIBED.map(_of_described), min_size=1, max_size=10)


def _of_described(described: dict[str, Any]) -> dict[str, Any]:
    parts = dict(described)
    if parts["ours"] and "from" in parts["ours"]:
        parts["ours"] = {"state": "CACHED", "cachedFrom": run_id(parts["ours"]["from"])}
    for direction in ("inputs", "outputs"):
        parts[direction] = [dataset(*file) for file in parts[direction]]
    return event(parts.pop("kind"), parts.pop("run"), **parts)


class MemoryLog:
    """A log in memory, with a database in memory for the tables."""

    def __init__(self, bodies: list[bytes] | None = None) -> None:
        self.bodies: list[bytes | None] = list(bodies or [])
        self._engine = create_engine("sqlite://", poolclass=StaticPool)
        with self._engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE log (seq INTEGER PRIMARY KEY, event_id BLOB)")
            for table in TABLES:
                columns = "first INTEGER PRIMARY KEY, count INTEGER, envelopes BLOB, payloads BLOB"
                connection.exec_driver_sql(f"CREATE TABLE {table} ({columns})")

    def add(self, *events: dict[str, Any]) -> None:
        """Append events."""
        self.bodies += [body(event) for event in events]

    def records(self, after: int = -1) -> Iterator[Record]:
        """Yield the entries past a sequence number."""
        for seq in range(after + 1, len(self.bodies)):
            yield Record(seq, f"{seq:064x}", at(seq), self.bodies[seq])

    def size(self) -> int:
        """Count the entries."""
        return len(self.bodies)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a connection."""
        with self._engine.connect() as connection:
            yield connection

    @contextmanager
    def project(self) -> Iterator[Connection]:
        """Open a transaction."""
        with self._engine.begin() as connection:
            for seq, body in enumerate(self.bodies):
                connection.exec_driver_sql("INSERT OR REPLACE INTO log VALUES (?, ?)", (seq, seq.to_bytes(32)))
                row = (seq, 1, pack([b"{}"]), pack([body and bytes(NONCE) + body]))
                connection.exec_driver_sql("INSERT OR REPLACE INTO recent VALUES (?, ?, ?, ?)", row)
            yield connection

    def tables(self) -> dict[str, list[tuple[Any, ...]]]:
        """All rows of all tables that the log gives, in an order that does not depend on how they came in."""
        with self._engine.connect() as connection:
            names = connection.exec_driver_sql(
                "SELECT name FROM sqlite_master WHERE name LIKE 'proj_%' AND type='table'"
            )
            return {
                name: sorted(map(tuple, connection.exec_driver_sql(f'SELECT * FROM "{name}"')), key=repr)
                for (name,) in names.all()
                if name != "proj_change"  # words by chance
            }
