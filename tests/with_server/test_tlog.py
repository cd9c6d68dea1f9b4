"""The log over HTTP for whoever checks it alone: checkpoint, tiles, entries and proofs."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from serving import Serving

from orchestrail.operations import open_record
from orchestrail.settings import load_settings
from orchestrail.store.merkle import EMPTY_ROOT, HASH_SIZE, Frontier, leaf_hash
from orchestrail.store.note import parse_head, parse_note
from orchestrail.store.proofs import Consistency, Inclusion
from orchestrail.testing.stores import spooled

SIZES = (1, 255, 256, 257, 700)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server with a log of 700 entries that grew in steps."""
    home = tmp_path_factory.mktemp("tlog") / "server"
    with open_record(load_settings(home=home), create=True) as store:
        for before, after in zip((0, *SIZES), SIZES, strict=False):
            store.append([spooled(number) for number in range(before, after)])
    running = Serving(home)
    yield running
    running.stop()


@pytest.fixture
def client(server: Serving) -> Iterator[httpx.Client]:
    with server.client() as opened:
        yield opened


def read(client: httpx.Client, name: str) -> bytes:
    answer = client.get(f"/log/tile/{name}")
    assert answer.status_code == 200, answer.text
    return answer.content


def leaves(client: httpx.Client) -> list[bytes]:
    held = read(client, "0/000") + read(client, "0/001") + read(client, "0/002.p/188")
    return [held[begin : begin + HASH_SIZE] for begin in range(0, len(held), HASH_SIZE)]


def root(hashes: list[bytes]) -> bytes:
    frontier = Frontier()
    for one in hashes:
        frontier.append(one)
    return frontier.root()


def proof(client: httpx.Client, kind: type, path: str, **query: int) -> Any:
    answer = client.get(f"/log/{path}", params=query)
    assert answer.status_code == 200, answer.text
    *stated, way = answer.json().values()
    numbers = [bytes.fromhex(one) if isinstance(one, str) else one for one in stated]
    return kind(*numbers, tuple(map(bytes.fromhex, way)))


def test_the_checkpoint_is_a_note(server: Serving, client: httpx.Client) -> None:
    """As C2SP tlog-checkpoint has it, not to be kept by anything in between."""
    answer = client.get("/log/checkpoint")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.content == server.store().checkpoint().note
    assert client.get("/checkpoint").json()["note"].encode() == answer.content


def test_tiles_lead_to_the_root_of_the_checkpoint(client: httpx.Client) -> None:
    """From the leaves, and from the level above with what is beside it."""
    head = parse_head(parse_note(client.get("/log/checkpoint").content).text)
    hashes = leaves(client)
    assert head.size == len(hashes) == 700
    assert root(hashes) == head.root_hash
    assert read(client, "1/000.p/2") == root(hashes[:256]) + root(hashes[256:512])


def test_entries_hash_to_the_leaves(client: httpx.Client) -> None:
    """Each after its length, packed for those who take it."""
    found = []
    for name in ("000", "001", "002.p/188"):
        held = read(client, f"entries/{name}")
        while held:
            length = int.from_bytes(held[:2])
            found.append(leaf_hash(held[2 : 2 + length]))
            held = held[2 + length :]
    assert found == leaves(client)


def test_what_never_changes_may_be_kept(client: httpx.Client) -> None:
    """By whoever was given it; a partial tile stays when the full one is there, with the same hashes."""
    for name in ("0/000", "0/000.p/255", "0/002.p/188", "1/000.p/1", "entries/001.p/3"):
        answer = client.get(f"/log/tile/{name}", headers={"Accept-Encoding": "identity"})
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
        assert "content-encoding" not in answer.headers
    packed = client.get("/log/tile/entries/000")
    assert (packed.headers["content-encoding"], packed.headers["vary"]) == ("gzip", "Accept-Encoding")
    assert packed.content == client.get("/log/tile/entries/000", headers={"Accept-Encoding": "identity"}).content
    assert read(client, "0/000").startswith(read(client, "0/000.p/255"))


