"""Proofs and tiles out of the tables of a log; what a proof is worth is tested with the store."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, StaticPool, create_engine

from orchestrail.queries.proofs import consistency, inclusion
from orchestrail.queries.tiles import Tile, contents, parse_tile
from orchestrail.store.bundle import pack
from orchestrail.store.entries import TABLES
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
        for table in TABLES:
            columns = "first INTEGER PRIMARY KEY, count INTEGER, envelopes BLOB, payloads BLOB"
            connection.exec_driver_sql(f"CREATE TABLE {table} ({columns})")
        connection.exec_driver_sql(
            "CREATE TABLE tile (level INTEGER, number INTEGER, hashes BLOB, PRIMARY KEY (level, number))"
        )
        leaves = [(seq, _leaf(seq)) for seq in range(LARGEST)]
        connection.exec_driver_sql("INSERT INTO log VALUES (?, ?)", leaves)
        for first in range(0, LARGEST, 100):
            packed = pack([seq.to_bytes(4) for seq in range(first, first + 100)])
            connection.exec_driver_sql("INSERT INTO bundle VALUES (?, ?, ?, ?)", (first, 100, packed, b""))
        made = [tile for *_, leaf in leaves for tile in tiles.append(leaf)]
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
def test_an_inclusion_proof_leads_to_the_root(log, data):
    """For entries of logs of every shape, up to tiles of the second level."""
    size = data.draw(SIZES)
    proof = inclusion(log, data.draw(st.integers(0, size - 1)), size)
    assert proof.holds(_root(size))
    assert len(proof.path) <= size.bit_length()


@given(SIZES, SIZES)
@settings(max_examples=60, deadline=None)
def test_a_consistency_proof_leads_to_both_roots(log, one, other):
    """From each size to each later one."""
    first, second = sorted((one, other))
    assert consistency(log, first, second).holds(_root(first), _root(second))


@pytest.mark.parametrize(("seq", "size"), [(-1, 5), (5, 5), (0, 0), (0, LARGEST + 300)])
def test_what_is_not_there_is_not_proven(log, seq, size):
    """Neither a place that the log has not, nor a size that it never had."""
    with pytest.raises(ValueError, match=r"no entry|lacks"):
        inclusion(log, seq, size)


@pytest.mark.parametrize(("first", "second"), [(-1, 5), (6, 5), (LARGEST, LARGEST + 300)])
def test_growth_that_was_not_is_not_proven(log, first, second):
    """Neither backwards, nor to a size that the log never had."""
    with pytest.raises(ValueError, match=r"does not begin|lacks"):
        consistency(log, first, second)


@given(st.integers(0, 3), st.integers(0, 300), st.integers(1, 256), st.integers(0, LARGEST))
@settings(max_examples=100, deadline=None)
def test_a_tile_is_there_as_the_specification_counts(log, level, number, width, size):
    """A log has a tile where each of its hashes is over entries that are there."""
    assert Tile(level, number, width).is_in(size) == ((number * 256 + width) * 256**level <= size)


def test_the_tiles_of_the_specifications_example():
    """A log of 70,000 entries: 273 full tiles and one of 112 hashes, above them one full and one of 17, above them one of 1."""
    widest = [
        [max([0, *(w for w in range(1, 257) if Tile(level, n, w).is_in(70_000))]) for n in range(275)]
        for level in range(4)
    ]
    assert widest[0] == [256] * 273 + [112, 0]
    assert widest[1] == [256, 17] + [0] * 273
    assert widest[2] == [1] + [0] * 274
    assert widest[3] == [0] * 275


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_tiles_hold_the_roots_of_their_entries(log, data):
    """Hash i of tile n at level l is the root over the entries from (n * 256 + i) * 256**l on, full or partial."""
    level = data.draw(st.integers(0, 2))
    count = LARGEST // 256**level
    number = data.draw(st.integers(0, (count - 1) // 256))
    width = data.draw(st.integers(1, min(256, count - number * 256)))
    held = contents(log, Tile(level, number, width))
    assert len(held) == 32 * width
    i = data.draw(st.integers(0, width - 1))
    begin = (number * 256 + i) * 256**level
    frontier = Frontier()
    for seq in range(begin, begin + 256**level):
        frontier.append(_leaf(seq))
    assert held[32 * i : 32 * i + 32] == frontier.root()


def test_bundles_hold_the_entries(log):
    """Each after its length in two bytes, and each hashes to its leaf."""
    held = contents(log, Tile(None, 273, 112))
    hashes = contents(log, Tile(0, 273, 112))
    entries = []
    while held:
        length = int.from_bytes(held[:2])
        entries.append(held[2 : 2 + length])
        held = held[2 + length :]
    assert b"".join(map(leaf_hash, entries)) == hashes


@pytest.mark.parametrize("tile", [Tile(0, 273, 113), Tile(1, 1, 18), Tile(None, 273, 113)])
def test_a_tile_that_is_not_there_is_not_made_up(log, tile):
    """Where the log is too short, or a row is missing."""
    with pytest.raises(ValueError, match="lacks"):
        contents(log, tile)


@pytest.mark.parametrize(
    ("tile", "name"),
    [
        (Tile(0, 0), "0/000"),
        (Tile(0, 273, 112), "0/273.p/112"),
        (Tile(63, 1234067), "63/x001/x234/067"),
        (Tile(None, 1000, 1), "entries/x001/000.p/1"),
        (Tile(2, 999_999, 255), "2/x999/999.p/255"),
    ],
)
def test_tiles_are_called_as_the_specification_says(tile, name):
    """The paths of C2SP tlog-tiles, there and back."""
    assert tile.name == name
    assert parse_tile(name) == tile


@given(st.none() | st.integers(0, 63), st.integers(0, 2**60), st.integers(1, 256))
def test_names_read_back(level, number, width):
    """Each tile has one name."""
    tile = Tile(level, number, width)
    assert parse_tile(tile.name) == tile


@given(st.text("0123456789x/.pentris", max_size=20))
def test_other_names_are_no_tiles(name):
    """A leading zero, a level above 63, a width of 0 or 256, an x too many: no second way to say the same."""
    try:
        tile = parse_tile(name)
    except ValueError:
        return
    assert tile.name == name


@pytest.mark.parametrize(
    "name",
    ["0/0", "00/000", "64/000", "0/x000/000", "0/000.p/0", "0/000.p/256", "0/000.p/01", "data/000", "0/x1/000", "0/000/", "",
     "0/٣٣٣", "0/" + "x999/" * 20 + "999"],
)  # fmt: skip
def test_names_of_no_tile(name):
    """What the specification does not write is not read."""
    with pytest.raises(ValueError, match="no tile"):
        parse_tile(name)
