"""Values that are packed together: whatever they are, they come back, and nothing else is taken for them."""

from __future__ import annotations

import subprocess
import sys
import zlib

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from orchestrail.store.bundle import FULL, MOST_ENTRIES, WIDTH, Bundle, BundleError, Stored, cut, pack, unpack

VALUES = st.lists(st.none() | st.binary(max_size=200), max_size=40)


@given(VALUES)
def test_values_come_back(values):
    """Empty ones, missing ones and any bytes, each in its place."""
    assert unpack(pack(values)) == values
    assert unpack(pack(values), len(values)) == values


def test_what_was_packed_where_there_is_no_isal_is_read_where_there_is_and_the_other_way_round():
    """The format is one; only who writes it differs, and so do the bytes."""
    values = [b"an event " * 50, None, b"", bytes(range(256)) * 20]
    code = (
        "import sys; sys.modules['isal'] = None\n"
        "from orchestrail.store.bundle import pack, unpack\n"
        f"values = {values!r}\n"
        "assert unpack(sys.stdin.buffer.read()) == values\n"
        "sys.stdout.buffer.write(pack(values))"
    )
    without = subprocess.run([sys.executable, "-c", code], input=pack(values), capture_output=True, check=True).stdout
    assert unpack(without) == values
    assert without != pack(values)


@given(VALUES, st.data())
def test_packed_bytes_that_are_altered_are_refused_or_say_the_same(values, data):
    """A flipped bit, a piece that is missing or more than there was."""
    packed = pack(values)
    bit = data.draw(st.integers(0, 8 * len(packed) - 1))
    altered = bytearray(packed)
    altered[bit // 8] ^= 1 << bit % 8
    for changed in (bytes(altered), packed[: bit // 8], packed + b"\x00", packed[1:]):
        try:
            found = unpack(changed)
        except BundleError:
            continue
        assert found == values


@given(VALUES, st.data())
def test_what_is_packed_otherwise_is_refused_or_other_values(values, data):
    """Somebody who packs as we do, and changes what was packed: nobody reads the old values out of it."""
    content = bytearray(zlib.decompress(pack(values)))
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    try:
        found = unpack(zlib.compress(bytes(content)))
    except BundleError:
        return
    assert found != values


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_or_read(data):
    """Nothing but an error of ours comes of what is no bundle."""
    for each in (data, zlib.compress(data)):
        try:
            found = unpack(each)
        except BundleError:
            continue
        assert unpack(pack(found)) == found


@pytest.mark.parametrize("value", [None, "text", 5, b""])
def test_what_is_no_bytes_is_refused(value):
    """SQLite lets any type into any column."""
    with pytest.raises(BundleError):
        unpack(value)


@given(VALUES, st.integers(0, 50))
def test_another_number_of_values_is_refused(values, number):
    """A row says how many entries it has."""
    assume(number != len(values))
    with pytest.raises(BundleError, match="and not"):
        unpack(pack(values), number)


def test_a_bundle_gives_entries_and_tells_what_was_erased():
    """An envelope is always there, nonce and body are there together or not at all."""
    bundle = Bundle(7, 2, pack([b"one", b"two"]), pack([b"n" * 32 + b"body", None]))
    assert bundle.entries() == [Stored(b"one", b"n" * 32, b"body"), Stored(b"two", None, None)]
    for broken in (Bundle(7, 2, pack([b"one", None]), bundle.payloads), Bundle(7, 2, pack([b"one"]), bundle.payloads)):
        with pytest.raises(BundleError):
            broken.entries()


@given(st.lists(st.integers(0, 3 * FULL // 4), min_size=1, max_size=6), st.integers(1, 2 * WIDTH))
def test_bundles_end_where_they_are_full(sizes, many):
    """No further value is added to about a megabyte, or to as many as a bundle has; in their order they are all there."""
    values = [bytes(size) for size in sizes] + [b"%d" % number for number in range(many)]
    found = list(cut(values))
    assert [value for count, packed in found for value in unpack(packed, count)] == values
    for count, packed in found:
        assert count <= WIDTH <= MOST_ENTRIES
        assert sum(map(len, unpack(packed)[:-1])) < FULL