@pytest.mark.parametrize(
    "name",
    ["0/002", "0/002.p/189", "0/003.p/1", "1/000", "1/000.p/3", "2/000.p/1", "63/000", "entries/002", "entries/x999/999",
     "64/000", "00/000", "0/0", "0/000.p/0", "0/000.p/256", "8/0/000", "data/000", "0/%2e%2e/000", "0/000/", "x"],
)  # fmt: skip
def test_a_tile_that_is_not_there(client: httpx.Client, name: str) -> None:
    """404, and nobody keeps it: the tile may be there tomorrow."""
    answer = client.get(f"/log/tile/{name}")
    assert answer.status_code == 404
    assert answer.headers["cache-control"] == "no-store"


def test_proofs_hold(client: httpx.Client) -> None:
    """For the whole log and for what it was; against roots that the tiles lead to."""
    hashes = leaves(client)
    for seq in (0, 254, 255, 256, 699):
        assert proof(client, Inclusion, f"{seq}/proof").holds(root(hashes))
    for size in SIZES:
        assert proof(client, Inclusion, "0/proof", size=size).holds(root(hashes[:size]))
        found = proof(client, Consistency, "consistency", first=size)
        assert found.second == 700
        assert found.holds(root(hashes[:size]), root(hashes))
    assert proof(client, Consistency, "consistency", first=255, second=257).holds(
        root(hashes[:255]), root(hashes[:257])
    )
    assert proof(client, Consistency, "consistency", first=0).holds(EMPTY_ROOT, root(hashes))


@pytest.mark.parametrize(
    "path",
    ["700/proof", "0/proof?size=701", "255/proof?size=255", "0/proof?size=0", "consistency?first=701",
     "consistency?first=5&second=4", "consistency?first=701&second=701"],
)  # fmt: skip
def test_what_was_never_so_has_no_proof(client: httpx.Client, path: str) -> None:
    """404, with how long the log is."""
    answer = client.get(f"/log/{path}")
    assert answer.status_code == 404
    assert "700" in answer.text


def test_a_damaged_log_is_not_served(serve: Any, tmp_path: Path) -> None:
    """A leaf that is gone is no 404, which would say that it never was: 503, and the log of the server says why."""
    import sqlite3
    from contextlib import closing

    home = tmp_path / "server"
    with open_record(load_settings(home=home), create=True) as store:
        store.append([spooled(number) for number in range(5)])
    with closing(sqlite3.connect(home / "audit.db")) as connection:
        connection.executescript(
            "DROP TRIGGER log_delete; DROP TRIGGER log_update; DROP TRIGGER recent_update; PRAGMA ignore_check_constraints = ON"
        )
        connection.execute("DELETE FROM log WHERE seq = 2")
        connection.execute("UPDATE log SET leaf = 'text' WHERE seq = 1")
        connection.execute("UPDATE recent SET envelopes = 'text'")
        connection.commit()
    server = serve()
    with server.client() as client:
        for path in (
            "tile/0/000.p/5",
            "tile/0/000.p/2",
            "tile/entries/000.p/5",
            "tile/entries/000.p/2",
            "0/proof",
            "consistency?first=3",
        ):
            assert client.get(f"/log/{path}").status_code == 503, path
    assert "damaged" in server.stop()


def test_the_note_is_signed_with_the_key_of_the_log(server: Serving, client: httpx.Client) -> None:
    """The line under it names the log, and the id of the key that is pinned in the server's home."""
    pinned = next((server.home / "keys").glob("*.pub")).read_text().strip()
    name, key_id, _ = pinned.split("+", 2)
    line = client.get("/log/checkpoint").text.splitlines()[-1]
    assert line.startswith(f"\u2014 {name} ")
    assert base64.b64decode(line.split()[-1])[:4].hex() == key_id
