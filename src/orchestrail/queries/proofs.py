"""Proofs that an entry is in the log, after RFC 9162, section 2.1.3: the hashes beside its way from the leaf to a signed root."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, column, select, table

from orchestrail.store.merkle import HASH_SIZE, TILE_WIDTH, node_hash, tile_root

_log = table("log", column("seq"), column("leaf"))
_tile = table("tile", column("level"), column("number"), column("hashes"))
_BITS = TILE_WIDTH.bit_length() - 1


@dataclass(frozen=True, slots=True)
class Inclusion:
    """A proof that an entry is in a log of some size.

    Attributes:
        seq: place of the entry.
        size: number of entries of the log that it is shown to be in.
        leaf: hash of the leaf, 32 bytes.
        path: hashes of the subtrees beside the way, the lowest first.
    """

    seq: int
    size: int
    leaf: bytes
    path: tuple[bytes, ...]

    def root(self) -> bytes:
        """Compute the root that the proof leads to (RFC 9162, section 2.1.3.2)."""
        place, last, node = self.seq, self.size - 1, self.leaf
        for beside in self.path:
            if place & 1 or place == last:
                node = node_hash(beside, node)
                while not place & 1 and place:
                    place, last = place >> 1, last >> 1
            else:
                node = node_hash(node, beside)
            place, last = place >> 1, last >> 1
        return node


def inclusion(connection: Connection, seq: int, size: int) -> Inclusion:
    """Prove that an entry is in the log.

    Args:
        connection: a snapshot of the whole store.
        seq: place of the entry.
        size: number of entries of the log, of a checkpoint say; larger than `seq`, and no larger than the log.

    Raises:
        ValueError: the log has no such entry at this size, or some of it is missing.
    """
    if not 0 <= seq < size:
        raise ValueError(f"no entry {seq} in a log of {size}")
    path: list[bytes] = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + _largest_below(end - begin)
        if seq < middle:
            path.append(_subtree(connection, middle, end))
            end = middle
        else:
            path.append(_subtree(connection, begin, middle))
            begin = middle
    return Inclusion(seq, size, _hashes(connection, 0, seq, 1)[0], tuple(reversed(path)))


def _largest_below(count: int) -> int:
    """Give the largest power of two that is smaller than a number."""
    return 1 << ((count - 1).bit_length() - 1)


def _subtree(connection: Connection, begin: int, end: int) -> bytes:
    """Compute the root over the entries from one place up to another one; the first is a multiple of the power of two above."""
    count = end - begin
    if count & (count - 1):
        middle = begin + _largest_below(count)
        return node_hash(_subtree(connection, begin, middle), _subtree(connection, middle, end))
    level = (count.bit_length() - 1) // _BITS
    span = 1 << (level * _BITS)
    hashes = _hashes(connection, level, begin // span, count // span)
    while len(hashes) > 1:
        hashes = [node_hash(one, other) for one, other in zip(hashes[::2], hashes[1::2], strict=True)]
    return hashes[0]


def _hashes(connection: Connection, level: int, first: int, count: int) -> list[bytes]:
    """Load neighbouring hashes of a level of tiles: leaves, or roots of full tiles of the level below."""
    if level == 0:
        place = _log.c.seq
        query = select(_log.c.leaf).where(place >= first, place < first + count).order_by(place)
        found = [bytes(leaf) for leaf in connection.execute(query).scalars()]
    else:
        number = _tile.c.number
        query = select(_tile.c.hashes).where(_tile.c.level == level - 1, number >= first, number < first + count)
        found = [tile_root(bytes(tile)) for tile in connection.execute(query.order_by(number)).scalars()]
    if len(found) != count or any(len(one) != HASH_SIZE for one in found):
        raise ValueError(f"level {level} of the tree lacks hashes from {first} on")
    return found
