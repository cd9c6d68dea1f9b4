"""Where boxes and arrows stand."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from orchestrail.reports.layout import Sizes, depths, layered

ARROWS = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("abcdefgh")), max_size=20)
SIZES = Sizes()


@given(ARROWS)
def test_boxes_never_lie_on_each_other_and_nothing_lies_outside(arrows):
    """Circles and loops among them; boxes that nothing leads to or from too."""
    laid = layered("abcdefghi", arrows, SIZES)
    assert set(laid.places) == set("abcdefghi")
    rows = defaultdict(list)
    for left, top in laid.places.values():
        assert 0 <= left <= laid.width - SIZES.width
        assert 0 <= top <= laid.height - SIZES.height
        rows[top].append(left)
    for row in rows.values():
        row.sort()
        assert all(other - one >= SIZES.width for one, other in pairwise(row))


@given(ARROWS)
def test_arrows_begin_under_one_box_and_end_over_the_other(arrows):
    """Each arrow between two boxes has one way, from the lower edge of the one to the upper edge of the other."""
    laid = layered("abcdefgh", arrows, SIZES)
    assert set(laid.ways) == {arrow for arrow in arrows if arrow[0] != arrow[1]}
    for (start, end), way in laid.ways.items():
        assert len(way) % 2 == 0
        assert way[0] == (laid.places[start][0] + SIZES.width // 2, laid.places[start][1] + SIZES.height)
        assert way[-1] == (laid.places[end][0] + SIZES.width // 2, laid.places[end][1])


def test_arrows_lead_down():
    """Without circles each box stands below all that lead to it, and a source right above the first that it leads to."""
    depth = depths([("a", "b"), ("b", "c"), ("a", "c"), ("late", "c")])
    assert depth == {"a": 0, "b": 1, "c": 2, "late": 1}


def test_a_long_chain_is_no_trouble():
    """Longer than Python lets functions call each other."""
    arrows = [(str(number), str(number + 1)) for number in range(5000)]
    assert depths(arrows)["5000"] == 5000


def test_arrows_do_not_cross_without_need():
    """Two ways beside each other stay beside each other, in whatever order the boxes are given."""
    laid = layered(["a", "b", "y", "x"], [("a", "x"), ("b", "y")], SIZES)
    assert (laid.places["a"][0] < laid.places["b"][0]) == (laid.places["x"][0] < laid.places["y"][0])
