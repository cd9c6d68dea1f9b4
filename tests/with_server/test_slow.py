"""Clients that take their time, with the head of a request, its body or the answer; many of them at once. Through real sockets."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import ModuleType

import pytest
from serving import Serving

from orchestrail.operations import open_record
from orchestrail.settings import load_settings
from orchestrail.store.base import Incoming

HEAD = b"POST /api/v1/lineage HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server that waits for a moment: long enough for a client that does what it wants to at once, on a busy machine too."""
    running = Serving(tmp_path_factory.mktemp("hasty") / "server", "--patience", "3")
    yield running
    running.stop()


@contextmanager
def connected(server: Serving, buffer: int | None = None) -> Iterator[socket.socket]:
    """Open a connection; one that nothing ends fails the test."""
    with socket.socket() as connection:
        if buffer is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        connection.settimeout(120)
        connection.connect(("127.0.0.1", server.port))
        yield connection


def heard(connection: socket.socket) -> bytes:
    """Read until the other side ends it."""
    answer = b""
    while piece := connection.recv(65536):
        answer += piece
    return answer


@pytest.mark.parametrize("begun", [b"", b"GET / HT", HEAD], ids=["nothing", "a line", "no end"])
def test_head_that_does_not_come_ends_the_connection(hasty: Serving, begun: bytes) -> None:
    """Nothing at all, or a part of it; nobody is answered, since nobody asked."""
    with connected(hasty) as connection:
        connection.sendall(begun)
        assert heard(connection) == b""


def test_second_head_that_does_not_come_ends_it_too(hasty: Serving) -> None:
    """After an answer, too: a byte is no request."""
    with connected(hasty) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        connection.sendall(b"G")
        assert b"HTTP/1.1" not in heard(connection)


@pytest.mark.parametrize("form", [b"Content-Length: 400\r\n\r\n{", b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"])
def test_body_that_does_not_come_is_answered_and_ends(hasty: Serving, form: bytes) -> None:
    """408, and the connection is over: nothing is taken, the rest is not waited for."""
    with connected(hasty) as connection:
        connection.sendall(HEAD + form)
        head, _, body = heard(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in head.lower()
    assert json.loads(body)["code"] == "slow"
    assert hasty.records() == []
    assert hasty.quarantined() == []


def test_refused_body_that_goes_on_ends_the_connection(hasty: Serving) -> None:
    """What is too large by its own account is refused before it came, and the rest of it is heard by nobody."""
    with connected(hasty) as connection:
        connection.sendall(HEAD + b"Content-Length: 99999999\r\n\r\n{")
        assert heard(connection).startswith(b"HTTP/1.1 413 ")


def test_requests_that_come_in_time_are_answered_on_one_connection(server: Serving, made: ModuleType) -> None:
    """One after the other, and one whose body comes in parts."""
    body = made.body(made.event("START", 1))
    request = HEAD + f"Content-Length: {len(body)}\r\n\r\n".encode()
    with connected(server) as connection:
        for _ in range(3):
            for part in (request[:30], request[30:], body[:10], body[10:]):
                connection.sendall(part)
            answer = b""
            while not answer.endswith(b'"success"}'):
                answer += connection.recv(65536)
            assert answer.startswith(b"HTTP/1.1 200 ")
    assert len(server.records()) == 1


def test_many_that_say_nothing_keep_others_out_for_a_while_alone(serve: Callable[..., Serving]) -> None:
    """Beyond 500 connections others are told to come again; those that say nothing are gone soon."""
    for patience in (3, 30):
        server = serve("--patience", str(patience))
        began = time.monotonic()
        with ExitStack() as stack:
            silent = [stack.enter_context(connected(server)) for _ in range(500)]
            with connected(server) as connection:
                connection.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                answer = heard(connection)
            in_time = time.monotonic() - began < patience
            assert {heard(connection) for connection in silent} == {b""}
        if in_time:  # or else the first of them may have been gone before the last one came
            break
        server.stop()
    assert in_time
    assert answer.startswith(b"HTTP/1.1 503 ")
    with server.client() as client:
        assert client.get("/runs").status_code == 200


def test_answers_that_are_not_taken_are_held_for_a_while_alone(serve: Callable[..., Serving], made: ModuleType) -> None:
    """Each larger than what a connection holds, more than are answered at once: others do not wait, and then they are gone."""
    server = serve("--patience", "3")
    events = [made.event("START", number, job=f"{number} {'x' * 16_000}") for number in range(1000)]
    items = [Incoming(made.body(event), "test", event_time=event["eventTime"]) for event in events]
    open_record(load_settings(home=server.home)).append(items)
    with ExitStack() as stack:
        for _ in range(6):
            connection = stack.enter_context(connected(server, 4096))
            connection.sendall(b"GET /api/v1/runs?limit=1000 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert connection.recv(16).startswith(b"HTTP/1.1 200 ")
        with server.client() as client:
            assert client.get("/runs", params={"limit": 1}).status_code == 200
        deadline = time.monotonic() + 120
        while held := connections(server):
            assert time.monotonic() < deadline, held
            time.sleep(0.1)


def connections(server: Serving) -> int:
    """Count the connections that a server has open."""
    listed = Path(f"/proc/{server.process.pid}/net/tcp").read_text().splitlines()[1:]
    mine = set()
    for each in Path(f"/proc/{server.process.pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed since the folder was listed
            mine.add(str(each.readlink()))
    fields = [line.split() for line in listed]
    return sum(f"socket:[{each[9]}]" in mine and each[3] != "0A" for each in fields)
