"""For which runs a token may speak that is bound to systems: the record says whose a run is, and no event that comes later."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import httpx
import pytest
from serving import Serving

from orchestrail.operations.arrivals import MEDIA_TYPE, write
from orchestrail.operations.tokens import Scope, Tokens
from orchestrail.store.base import Incoming, Refused
from orchestrail.testing.stores import quarantined

TOKENS: dict[str, tuple[list[str], list[str] | None]] = {
    "scoring": (["read", "write"], ["scoring"]),
    "scoring worker": (["write"], ["scoring"]),
    "fraud": (["read", "write"], ["fraud"]),
    "all": (["admin"], None),
}


class Senders:
    """A server, and a client for each of some tokens."""

    def __init__(self, server: Serving, tokens: dict[str, str], made: ModuleType) -> None:
        self._made = made
        self.server = server
        self.clients = {name: server.client(token) for name, token in tokens.items()}
        self._run = 0

    def run(self) -> int:
        """Give the number of a run that nobody has."""
        self._run += 1
        return self._run

    def event(self, kind: str, run: int, system: str | None = None, **parts: Any) -> dict[str, Any]:
        """Make an event that names a system, or none."""
        event = self._made.event(kind, run, ours={"system": system} if system else {}, **parts)
        return dict(event)

    def send(self, name: str, *events: dict[str, Any]) -> list[int]:
        """Send events one by one; give what is answered."""
        return [self.clients[name].post("/lineage", json=event).status_code for event in events]

    def spool(self, name: str, *bodies: Incoming | Refused) -> httpx.Response:
        """Send what was spooled."""
        items = [each for each in bodies if isinstance(each, Incoming)]
        content = write(items, [each for each in bodies if isinstance(each, Refused)])
        return self.clients[name].post("/spool", content=content, headers={"Content-Type": MEDIA_TYPE})

    def seen(self, name: str, run: int) -> str | None:
        """Give the state of a run as one may see it; None where it is not there."""
        answer = self.clients[name].get(f"/runs/{self._made.run_id(run)}")
        if answer.status_code in (403, 404):
            return None
        rows = [one for one in answer.json()["runs"] if one["run_id"] == self._made.run_id(run)]
        return str(rows[0]["state"])


@pytest.fixture(scope="module")
def senders(made: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Senders]:
    """One server for all of these tests: each has runs of its own."""
    home = tmp_path_factory.mktemp("speaking") / "server"
    tokens = {
        name: Tokens(home).create(name, [Scope(scope) for scope in scopes], systems)[1]
        for name, (scopes, systems) in TOKENS.items()
    }
    server = Serving(home)
    found = Senders(server, tokens, made)
    yield found
    for client in found.clients.values():
        client.close()
    server.stop()


def test_a_run_of_another_system_is_not_claimed(senders: Senders) -> None:
    """Neither in the name of one's own system nor in none, by whichever address; its own sender goes on."""
    run, child = senders.run(), senders.run()
    below = senders.event("START", child, parent=run)
    assert senders.send("fraud", senders.event("START", run, "fraud"), below) == [200, 200]

    claims = [
        senders.event("COMPLETE", run, "scoring"),
        senders.event("FAIL", run),
        senders.event("COMPLETE", child, "scoring", parent=run),
        senders.event("RUNNING", child),
        senders.event("START", senders.run(), parent=run),
    ]
    assert senders.send("scoring", *claims) == [403] * len(claims)
    assert senders.clients["scoring"].post("/lineage/batch", json=claims).status_code == 422
    spooled = [Incoming(json.dumps(claim).encode(), "spool") for claim in claims]
    assert len(senders.spool("scoring", *spooled).json()["forbidden"]) == len(claims)

    assert (senders.seen("scoring", run), senders.seen("scoring", child)) == (None, None)
    assert (senders.seen("fraud", run), senders.seen("fraud", child)) == ("RUNNING", "RUNNING")
    assert senders.send("fraud", senders.event("COMPLETE", child), senders.event("COMPLETE", run, "fraud")) == [
        200,
        200,
    ]
    assert senders.seen("fraud", run) == "COMPLETE"


def test_what_is_named_later_moves_no_run(senders: Senders, made: ModuleType) -> None:
    """Whoever may speak for all systems contradicts the first word: the run stays where it is, and a requirement fails."""
    run = senders.run()
    assert senders.send("fraud", senders.event("START", run, "fraud")) == [200]
    assert senders.send("all", senders.event("COMPLETE", run, "scoring", second=1)) == [200]
    assert (senders.seen("fraud", run), senders.seen("scoring", run)) == ("COMPLETE", None)
    report = senders.clients["all"].get("/check", params={"target": made.run_id(run)}).json()
    (verdict,) = (each for each in report["verdicts"] if each["id"] == "RUN-ID-01")
    assert verdict["verdict"] == "fail"
    assert [each["detail"] for each in verdict["results"][0]["witnesses"]] == ["fraud", "scoring"]


