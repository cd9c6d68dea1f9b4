"""Packed bodies, and how many requests are too many."""

from __future__ import annotations

import gzip
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrail.server.body import MEMBERS, unpack
from orchestrail.server.problems import Problem
from orchestrail.server.rate import Rate


@given(st.lists(st.binary(max_size=300)))
def test_any_members_are_unpacked(parts: list[bytes]) -> None:
    """Gzip of several members is one body (RFC 1952)."""
    assert unpack(b"".join(gzip.compress(part) for part in parts), 10_000) == b"".join(parts)


def test_members_end_anywhere() -> None:
    """Also where what is unpacked at a time begins or ends."""
    several = random.Random(0)
    parts = [several.randbytes(size) for size in (1, 65_500, 65_536, 7, 200_000, 130_000, 0, 65_513, 65_513)]
    assert unpack(b"".join(gzip.compress(part) for part in parts), 1 << 20) == b"".join(parts)


def test_members_are_bounded() -> None:
    """As many as writers make; each costs time, however little is in it."""
    assert unpack(gzip.compress(b"a") * MEMBERS, 10_000) == b"a" * MEMBERS
    with pytest.raises(Problem) as refused:
        unpack(gzip.compress(b"a") * (MEMBERS + 1), 10_000)
    assert refused.value.status == 413


@given(st.binary(max_size=300), st.integers(0, 299))
def test_no_more_is_unpacked_than_is_allowed(data: bytes, most: int) -> None:
    """At the limit it goes, a byte beyond it does not."""
    packed = gzip.compress(data)
    if len(data) <= most:
        assert unpack(packed, most) == data
    else:
        with pytest.raises(Problem) as refused:
            unpack(packed, most)
        assert refused.value.status == 413


@given(st.binary(min_size=1, max_size=300))
def test_what_is_no_gzip_is_the_senders_mistake(data: bytes) -> None:
    """Whatever the bytes are."""
    with pytest.raises(Problem) as refused:
        unpack(data, 10_000)
    assert refused.value.status == 400


def test_one_sender_does_not_use_up_anothers_requests() -> None:
    """Ten seconds' worth at once, then no more; another sender has its own."""
    rate = Rate(0.1)
    for sender in ("a", "b"):
        rate.take(sender)
        with pytest.raises(Problem) as refused:
            rate.take(sender)
        assert (refused.value.status, refused.value.retry_after) == (429, 1)
