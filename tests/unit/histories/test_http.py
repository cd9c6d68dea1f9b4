"""Reading an API: against a real server on this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import StreamRequestHandler, TCPServer
from typing import Any

import pytest

from orchestrail.errors import ConfigurationError, HistoryError
from orchestrail.histories import http, open_history
from orchestrail.histories.http import Api
from orchestrail.settings import load_settings

Answer = tuple[int, dict[str, str], bytes]


class Server(ThreadingHTTPServer):
    """Gives prepared answers, each once and the last again and again; keeps what was asked."""

    def __init__(self, *answers: Answer) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = list(answers)
        self.asked: list[tuple[str, dict[str, str]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append((self.path, dict(self.headers)))
        status, headers, body = self.server.answers[0]
        if len(self.server.answers) > 1:
            self.server.answers.pop(0)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Server]]:
    """Start servers that answer as told; further tries come at once."""
    monkeypatch.setattr(http, "PAUSES", (0.0, 0.0))
    started: list[Server] = []

    def start(*answers: Answer) -> Server:
        started.append(Server(*answers))
        threading.Thread(target=started[-1].serve_forever, daemon=True).start()
        return started[-1]

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


def good(value: object) -> Answer:
    return 200, {"Content-Type": "application/json"}, json.dumps(value).encode()


def test_a_failure_that_may_pass_is_tried_again(serve) -> None:
    """A server that restarts answers 503 for a while."""
    server = serve((503, {}, b""), (429, {}, b""), good({"a": 1}))
    assert Api(server.url).get("/x", limit=1, offset=None) == {"a": 1}
    assert [path for path, _ in server.asked] == ["/x?limit=1"] * 3


def test_an_answer_that_will_not_change_is_an_error_at_once(serve) -> None:
    """With its status, and what to do."""
    server = serve((401, {}, b"secret-in-body"))
    with pytest.raises(HistoryError, match="credential") as caught:
        Api(server.url).get("/x")
    assert (caught.value.status, len(server.asked)) == (401, 1)
    assert "secret-in-body" not in str(caught.value)


def test_a_redirect_is_not_followed_and_takes_no_credential_along(serve) -> None:
    """The credential is for the address that was given."""
    other = serve(good({}))
    server = serve((302, {"Location": f"{other.url}/elsewhere"}, b""))
    api = Api(server.url)
    api.sign_in("Bearer planted-token")
    with pytest.raises(HistoryError, match="not followed"):
        api.get("/x")
    assert other.asked == []


@pytest.mark.parametrize("body", [b"<html>", b"", b'{"cut'])
def test_what_is_no_json_is_an_error(serve, body: bytes) -> None:
    """Such as the page of a proxy."""
    with pytest.raises(HistoryError, match="JSON"):
        Api(serve((200, {}, body)).url).get("/x")


def test_a_server_that_is_not_there_is_an_error(serve) -> None:
    """Named with its address."""
    server = serve(good({}))
    server.shutdown()
    server.server_close()
    with pytest.raises(HistoryError, match=r"cannot be reached.*Refused"):
        Api(server.url).get("/x")


@pytest.mark.parametrize(
    "said", [b"-ERR unknown command\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n[1"]
)
def test_what_speaks_no_http_or_breaks_off_is_an_error(monkeypatch: pytest.MonkeyPatch, said: bytes) -> None:
    """Another service at that port, or a server that dies within its answer: told as one that cannot be reached."""
    monkeypatch.setattr(http, "PAUSES", ())

    class Speaker(StreamRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline().strip():
                pass
            self.wfile.write(said)

    with TCPServer(("127.0.0.1", 0), Speaker) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        with pytest.raises(HistoryError, match="cannot be reached"):
            Api(f"http://127.0.0.1:{server.server_address[1]}").get("/x")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://host", "host:8080", "http://", ""])
def test_only_addresses_of_http_are_taken(url: str) -> None:
    """Nothing else is opened."""
    with pytest.raises(ConfigurationError):
        Api(url)


def test_credentials_in_the_address_are_sent_and_not_shown(serve) -> None:
    """As basic authentication; what is shown and stored is the address without them."""
    server = serve(good({}))
    api = Api(server.url.replace("//", "//user:p%40ss@") + "/api/?x=1")
    api.get("/version")
    path, headers = server.asked[0]
    assert (path, headers["Authorization"]) == ("/api/version", "Basic dXNlcjpwQHNz")
    assert api.address == f"{server.url}/api"


@pytest.mark.parametrize(
    ("orchestrator", "environ"),
    [("prefect", {}), ("airflow", {})],
)
def test_without_an_address_nothing_is_asked(orchestrator: str, environ: dict[str, str]) -> None:
    """Which server is meant is not guessed."""
    with pytest.raises(ConfigurationError, match="not known"):
        open_history(orchestrator, load_settings(), environ)


def test_prefects_own_variables_sign_in(serve) -> None:
    """A key goes before a name and password, as with Prefect's client."""
    server = serve(good("3.8.8"))
    environ = {"PREFECT_API_URL": server.url, "PREFECT_API_AUTH_STRING": "admin:pass"}
    assert open_history("prefect", load_settings(), environ).version == "3.8.8"
    open_history("prefect", load_settings(), environ | {"PREFECT_API_KEY": "pnu_key"})
    assert [headers["Authorization"] for _, headers in server.asked] == ["Basic YWRtaW46cGFzcw==", "Bearer pnu_key"]


def test_an_answer_of_another_form_is_an_error(serve) -> None:
    """Another service answers at that address."""
    with pytest.raises(HistoryError, match="as expected"):
        open_history("airflow", load_settings(), {}, serve(good([])).url)


def test_airflows_interface_is_found_by_its_version(serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """2.11 has no `/api/v2`, and takes name and password as they are; 3 gives a token for them."""
    monkeypatch.setenv("ORCHESTRAIL_AIRFLOW_USER", "auditor")
    monkeypatch.setenv("ORCHESTRAIL_AIRFLOW_PASSWORD", "planted-password")
    older = serve((404, {}, b""), good({"version": "2.11.2"}), good({"total_entries": 7}))
    assert open_history("airflow", load_settings(airflow_url=older.url), {}).count("2026-01-01T00:00:00Z") == 7
    assert older.asked[2][0].startswith("/api/v1/dags/~/dagRuns?")
    assert older.asked[2][1]["Authorization"].startswith("Basic ")
    newer = serve(good({"version": "3.3.2"}), good({"access_token": "made"}), good({"total_entries": 3}))
    assert open_history("airflow", load_settings(airflow_url=newer.url), {}).count("2026-01-01T00:00:00Z") == 3
    assert newer.asked[1][0] == "/auth/token"
    assert newer.asked[2][1]["Authorization"] == "Bearer made"
