"""Two systems that share data, and somebody who may see one of them: whatever is asked, the other one is not there at all.

The answers of a server that holds both, to a token of one, are held against those of a server that holds that one alone: every
address that the server has, every page that a link leads to, and what is asked about the other's names, contents and ids.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import quote, unquote

import httpx
import pytest
from serving import Serving

from orchestrail.operations import open_record
from orchestrail.operations.tokens import Scope, Tokens
from orchestrail.settings import load_settings
from orchestrail.store.base import Incoming, Refused

OWN, OTHER = "scoring", "fraud"


def events(made: ModuleType, system: str, first: int) -> list[dict[str, Any]]:
    """A root run of a system whose steps read what both read, write what both write, and make a model and a table of its own.

    The steps name no system: they belong to that of their root run. `fraud` also writes what `scoring` reads, and computed what a
    step of `scoring` takes under a cache key that both have.
    """
    ours = {"system": system}
    shared = made.dataset("/data/shared", "shared")
    table = made.dataset("/data/both-write", f"written by {system}")
    own = made.dataset(f"/data/{system}", f"table of {system}")
    model = made.dataset(f"/models/{system}", f"model of {system}", kind="model")
    between = made.dataset("/data/between", "handed over")
    reads, writes = (
        ([shared, own], [model, table, between]) if system == OTHER else ([shared, own, between], [model, table])
    )
    step = {"job": f"{system}.fit", "parent": first}
    result = {"cacheKey": "of both"} if system == OTHER else {"cacheKey": "of both", "state": "CACHED"}
    cached = {"job": f"{system}.load", "parent": first, "ours": result}
    return [
        made.event("START", first, second=first, job=system, ours=ours),
        made.event("START", first + 1, second=first + 0.1, **step),
        made.event("COMPLETE", first + 1, second=first + 0.2, inputs=reads, outputs=writes, **step),
        made.event("START", first + 2, second=first + 0.22, **cached),
        made.event("COMPLETE", first + 2, second=first + 0.25, **cached),
        made.event("COMPLETE", first, second=first + 0.3, job=system, ours=ours),
    ]


@pytest.fixture(scope="module")
def asked(made: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, httpx.Client]]:
    """A client of one system at a server that holds both, and one at a server that holds it alone."""
    own = events(made, OWN, 200) + events(made, OWN, 400)
    other = [*events(made, OTHER, 100), *events(made, OTHER, 300), made.event("START", 500, second=500, job="stranger")]
    running = []
    clients = {}
    for name, told in (("both", sorted(own + other, key=lambda event: event["eventTime"])), ("alone", own)):
        home = tmp_path_factory.mktemp(name) / "server"
        refused = [Refused(b'{"fraud": NaN}', "not_json", "It is no JSON.", "fraud.json")] if name == "both" else []
        items = [Incoming(made.body(event), "test", event_time=event["eventTime"]) for event in told]
        open_record(load_settings(home=home), create=True).append(items, refused)
        _, token = Tokens(home).create("reader", [Scope.READ], [OWN])
        running.append(Serving(home))
        clients[name] = httpx.Client(
            base_url=running[-1].url, headers={"Authorization": f"Bearer {token}"}, timeout=120, verify=False
        )
    yield clients
    for client in clients.values():
        client.close()
    for server in running:
        server.stop()


def said(client: httpx.Client, path: str) -> tuple[int, str, str]:
    """Ask, and give the status, where it leads and what it says."""
    answer = client.get(path)
    return answer.status_code, answer.headers.get("location", ""), answer.text


def digest(made: ModuleType, content: str) -> str:
    """Give the digest of a content."""
    return str(made.dataset("/x", content)["facets"]["version"]["datasetVersion"])


def paths(made: ModuleType) -> list[str]:
    """What is asked about: by every way to name something, of one's own, shared, of the other system, and made up."""
    own, foreign, absent = made.run_id(200), made.run_id(100), made.run_id(999)
    names = [
        OWN,
        f"{OTHER}.fit",
        "/data/shared",
        "/data/between",
        "/data/both-write",
        f"/models/{OTHER}",
        f"/models/{OWN}",
    ]
    names += [digest(made, f"model of {OTHER}"), digest(made, f"written by {OTHER}"), digest(made, "handed over")]
    names += [own, made.run_id(101), foreign[:8], foreign[-6:], made.run_id(500), absent]
    found = []
    for name in map(quote, names):
        found += [f"{kind}?target={name}" for kind in ("/api/v1/trace", "/api/v1/impact", "/lineage", "/find")]
        found += [f"/data/{name}", f"/data?namespace=file&name={name}"]
    for run_id in (own, foreign, made.run_id(500), absent):
        found += [
            f"/api/v1/runs/{run_id}",
            f"/runs/{run_id}",
            f"/api/v1/diff?a={own}&b={run_id}",
            f"/compare?a={own}&b={run_id}",
        ]
    for system in (OWN, OTHER):
        found += [f"{kind}?system={system}" for kind in ("/api/v1/runs", "/runs", "/api/v1/check", "/requirements")]
    found += [
        "/api/v1/runs?all=true",
        "/api/v1/runs?job=*",
        "/runs?all=true",
        "/api/v1/log?limit=1000",
        "/metrics",
        "/health",
    ]
    return [
        *found,
        *(
            "/",
            "/models",
            "/datasets",
            "/datasets?name=*write*&kind=data",
            "/log",
            "/log/0",
            "/log/0/event",
            "/log/quarantine",
            "/log/checkpoints",
        ),
    ]


