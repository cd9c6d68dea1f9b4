"""Who may do what: without a token, with one, and with one that is bound to a system."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
from serving import Serving

from orchestrail.operations import open_record
from orchestrail.operations.arrivals import MEDIA_TYPE, write
from orchestrail.operations.erase import erase
from orchestrail.projections import tables
from orchestrail.queries import restriction
from orchestrail.settings import load_settings
from orchestrail.store.base import Incoming
from orchestrail.testing.stores import rewrite

JSON = {"Content-Type": "application/json"}
OF_ALL = (
    "/verify",
    "/checkpoint",
    "/log",
    "/log/0/event",
    "/log/0/proof",
    "/log/consistency?first=0",
    "/log/checkpoint",
    "/log/tile/0/000.p/1",
    "/log/tile/entries/000.p/1",
    "/quarantine",
)
READS = (
    "/check",
    "/check?system=fraud",
    "/runs",
    "/runs/1",
    "/trace?target=x",
    "/impact?target=x",
    "/diff?a=x&b=y",
    *OF_ALL,
)


def send(server: Serving, body: bytes, token: str | None = None) -> httpx.Response:
    """Send an event."""
    with server.client(token) as client:
        return client.post("/lineage", content=body, headers=JSON)


def process(
    made: ModuleType, system: str | None, first: int, name: str, reads: str | None = None
) -> list[dict[str, Any]]:
    """A root run of a system with a step, which says no system, that reads a table and makes a model."""
    ours = {"system": system} if system else {}
    source = made.dataset(f"/data/{reads or name}", reads or name)
    model = made.dataset(f"/models/{name}", f"model {name}", kind="model")
    return [
        made.event("START", first, second=first, job=name, ours=ours),
        made.event("START", first + 1, second=first + 0.1, job=f"{name}.fit", parent=first),
        made.event(
            "COMPLETE", first + 1, second=first + 0.2, job=f"{name}.fit", parent=first, inputs=[source], outputs=[model]
        ),
        made.event("COMPLETE", first, second=first + 0.3, job=name, ours=ours),
    ]


def test_without_a_token_nothing_is_told(serve: Callable[..., Serving], token: Callable[..., str]) -> None:
    """401, and how to sign in; with a token that was made up, too, and with one that was revoked."""
    token("read")
    server = serve()
    for given in (None, "orct_00000000_" + "a" * 43, "x"):
        with server.client(given) as client:
            for path in READS:
                answer = client.get(path)
                assert answer.status_code == 401, path
                assert answer.headers["www-authenticate"].startswith("Bearer")


def test_scopes_are_apart(serve: Callable[..., Serving], token: Callable[..., str], made: ModuleType) -> None:
    """A writer cannot read, a reader cannot append, and only an administrator retries what was refused."""
    writes, reads, rules = token("write"), token("read"), token("admin")
    server = serve()
    body = made.body(made.event("START", 1))

    assert send(server, body).status_code == 401
    assert send(server, body, reads).status_code == 403
    assert send(server, b"7", writes).status_code == 422
    assert send(server, body, writes).status_code == 200
    with server.client(writes) as client:
        assert [client.get(path).status_code for path in READS] == [403] * len(READS)
    with server.client(reads) as client:
        assert len(client.get("/runs").json()["runs"]) == 1
        assert client.post("/quarantine/1/retry").status_code == 403
    with server.client(rules) as client:
        assert client.post("/quarantine/1/retry").json() == {"appended": 0, "duplicates": 0, "quarantined": 1}
        assert client.get("/runs").status_code == 200


def test_token_is_revoked_at_once(
    serve: Callable[..., Serving], command: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """Made, listed and taken back by the command, while the server runs."""
    home = ["--home", str(tmp_path / "server")]
    created = json.loads(command("token", "create", "airflow", "--scope", "read", "--json", *home).stdout)
    server = serve()
    with server.client(created["token"]) as client:
        assert client.get("/runs").status_code == 200
        assert command("token", "revoke", created["id"], *home).returncode == 0
        assert client.get("/runs").status_code == 401
    listed = json.loads(command("token", "list", "--json", *home).stdout)["tokens"]
    assert [(each["name"], each["scopes"], each["state"]) for each in listed] == [("airflow", ["read"], "revoked")]


def test_tokens_are_nowhere(serve: Callable[..., Serving], token: Callable[..., str], tmp_path: Path) -> None:
    """Neither what is kept of tokens nor what is logged holds one; each access is logged, refused ones too."""
    reads, writes = token("read", name="auditor"), token("write", name="airflow")
    server = serve()
    with server.client(reads) as client:
        client.get("/trace", params={"target": "sha256:" + "0" * 64})
    with server.client(writes) as client:
        client.get("/runs")
    with server.client("orct_00000000_" + "a" * 43) as client:
        client.get("/runs")
    said = server.stop()

    entries = [json.loads(line) for line in (tmp_path / "server" / "access.jsonl").read_text().splitlines()]
    assert [(entry["who"], entry["path"], entry["refused"]) for entry in entries] == [
        ("auditor", "/api/v1/trace", None),
        ("airflow", "/api/v1/runs", "forbidden"),
        (None, "/api/v1/runs", "sign-in-needed"),
    ]
    kept = said.encode() + b"".join(path.read_bytes() for path in (tmp_path / "server").rglob("*") if path.is_file())
    for text in (reads, writes, "orct_00000000_" + "a" * 43):
        assert text[len("orct_00000000_") :].encode() not in kept


def test_who_is_refused_fills_no_disk(serve: Callable[..., Serving], token: Callable[..., str], tmp_path: Path) -> None:
    """Of many refusals a hundred are lines, none of them long; the others are counted. What is granted is written down whole."""
    reads = token("read", name="auditor")
    server = serve()
    long = "x" * 20_000
    with server.client() as client:
        for number in range(130):
            assert client.get(f"/runs?{number}={long}").status_code == 401
    with server.client(reads) as client:
        assert client.get(f"/runs?job={long}").status_code == 200
    server.stop()

    lines = (tmp_path / "server" / "access.jsonl").read_text().splitlines()
    refused = [json.loads(line) for line in lines if '"sign-in-needed"' in line]
    assert [entry["query"].partition("=")[0] for entry in refused] == [str(number) for number in range(100)]
    digest = sha256(f"0={long}".encode()).hexdigest()
    assert refused[0]["query"].endswith(f"xxx... 20002 characters, sha256:{digest}")
    assert len(refused[0]["query"]) < 2200
    granted, more = (json.loads(line) for line in lines[100:])
    assert (granted["who"], granted["refused"], granted["query"]) == ("auditor", None, f"job={long}")
    assert (more["sender"], more["refused"], more["count"]) == ("127.0.0.1", "more", 30)


def test_no_token_is_needed_on_this_machine_alone(
    server: Serving, command: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """Elsewhere it does not start without; and a page of another name that leads here is not answered (DNS rebinding)."""
    assert httpx.get(f"{server.url}/api/v1/runs").status_code == 200
    assert httpx.get(f"{server.url}/api/v1/runs", headers={"Host": "evil.example"}).status_code == 403
    refused = command("serve", "--host", "0.0.0.0", "--port", "0", "--home", str(tmp_path / "other"))
    assert refused.returncode == 2
    assert "orchestrail token create" in refused.stderr


def test_a_page_cannot_have_a_browser_write(
    serve: Callable[..., Serving], token: Callable[..., str], made: ModuleType
) -> None:
    """The cookie of a person who signed in reads, and never writes."""
    rules = token("admin")
    server = serve()
    with server.client(cookies={"orchestrail": rules}) as client:
        assert client.get("/runs").status_code == 200
        assert client.post("/lineage", content=made.body(made.event("START", 1)), headers=JSON).status_code == 401


ELSEWHERE = (
    {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
)


def test_a_page_of_another_site_changes_nothing(server: Serving, made: ModuleType) -> None:
    """Where no token is needed neither; programs, and pages of this server, whatever a proxy calls it, go on."""
    body = made.body(made.event("START", 1))
    with server.client() as client:
        for headers in ELSEWHERE:
            assert client.post("/lineage", content=body, headers=JSON | headers).status_code == 403, headers
            assert client.post("/quarantine/1/retry", headers=headers).json()["code"] == "forbidden", headers
            assert client.post(f"{server.url}/sign-out", headers=headers).status_code == 403, headers
        assert server.records() == []
        assert client.get("/runs", headers=ELSEWHERE[0]).status_code == 200
        own = {"Origin": server.url}, {"Origin": "https://audit.example", "Sec-Fetch-Site": "same-origin"}, {}
        for headers in own:
            assert client.post("/lineage", content=body, headers=JSON | headers).status_code == 200, headers
    assert len(server.records()) == 1


def test_writer_of_one_system_speaks_for_no_other(
    serve: Callable[..., Serving], token: Callable[..., str], made: ModuleType
) -> None:
    """An event that names another system is refused, alone or in a batch, and goes nowhere."""
    writes = token("write", systems=["scoring"])
    server = serve()
    own, other = (
        made.body(made.event("START", n, ours={"system": name})) for n, name in ((1, "scoring"), (2, "fraud"))
    )

    assert send(server, other, writes).status_code == 403
    assert send(server, own, writes).status_code == 200
    with server.client(writes) as client:
        answer = client.post("/lineage/batch", content=b"[" + own + b"," + other + b"]", headers=JSON)
    assert [each["index"] for each in answer.json()["failed_events"]] == [1]
    assert [record.body for record in server.records()] == [own]


def test_writer_puts_no_statement_on_the_record(
    serve: Callable[..., Serving], token: Callable[..., str], made: ModuleType
) -> None:
    """What people state, manifests and withdrawals are records of ours: they need the scope admin, at both addresses."""
    writes, rules = token("write"), token("admin")
    server = serve()
    said = {
        "eventTime": made.at(0),
        "producer": "urn:orchestrail:manifest:0.1.0",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/JobEvent",
        "job": {"namespace": "default", "name": "orchestrail.manifest", "facets": {"orchestrail_manifest": {}}},
    }
    body = json.dumps(said).encode()
    arrivals = write([Incoming(body, "spool", b"n" * 32, "0" * 32, 1)], ())

    assert send(server, body, writes).status_code == 403
    with server.client(writes) as client:
        assert client.post("/spool", content=arrivals, headers={"Content-Type": MEDIA_TYPE}).status_code == 403
    assert server.records() == []
    assert send(server, body, rules).status_code == 200


def answers(server: Serving, token: str | None) -> dict[str, Any]:
    """Ask everything that can be asked of a system."""
    found: dict[str, Any] = {}
    with server.client(token) as client:
        for path in (
            "/runs?all=true",
            f"/runs/{run_of(client, 'score')}",
            "/trace?target=/models/score",
            "/impact?target=/data/shared",
            f"/diff?a={run_of(client, 'score')}&b={run_of(client, 'rescore')}",
            "/trace?target=/models/rescore",
        ):
            answer = client.get(path)
            assert answer.status_code == 200, (path, answer.text)
            found[path] = answer.json()
    return found


def run_of(client: httpx.Client, job: str) -> str:
    """Find the one run of a job."""
    (run,) = client.get("/runs", params={"job": job}).json()["runs"]
    return str(run["run_id"])


def without_places(document: Any) -> Any:
    """Leave out where in the log something stands: other systems' events move that."""
    if isinstance(document, dict):
        return {key: without_places(value) for key, value in document.items() if key not in ("sequence", "seq")}
    if isinstance(document, list):
        return [without_places(each) for each in document]
    return document


