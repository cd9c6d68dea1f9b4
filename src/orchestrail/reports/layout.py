"""Where the boxes and arrows of a diagram stand: in rows by how far they are from the sources, with few crossings. No looks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

Point = tuple[int, int]
_Cell = str | tuple[str, str, int]
"""A box, or the place where the arrow from one box to another passes a row."""

_SWEEPS = 6


@dataclass(frozen=True, slots=True)
class Sizes:
    """Measures in the units of the picture.

    Attributes:
        width: of a box.
        height: of a box.
        across: room between boxes of a row.
        down: room between rows.
        margin: room around everything.
    """

    width: int = 150
    height: int = 34
    across: int = 20
    down: int = 26
    margin: int = 10


@dataclass(frozen=True, slots=True)
class Layout:
    """The places.

    Attributes:
        width: of the whole.
        height: of the whole.
        places: left and top of each box.
        ways: of each arrow the points that it goes through, from the lower edge of a box to the upper edge of another one, and
            between them where it enters and leaves each row.
    """

    width: int
    height: int
    places: Mapping[str, Point]
    ways: Mapping[tuple[str, str], Sequence[Point]]


def depths(arrows: Iterable[tuple[str, str]]) -> dict[str, int]:
    """Place each box one row after the last of those before it; an arrow that closes a circle is not counted.

    A box that nothing leads to stands right before the first that it leads to.
    """
    before: dict[str, set[str]] = defaultdict(set)
    after: dict[str, set[str]] = defaultdict(set)
    for start, end in arrows:
        before[end].add(start)
        before.setdefault(start, set())
        after[start].add(end)
    depth: dict[str, int] = {}
    entered: set[str] = set()
    for key in sorted(before):
        waiting = [key]
        while waiting:  # not by recursion: a chain of runs may be long
            here = waiting[-1]
            open_ones = [one for one in sorted(before[here]) if one not in depth and one not in entered]
            if here not in entered and open_ones:
                entered.add(here)
                waiting += open_ones
                continue
            entered.add(here)
            waiting.pop()
            if here not in depth:
                depth[here] = 1 + max((depth[one] for one in before[here] if one in depth), default=-1)
    for key, followers in after.items():
        if not before[key]:
            depth[key] = max(0, min(depth[one] for one in followers) - 1)
    return depth


def layered(keys: Iterable[str], arrows: Iterable[tuple[str, str]], sizes: Sizes) -> Layout:
    """Lay boxes out in rows.

    Args:
        keys: the boxes, in the order in which they stand where nothing else decides.
        arrows: between them.
        sizes: of boxes and room.
    """
    boxes = list(keys)
    known = set(boxes)
    leading = [one for one in dict.fromkeys(arrows) if set(one) <= known and one[0] != one[1]]
    depth = depths(leading)
    row_of = {key: depth.get(key, 0) for key in boxes}
    chains = {arrow: _chain(arrow, row_of) for arrow in leading}
    rows = _rows(boxes, row_of, chains)
    above, below = _neighbours(chains)
    for sweep in range(_SWEEPS):
        _reorder(rows, above if sweep % 2 == 0 else below, downward=sweep % 2 == 0)
    centres = {cell: round(centre) for cell, centre in _centres(rows, above, below, sizes).items()}
    left = min((centre - _half(cell, sizes) for cell, centre in centres.items()), default=0)
    right = max((centre + _half(cell, sizes) for cell, centre in centres.items()), default=sizes.width)
    shift = sizes.margin - left
    step = sizes.height + sizes.down
    top = {row: sizes.margin + row * step for row in range(len(rows))}
    return Layout(
        right - left + 2 * sizes.margin,
        2 * sizes.margin + max(1, len(rows)) * step - sizes.down,
        {key: (centres[key] + shift - _half(key, sizes), top[row_of[key]]) for key in boxes},
        {arrow: _way(chain, row_of, centres, top, shift, sizes) for arrow, chain in chains.items()},
    )


def _chain(arrow: tuple[str, str], row_of: Mapping[str, int]) -> list[_Cell]:
    """Name what an arrow goes through: its ends, and a place in each row between them."""
    start, end = arrow
    return [start, *((start, end, row) for row in range(row_of[start] + 1, row_of[end])), end]


def _row(cell: _Cell, row_of: Mapping[str, int]) -> int:
    return row_of[cell] if isinstance(cell, str) else cell[2]


def _rows(
    boxes: Sequence[str], row_of: Mapping[str, int], chains: Mapping[tuple[str, str], Sequence[_Cell]]
) -> list[list[_Cell]]:
    rows: list[list[_Cell]] = [[] for _ in range(1 + max(row_of.values(), default=0))]
    for key in boxes:
        rows[row_of[key]].append(key)
    for chain in chains.values():
        for cell in chain[1:-1]:
            rows[_row(cell, row_of)].append(cell)
    return rows


def _neighbours(
    chains: Mapping[tuple[str, str], Sequence[_Cell]],
) -> tuple[dict[_Cell, list[_Cell]], dict[_Cell, list[_Cell]]]:
    above: dict[_Cell, list[_Cell]] = defaultdict(list)
    below: dict[_Cell, list[_Cell]] = defaultdict(list)
    for chain in chains.values():
        for upper, lower in pairwise(chain):
            above[lower].append(upper)
            below[upper].append(lower)
    return above, below


def _reorder(rows: Sequence[list[_Cell]], beside: Mapping[_Cell, Sequence[_Cell]], *, downward: bool) -> None:
    """Sort each row by the middle of what its cells lead to in the row before it."""
    place: dict[_Cell, int] = {}
    for row in rows if downward else reversed(rows):
        middle = {}
        for number, cell in enumerate(row):
            found = [place[one] for one in beside.get(cell, ()) if one in place]
            middle[cell] = sum(found) / len(found) if found else float(number)
        row.sort(key=middle.__getitem__)
        place.update((cell, number) for number, cell in enumerate(row))


def _half(cell: _Cell, sizes: Sizes) -> int:
    return sizes.width // 2 if isinstance(cell, str) else 0


def _centres(
    rows: Sequence[Sequence[_Cell]],
    above: Mapping[_Cell, Sequence[_Cell]],
    below: Mapping[_Cell, Sequence[_Cell]],
    sizes: Sizes,
) -> dict[_Cell, float]:
    """Put each cell as near under and over what it leads to as its neighbours in the row leave room for."""
    centres: dict[_Cell, float] = {}
    for row in rows:
        wanted = [0.0] * len(row)
        for cell, centre in zip(row, _apart(row, wanted, sizes), strict=True):
            centres[cell] = centre
    for sweep in range(_SWEEPS):
        beside = (above, below)[sweep % 2]
        for row in rows if sweep % 2 == 0 else reversed(rows):
            wanted = [
                sum(centres[one] for one in near) / len(near) if (near := beside.get(cell)) else centres[cell]
                for cell in row
            ]
            centres.update(zip(row, _apart(row, wanted, sizes), strict=True))
    return centres


def _apart(row: Sequence[_Cell], wanted: Sequence[float], sizes: Sizes) -> list[float]:
    """Keep the order and the room between cells; midway between as far left and as far right as what is wanted allows."""
    rooms = [_half(one, sizes) + sizes.across + _half(other, sizes) for one, other in pairwise(row)]
    from_left, from_right = list(wanted), list(wanted)
    for number, room in enumerate(rooms):
        from_left[number + 1] = max(wanted[number + 1], from_left[number] + room)
    for number in range(len(rooms) - 1, -1, -1):
        from_right[number] = min(wanted[number], from_right[number + 1] - rooms[number])
    return [(one + other) / 2 for one, other in zip(from_left, from_right, strict=True)]


def _way(
    chain: Sequence[_Cell],
    row_of: Mapping[str, int],
    centres: Mapping[_Cell, int],
    top: Mapping[int, int],
    shift: int,
    sizes: Sizes,
) -> list[Point]:
    points: list[Point] = []
    for cell in chain:
        across, down = centres[cell] + shift, top[_row(cell, row_of)]
        points += [(across, down), (across, down + sizes.height)]
    return points[1:-1]
