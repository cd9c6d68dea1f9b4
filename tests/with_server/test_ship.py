"""The spool to a server: from one machine to another, while the server is away, and sent twice."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from serving import COMMAND, Serving

from orchestrail.operations import open_record, remote
from orchestrail.settings import load_settings
from orchestrail.testing.ports import kept_port
from orchestrail.testing.stores import quarantined
from orchestrail.transport.segments import segments
from orchestrail.transport.spool import Spool


@pytest.fixture
def spooled(made: ModuleType, tmp_path: Path) -> Callable[..., Path]:
    """Spool events as a process does; gives the home."""

    def put(*events: dict[str, Any] | bytes) -> Path:
        home = tmp_path / "sender"
        spool = Spool(load_settings(home=home).spool)
        for event in events:
            spool.append(event if isinstance(event, bytes) else made.body(event))
        spool.close()
        return home

    return put


def test_spool_is_sent_and_gone(
    server: Serving, spooled: Callable[..., Path], command: Callable[..., Any], made: ModuleType
) -> None:
    """Each event is on the server's record with its own id, what is no event in its quarantine, and the spool is empty."""
    home = spooled(made.event("START", 1), b"{", made.event("COMPLETE", 1, second=1))

    sent = command("ship", "--home", str(home), "--json", ORCHESTRAIL_URL=server.url)

    assert json.loads(sent.stdout) == {"appended": 2, "duplicates": 0, "quarantined": 1, "forbidden": 0}
    assert sent.returncode == 1
    assert segments(home / "spool") == []
    assert [event["eventType"] for event in server.bodies()] == ["START", "COMPLETE"]
    assert [entry.body for entry in quarantined(server.store())] == [b"{"]


def test_what_is_sent_twice_is_there_once(
    server: Serving, spooled: Callable[..., Path], command: Callable[..., Any], made: ModuleType
) -> None:
    """A segment that arrived, and whose sender was killed before it knew, is sent again whole."""
    home = spooled(*(made.event("START", number) for number in range(1, 4)))
    (segment,) = segments(home / "spool")
    content = segment.read_bytes()
    command("ship", "--home", str(home), ORCHESTRAIL_URL=server.url)
    segment.write_bytes(content)

    again = command("ship", "--home", str(home), "--json", ORCHESTRAIL_URL=server.url)

    assert json.loads(again.stdout) == {"appended": 0, "duplicates": 3, "quarantined": 0, "forbidden": 0}
    assert len(server.records()) == 3


def test_what_was_collected_here_before_is_told_of_and_sent_on_request(
    server: Serving, spooled: Callable[..., Path], command: Callable[..., Any], made: ModuleType
) -> None:
    """A home that was read from before its spool went to a server keeps the first half; it goes with ids and numbers, once."""
    home = spooled(made.event("START", 1), made.event("START", 2))
    command("runs", "--home", str(home))
    spooled(made.event("COMPLETE", 2, second=1), made.event("COMPLETE", 1, second=2))

    half = command("ship", "--home", str(home), "--json", ORCHESTRAIL_URL=server.url)
    assert json.loads(half.stdout) == {"appended": 2, "duplicates": 0, "quarantined": 0, "forbidden": 0}
    assert "has 2 events that were collected here before: `orchestrail ship --record`" in half.stderr

    whole = command("ship", "--record", "--home", str(home), "--json", ORCHESTRAIL_URL=server.url)
    assert json.loads(whole.stdout) == {"appended": 2, "duplicates": 0, "quarantined": 0, "forbidden": 0}
    here = [record.event_id for record in open_record(load_settings(home=home)).records()]
    assert {record.event_id for record in server.records()} >= {*here}
    assert server.store().gaps() == []

    again = command("ship", "--record", "--home", str(home), "--json", ORCHESTRAIL_URL=server.url)
    assert json.loads(again.stdout) == {"appended": 0, "duplicates": 2, "quarantined": 0, "forbidden": 0}
    assert "collected here before" not in command("ship", "--home", str(home), ORCHESTRAIL_URL=server.url).stderr


def test_lost_event_shows_as_a_gap_at_the_server(
    server: Serving, spooled: Callable[..., Path], command: Callable[..., Any], made: ModuleType
) -> None:
    """The numbers of the emitter travel with its events."""
    home = spooled(*(made.event("START", number) for number in range(1, 5)))
    (segment,) = segments(home / "spool")
    rows = segment.read_bytes().split(b"\n")
    lost = next(row for row in rows if row.startswith(b"3 "))
    segment.write_bytes(b"\n".join(row for row in rows if row != lost))

    command("ship", "--home", str(home), ORCHESTRAIL_URL=server.url)

    assert [gap.missing for gap in server.store().gaps()] == [((3, 3),)]


@pytest.fixture
def port() -> Iterator[int]:
    """A port that stays the server's own while it is away."""
    with kept_port() as kept:
        yield kept