def test_token_of_one_system_is_answered_as_if_there_were_no_other(
    serve: Callable[..., Serving], token: Callable[..., str], made: ModuleType, tmp_path: Path
) -> None:
    """Runs, a root run, traces, descendants, comparisons: the same as a server gives that holds this system's events alone."""
    own = process(made, "scoring", 100, "score", "shared") + process(made, "scoring", 200, "rescore", "shared")
    foreign = process(made, "fraud", 300, "fraud", "shared") + process(made, None, 400, "nobody", "shared")
    mixed = [event for pair in zip(own, foreign, strict=True) for event in pair]
    reads = token("read", systems=["scoring"])
    for home, events in (("server", mixed), ("alone", own)):
        settings = load_settings(home=tmp_path / home)
        items = [Incoming(made.body(event), "test", event_time=event["eventTime"]) for event in events]
        open_record(settings, create=True).append(items)

    bound, alone = serve(), serve(home=tmp_path / "alone")

    limited, whole = answers(bound, reads), answers(alone, None)
    assert {str(answer.pop("limited_to")) for answer in limited.values()} == {"['scoring']"}
    assert {answer.pop("limited_to") for answer in whole.values()} == {None}
    assert without_places(limited) == without_places(whole)
    with bound.client(reads) as client:
        assert client.get("/runs", params={"job": "fraud"}).json()["runs"] == []
        assert client.get("/trace", params={"target": "/models/fraud"}).status_code == 404
        assert client.get(f"/runs/{made.run_id(301)}").status_code == 404
        for path in OF_ALL:
            assert client.get(path).status_code == 403, path


