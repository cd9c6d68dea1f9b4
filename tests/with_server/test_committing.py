"""Senders whose events share a transaction."""

from __future__ import annotations

import asyncio
from pathlib import Path

from orchestrail.errors import Unstorable
from orchestrail.operations import open_record
from orchestrail.server.committing import Committer
from orchestrail.settings import load_settings
from orchestrail.store.base import Incoming, Refused


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
        return await asyncio.gather(*senders, return_exceptions=True)

    first, second, third = asyncio.run(send())
    assert (first.appended, third.appended) == (1, 1)
    assert isinstance(second, Unstorable)
    assert [record.body for record in store.records()] == [b'{"a": 1}', b'{"a": 2}']
    assert store.quarantined() == []
