"""Proofs, against the definitions in RFC 9162 written out naively, and against published values."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrail.store.merkle import EMPTY_ROOT, TILE_WIDTH, leaf_hash, node_hash
from orchestrail.store.proofs import Consistency, Inclusion, consistency, inclusion, subtree

# The test data of the Certificate Transparency reference implementation: its entries, and proofs in the tree of the first so many.
ENTRIES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
PATHS = [
    (0, 1, []),
    (
        0,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (2, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (
        1,
        5,
        [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
]
GROWTH = [
    (1, 1, []),
    (
        1,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        5,
        [
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
]
PUBLISHED = [leaf_hash(bytes.fromhex(entry)) for entry in ENTRIES]
LEAVES = [leaf_hash(b"%d" % number) for number in range(600)]


def half(count):
    """The largest power of two smaller than a number."""
    k = 1
    while k * 2 < count:
        k *= 2
    return k


def naive_root(leaves):
    """MTH of RFC 9162, section 2.1.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = half(len(leaves))
    return node_hash(naive_root(leaves[:k]), naive_root(leaves[k:]))


def naive_path(m, leaves):
    """PATH of section 2.1.3.1, word for word."""
    if len(leaves) == 1:
        return []
    k = half(len(leaves))
    if m < k:
        return [*naive_path(m, leaves[:k]), naive_root(leaves[k:])]
    return [*naive_path(m - k, leaves[k:]), naive_root(leaves[:k])]


def naive_subproof(m, leaves, whole):
    """SUBPROOF of section 2.1.4.1, word for word."""
    if m == len(leaves):
        return [] if whole else [naive_root(leaves)]
    k = half(len(leaves))
    if m <= k:
        return [*naive_subproof(m, leaves[:k], whole), naive_root(leaves[k:])]
    return [*naive_subproof(m - k, leaves[k:], False), naive_root(leaves[:k])]


def of(leaves):
    """The hashes of the tiles of a tree, as a store gives them."""

    def hashes(level, first, count):
        span = TILE_WIDTH**level
        return [naive_root(leaves[place * span : (place + 1) * span]) for place in range(first, first + count)]

    return hashes


@pytest.mark.parametrize(("seq", "size", "path"), PATHS)
def test_published_inclusion_proofs(seq, size, path):
    """The way from an entry up is the published one, and holds."""
    proof = inclusion(of(PUBLISHED), seq, size)
    assert [node.hex() for node in proof.path] == path
    assert proof.holds(naive_root(PUBLISHED[:size]))


@pytest.mark.parametrize(("first", "second", "path"), GROWTH)
def test_published_consistency_proofs(first, second, path):
    """The hashes from one tree to a later one are the published ones, and hold."""
    proof = consistency(of(PUBLISHED), first, second)
    assert [node.hex() for node in proof.path] == path
    assert proof.holds(naive_root(PUBLISHED[:first]), naive_root(PUBLISHED[:second]))


def test_proofs_are_those_of_the_definition():
    """For every entry and every earlier size of every log up to 40 entries, and they hold against no other root."""
    roots = [naive_root(LEAVES[:size]) for size in range(41)]
    for size in range(1, 41):
        assert subtree(of(LEAVES), 0, size) == roots[size]
        for seq in range(size):
            proof = inclusion(of(LEAVES), seq, size)
            assert list(proof.path) == naive_path(seq, LEAVES[:size])
            assert [root for root in roots if proof.holds(root)] == [roots[size]]
        for first in range(1, size + 1):
            proof = consistency(of(LEAVES), first, size)
            assert list(proof.path) == naive_subproof(first, LEAVES[:size], True)
            assert [root for root in roots if proof.holds(root, roots[size])] == [roots[first]]
            assert [root for root in roots if proof.holds(roots[first], root)] == [roots[size]]


@given(st.integers(1, 600), st.data())
def test_proofs_across_tiles(size, data):
    """Where a log has more than one tile, full ones and a partial one."""
    seq, first = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, size))
    root = naive_root(LEAVES[:size])
    assert inclusion(of(LEAVES), seq, size).holds(root)
    assert consistency(of(LEAVES), first, size).holds(naive_root(LEAVES[:first]), root)