def test_a_run_without_a_system_is_of_those_who_began_it(senders: Senders) -> None:
    """Of the sender, and of tokens that are bound to no other systems; it may get its system with a later event."""
    own, strange = senders.run(), senders.run()
    assert senders.send("scoring", senders.event("START", own)) == [200]
    assert senders.send("scoring worker", senders.event("RUNNING", own)) == [200]
    assert senders.send("fraud", senders.event("RUNNING", own, "fraud")) == [403]
    assert senders.send("scoring", senders.event("COMPLETE", own, "scoring")) == [200]
    assert senders.seen("scoring", own) == "COMPLETE"

    assert senders.send("all", senders.event("START", strange)) == [200]
    assert senders.send("scoring", senders.event("COMPLETE", strange, "scoring")) == [403]
    assert senders.seen("scoring", strange) is None


def test_runs_of_others_get_no_system_from_above(senders: Senders) -> None:
    """A parent that is recorded after what it started: of a run of others that waits for it nobody else becomes the parent."""
    top, run, below = senders.run(), senders.run(), senders.run()
    started = [senders.event("START", run, "fraud", parent=top), senders.event("START", below, parent=run)]
    assert senders.send("fraud", *started) == [200, 200]
    # It names a run of another system above itself, and has its own: that may be, and moves nothing.
    assert senders.send("scoring", senders.event("START", top, "scoring")) == [200]
    assert (senders.seen("scoring", below), senders.seen("fraud", below)) == (None, "RUNNING")

    parent, child = senders.run(), senders.run()
    assert senders.send("fraud", senders.event("START", child, parent=parent)) == [200]
    assert senders.send("scoring", senders.event("START", parent, "scoring")) == [403]
    assert senders.send("fraud", senders.event("START", parent, "fraud")) == [200]
    assert senders.seen("fraud", child) == "RUNNING"

    machines, worker = senders.run(), senders.run()
    assert senders.send("scoring worker", senders.event("START", worker, parent=machines)) == [200]
    assert senders.send("scoring", senders.event("START", machines, "scoring")) == [200]
    assert senders.seen("scoring", worker) == "RUNNING"


def test_the_nearest_run_above_says_the_system(senders: Senders) -> None:
    """A step of one's own below a process of another system, and what a producer without systems tells of below it."""
    process, step, inner = senders.run(), senders.run(), senders.run()
    assert senders.send("fraud", senders.event("START", process, "fraud")) == [200]
    told = [
        senders.event("START", inner, parent=step, root=process),
        senders.event("START", step, "scoring", parent=process),
    ]
    assert senders.clients["scoring"].post("/lineage/batch", json=told).status_code == 204
    assert (senders.seen("scoring", inner), senders.seen("fraud", inner)) == ("RUNNING", None)


def test_nothing_gets_past_the_door_by_being_called_refused(senders: Senders, made: ModuleType) -> None:
    """What a sender calls refused is looked at: an event goes on, what is forbidden does not, and the rest says who sent it."""
    senders.server.mark()
    run = senders.run()
    record = {
        "eventTime": made.at(0),
        "producer": "urn:orchestrail:manifest:0.1.0",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/JobEvent",
        "job": {"namespace": "default", "name": "orchestrail.manifest", "facets": {"orchestrail_manifest": {}}},
    }
    events = [record, senders.event("START", run, "fraud"), senders.event("START", run, "scoring")]
    bodies = [*(json.dumps(event).encode() for event in events), b"{"]
    said = senders.spool("scoring", *(Refused(body, "cut_off", "Torn.", "spool token:00000000") for body in bodies))

    assert said.status_code == 403
    assert [each["index"] for each in said.json()["forbidden"]] == [0, 1]
    assert [record.body for record in senders.server.records()] == [bodies[2]]
    (kept,) = [each for each in quarantined(senders.server.store()) if each.body == b"{"]
    identity = next(token.source for token in Tokens(senders.server.home).all() if token.name == "scoring")
    assert (kept.reason_code, kept.reason) == ("cut_off", "Torn.")
    assert kept.source.startswith("spool token:00000000 ")
    assert kept.source.endswith(f" {identity}")
