"""Proofs that an entry is in the log."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, StaticPool, create_engine

from orchestrail.queries.proofs import inclusion
from orchestrail.store.merkle import Frontier, Tiles, leaf_hash

LARGEST = 70_000
"""More than the 65,536 entries at which the tree has tiles of a second level."""


def _leaf(seq: int) -> bytes:
    return leaf_hash(seq.to_bytes(4))


@pytest.fixture(scope="module")
def log() -> Iterator[Connection]:
    """The tables of a log, as a store has them."""
    engine = create_engine("sqlite://", poolclass=StaticPool)
    tiles = Tiles()
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE log (seq INTEGER PRIMARY KEY, leaf BLOB)")
        connection.exec_driver_sql(
            "CREATE TABLE tile (level INTEGER, number INTEGER, hashes BLOB, PRIMARY KEY (level, number))"
        )
        leaves = [(seq, _leaf(seq)) for seq in range(LARGEST)]
        connection.exec_driver_sql("INSERT INTO log VALUES (?, ?)", leaves)
        made = [tile for _, leaf in leaves for tile in tiles.append(leaf)]
        connection.exec_driver_sql("INSERT INTO tile VALUES (?, ?, ?)", made)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@cache
def _root(size: int) -> bytes:
    frontier = Frontier()
    for seq in range(size):
        frontier.append(_leaf(seq))
    return frontier.root()


SIZES = st.integers(1, 1200) | st.sampled_from([65_535, 65_536, 65_537, 66_000, LARGEST])


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_proof_leads_to_the_root(log, data):
    """For entries of logs of every shape, up to tiles of the second level."""
    size = data.draw(SIZES)
    proof = inclusion(log, data.draw(st.integers(0, size - 1)), size)
    assert proof.root() == _root(size)
    assert len(proof.path) <= size.bit_length()


@given(st.integers(2, 300), st.data())
@settings(max_examples=60, deadline=None)
def test_a_changed_proof_leads_elsewhere(log, size, data):
    """One bit of the leaf or of the way, or another place, and it is no proof."""
    proof = inclusion(log, data.draw(st.integers(0, size - 1)), size)
    changed = bytearray(proof.leaf)
    changed[data.draw(st.integers(0, 31))] ^= 1 << data.draw(st.integers(0, 7))
    assert replace(proof, leaf=bytes(changed)).root() != _root(size)
    place = data.draw(st.integers(0, len(proof.path) - 1))
    path = (*proof.path[:place], bytes(changed), *proof.path[place + 1 :])
    assert replace(proof, path=path).root() != _root(size)


@pytest.mark.parametrize(("seq", "size"), [(-1, 5), (5, 5), (0, 0), (0, LARGEST + 300)])
def test_what_is_not_there_is_not_proven(log, seq, size):
    """Neither a place that the log has not, nor a size that it never had."""
    with pytest.raises(ValueError, match=r"no entry|lacks"):
        inclusion(log, seq, size)
