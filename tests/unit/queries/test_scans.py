"""Windows of scans, and which scan of an entry counts."""

from __future__ import annotations

import hashlib
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from orchestrail.projections.rows import FoundRow, ScanRow
from orchestrail.queries.scans import _standing, joined

windows = st.tuples(st.integers(0, 30), st.integers(0, 8)).map(lambda one: (one[0], one[0] + one[1]))


@given(st.lists(windows))
def test_joined_windows_hold_the_same_entries(given_windows: list[tuple[int, int]]) -> None:
    """Each once, and no two of them touch."""
    found = joined(given_windows)
    held = {seq for first, last in given_windows for seq in range(first, last + 1)}
    assert [seq for first, last in found for seq in range(first, last + 1)] == sorted(held)
    assert all(one[1] + 1 < other[0] for one, other in pairwise(found))


def row(seq: int, first: int, last: int, *places: int, value: str = "x", count: int | None = None) -> ScanRow:
    """A scan that found a value at some places."""
    digest = f"hmac-sha256:{hashlib.sha256(value.encode()).hexdigest()}"
    found = FoundRow(value, digest, "secret", "Token", count or len(places), tuple((place, "/p") for place in places))
    at = "2026-03-01T12:00:00.000000Z"
    return ScanRow(seq, at, first, last, at, last - first + 1, 0, 1, {}, (found,) if places else (), ())


def places(*rows: ScanRow) -> list[tuple[int, tuple[int, ...]]]:
    """Give count and places of what stands."""
    return [(one.count, tuple(seq for seq, _ in one.places)) for one in _standing(list(rows))]


def test_the_last_scan_of_an_entry_counts() -> None:
    """What it does not find any more is erased, or was none; what it did not look at stands."""
    assert places(row(10, 0, 9, 2, 7)) == [(2, (2, 7))]
    assert places(row(10, 0, 9, 2, 7), row(11, 0, 10)) == []
    assert places(row(10, 0, 9, 2, 7), row(11, 5, 10)) == [(1, (2,))]
    assert places(row(10, 0, 9, 2, 7), row(11, 10, 10, 10)) == [(3, (2, 7, 10))]
    assert places(row(10, 0, 9, 2), row(11, 0, 9, 2)) == [(1, (2,))]


def test_places_that_were_only_counted_stand_until_all_is_looked_at_again() -> None:
    """It is not known where they are."""
    assert places(row(10, 0, 9, 2, count=5), row(11, 0, 5)) == [(4, (2,))]
    assert places(row(10, 0, 9, 2, count=5), row(11, 0, 10)) == []