def test_server_that_is_away_costs_nothing_but_disk(
    serve: Callable[..., Serving], port: int, spooled: Callable[..., Path], made: ModuleType
) -> None:
    """`ship --watch` goes on while it is away, and sends all when it is there again; commands beside it do not wait."""
    server = serve(port=port)
    server.kill()
    home = spooled(made.event("START", 1))
    environment = os.environ | {"ORCHESTRAIL_URL": server.url}
    watching = subprocess.Popen(
        [*COMMAND, "ship", "--watch", "--every", "0.1", "--home", str(home)],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert "cannot be reached" in watching.stderr.readline()
        spooled(made.event("COMPLETE", 1, second=1))
        server.start(port)
        assert "2 events sent" in "".join(iter_until(watching, "sent"))
    finally:
        watching.terminate()
        watching.wait()
        watching.stderr.close()
    assert len(server.records()) == 2


def iter_until(process: subprocess.Popen[str], word: str) -> list[str]:
    """Read what a process says up to a word."""
    said: list[str] = []
    for line in process.stderr:
        said.append(line)
        if word in line:
            break
    return said


def test_token_that_does_not_count_keeps_the_spool(
    serve: Callable[..., Serving],
    token: Callable[..., str],
    spooled: Callable[..., Path],
    command: Callable[..., Any],
    made: ModuleType,
) -> None:
    """A reader's token, a revoked one or none: exit code 4, said why, and nothing is lost; with the right one it goes."""
    reads, writes = token("read"), token("write")
    server = serve()
    home = spooled(made.event("START", 1))
    for given in ({}, {"ORCHESTRAIL_TOKEN": reads}):
        refused = command("ship", "--home", str(home), ORCHESTRAIL_URL=server.url, **given)
        assert refused.returncode == 4
        assert "ORCHESTRAIL_TOKEN" in refused.stderr
        assert len(segments(home / "spool")) == 1
    sent = command("ship", "--home", str(home), ORCHESTRAIL_URL=server.url, ORCHESTRAIL_TOKEN=writes)
    assert sent.returncode == 0
    assert len(server.records()) == 1


def test_events_that_a_token_may_not_send_are_kept_aside(
    serve: Callable[..., Serving],
    token: Callable[..., str],
    spooled: Callable[..., Path],
    command: Callable[..., Any],
    made: ModuleType,
) -> None:
    """They hold nothing up: the others are sent, `doctor` tells of these, and with the right token they go, with their numbers."""
    scoring, both = token("write", systems=["scoring"]), token("write", systems=["fraud", "scoring"])
    server = serve()
    systems = ["scoring", "fraud", "scoring", "fraud", "scoring"]
    home = spooled(*(made.event("START", number, ours={"system": name}) for number, name in enumerate(systems)))
    at = {"ORCHESTRAIL_URL": server.url}

    sent = command("ship", "--home", str(home), "--json", **at, ORCHESTRAIL_TOKEN=scoring)
    assert json.loads(sent.stdout) == {"appended": 3, "duplicates": 0, "quarantined": 0, "forbidden": 2}
    assert sent.returncode == 1
    assert segments(home / "spool") == []
    told = command("doctor", "--home", str(home), **at)
    assert "2 events that the server does not take from here" in told.stdout
    assert str(home / "spool" / "forbidden") in told.stdout
    assert told.returncode == 1

    still = command("ship", "--again", "--home", str(home), "--json", **at, ORCHESTRAIL_TOKEN=scoring)
    assert (still.returncode, json.loads(still.stdout)["forbidden"]) == (1, 2)
    again = command("ship", "--again", "--home", str(home), "--json", **at, ORCHESTRAIL_TOKEN=both)
    assert json.loads(again.stdout) == {"appended": 2, "duplicates": 0, "quarantined": 0, "forbidden": 0}
    assert again.returncode == 0
    assert list((home / "spool" / "forbidden").iterdir()) == []
    assert server.store().gaps() == []
    assert command("doctor", "--home", str(home), **at).returncode == 0


def test_commands_beside_it_leave_the_spool_to_the_server(
    spooled: Callable[..., Path], command: Callable[..., Any], made: ModuleType
) -> None:
    """Where a server is named, reading takes nothing away from it."""
    home = spooled(made.event("START", 1))
    elsewhere = {"ORCHESTRAIL_URL": "http://127.0.0.1:9"}
    said = command("runs", "--home", str(home), **elsewhere)
    assert "left for the server" in said.stderr
    for taking in ("collect", "sweep"):
        assert command(taking, "--home", str(home), **elsewhere).returncode == 2
    assert command("doctor", "--home", str(home), **elsewhere).returncode == 0
    assert len(segments(home / "spool")) == 1


def test_large_events_go_one_by_one(server: Serving, spooled: Callable[..., Path], made: ModuleType) -> None:
    """What is larger than a request is cut into several, in its order."""
    events = [made.event("START", number, text="x" * (5 << 20)) for number in range(1, 6)]
    home = spooled(*events)
    done = remote.send(load_settings(home=home, url=server.url))
    assert done.appended == 5
    assert [event["run"]["runId"] for event in server.bodies()] == [made.run_id(number) for number in range(1, 6)]