def test_the_other_system_is_not_there(asked: dict[str, httpx.Client], made: ModuleType) -> None:
    """Word for word, and where each link of it leads; and no name, id or content of it in an answer to what does not name it."""
    asking = dict.fromkeys(paths(made), True)
    described = asked["both"].get("/api/v1/openapi.json").json()["paths"]
    asking |= dict.fromkeys(
        (re.sub(r"\{[^}]*\}", "0", path) for path, methods in described.items() if "get" in methods), True
    )
    contents = (f"table of {OTHER}", f"model of {OTHER}", f"written by {OTHER}")
    ids = [made.run_id(number) for number in (100, 101, 300, 301, 500)]
    never = {OTHER, "stranger", *ids, *(digest(made, content) for content in contents)}
    waiting = list(asking)
    for path in waiting:
        both, alone = (said(asked[name], path) for name in ("both", "alone"))
        assert both == alone, path
        if not any(word in unquote(path) for word in (OTHER, "stranger", ids[0][:8], ids[0][-6:], *never)):
            assert not [word for word in never if word in both[2]], path
        if asking[path]:
            links = [link.replace("&amp;", "&") for link in re.findall(r'href="(/[^"#]*)', both[2])]
            waiting += [link for link in dict.fromkeys(links) if link not in asking]
            asking |= {link: False for link in links if link not in asking}
    assert len(asking) > 150


LONG = 700
"""Runs of one's own that are too many to be judged while a page waits."""
WAITING = "being worked out", "no verdicts of now"


GATED = """
import os, time
from orchestrail.cli import main
from orchestrail.web.judging import Judge

answer = Judge._answer

def gated(self, asked, progress=None):
    while progress and not self._ends and not os.path.exists(os.environ["GATE"]):
        time.sleep(0.01)
    return answer(self, asked, progress)

Judge._answer = gated
main()
"""
"""A server that judges nothing beside its requests until there is a file: how long that takes is no matter then."""


def settled(client: httpx.Client, path: str) -> str:
    """Ask for a page until its verdicts are of now."""
    while any(word in (page := said(client, path)[2]) for word in WAITING):
        time.sleep(0.05)
    return page


def test_verdicts_that_stand_ready_are_those_of_the_system(made: ModuleType, tmp_path: Path) -> None:
    """Word for word, first none, then those of now, then older ones; what the other system sends makes no difference to them."""
    told = [
        made.event(kind, number, second=number, job="pipeline", ours={"system": OWN})
        for number in range(1000, 1000 + LONG)
        for kind in ("START", "RUNNING", "COMPLETE")
    ]
    bodies = {name: [made.body(event) for event in told + events(made, OWN, 200)] for name in ("both", "alone")}
    bodies["both"][LONG:LONG] = [made.body(event) for event in events(made, OTHER, 100)]
    stores, running, clients = {}, [], {}
    gate = tmp_path / "gate"
    try:
        for name, bytes_of in bodies.items():
            stores[name] = open_record(load_settings(home=tmp_path / name), create=True)
            stores[name].append([Incoming(body, "test") for body in bytes_of])
            _, token = Tokens(tmp_path / name).create("reader", [Scope.READ], [OWN])
            gated = [sys.executable, "-c", GATED]
            running.append(Serving(tmp_path / name, environment={"GATE": str(gate)}, command=gated))
            headers = {"Authorization": f"Bearer {token}"}
            clients[name] = httpx.Client(base_url=running[-1].url, headers=headers, timeout=120, verify=False)
        pages = [
            "/requirements",
            f"/requirements?system={OWN}",
            "/requirements/RUN-LC-01",
            f"/data/{digest(made, f'model of {OWN}')}",
        ]
        first = [[said(clients[name], path) for path in pages] for name in bodies]
        assert first[0] == first[1]
        assert all(WAITING[0] in page for _, _, page in first[0])

        gate.touch()
        ready = [[settled(clients[name], path) for path in pages] for name in bodies]
        assert ready[0] == ready[1]
        assert OTHER not in str(ready[0])
        checked = [said(clients[name], "/api/v1/check?profile=build") for name in bodies]
        assert checked[0] == checked[1]

        gate.unlink()
        stores["both"].append([Incoming(made.body(event), "test") for event in events(made, OTHER, 300)])
        assert [said(clients["both"], path)[2] for path in pages] == ready[0]
        for store in stores.values():
            store.append([Incoming(made.body(made.event("FAIL", 1000, ours={"system": OWN})), "test")])
        older = [[said(clients[name], path) for path in pages] for name in bodies]
        assert older[0] == older[1]
        assert all(WAITING[1] in page for _, _, page in older[0])
        gate.touch()
        again = [[settled(clients[name], path) for path in pages] for name in bodies]
        assert again[0] == again[1]
        assert again[0] != ready[0]
    finally:
        for client in clients.values():
            client.close()
        for server in running:
            server.stop()
