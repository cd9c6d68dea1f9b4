"""What many comparisons say together, held against looking at each of them in turn."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrail.projections.apply import apply
from orchestrail.queries.reconciliations import compared

SECONDS = st.integers(0, 20)


def of_prefect(log):
    with log.read() as connection:
        (one,) = compared(connection, None)
    return one


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(SECONDS, SECONDS, st.none() | SECONDS), max_size=9),
    st.lists(st.tuples(SECONDS, st.integers(0, 6)), min_size=1, max_size=6),
)
def test_a_run_is_outside_where_no_comparison_holds_it(made, windows, lives):
    """In whatever order they came, one within another, or with what was pruned before them."""
    log = made.MemoryLog()
    for number, (begin, length) in enumerate(lives, start=1):
        log.add(made.event("START", number, second=begin), made.event("COMPLETE", number, second=begin + length))
    for since, until, oldest in windows:
        pruned = {"runsBeforeRecord": None, "unsettled": 0, "waiting": 0, "pruned": 1, "earlierPasses": 0}
        more = {} if oldest is None else {"oldest": made.at(oldest), "notCompared": pruned}
        log.add(made.reconciliation(since=made.at(since), until=made.at(until), **more))
    apply(log)
    outside = [
        number
        for number, (begin, length) in enumerate(lives, start=1)
        if not any(max(since, oldest or 0) <= begin and begin + length <= until for since, until, oldest in windows)
    ]
    found = of_prefect(log)
    assert (found.last is None, found.outside) == (not windows, len(outside) if windows else 0)
    first = made.run_id(outside[0]) if outside and windows else None
    assert (found.first_outside or (None,))[0] == first


def test_a_comparison_for_each_night_of_years_is_one_question(made):
    """As many as three years have, each reaching into the one before."""
    log = made.MemoryLog()
    nights = range(0, 1100 * 10, 10)
    log.add(*(made.reconciliation(since=made.at(night), until=made.at(night + 15)) for night in nights))
    for number, second in enumerate((0, 5555, 11004), start=1):
        log.add(made.event("COMPLETE", number, second=second))
    apply(log)
    found = of_prefect(log)
    assert (len(found.windows), found.outside) == (1100, 0)
    log.add(made.event("START", 4, second=20), made.event("COMPLETE", 4, second=38))
    apply(log)
    assert of_prefect(log).first_outside == (made.run_id(4), len(nights) + 3)
