"""Proofs in the tree, after RFC 9162: made from the hashes of tiles, checked with nothing but hashes. No storage lives here.

A proof says nothing of who signed what: the roots that it is held against come from signed checkpoints.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from orchestrail.store.merkle import EMPTY_ROOT, HASH_SIZE, TILE_WIDTH, node_hash

Hashes = Callable[[int, int, int], Sequence[bytes]]
"""Gives neighbouring hashes of one tile, by level, number of the first one and how many: at level 0 those of leaves, at each level
above roots over 256 of the level below."""

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

    def holds(self, root: bytes) -> bool:
        """Say whether the leaf is at its place in the log of this size and root (RFC 9162, section 2.1.3.2)."""
        if not 0 <= self.seq < self.size or not _are_hashes(self.leaf, *self.path):
            return False
        sides = _sides(self.seq, self.size - 1)
        if len(self.path) != len(sides):
            return False
        node = self.leaf
        for beside, is_left in zip(self.path, sides, strict=True):
            node = node_hash(beside, node) if is_left else node_hash(node, beside)
        return node == root


@dataclass(frozen=True, slots=True)
class Consistency:
    """A proof that a log begins with the whole of an earlier one, unchanged.

    Attributes:
        first: number of entries of the earlier log.
        second: number of entries of the later one.
        path: hashes of subtrees, the lowest first.
    """

    first: int
    second: int
    path: tuple[bytes, ...]

    def holds(self, first_root: bytes, second_root: bytes) -> bool:
        """Say whether the log of the later root begins with that of the earlier one (RFC 9162, section 2.1.4.2)."""
        if not 0 <= self.first <= self.second or not _are_hashes(first_root, second_root, *self.path):
            return False
        if self.first == self.second:
            return not self.path and first_root == second_root
        if self.first == 0:
            return not self.path and first_root == EMPTY_ROOT
        # What the earlier log filled a subtree with whole is known by its root.
        path = self.path if self.first & (self.first - 1) else (first_root, *self.path)
        place, last = self.first - 1, self.second - 1
        while place & 1:
            place, last = place >> 1, last >> 1
        sides = _sides(place, last)
        if len(path) != len(sides) + 1:
            return False
        earlier = later = path[0]
        for beside, is_left in zip(path[1:], sides, strict=True):
            if is_left:
                earlier, later = node_hash(beside, earlier), node_hash(beside, later)
            else:
                later = node_hash(later, beside)
        return earlier == first_root and later == second_root


def inclusion(hashes: Hashes, seq: int, size: int) -> Inclusion:
    """Prove that an entry is in a log (RFC 9162, section 2.1.3.1).

    Args:
        hashes: of the tiles.
        seq: place of the entry.
        size: number of entries of the log; larger than `seq`.

    Raises:
        ValueError: there is no such entry.
    """
    if not 0 <= seq < size:
        raise ValueError(f"no entry {seq} in a log of {size}")
    path: list[bytes] = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + _largest_below(end - begin)
        if seq < middle:
            path.append(subtree(hashes, middle, end))
            end = middle
        else:
            path.append(subtree(hashes, begin, middle))
            begin = middle
    return Inclusion(seq, size, hashes(0, seq, 1)[0], tuple(reversed(path)))


def consistency(hashes: Hashes, first: int, second: int) -> Consistency:
    """Prove that a log begins with an earlier one (RFC 9162, section 2.1.4.1).

    Args:
        hashes: of the tiles.
        first: number of entries of the earlier log.
        second: number of entries of the later one.

    Raises:
        ValueError: the later log is the smaller one.
    """
    if not 0 <= first <= second:
        raise ValueError(f"a log of {second} does not begin with one of {first}")
    path: list[bytes] = []
    begin, end = 0, second
    while first not in (0, end):
        middle = begin + _largest_below(end - begin)
        if first <= middle:
            path.append(subtree(hashes, middle, end))
            end = middle
        else:
            path.append(subtree(hashes, begin, middle))
            begin = middle
    if begin:
        path.append(subtree(hashes, begin, end))
    return Consistency(first, second, tuple(reversed(path)))


def subtree(hashes: Hashes, begin: int, end: int) -> bytes:
    """Compute the root over the entries from one place up to another one.

    Args:
        hashes: of the tiles.
        begin: the first entry: 0, or a multiple of the smallest power of two that is no smaller than the number of entries.
        end: the entry after the last one.
    """
    count = end - begin
    if count == 0:
        return EMPTY_ROOT
    if count & (count - 1):
        middle = begin + _largest_below(count)
        return node_hash(subtree(hashes, begin, middle), subtree(hashes, middle, end))
    level = (count.bit_length() - 1) // _BITS
    span = 1 << (level * _BITS)
    row = [*hashes(level, begin // span, count // span)]
    while len(row) > 1:
        row = [node_hash(one, other) for one, other in zip(row[::2], row[1::2], strict=True)]
    return row[0]


def _largest_below(count: int) -> int:
    """Give the largest power of two that is smaller than a number."""
    return 1 << ((count - 1).bit_length() - 1)


def _sides(place: int, last: int) -> list[bool]:
    """Say of each hash beside the way from a node to the root whether it stands on the left.

    Args:
        place: of the node within its level.
        last: of the last node of that level.
    """
    found: list[bool] = []
    while last:
        found.append(bool(place & 1) or place == last)
        if found[-1]:
            # The right edge has nothing beside it on levels where it is alone.
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        place, last = place >> 1, last >> 1
    return found


def _are_hashes(*values: bytes) -> bool:
    return all(len(value) == HASH_SIZE for value in values)
