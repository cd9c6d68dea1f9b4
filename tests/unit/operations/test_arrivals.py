"""Batches of spooled events as they go to a server."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrail.errors import EventRefused
from orchestrail.operations.arrivals import read, write
from orchestrail.store.base import Incoming, Refused

hexadecimal = st.text("0123456789abcdef", min_size=32, max_size=32)
numbers = st.integers(1, 10**18 - 1)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
numbered = st.just((None, None)) | st.tuples(hexadecimal, numbers)
nonces = st.none() | st.binary(min_size=32, max_size=32)
events = st.builds(lambda *told: Incoming(*told[:3], *told[3]), st.binary(max_size=200), texts, nonces, numbered)
refusals = st.builds(
    lambda *told: Refused(*told[:5], *told[5]), st.binary(max_size=200), texts, texts, texts, nonces, numbered
)


@given(st.lists(events), st.lists(refusals))
def test_what_is_written_is_read(items: list[Incoming], refused: list[Refused]) -> None:
    """Any bytes, line breaks and headings among them, come out as they went in, in their order."""
    assert list(read(write(items, refused))) == [*items, *refused]


@given(st.lists(events, min_size=1), st.data())
def test_batch_that_is_cut_off_is_none(items: list[Incoming], data: st.DataObject) -> None:
    """Wherever it ends too early, it is refused, or it ends between two items."""
    whole = write(items, ())
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    ends = {len(write(items[:number], ())) for number in range(len(items))}
    if len(cut) in ends:
        assert list(read(cut)) == items[: sorted(ends).index(len(cut))]
    else:
        with pytest.raises(EventRefused):
            list(read(cut))


@pytest.mark.parametrize("number", [{"emitter": "0" * 32}, {"counter": 1}], ids=["emitter", "counter"])
def test_number_is_one_of_an_emitter(number: dict[str, Any]) -> None:
    """One of the two says nothing without the other."""
    with pytest.raises(EventRefused):
        list(read(write([Incoming(b"{}", "spool", b"n" * 32, **number)], ())))


@given(st.binary(max_size=300))
def test_anything_else_is_refused(data: bytes) -> None:
    """No bytes at all make it fail in another way."""
    with suppress(EventRefused):
        list(read(data))
