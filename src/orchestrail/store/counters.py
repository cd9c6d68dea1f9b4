"""Which numbers of an emitter have arrived, as ranges in one text form: `1-57,60-80`. A hole is an event that never came."""

from __future__ import annotations

from collections.abc import Iterable

Ranges = list[tuple[int, int]]


def parse_ranges(text: str) -> Ranges:
    """Read ranges.

    Raises:
        ValueError: not ranges in their one form.
    """
    ranges = []
    for part in text.split(",") if text else ():
        first, _, last = part.partition("-")
        ranges.append((int(first), int(last or first)))
    ordered = all(first <= last for first, last in ranges) and (not ranges or ranges[0][0] >= 1)
    if not ordered or add(ranges, ()) != ranges or format_ranges(ranges) != text:
        raise ValueError("not ranges of counters in their one form")
    return ranges


def format_ranges(ranges: Iterable[tuple[int, int]]) -> str:
    """Write ranges."""
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)


def add(ranges: Iterable[tuple[int, int]], counters: Iterable[int]) -> Ranges:
    """Return the ranges with more counters in them."""
    return union(ranges, ((counter, counter) for counter in counters))


def union(one: Iterable[tuple[int, int]], other: Iterable[tuple[int, int]]) -> Ranges:
    """Return what is in one of two ranges or in both."""
    merged: Ranges = []
    for first, last in sorted([*one, *other]):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return merged


def holes(ranges: Ranges) -> tuple[tuple[int, int], ...]:
    """Return what is missing between 1 and the highest counter."""
    found, expected = [], 1
    for first, last in ranges:
        if first > expected:
            found.append((expected, first - 1))
        expected = last + 1
    return tuple(found)
