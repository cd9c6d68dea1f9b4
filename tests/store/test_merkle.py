"""The tree, against the definition in RFC 9162 written out naively, and against published values."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrail.store.merkle import (
    EMPTY_ROOT,
    HASH_SIZE,
    TILE_WIDTH,
    Frontier,
    Tiles,
    completed_tiles,
    leaf_hash,
    node_hash,
    tile_root,
)

# The test data of the Certificate Transparency reference implementation.
PUBLISHED = [
    ("", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
    ("00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
    ("10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
    ("2021", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"),
    ("3031", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"),
    ("40414243", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"),
    ("5051525354555657", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"),
    ("606162636465666768696a6b6c6d6e6f", "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"),
]


def naive(leaves):
    """MTH of RFC 9162, section 2.1.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return node_hash(naive(leaves[:k]), naive(leaves[k:]))


def numbered(count):
    return [leaf_hash(b"%d" % number) for number in range(count)]


def grown(leaves):
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    return frontier


def test_published_roots():
    """The roots over the first 1 to 8 published entries are the published ones."""
    frontier = Frontier()
    assert frontier.root() == EMPTY_ROOT
    for entry, root in PUBLISHED:
        frontier.append(leaf_hash(bytes.fromhex(entry)))
        assert frontier.root().hex() == root


def test_root_is_that_of_the_definition_at_every_size():
    """Appending one by one gives the root of RFC 9162 at each size up to 300."""
    leaves = numbered(300)
    frontier = Frontier()
    for size, leaf in enumerate(leaves, start=1):
        frontier.append(leaf)
        assert frontier.root() == naive(leaves[:size])


@given(st.lists(st.binary(max_size=40), max_size=80), st.integers(0, 80))
def test_frontier_survives_being_stored(entries, at):
    """A tree that is stored in between and read again grows to the same root."""
    leaves = [leaf_hash(entry) for entry in entries]
    before = grown(leaves[:at])
    after = Frontier.from_bytes(before.size, before.to_bytes())
    for leaf in leaves[at:]:
        after.append(leaf)
    assert after.root() == naive(leaves)


@given(st.integers(0, 2000), st.integers(0, 40))
def test_frontier_of_another_size_is_refused(size, hashes):
    """Peaks are read only where there is one for each bit of the size."""
    data = bytes(hashes * HASH_SIZE)
    if size.bit_count() == hashes:
        assert Frontier.from_bytes(size, data).size == size
    else:
        with pytest.raises(ValueError, match="do not fit"):
            Frontier.from_bytes(size, data)


def test_frontier_with_a_cut_hash_is_refused():
    """The last peak must be whole."""
    with pytest.raises(ValueError, match="do not fit"):
        Frontier.from_bytes(1, bytes(31))


@given(st.lists(st.integers(0, 70_000), min_size=1, max_size=8))
def test_completed_tiles_are_those_that_fill_up(steps):
    """However a tree grows, each full tile is named once, at the step that fills it."""
    sizes = sorted({0, *steps})
    named = [tile for before, after in pairwise(sizes) for tile in completed_tiles(before, after)]
    expected = {(level, number) for level in range(3) for number in range(sizes[-1] // TILE_WIDTH ** (level + 1))}
    assert len(named) == len(set(named))
    assert set(named) == expected


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 300))
def test_tiles_hold_the_hashes_of_their_level(extra):
    """Level 0 holds the leaves, level 1 the roots over 256 of them, and together they give the root of the tree."""
    leaves = numbered(TILE_WIDTH**2) + numbered(extra)
    tiles = Tiles()
    found = {(level, number): data for leaf in leaves for level, number, data in tiles.append(leaf)}
    assert found.keys() == set(completed_tiles(0, len(leaves)))
    assert found[0, 7] == b"".join(leaves[7 * TILE_WIDTH : 8 * TILE_WIDTH])
    assert found[1, 0][: 2 * HASH_SIZE] == naive(leaves[:TILE_WIDTH]) + naive(leaves[TILE_WIDTH : 2 * TILE_WIDTH])
    assert tile_root(found[1, 0]) == naive(leaves[: TILE_WIDTH**2])
