"""From results to verdicts: the worst counts, and nothing passes by emptiness."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrail.requirements import checks as _registered  # noqa: F401 - importing them registers them
from orchestrail.requirements.catalogue import load_catalogue
from orchestrail.requirements.engine import EVALUATORS, LISTED, judges, verdict
from orchestrail.requirements.verdicts import ORDER, Outcome, Result, Status, Why, failed, passed, unknown


def outcome(*results: Result) -> Outcome:
    counts: dict[Status, int] = {}
    for result in results:
        counts[result.status] = counts.get(result.status, 0) + 1
    return Outcome(counts, tuple(result for result in results if result.status is not Status.PASS))


def test_nothing_to_judge_is_unknown():
    """An empty record fulfils nothing."""
    for nothing in ([], [Outcome()]):
        found = verdict("RUN-ID-01", nothing)
        assert (found.status, found.why, found.subjects, found.examined) == (Status.UNKNOWN, Why.NO_SUBJECTS, 0, 0)
        assert found.reason == "nothing on the record is known to be a run"


def test_a_requirement_that_nothing_evaluates_is_unknown():
    """A catalogue may hold more than this version can judge."""
    found = verdict("OWN-99", [])
    assert (found.status, found.why) == (Status.UNKNOWN, Why.NOT_EVALUATED)


def test_the_worst_subject_counts_and_is_named_first():
    """A failure outweighs what is not known; how many of how many is said."""
    found = verdict(
        "RUN-ID-01",
        [outcome(passed("a"), unknown("b", Why.NOT_CAPTURED, "unseen")), outcome(failed("c", "two jobs"), passed("d"))],
    )
    assert (found.status, found.reason, found.subjects, found.examined) == (Status.FAIL, "1 of 4: two jobs", 4, 3)
    assert [result.subject for result in found.results] == ["c", "b"]


def test_a_part_that_nothing_decides_about_is_partial():
    """Where all are unknown, their own reason stands."""
    some = verdict("X", [outcome(passed("a"), unknown("b", Why.NOT_CAPTURED, "unseen"))])
    assert (some.status, some.why) == (Status.UNKNOWN, Why.PARTIAL)
    every = verdict("X", [outcome(unknown("b", Why.NOT_CAPTURED, "unseen"))])
    assert (every.status, every.why, every.reason) == (Status.UNKNOWN, Why.NOT_CAPTURED, "unseen")


@given(st.lists(st.sampled_from(ORDER), max_size=300))
def test_every_subject_is_counted_and_the_worst_are_listed(statuses):
    """Whatever there is: none is lost, and what is not listed is counted."""
    results = [Result(str(number), status, "why") for number, status in enumerate(statuses)]
    found = verdict("X", [outcome(result) for result in results])
    assert found.subjects == len(statuses)
    assert found.status is min(statuses, key=ORDER.index, default=Status.UNKNOWN)
    bad = sorted((each for each in statuses if each is not Status.PASS), key=ORDER.index)
    assert [result.status for result in found.results] == bad[:LISTED]
    assert found.not_listed == max(0, len(bad) - LISTED)


def test_every_requirement_of_the_catalogue_has_an_evaluator():
    """And every evaluator a requirement."""
    assert {each.requirement for each in EVALUATORS} == {one.id for one in load_catalogue().requirements}


def test_two_evaluators_of_one_requirement_in_one_kind_of_units_are_a_mistake():
    """The second one would count every subject twice."""
    from orchestrail.queries.facts import Process

    with pytest.raises(ValueError, match="RUN-ID-01"):
        judges("RUN-ID-01", of=Process, subject="a run")(lambda unit, circumstances: iter(()))
