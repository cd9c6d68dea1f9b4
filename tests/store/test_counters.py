"""Ranges of counters: what arrived, and the holes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrail.store.counters import add, format_ranges, holes, parse_ranges

counters = st.sets(st.integers(1, 60), max_size=40)


@given(st.lists(counters, max_size=6))
def test_ranges_hold_exactly_what_was_added(portions):
    """In whatever portions and order counters come, the ranges are those of their union."""
    ranges = []
    for portion in portions:
        ranges = add(ranges, portion)
    held = {number for first, last in ranges for number in range(first, last + 1)}
    assert held == set().union(*portions)
    assert parse_ranges(format_ranges(ranges)) == ranges
    missing = {number for first, last in holes(ranges) for number in range(first, last + 1)}
    assert missing == set(range(1, max(held, default=0) + 1)) - held


@pytest.mark.parametrize("text", ["1-1", "2-1", "0-3", "1-3,4-5", "5,1", "1,1", "01", "1-", "-2", "x", "1,", " 1"])
def test_other_forms_are_refused(text):
    """Ranges have one text form."""
    with pytest.raises(ValueError):
        parse_ranges(text)
