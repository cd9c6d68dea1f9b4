"""Senders whose events share a transaction."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from types import ModuleType

import httpx

from orchestrail.errors import Unstorable
from orchestrail.operations import open_record
from orchestrail.server.access import Access
from orchestrail.server.app import create_app
from orchestrail.server.body import Limits
from orchestrail.server.committing import Committer
from orchestrail.settings import load_settings
from orchestrail.store.base import Incoming, Refused, Verification
from orchestrail.store.sqlite import SqliteStore
from orchestrail.testing.stores import quarantined


def test_what_cannot_be_stored_fails_its_sender_alone(tmp_path: Path) -> None:
    """One of those that share a transaction: the others' events are on disk, and told to be."""
    store = open_record(load_settings(home=tmp_path), create=True)
    bad = Refused(b"x", "not_json", "No.", "b", counter=2**63)

    async def send() -> list[object]:
        committer = Committer(store)
        senders = [
            committer.append([Incoming(b'{"a": 1}', "a")]),
            committer.append([], [bad]),
            committer.append([Incoming(b'{"a": 2}', "c")]),
        ]
        answers = await asyncio.gather(*senders, return_exceptions=True)
        await committer.close()
        return answers

    first, second, third = asyncio.run(send())
    assert (first.appended, third.appended) == (1, 1)
    assert isinstance(second, Unstorable)
    assert [record.body for record in store.records()] == [b'{"a": 1}', b'{"a": 2}']
    assert quarantined(store) == []


class Long(SqliteStore):
    """A store so long that it is verified until the test lets it end."""

    let_end = threading.Event()
    counting = threading.Lock()
    inside = most = 0

    def verify(self, *arguments: object) -> Verification:
        """Take as long as the test wants."""
        with self.counting:
            self.inside += 1
            self.most = max(self.most, self.inside)
        self.let_end.wait(120)
        with self.counting:
            self.inside -= 1
        return super().verify()


def test_events_do_not_wait_for_those_who_ask(tmp_path: Path, made: ModuleType) -> None:
    """Who asks waits for their turn, and leaves the threads to who sends; everybody is answered in the end."""
    settings = load_settings(home=tmp_path)
    store = Long.open(tmp_path / "audit.db", home=tmp_path, create=True)
    app = create_app(settings, store, Access(tmp_path))

    async def send() -> tuple[int, list[int]]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost/api/v1") as client:
            asking = [asyncio.create_task(client.get("/verify")) for _ in range(60)]
            try:
                async with asyncio.timeout(110):  # less than the store waits
                    while store.inside < Limits().readers:
                        await asyncio.sleep(0.01)
                    sent = await client.post("/lineage", json=made.event("START", 1))
            finally:
                store.let_end.set()
            return sent.status_code, [answer.status_code for answer in await asyncio.gather(*asking)]

    sent, asked = asyncio.run(send())
    assert sent == 200
    assert asked == [200] * 60
    assert store.most == Limits().readers