@given(st.integers(2, 300), st.data())
def test_a_changed_inclusion_proof_does_not_hold(size, data):
    """One bit of a hash, another place or size, a hash more or less, a hash that is cut: none of it leads to the root."""
    proof, root = inclusion(of(LEAVES), data.draw(st.integers(0, size - 1)), size), naive_root(LEAVES[:size])
    for changed in (
        replace(proof, leaf=_flipped(proof.leaf, data)),
        replace(proof, path=_one_changed(proof.path, data)),
        replace(proof, path=proof.path[:-1]),
        replace(proof, path=proof.path[1:]),
        replace(proof, path=(*proof.path, data.draw(st.sampled_from(LEAVES)))),
        replace(proof, path=(*proof.path[:-1], proof.path[-1][:-1])),
        replace(proof, seq=data.draw(st.integers(-1, size + 1).filter(lambda seq: seq != proof.seq))),
        replace(proof, size=proof.seq),
    ):
        assert not changed.holds(root)
    assert not proof.holds(_flipped(root, data))


@given(st.integers(2, 300), st.data())
def test_a_changed_consistency_proof_does_not_hold(second, data):
    """One bit of a hash or of a root, another size, a hash more or less, a hash that is cut: it shows nothing."""
    first = data.draw(st.integers(1, second - 1))
    proof = consistency(of(LEAVES), first, second)
    earlier, later = naive_root(LEAVES[:first]), naive_root(LEAVES[:second])
    for changed in (
        replace(proof, path=_one_changed(proof.path, data)),
        replace(proof, path=proof.path[:-1]),
        replace(proof, path=proof.path[1:]),
        replace(proof, path=(*proof.path, data.draw(st.sampled_from(LEAVES)))),
        replace(proof, path=(*proof.path[:-1], proof.path[-1][:-1])),
        replace(proof, first=second),
        replace(proof, second=first),
        replace(proof, first=0),
        replace(proof, first=-1),
    ):
        assert not changed.holds(earlier, later)
    assert not proof.holds(_flipped(earlier, data), later)
    assert not proof.holds(earlier, _flipped(later, data))
    assert not proof.holds(later, earlier)


@given(st.integers(1, 300), st.data())
def test_a_forked_log_has_no_proof(second, data):
    """Where an entry of the earlier log was exchanged since, no proof of the later log leads to the earlier root."""
    first = data.draw(st.integers(1, second))
    place = data.draw(st.integers(0, first - 1))
    other = [*LEAVES[:place], leaf_hash(b"other"), *LEAVES[place + 1 : second]]
    assert not consistency(of(other), first, second).holds(naive_root(LEAVES[:first]), naive_root(other))


@given(
    st.integers(-2, 2**70),
    st.integers(-2, 2**70),
    st.lists(st.binary(max_size=33), max_size=80),
    st.binary(max_size=33),
    st.binary(max_size=33),
)
def test_anything_at_all_is_refused(one, other, path, root, second):
    """Numbers and bytes from anywhere end in a no, and never in an error or a loop."""
    assert not Inclusion(one, other, root, tuple(path)).holds(second)
    if one != other and not (one == 0 and root == EMPTY_ROOT):
        assert not Consistency(one, other, tuple(path)).holds(root, second)


def test_the_log_of_nothing():
    """Every log begins with the empty one, and with itself; without hashes."""
    assert consistency(of(LEAVES), 0, 5) == Consistency(0, 5, ())
    assert consistency(of(LEAVES), 0, 5).holds(EMPTY_ROOT, naive_root(LEAVES[:5]))
    assert not consistency(of(LEAVES), 0, 5).holds(LEAVES[0], naive_root(LEAVES[:5]))
    assert consistency(of([]), 0, 0).holds(EMPTY_ROOT, EMPTY_ROOT)


@pytest.mark.parametrize(("one", "other"), [(-1, 5), (5, 5), (0, 0)])
def test_no_entry_no_proof(one, other):
    """A place that the log has not is not proven."""
    with pytest.raises(ValueError, match="no entry"):
        inclusion(of(LEAVES), one, other)


@pytest.mark.parametrize(("one", "other"), [(-1, 5), (6, 5)])
def test_no_earlier_log_no_proof(one, other):
    """A larger log is not the beginning of a smaller one."""
    with pytest.raises(ValueError, match="does not begin"):
        consistency(of(LEAVES), one, other)


def _flipped(value, data):
    changed = bytearray(value)
    changed[data.draw(st.integers(0, len(value) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    return bytes(changed)


def _one_changed(path, data):
    place = data.draw(st.integers(0, len(path) - 1))
    return (*path[:place], _flipped(path[place], data), *path[place + 1 :])
