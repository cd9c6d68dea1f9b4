"""Events over HTTP: those of OpenLineage's own clients, batches, and everything that is no event."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import re
import socket
import subprocess
import sys
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from html import unescape
from types import ModuleType
from typing import Any

import httpx
import pytest
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import Dataset, DatasetEvent, Job, JobEvent, Run, RunEvent, RunState
from serving import Serving

from orchestrail.testing.ports import kept_port
from orchestrail.testing.stores import quarantined

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def server(shared: Serving) -> Serving:
    """The server that these tests share; each looks at what it sent itself, and sends what no other does."""
    shared.mark()
    return shared


def client_events(count: int = 1) -> list[Any]:
    """Events of each kind, as a user of OpenLineage's client makes them."""
    now = datetime.now(UTC).isoformat()
    job = Job("scheduler", "load")
    events: list[Any] = []
    for _ in range(count):
        run = Run(str(uuid.uuid4()))
        events.append(RunEvent(eventTime=now, eventType=RunState.START, run=run, job=job, producer="https://p.example"))
        events.append(
            RunEvent(eventTime=now, eventType=RunState.COMPLETE, run=run, job=job, producer="https://p.example")
        )
        events.append(JobEvent(eventTime=now, job=Job("scheduler", str(uuid.uuid4())), producer="https://p.example"))
        table = Dataset("postgres://db:5432", f"public.{uuid.uuid4()}")
        events.append(DatasetEvent(eventTime=now, dataset=table, producer="https://p.example"))
    return events


def post(server: Serving, body: bytes, path: str = "/lineage", **headers: str) -> httpx.Response:
    """Send bytes as they are."""
    with server.client() as client:
        return client.post(path, content=body, headers=JSON | headers)


TRANSPORTS = [("http", None), ("http", "gzip"), ("async_http", None), ("async_http", "gzip")]


@pytest.mark.parametrize(("kind", "compression"), TRANSPORTS)
def test_openlineages_transports_write_unchanged(server: Serving, kind: str, compression: str | None) -> None:
    """All kinds of events, each once, plain and compressed; of the asynchronous one from its queue."""
    config = {"type": kind, "url": server.url} | ({"compression": compression} if compression else {})
    client = OpenLineageClient(config={"transport": config})
    for event in client_events(25):
        client.emit(event)
    assert client.close(timeout=60)

    kinds = Counter(frozenset(event) & {"run", "job", "dataset"} for event in server.bodies())
    assert kinds == {frozenset({"run", "job"}): 50, frozenset({"job"}): 25, frozenset({"dataset"}): 25}
    assert server.quarantined() == []


SENDING = """
import sys, uuid
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import Job, JobEvent
client = OpenLineageClient()
client.emit(JobEvent(eventTime="2026-03-01T12:00:00Z", job=Job("scheduler", sys.argv[1]), producer="https://p.example"))
assert client.close(timeout=60)
"""
"""What an integration does with the variables that its user sets."""


def test_key_of_openlineages_client_is_a_token(serve: Callable[..., Serving], token: Callable[..., str]) -> None:
    """Set in the environment, as its documentation says; with one that does not count nothing is on the record."""
    writes = token("write")
    server = serve()

    def send(kind: str, key: str) -> None:
        variables = {
            "OPENLINEAGE__TRANSPORT__TYPE": kind,
            "OPENLINEAGE__TRANSPORT__URL": server.url,
            "OPENLINEAGE__TRANSPORT__AUTH": json.dumps({"type": "api_key", "apiKey": key}),
        }
        subprocess.run(
            [sys.executable, "-c", SENDING, kind], env=os.environ | variables, stderr=subprocess.DEVNULL, timeout=120
        )

    for kind in ("http", "async_http"):
        send(kind, "orct_00000000_" + "a" * 43)
    assert server.records() == []
    for kind in ("http", "async_http"):
        send(kind, writes)
    assert [event["job"]["name"] for event in server.bodies()] == ["http", "async_http"]


def test_bytes_are_kept_as_they_came(server: Serving, made: ModuleType) -> None:
    """Blanks, order of keys, escapes: nothing is written anew, of one event or of a batch."""
    text = json.dumps(made.event("START", 11, second=1, unknown={"name": "é\\u0007"}), indent=3).encode()
    other = json.dumps(made.event("COMPLETE", 11, second=2)).encode().replace(b", ", b" ,\t")

    assert post(server, text).status_code == 200
    assert post(server, b"[\n " + other + b" ]", "/lineage/batch").status_code == 204

    assert [record.body for record in server.records()] == [text, other]
    with server.client() as client:
        first, last = (record.seq for record in server.records())
        assert client.get(f"/log/{last}/event").content == other
        assert client.get(f"/log/{last + 1}/event").status_code == 404
        listed = client.get("/log", params={"after": first}).json()
    assert listed["size"] == last + 1
    assert [(entry["sequence"], entry["bytes"]) for entry in listed["entries"]] == [(last, len(other))]


