"""Checks that are data: three values, a closed list of operators, and nothing decided by what nobody saw."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrail.requirements.declared import (
    OPERATORS,
    VOCABULARY,
    Condition,
    Decision,
    DeclaredCheck,
    holds,
    problem_of,
)

TRAINS = Condition("role", "is", "train")
COMMITTED = Condition("code_commit", "known", True)
FEW = Condition("seeds", "at_most", 3)


@pytest.mark.parametrize(
    ("operator", "value", "fact", "held", "absent"),
    [
        ("known", True, "x", True, False),
        ("known", False, "x", False, True),
        ("is", "train", "train", True, False),
        ("is", "train", "split", False, False),
        ("is_not", "train", "split", True, True),
        ("is_not", "train", "train", False, True),
        ("one_of", ("a", "b"), "b", True, False),
        ("one_of", ("a", "b"), "c", False, False),
        ("none_of", ("a", "b"), "b", False, True),
        ("none_of", ("a", "b"), "c", True, True),
        ("like", "s3:*", "s3://x", True, False),
        ("like", "s3:*", "file", False, False),
        ("unlike", "s3:*", "s3://x", False, True),
        ("unlike", "s3:*", "file", True, True),
        ("at_least", 3, 3, True, False),
        ("at_least", 3, 2, False, False),
        ("at_most", 3, 3, True, False),
        ("at_most", 3, 4, False, False),
    ],
)
def test_a_condition_decides_by_what_is_there_and_what_is_absent(operator, value, fact, held, absent):
    """And by nothing that could not be seen."""
    condition = Condition("field", operator, value)
    assert condition.holds({"field": fact}) is held
    assert condition.holds({"field": None}) is absent
    assert condition.holds({}) is None


def test_a_check_is_about_those_that_all_of_where_fits():
    """Others are no subjects of it, whatever is known of them."""
    check = DeclaredCheck(require=(COMMITTED,), where=(TRAINS,))
    assert holds(check, {"role": "split"}) is None
    assert holds(check, {"role": "train", "code_commit": "abc"}) == Decision(True, COMMITTED)
    assert holds(check, {"role": "train", "code_commit": None}) == Decision(False, COMMITTED)
    assert holds(check, {"role": "train"}) == Decision(None, COMMITTED)


def test_the_condition_that_decided_is_named():
    """One that does not hold outweighs one that is not known."""
    check = DeclaredCheck(require=(COMMITTED, FEW))
    assert holds(check, {"seeds": 9}) == Decision(False, FEW)
    assert holds(check, {"seeds": 1}) == Decision(None, COMMITTED)
    assert holds(check, {"seeds": 1, "code_commit": "a"}) == Decision(True, FEW)


def test_what_may_be_a_subject_is_unknown_unless_it_holds_anyway():
    """Whether the check is about it cannot be told: then it passes only where it would in any case."""
    check = DeclaredCheck(require=(COMMITTED,), where=(TRAINS,))
    assert holds(check, {"code_commit": "a"}) == Decision(True, COMMITTED)
    assert holds(check, {"code_commit": None}) == Decision(None, TRAINS)


FACTS = st.dictionaries(st.sampled_from(["a", "b"]), st.none() | st.integers(0, 3), max_size=2)
CONDITIONS = st.one_of(
    st.builds(Condition, st.sampled_from(["a", "b"]), st.just("known"), st.booleans()),
    st.builds(
        Condition,
        st.sampled_from(["a", "b"]),
        st.sampled_from(["is", "is_not", "at_least", "at_most"]),
        st.integers(0, 3),
    ),
)
CHECKS = st.builds(
    DeclaredCheck,
    st.lists(CONDITIONS, min_size=1, max_size=3).map(tuple),
    st.lists(CONDITIONS, max_size=3).map(tuple),
)


@given(CHECKS, FACTS, FACTS)
def test_more_facts_never_turn_a_decision(check, facts, more):
    """What is decided stays decided, whatever comes to be seen beside it."""
    before, after = holds(check, facts), holds(check, more | facts)
    if before is None:
        assert after is None
    elif before.value is False:
        assert after is not None
        assert after.value is False
    elif before.value is True:
        assert after is None or after.value is True


@pytest.mark.parametrize(
    ("condition", "scope", "told"),
    [
        (Condition("colour", "is", "red"), "run", "there is no fact 'colour'"),
        (Condition("digest", "known", True), "run", "there is no fact 'digest'"),
        (Condition("role", "is", "train"), "model", "allowed: run, step, dataset"),
        (Condition("seeds", "like", "3*"), "run", "like does not fit seeds"),
        (Condition("seeds", "is", "3"), "run", "'3' does not fit seeds; allowed: a whole number"),
        (Condition("seeds", "is", True), "run", "True does not fit"),
        (Condition("role", "known", "yes"), "run", "allowed: true or false"),
        (Condition("role", "one_of", "train"), "run", "takes a list"),
        (Condition("role", "is", ("train",)), "run", "takes one value"),
        (Condition("role", "one_of", ("train", 3)), "run", "3 does not fit"),
    ],
)
def test_a_condition_that_cannot_be_asked_is_told_with_what_is_allowed(condition, scope, told):
    """When the file is read, and not when something is judged."""
    assert told in (problem_of(condition, scope) or "")


def test_every_field_can_be_asked_for():
    """In each scope, by the operator that fits all."""
    for scope, fields in VOCABULARY.items():
        assert all(problem_of(Condition(name, "known", True), scope) is None for name in fields)
    assert all(
        Condition("x", name, ("a",) if each.takes == "values" else "a").words for name, each in OPERATORS.items()
    )