def test_every_table_is_seen_in_part_or_refused(tmp_path: Path) -> None:
    """A new table is refused to those who may not see all until somebody says whose its rows are."""
    seen = restriction.seen_tables()
    whole = set(tables.metadata.tables) - seen - restriction.OPEN
    assert whole == {
        "proj_erasure",
        "proj_member",
        "proj_outcome",
        "proj_reconciliation",
        "proj_recovery",
        "proj_report",
        "proj_resolution",
        "proj_scan",
        "proj_touched",
    }


def test_files_of_the_server_are_not_looked_at(server: Serving, tmp_path: Path, made: ModuleType) -> None:
    """A path that is asked for is a name on the record and no file there: neither its content nor that it exists is told."""
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    with server.client() as client:
        there = client.get("/trace", params={"target": str(secret)})
        absent = client.get("/trace", params={"target": f"{secret}.absent"})
    assert there.status_code == absent.status_code == 404
    assert there.json()["why"] == absent.json()["why"]


def test_any_day_of_the_calendar_is_judged(server: Serving, made: ModuleType) -> None:
    """The first and the last too, by which a run that has not ended is young or old."""
    send(server, made.body(made.event("START", 1)))
    with server.client() as client:
        for day in ("0001-01-01", "9999-12-31"):
            answer = client.get("/check", params={"date": day, "profile": "operate"})
            assert (answer.status_code, answer.json()["date"]) == (200, day)


