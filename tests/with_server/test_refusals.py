"""What is told of somebody who is refused again and again, without a server."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from orchestrail.server.refusals import LINES, LONGEST, SECONDS, SENDERS, Refusals, short


@given(st.text(st.characters(), max_size=50), st.integers(1, 500))
def test_what_was_sent_takes_little_room(text: str, times: int) -> None:
    """Whatever it is made of, it is whole or bounded."""
    found = short(text * times)
    assert found == text * times or len(json.dumps(found)) < 2 * LONGEST + 200


def test_refusals_are_told_or_counted() -> None:
    """Of each sender, and each time; once the time is over they are lines again."""
    counted = Refusals()
    for sender in ("a", "b"):
        assert [counted.take(sender, 0.0) for _ in range(LINES + 5)] == [True] * LINES + [False] * 5
    assert counted.ended(SECONDS - 1) == []
    assert not counted.take("b", SECONDS - 1)
    assert [(each.sender, each.left_out) for each in counted.ended(SECONDS)] == [("a", 5), ("b", 6)]
    assert counted.ended(SECONDS) == []
    assert counted.take("a", SECONDS)


def test_counted_senders_are_bounded() -> None:
    """With too many of them, the first are told at once."""
    counted = Refusals()
    for _ in range(LINES + 1):
        counted.take("first", 0.0)
    for number in range(SENDERS):
        counted.take(str(number), 1.0)
    assert [(each.sender, each.left_out) for each in counted.ended(1.0)] == [("first", 1)]
