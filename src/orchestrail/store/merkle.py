"""The tree: RFC 9162 hashes, appends in O(log n), and 256-wide tiles in the layout of C2SP tlog-tiles. No storage lives here."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

HASH_SIZE = 32
TILE_WIDTH = 256
EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of a leaf (RFC 9162, section 2.1.1)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node (RFC 9162, section 2.1.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """The right edge of a tree: the roots of its complete subtrees, largest first. Enough to append and to give the root.

    Attributes:
        size: number of leaves.
        peaks: one hash for each bit that is set in `size`, highest bit first.
    """

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        self.size = size
        self.peaks = list(peaks)
        if size < 0 or len(self.peaks) != size.bit_count() or any(len(peak) != HASH_SIZE for peak in self.peaks):
            raise ValueError("the peaks do not fit the size")

    @classmethod
    def from_bytes(cls, size: int, data: bytes) -> Frontier:
        """Read the peaks that `to_bytes` wrote.

        Raises:
            ValueError: the bytes are not the peaks of a tree of this size.
        """
        return cls(size, (data[start : start + HASH_SIZE] for start in range(0, len(data), HASH_SIZE)))

    def to_bytes(self) -> bytes:
        """Return the peaks, one after the other."""
        return b"".join(self.peaks)

    def append(self, leaf: bytes) -> None:
        """Add the hash of one leaf."""
        node, size = leaf, self.size
        while size & 1:
            node = node_hash(self.peaks.pop(), node)
            size >>= 1
        self.peaks.append(node)
        self.size += 1

    def root(self) -> bytes:
        """Return the root of the tree."""
        if not self.peaks:
            return EMPTY_ROOT
        node = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            node = node_hash(peak, node)
        return node


def tile_root(tile: bytes) -> bytes:
    """Return the root over the 256 hashes of a full tile: one hash of the level above."""
    hashes = [tile[start : start + HASH_SIZE] for start in range(0, len(tile), HASH_SIZE)]
    while len(hashes) > 1:
        hashes = [node_hash(hashes[i], hashes[i + 1]) for i in range(0, len(hashes), 2)]
    return hashes[0]


def completed_tiles(before: int, after: int) -> Iterator[tuple[int, int]]:
    """Yield (level, index) of every tile that becomes full when a tree grows, lower levels first."""
    level, span = 0, TILE_WIDTH
    while after // span:
        for index in range(before // span, after // span):
            yield level, index
        level, span = level + 1, span * TILE_WIDTH


class Tiles:
    """Cuts a stream of leaf hashes into full tiles."""

    def __init__(self) -> None:
        self._open: list[list[bytes]] = []
        self._done: list[int] = []

    def append(self, leaf: bytes) -> Iterator[tuple[int, int, bytes]]:
        """Add the hash of one leaf; yield (level, index, bytes) of each tile that it fills."""
        level, node = 0, leaf
        while True:
            if level == len(self._open):
                self._open.append([])
                self._done.append(0)
            self._open[level].append(node)
            if len(self._open[level]) < TILE_WIDTH:
                return
            tile = b"".join(self._open[level])
            yield level, self._done[level], tile
            self._open[level] = []
            self._done[level] += 1
            level, node = level + 1, tile_root(tile)