def test_too_many_requests_are_told_to_wait(serve: Callable[..., Serving]) -> None:
    """429, with when to come again; ten seconds' worth may come at once."""
    server = serve("--rate", "0.5")
    with server.client() as client:
        began = time.monotonic()
        answers = [client.get("/runs")]
        while answers[-1].status_code == 200:
            assert len(answers) <= 5 + 0.5 * (time.monotonic() - began), "more were answered than the limit says"
            answers.append(client.get("/runs"))
    assert len(answers) > 5
    assert answers[-1].status_code == 429
    assert answers[-1].headers["retry-after"] == "1"


def test_page_of_an_altered_event_says_so(server: Serving, made: ModuleType) -> None:
    """The proof is of the leaf, and the page does not let it stand for the event, whether a browser looks or not."""
    send(server, made.body(made.event("START", 1)))
    altered = "What is shown here is not what was taken"
    assert altered not in httpx.get(f"{server.url}/log/0").text
    with closing(sqlite3.connect(server.home / "audit.db")) as connection, connection:
        connection.execute("DROP TRIGGER recent_update")
        rewrite(connection.execute, lambda _, payload: payload.replace(b"START", b"ABORT"))
    page = httpx.get(f"{server.url}/log/0").text
    assert altered in page
    assert '<span class="pass">' not in page


def test_page_of_an_erased_event_says_who_erased_it(server: Serving, made: ModuleType) -> None:
    """And why, and which entry of the log says so; of one that is merely gone it says that nothing does."""
    send(server, made.body(made.event("START", 1)))
    send(server, made.body(made.event("COMPLETE", 1)))
    settings = load_settings(home=server.home)
    erase(settings, open_record(settings), [0], "It names a customer & more.", "dpo")
    page = httpx.get(f"{server.url}/log/0").text
    assert "The event was erased: It names a customer &amp; more." in page
    assert '<a href="/log/2">entry 2</a>' in page
    assert httpx.get(f"{server.url}/log/0/event").status_code == 404
    assert httpx.get(f"{server.url}/log").status_code == 200
    with closing(sqlite3.connect(server.home / "audit.db")) as connection, connection:
        connection.execute("DROP TRIGGER recent_update")
        rewrite(connection.execute, lambda seq, payload: None if seq == 1 else payload)
    assert "no entry of the log says that it was erased" in httpx.get(f"{server.url}/log/1").text


def test_health_and_metrics(server: Serving, made: ModuleType) -> None:
    """Whether it lives, and what it counted."""
    send(server, made.body(made.event("START", 1)))
    send(server, b"7")
    assert httpx.get(f"{server.url}/health").json() == {"status": "ok"}
    text = httpx.get(f"{server.url}/metrics").text
    assert 'orchestrail_events_total{result="accepted"} 1.0' in text
    assert 'orchestrail_events_total{result="refused"} 1.0' in text
    assert "orchestrail_log_entries 1.0" in text
    assert 'path="/api/v1/lineage",status="200"' in text
