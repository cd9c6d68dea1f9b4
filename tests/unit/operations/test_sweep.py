"""Closing runs whose process died."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from orchestrail.operations import open_record
from orchestrail.operations.collect import collect
from orchestrail.operations.sweep import abandoned, sweep
from orchestrail.owner import Owner, this_process
from orchestrail.projections.apply import apply
from orchestrail.queries.runs import find_run
from orchestrail.run_id import new_run_id
from orchestrail.settings import load_settings
from orchestrail.transport.spool import Spool

PROGRAM = """
import json, sys, time
from pathlib import Path
from orchestrail.owner import this_process
from orchestrail.transport.spool import Spool

run_id, folder = sys.argv[1:]
def event(kind):
    ours = {"owner": this_process().as_dict(), "closedBy": "process", "adapter": "script"}
    return json.dumps({
        "eventTime": "2026-03-01T12:00:00.000000Z", "eventType": kind, "producer": "urn:orchestrail:script:0.1.0",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": run_id, "facets": {"orchestrail_run": ours}}, "job": {"namespace": "default", "name": "job"},
        "inputs": [], "outputs": [],
    }).encode()
spool = Spool(Path(folder))
spool.append(event("START"))
print("started", flush=True)
if sys.stdin.readline().strip() == "finish":
    spool.append(event("COMPLETE"))
    print("finished", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def settings(tmp_path):
    """A home of its own."""
    return load_settings(home=tmp_path / "home")


class Process:
    """A process with an open run, on the record by real spooling."""

    def __init__(self, settings) -> None:
        self.run_id = new_run_id()
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, self.run_id, str(settings.spool)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout.readline() == "started\n"

    def kill(self) -> None:
        """Kill it the hard way, and let its number go."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def finish(self) -> None:
        """Let it end its run, and live on."""
        self.process.stdin.write("finish\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "finished\n"


@pytest.fixture
def running(settings):
    """Start processes, which are killed at the end."""
    started = []

    def start():
        started.append(Process(settings))
        return started[-1]

    yield start
    for one in started:
        one.kill()


def state(store, run_id):
    apply(store)
    with store.read() as connection:
        return find_run(connection, run_id)


def test_a_killed_process_has_its_run_closed(settings, running):
    """As ABORT, with the fields that were concluded and the reason; a second sweep finds nothing."""
    victim, alive = running(), running()
    victim.kill()
    store = open_record(settings, create=True)
    swept = sweep(settings, store)
    assert swept.closed == (victim.run_id,)
    assert swept.left_open == (alive.run_id,)
    row = state(store, victim.run_id)
    assert (row.state, row.inferred) == ("ABORT", ("ended_at", "state"))
    assert "is gone" in row.ends[0].reason
    assert sweep(settings, store).closed == ()
    assert state(store, alive.run_id).state == "RUNNING"
    assert store.verify().ok


def test_an_end_that_was_reported_before_the_death_counts(settings, running):
    """What the process spooled is collected before anything is concluded."""
    victim = running()
    store = open_record(settings, create=True)
    collect(settings, store)
    victim.finish()
    victim.kill()
    assert sweep(settings, store).closed == ()
    assert state(store, victim.run_id).state == "COMPLETE"


def spooled(settings, owner, closed_by="process"):
    """Put a START on the record whose owner is made up."""
    run_id = new_run_id()
    ours = {"owner": owner, "closedBy": closed_by, "adapter": "script"}
    event = {
        "eventTime": "2026-03-01T12:00:00.000000Z",
        "eventType": "START",
        "producer": "urn:orchestrail:script:0.1.0",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": run_id, "facets": {"orchestrail_run": ours}},
        "job": {"namespace": "default", "name": "job"},
    }
    spool = Spool(settings.spool)
    spool.append(json.dumps(event).encode())
    spool.close()
    return run_id


here = this_process()
NO_SUCH_PROCESS = 4194304  # the kernel numbers processes below this


@pytest.mark.parametrize(
    ("owner", "closed_by", "closed"),
    [
        (here, "process", False),
        (replace(here, startTicks=1), "process", True),
        (replace(here, pid=NO_SUCH_PROCESS), "process", True),
        (replace(here, bootId="an earlier boot"), "process", True),
        (replace(here, host="another"), "process", False),
        (replace(here, host="another", bootId="another"), "process", False),
        (replace(here, pidNamespace="pid:[1]", pid=NO_SUCH_PROCESS), "process", False),
        (replace(here, pid=NO_SUCH_PROCESS), "host", False),
    ],
    ids=[
        "alive",
        "number-used-again",
        "gone",
        "restarted",
        "other-host",
        "other-host-restarted",
        "other-container",
        "closed-by-host",
    ],
)
def test_only_what_is_surely_dead_is_closed(settings, owner: Owner, closed_by, closed):
    """A process of this host, of this boot or an earlier one, that itself would have reported the end."""
    run_id = spooled(settings, owner.as_dict(), closed_by)
    store = open_record(settings, create=True)
    swept = sweep(settings, store)
    assert (run_id in swept.closed, run_id in swept.left_open) == (closed, not closed)


@pytest.mark.parametrize("owner", [None, "x", {}, {"host": here.host, "pid": "x"}, here.as_dict() | {"pid": -1}])
def test_an_owner_that_names_no_process_is_left_alone(settings, owner):
    """A damaged or foreign facet is no reason to conclude anything."""
    spooled(settings, owner)
    assert sweep(settings, open_record(settings, create=True)).closed == ()


def test_looking_for_abandoned_runs_changes_nothing(settings):
    """`doctor` asks without closing."""
    run_id = spooled(settings, replace(here, pid=NO_SUCH_PROCESS).as_dict())
    store = open_record(settings, create=True)
    collect(settings, store)
    size = store.size()
    assert [row.run_id for row in abandoned(store)] == [run_id]
    assert store.size() == size
