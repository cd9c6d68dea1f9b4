"""Events of other producers on their way through OpenLineage's own client into the spool."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import Dataset, Job, Run, RunEvent, RunState
from openlineage.client.facet_v2 import error_message_run, sql_job
from openlineage.client.transport.transport import Config

from orchestrail import trouble
from orchestrail.events.validation import validate
from orchestrail.transport.openlineage import SpoolTransport
from orchestrail.transport.segments import read_segment, segments

RUN = "0192f000-0000-7000-8000-000000000001"
CONFIG = {"transport": {"type": "orchestrail.transport.openlineage.SpoolTransport"}}


def event(message: str = "it broke") -> RunEvent:
    """An event with a facet, as any producer may send it."""
    error = error_message_run.ErrorMessageRunFacet(message=message, programmingLanguage="SQL")
    return RunEvent(
        eventType=RunState.FAIL,
        eventTime="2026-03-01T12:00:00Z",
        run=Run(RUN, facets={"errorMessage": error}),
        job=Job("warehouse", "daily"),
        producer="https://example.org/producer",
        inputs=[Dataset("s3://bucket", "raw.csv")],
    )


def spooled(tmp_path: Path) -> list[bytes]:
    """What lies in the spool."""
    return [line.body for path in segments(tmp_path / "home" / "spool") for line in read_segment(path).lines]


def test_client_finds_the_transport_by_its_name_and_the_event_is_kept(tmp_path: Path) -> None:
    """The event arrives whole, as its producer's, in a form that the store accepts."""
    client = OpenLineageClient(config=CONFIG)
    client.emit(event())
    assert client.transport.close(1.0) is True
    (body,) = spooled(tmp_path)
    kept = validate(body)
    assert kept["producer"] == "https://example.org/producer"
    assert (kept["run"]["runId"], kept["eventType"]) == (RUN, "FAIL")
    assert kept["run"]["facets"]["errorMessage"]["message"] == "it broke"
    assert [(data["namespace"], data["name"]) for data in kept["inputs"]] == [("s3://bucket", "raw.csv")]


def test_secrets_never_reach_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By their form and by their value: the producer may not know what is a secret here."""
    monkeypatch.setenv("WAREHOUSE_PASSWORD", "planted-by-value")
    OpenLineageClient(config=CONFIG).emit(event("postgresql://me:planted-in-url@db/x refused planted-by-value"))
    (body,) = spooled(tmp_path)
    assert b"planted" not in body
    assert json.loads(body)["run"]["facets"]["errorMessage"]["message"].count("[redacted]") == 2


def test_a_statement_gives_way_to_its_digest(tmp_path: Path) -> None:
    """Nothing tells which of its literals is a secret; two statements are still told apart."""
    client = OpenLineageClient(config=CONFIG)
    for literal in ("planted-1", "planted-1", "planted-2"):
        told = event()
        told.job.facets = {"sql": sql_job.SQLJobFacet(f"insert into users values ('{literal}')")}
        client.emit(told)
    bodies = spooled(tmp_path)
    assert b"planted" not in b"".join(bodies)
    first, again, other = [validate(body)["job"]["facets"]["sql"]["query"] for body in bodies]
    assert first == again != other
    assert first.startswith("sha256:")


@pytest.mark.swallows
def test_a_spool_that_cannot_be_written_does_not_disturb_the_producer(tmp_path: Path) -> None:
    """The event is lost, the producer goes on, and there is a note of it."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "spool").write_text("in the way")
    transport = SpoolTransport(Config())
    transport.emit(event())
    assert transport.close() is True
    (note,) = trouble.read(tmp_path / "home")
    assert note["where"] == "spool an event of OpenLineage's client"


@pytest.mark.swallows
def test_settings_that_cannot_be_read_do_not_disturb_the_producer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client builds the transport where it is itself built: nothing may come out of there."""
    monkeypatch.setenv("ORCHESTRAIL_MODE", "no such mode")
    SpoolTransport(Config()).emit(event())


def test_switched_off_means_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`ORCHESTRAIL_DISABLED` is for guests too."""
    monkeypatch.setenv("ORCHESTRAIL_DISABLED", "true")
    OpenLineageClient(config=CONFIG).emit(event())
    assert not spooled(tmp_path)


def test_events_of_a_fork_that_ends_without_a_word_are_kept(tmp_path: Path) -> None:
    """Airflow's provider emits from a fork that leaves through `os._exit`."""
    program = (
        "import os; from openlineage.client import OpenLineageClient; from test_openlineage import CONFIG, event\n"
        "client = OpenLineageClient(config=CONFIG); client.emit(event('parent'))\n"
        "pid = os.fork()\n"
        "if not pid: client.emit(event('child')); os._exit(0)\n"
        "os.waitpid(pid, 0); client.emit(event('parent again'))\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment, cwd=tmp_path, timeout=300)
    said = {json.loads(body)["run"]["facets"]["errorMessage"]["message"] for body in spooled(tmp_path)}
    assert said == {"parent", "child", "parent again"}
