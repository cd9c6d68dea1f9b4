"""Numbers in sentences."""

from __future__ import annotations

import pytest

from orchestrail.queries.words import counted


@pytest.mark.parametrize(
    ("number", "said"),
    [(0, "0 events"), (1, "1 event"), (1200, "1,200 events"), (1.0, "1 event"), (0.5, "0.5 events"), ("?", "? events")],
)
def test_one_is_said_as_one(number, said):
    """One of a thing, none and many, and what a facet states that is no whole number."""
    assert counted(number, "event") == said


def test_the_verb_goes_with_the_number():
    """Where the word brings one."""
    assert counted(1, "run is", "runs are") == "1 run is"
    assert counted(2, "run is", "runs are") == "2 runs are"