def test_what_is_sent_again_is_there_once(server: Serving, made: ModuleType) -> None:
    """A client that did not hear the answer sends the same bytes again."""
    body = made.body(made.event("START", 12))
    assert [post(server, body).status_code for _ in range(3)] == [200] * 3
    assert len(server.records()) == 1


def bad_bodies() -> dict[str, tuple[bytes, int]]:
    """What is no event, with the status that says so."""
    event = {
        "eventType": "START",
        "eventTime": "2026-03-01T12:00:00Z",
        "producer": "p",
        "schemaURL": "s",
        "run": {"runId": str(uuid.UUID(int=1))},
        "job": {"namespace": "n", "name": "j"},
    }
    text = json.dumps(event)
    return {
        "empty": (b"", 400),
        "no-json": (b"{", 400),
        "no-object": (b"[]", 422),
        "not-a-number": (text.replace('"p"', "NaN").encode(), 400),
        "a-key-twice": (text.replace('"producer"', '"producer": "q", "producer"').encode(), 400),
        "no-utf-8": (text.encode("utf-16"), 400),
        "no-run-id": (text.replace("00000000-0000", "x").encode(), 422),
        "zero-in-run-id": (text.replace('"runId": "', '"runId": "\\u0000').encode(), 422),
        "half-in-run-id": (text.replace('"runId": "', '"runId": "\\ud800').encode(), 422),
        "no-zone": (text.replace("00Z", "00").encode(), 422),
        "unknown-type": (text.replace("START", "BEGIN").encode(), 422),
        "deep": (text.replace('"p"', "[" * 100_000 + "]" * 100_000).encode(), 400),
        "25-mb": (text.replace('"p"', json.dumps("x" * 25_000_000)).encode(), 413),
    }


@pytest.mark.parametrize("name", bad_bodies())
def test_what_is_no_event_is_refused_and_kept(server: Serving, name: str) -> None:
    """The sender is told that it is at fault, and the bytes are in quarantine, whole, once."""
    body, status = bad_bodies()[name]

    answers = [post(server, body) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [status] * 2
    assert set(answers[0].json()) == {"code", "what", "why", "do"}
    assert server.quarantined() == [body]
    assert server.records() == []


def test_refused_bytes_are_looked_for_among_few(server: Serving) -> None:
    """Each has a place of its own, which ends with who sent it: however many there are, none is looked for among all."""
    bodies = [b"1", b"2", b"1"]
    assert post(server, b"[" + b",".join(bodies) + b"]", "/lineage/batch").status_code == 422
    assert post(server, b"2").status_code == 422

    assert server.quarantined() == [b"1", b"2"]
    entries = quarantined(server.store())[-2:]
    marks, senders = zip(*(entry.source.split(" ") for entry in entries), strict=True)
    assert senders == ("http", "http")
    assert len({*marks}) == 2


def test_what_was_refused_is_listed_in_pages(server: Serving) -> None:
    """However much it is: each answer tells where the next one begins, and the pages lead from the newest one on."""
    before = max(
        (entry.id for entry in server.store().quarantine_entries(1, resolved=True, newest_first=True)), default=0
    )
    batch = b",".join(b"%d" % number for number in range(7000, 7103))
    assert post(server, b"[" + batch + b"]", "/lineage/batch").status_code == 422

    with server.client() as client:
        first = client.get("/quarantine", params={"limit": 100, "after": before}).json()
        last = client.get("/quarantine", params={"limit": 100, "after": first["next"]}).json()
        newest = client.get(f"{server.url}/log/quarantine?all=true").text
        (older,) = re.findall('href="([^"]+)" rel="next"', newest)
        following = client.get(server.url + unescape(older)).text

    entries = [*first["entries"], *last["entries"]]
    assert [entry["bytes"] for entry in entries] == [4] * 103
    assert (len(first["entries"]), last["next"]) == (100, None)
    shown = [
        int(number) for page in (newest, following) for number in re.findall('href="/log/quarantine/([0-9]+)"', page)
    ]
    assert shown[:103] == [entry["id"] for entry in entries][::-1]


def test_halves_of_characters_are_kept_and_can_be_read(server: Serving, made: ModuleType) -> None:
    """A lone surrogate is JSON; it is kept, and no answer breaks over it."""
    body = made.body(made.event("START", 13, job="x")).replace(b'"x"', b'"x\\ud800"')
    assert b"ud800" in body

    status = post(server, body).status_code

    assert status in (200, 422)
    with server.client() as client:
        assert client.get("/runs").status_code == 200
        assert client.get("/quarantine").status_code == 200


def test_batch_is_taken_in_part(server: Serving, made: ModuleType) -> None:
    """What is good is on the record, what is not is named by its place and in quarantine."""
    good = [made.body(made.event("START", number)) for number in (14, 15)]
    answer = post(server, b"[" + b",".join([good[0], b'{"a": NaN}', good[1], b"7"]) + b"]", "/lineage/batch")

    assert answer.status_code == 200
    assert answer.json()["status"] == "partial_success"
    assert answer.json()["summary"] == {
        "received": 4,
        "successful": 2,
        "failed": 2,
        "retriable": 0,
        "non_retriable": 2,
    }
    assert [(each["index"], each["retriable"]) for each in answer.json()["failed_events"]] == [(1, False), (3, False)]
    assert [record.body for record in server.records()] == good
    assert server.quarantined() == [b'{"a": NaN}', b"7"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"[]", 204),
        (b"{}", 400),
        (b'[{"a": 1}', 400),
        (b"[] []", 400),
        (b"[7]", 422),
        (b"[" + b"7," * 10_001 + b"7]", 413),
    ],
    ids=["empty", "no-array", "cut-off", "behind", "none-good", "too-many"],
)
def test_batch_that_is_none(server: Serving, body: bytes, status: int) -> None:
    """An array that ends in the middle is not taken in part: its sender sends it again."""
    assert post(server, body, "/lineage/batch").status_code == status
    assert server.records() == []


