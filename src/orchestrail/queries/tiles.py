"""The tiles of a log: what they are called and what is in them, after C2SP tlog-tiles. Who may have them is the server's matter.

Hash tiles that are full are kept, and the others follow from the log, as entries do: nothing is kept twice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import Connection, column, select, table

from orchestrail.store.entries import envelopes_between, reader
from orchestrail.store.merkle import HASH_SIZE, TILE_WIDTH, tile_root

_log = table("log", column("seq"), column("leaf"))
_tile = table("tile", column("level"), column("number"), column("hashes"))

_NAME = re.compile(
    r"(entries|0|[1-9]|[1-5]\d|6[0-3])/((?:x\d{3}/)*)(\d{3})(?:\.p/([1-9]|[1-9]\d|1\d\d|2[0-4]\d|25[0-5]))?", re.ASCII
)
_LONGEST = 64

# Each proof at the right edge needs the roots of the same tiles, and full tiles never change: some 4 MB of them, by what they hold.
_root_of = lru_cache(maxsize=512)(tile_root)
_LENGTH = 2
"""Bytes before an entry of a bundle that say how long it is."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A tile of hashes, or a bundle of entries.

    Attributes:
        level: of its hashes; None for a bundle of entries.
        number: of the tile within its level.
        width: number of hashes or entries: 256, or fewer for a partial one.
    """

    level: int | None
    number: int
    width: int = TILE_WIDTH

    @property
    def name(self) -> str:
        """The path below `tile/` of a log."""
        level = "entries" if self.level is None else str(self.level)
        digits = str(self.number)
        digits = digits.zfill(len(digits) + -len(digits) % 3)
        groups = [digits[begin : begin + 3] for begin in range(0, len(digits), 3)]
        partial = "" if self.width == TILE_WIDTH else f".p/{self.width}"
        return "/".join([level, *(f"x{group}" for group in groups[:-1]), groups[-1]]) + partial

    def is_in(self, size: int) -> bool:
        """Say whether a log of so many entries has it."""
        return self.number * TILE_WIDTH + self.width <= size >> (8 * (self.level or 0))


def parse_tile(name: str) -> Tile:
    """Read the path of a tile.

    Raises:
        ValueError: it is none, or not in its one form.
    """
    match = _NAME.fullmatch(name) if len(name) <= _LONGEST else None
    if match is None:
        raise ValueError(f"no tile is called {name!r}")
    level, more, last, width = match.groups()
    number = int(more.replace("x", "").replace("/", "") + last)
    tile = Tile(None if level == "entries" else int(level), number, int(width or TILE_WIDTH))
    if tile.name != name:
        raise ValueError(f"no tile is called {name!r}")
    return tile


def contents(connection: Connection, tile: Tile) -> bytes:
    """Give what a tile holds: hashes one after the other, or entries, each after its length; an entry is an envelope.

    Args:
        connection: a snapshot of the whole store.
        tile: one that is in the log.

    Raises:
        ValueError: the log is not long enough, or some of it is missing.
    """
    first = tile.number * TILE_WIDTH
    if tile.level is None:
        return _entries(connection, first, tile.width)
    return b"".join(hashes(connection, tile.level, first, tile.width))


def entries_of(bundle: bytes) -> list[bytes]:
    """Take the entries out of a bundle.

    Raises:
        ValueError: it is cut off.
    """
    found: list[bytes] = []
    while bundle:
        length = _LENGTH + int.from_bytes(bundle[:_LENGTH])
        if len(bundle) < length or len(bundle) < _LENGTH:
            raise ValueError("the bundle is cut off")
        found.append(bundle[_LENGTH:length])
        bundle = bundle[length:]
    return found


def hashes(connection: Connection, level: int, first: int, count: int) -> list[bytes]:
    """Load neighbouring hashes of a tile: leaves, or roots of full tiles of the level below.

    Args:
        connection: a snapshot of the whole store.
        level: of the tile.
        first: number of the first one within the level.
        count: how many; no more than the tile has.

    Raises:
        ValueError: the log is not long enough, or some of it is missing.
    """
    number, place = _tile.c.number, _log.c.seq
    full = connection.execute(
        select(_tile.c.hashes).where(_tile.c.level == level, number == first // TILE_WIDTH)
    ).scalar()
    if full is not None:
        begin = first % TILE_WIDTH
        found = [bytes(full)[at * HASH_SIZE : (at + 1) * HASH_SIZE] for at in range(begin, begin + count)]
    elif level == 0:
        query = select(_log.c.leaf).where(place >= first, place < first + count).order_by(place)
        found = [bytes(leaf) for leaf in connection.execute(query).scalars()]
    else:
        query = select(_tile.c.hashes).where(_tile.c.level == level - 1, number >= first, number < first + count)
        found = [_root_of(bytes(tile)) for tile in connection.execute(query.order_by(number)).scalars()]
    if len(found) != count or any(len(one) != HASH_SIZE for one in found):
        raise ValueError(f"level {level} of the tree lacks hashes from {first} on")
    return found


def _entries(connection: Connection, first: int, count: int) -> bytes:
    found = envelopes_between(reader(connection), first, count)
    if len(found) != count or any(len(one) >> (8 * _LENGTH) for one in found):
        raise ValueError(f"the log lacks entries from {first} on, or one is too long")
    return b"".join(len(one).to_bytes(_LENGTH) + one for one in found)
