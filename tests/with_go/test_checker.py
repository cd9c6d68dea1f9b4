"""What our proofs and tiles are worth to another implementation: it accepts each of them, and none that was changed."""

from __future__ import annotations

import json
import random
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from orchestrail.queries.proofs import consistency, inclusion
from orchestrail.store.merkle import Frontier

COUNT = 1000


@dataclass(frozen=True)
class Claim:
    """That an entry, or an earlier log, is at the beginning of a log; as `checker.go` takes it."""

    kind: str
    size: int
    root: bytes
    place: int
    hash: bytes
    path: tuple[bytes, ...]

    def said(self) -> str:
        """Write it as a line."""
        path = [_text(node) for node in self.path]
        return json.dumps(
            {
                "Kind": self.kind,
                "Size": self.size,
                "Root": _text(self.root),
                "Place": self.place,
                "Hash": _text(self.hash),
            }
            | {"Path": path}
        )


def _text(value: bytes) -> str:
    return b64encode(value).decode()


def changed(claim: Claim, chance: random.Random) -> Iterator[Claim]:
    """Change a claim in each way that there is: a bit of each part, a hash more or less or elsewhere, another place."""

    def flipped(value: bytes) -> bytes:
        data = bytearray(value)
        data[chance.randrange(32)] ^= 1 << chance.randrange(8)
        return bytes(data)

    path = claim.path
    yield replace(claim, root=flipped(claim.root))
    yield replace(claim, hash=flipped(claim.hash))
    yield replace(claim, place=claim.place + 1)
    yield replace(claim, place=claim.place - 1)
    yield replace(claim, path=(*path, chance.randbytes(32)))
    if path:
        at = chance.randrange(len(path))
        yield replace(claim, path=(*path[:at], flipped(path[at]), *path[at + 1 :]))
        yield replace(claim, path=(*path[:at], *path[at + 1 :]))
        yield replace(claim, path=(*path[:at], path[at], *path[at:]))
    if len(path) > 1:
        yield replace(claim, path=path[::-1])


def roots(record: Any, sizes: set[int]) -> dict[int, bytes]:
    """Compute the roots at some sizes from the leaves."""
    frontier, found = Frontier(), {}
    for (leaf,) in record.exec_driver_sql("SELECT leaf FROM log ORDER BY seq"):
        frontier.append(bytes(leaf))
        if frontier.size in sizes:
            found[frontier.size] = frontier.root()
    return found


@pytest.mark.parametrize("kind", ["inclusion", "consistency"])
def test_proofs_are_accepted_and_changed_ones_refused(checker: Any, log: Any, kind: str) -> None:
    """1,000 proofs of entries and sizes at random, and each of them changed in every way."""
    chance = random.Random(kind)
    pairs = [sorted((chance.randint(1, 70_000), chance.randint(1, 70_000))) for _ in range(COUNT)]
    claims = []
    with log.store() as store, store.read() as record:
        root = roots(record, {size for pair in pairs for size in pair})
        for first, second in pairs:
            if kind == "inclusion":
                proof = inclusion(record, first - 1, second)
                claims.append(Claim(kind, second, root[second], proof.seq, proof.leaf, proof.path))
            else:
                grown = consistency(record, first, second)
                claims.append(Claim(kind, second, root[second], first, root[first], grown.path))
    others = [other for claim in claims for other in changed(claim, chance)]
    done = checker("proofs", said="\n".join(claim.said() for claim in (*claims, *others)))
    assert done.returncode == 0, done.stderr
    answers = done.stdout.splitlines()
    assert answers[:COUNT] == ["ok"] * COUNT
    assert len(answers) == COUNT + len(others) > 8 * COUNT
    assert [other for other, answer in zip(others, answers[COUNT:], strict=True) if answer == "ok"] == []


def test_the_served_log_is_read_and_checked(checker: Any, log: Any) -> None:
    """Signature, tiles, entries, and proofs that are the ones that it makes itself; it comes to our root."""
    with log.store() as store:
        head = store.checkpoint()
    server = log.serve()
    try:
        done = checker("log", f"{server.url}/api/v1/log", log.key(), log.token)
        assert (done.stderr, done.stdout) == ("", f"{head.size} {head.root_hash.hex()}\n")
        other = log.key().replace(log.key()[-8:], "AAAAAAA=")
        assert checker("log", f"{server.url}/api/v1/log", other, log.token).returncode == 1
        assert "401" in checker("log", f"{server.url}/api/v1/log", log.key(), "none").stderr
    finally:
        server.stop()