def bomb(size: int) -> bytes:
    """Little that becomes much."""
    return gzip.compress(b" " * size)


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (bomb(200 << 20), {"Content-Encoding": "gzip"}, 413),
        (bomb(20 << 20) * 10, {"Content-Encoding": "gzip"}, 413),
        (bomb(0) * 50_000, {"Content-Encoding": "gzip"}, 413),
        (bomb(10)[:-4], {"Content-Encoding": "gzip"}, 400),
        (b"no gzip", {"Content-Encoding": "gzip"}, 400),
        (b"{}", {"Content-Encoding": "br"}, 415),
        (b"{}", {"Content-Type": "text/plain"}, 415),
        (b"{}", {"Content-Type": "application/json; charset=latin-1"}, 415),
        (b" " * (33 << 20), {}, 413),
    ],
    ids=["bomb", "bomb-of-members", "many-members", "cut-off", "no-gzip", "brotli", "text", "latin", "large"],
)
def test_body_that_is_not_read(server: Serving, body: bytes, headers: dict[str, str], status: int) -> None:
    """Bombs, strange packings and kinds: refused at once, and the server goes on."""
    assert post(server, body, **headers).status_code == status
    assert post(server, b"[]", "/lineage/batch").status_code == 204


def test_body_that_never_ends_is_no_event(server: Serving, made: ModuleType) -> None:
    """Half of a body that was announced, then nothing: nothing is taken, and the server goes on."""
    body = made.body(made.event("START", 16))
    head = f"POST /api/v1/lineage HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(f"{head}\r\n\r\n".encode() + body[:40])

    assert post(server, body).status_code == 200
    assert len(server.records()) == 1
    assert server.quarantined() == []


def test_killed_in_mid_batch_every_acknowledged_event_is_there_once(
    serve: Callable[..., Serving], made: ModuleType
) -> None:
    """kill -9 while four senders write, three times over; each sends again what was not acknowledged."""
    acknowledged: set[str] = set()
    over = threading.Event()

    def send(sender: int) -> None:
        number = 0
        with server.client() as client:
            while not over.is_set():
                runs = [sender * 1_000_000 + number + one for one in range(20)]
                body = b"[" + b",".join(made.body(made.event("START", run)) for run in runs) + b"]"
                while not over.is_set():
                    try:
                        if client.post("/lineage/batch", content=body, headers=JSON).status_code == 204:
                            acknowledged.update(made.run_id(run) for run in runs)
                            break
                    except httpx.HTTPError:
                        over.wait(0.05)
                number += 20

    senders = [threading.Thread(target=send, args=(sender,)) for sender in range(1, 5)]
    with kept_port() as port:
        server = serve(port=port)
        for sender in senders:
            sender.start()
        try:
            for _ in range(3):
                before = len(acknowledged)
                while len(acknowledged) < before + 100:
                    over.wait(0.01)
                server.kill()
                server.start(port)
        finally:
            over.set()
        for sender in senders:
            sender.join()

    found = [event["run"]["runId"] for event in server.bodies()]
    assert len(found) == len(set(found))
    assert acknowledged <= set(found)
    assert server.store().verify().ok


def test_told_to_end_it_answers_first(serve: Callable[..., Serving], made: ModuleType) -> None:
    """SIGTERM: what is under way is answered, then the process ends of itself."""
    server = serve()

    async def send() -> list[int]:
        async with httpx.AsyncClient(base_url=f"{server.url}/api/v1", timeout=60) as client:
            bodies = [made.body(made.event("START", number)) for number in range(100)]
            sending = [asyncio.create_task(client.post("/lineage", content=body, headers=JSON)) for body in bodies]
            done, _ = await asyncio.wait(sending, return_when=asyncio.FIRST_COMPLETED)
            assert done
            server.process.terminate()
            answers = await asyncio.gather(*sending, return_exceptions=True)
            return [answer.status_code for answer in answers if isinstance(answer, httpx.Response)]

    answered = asyncio.run(send())
    server.process.wait(timeout=60)

    assert server.process.returncode == 0
    assert 0 < answered.count(200) <= len(server.records())
