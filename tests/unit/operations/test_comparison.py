"""Holding two sets of attempts against each other."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrail.histories import Attempt
from orchestrail.model import State
from orchestrail.operations.comparison import (
    NEVER_TOLD,
    UNKNOWN_JOB,
    Bounds,
    Comparison,
    Recorded,
    compare,
)


def at(second: int) -> str:
    return f"2026-03-01T12:{second // 60:02}:{second % 60:02}.000000Z"


BEGINS, UNTIL = at(100), at(500)
BOUNDS = Bounds(BEGINS, UNTIL, oldest=at(50))
LOSSY = "lost with its process"

STATES = [
    (frozenset({State.COMPLETE}), State.COMPLETE),
    (frozenset({State.FAIL, State.ABORT}), State.FAIL),
    (frozenset({State.RUNNING}), None),
]
seconds = st.integers(0, 600)


@st.composite
def attempts(draw: st.DrawFn) -> list[Attempt]:
    """Attempts of a few units, each native id and number once."""
    found = {}
    for _ in range(draw(st.integers(0, 12))):
        unit = draw(st.integers(0, 3))
        native, number = f"{unit}/{draw(st.integers(0, 3))}", draw(st.integers(1, 3))
        agrees, ends_as = draw(st.sampled_from(STATES))
        begun_at = draw(seconds)
        found[native, number] = Attempt(
            native_id=native,
            attempt=number,
            unit=str(unit),
            job=f"job-{unit}",
            name="",
            word="",
            agrees=agrees,
            ends_as=ends_as,
            started_at=at(begun_at),
            ended_at=None if ends_as is None else at(begun_at + draw(st.integers(0, 60))),
            unit_started_at=at(unit * 150),
            begun=draw(st.booleans()),
            told=draw(st.booleans()),
            cut_off=draw(st.booleans()),
        )
    return list(found.values())


@st.composite
def recorded(draw: st.DrawFn) -> list[Recorded]:
    """Runs of the same few units; the same attempt may be there twice."""
    return [
        Recorded(
            run_id=f"run-{number}",
            native_id=f"{(unit := draw(st.integers(0, 3)))}/{draw(st.integers(0, 3))}",
            attempt=draw(st.integers(1, 3)),
            job=f"job-{unit}",
            unit=str(unit),
            state=draw(st.sampled_from([None, *State])),
            concluded=draw(st.booleans()),
            cut_off=draw(st.booleans()),
            started_at=at(begun := draw(seconds)),
            last_at=at(begun + draw(st.integers(0, 60))),
        )
        for number in range(draw(st.integers(0, 12)))
    ]


def as_recorded(attempt: Attempt, number: int) -> Recorded:
    """What a perfect adapter would have recorded of an attempt."""
    state = min(attempt.agrees)
    return Recorded(
        f"run-{number}", attempt.native_id, attempt.attempt, attempt.job, attempt.unit, state, last_at=attempt.ended_at
    )


def places(result: Comparison) -> dict[str, object]:
    """The result without the order of its lists."""
    lists = ("missing", "surplus", "different", "closing")
    counts = ("agreed", "waiting", "unsettled", "before_record", "pruned", "earlier_passes")
    return {name: sorted(map(repr, getattr(result, name))) for name in lists} | {
        name: getattr(result, name) for name in counts
    }


@given(attempts(), recorded())
def test_each_attempt_comes_to_one_place(theirs: list[Attempt], ours: list[Recorded]) -> None:
    """Nothing is counted twice and nothing gets lost, whatever the two sides hold."""
    found = compare(theirs, ours, BOUNDS, LOSSY)
    pairs_told = [*found.different, *found.closing]
    listed_theirs = [one.theirs for one in (*found.missing, *pairs_told)]
    listed_ours = [one.ours for one in (*found.surplus, *pairs_told)]
    assert len(set(listed_theirs)) == len(listed_theirs)
    assert len(set(listed_ours)) == len(listed_ours)
    keys = {(one.native_id, one.attempt) for one in theirs}
    matched = len({(one.native_id, one.attempt) for one in ours} & keys)
    pairs = found.agreed + len(pairs_told)
    assert len(theirs) - matched + len(ours) - matched == (
        len(found.missing) + found.waiting + found.before_record + len(found.surplus) + found.pruned
        + found.earlier_passes + found.unsettled - (matched - pairs)
    )  # fmt: skip


@given(attempts(), recorded(), st.randoms(use_true_random=False))
def test_the_order_of_the_sides_does_not_matter(
    theirs: list[Attempt], ours: list[Recorded], chance: random.Random
) -> None:
    """Attempts come in the order of pages."""
    shuffled = theirs.copy()
    chance.shuffle(shuffled)
    assert places(compare(theirs, ours, BOUNDS, LOSSY)) == places(compare(shuffled, ours, BOUNDS, LOSSY))


@given(attempts(), st.data())
def test_what_is_taken_from_a_whole_record_is_missing_and_nothing_else(
    theirs: list[Attempt], data: st.DataObject
) -> None:
    """A record of all attempts agrees; without some of them exactly these are not agreed."""
    whole = [as_recorded(attempt, number) for number, attempt in enumerate(theirs)]
    assert compare(theirs, whole, BOUNDS).agreed == len(theirs)
    left_out = data.draw(st.sets(st.sampled_from(range(len(theirs)))) if theirs else st.just(set()))
    found = compare(theirs, [one for number, one in enumerate(whole) if number not in left_out], BOUNDS)
    assert (found.surplus, found.different, found.closing) == ([], [], [])
    excused = found.waiting + found.before_record + found.unsettled
    assert len(found.missing) + excused == len(left_out)
    assert {one.theirs for one in found.missing} <= {theirs[number] for number in left_out}


@given(attempts(), recorded())
def test_only_ended_attempts_are_closed(theirs: list[Attempt], ours: list[Recorded]) -> None:
    """And only where the record has them open, or concluded otherwise."""
    for one in compare(theirs, ours, BOUNDS).closing:
        assert one.state is one.theirs.ends_as is not None
        assert one.ours.state == State.RUNNING or one.ours.concluded
        assert one.ours.state not in one.theirs.agrees


THEIRS = Attempt(
    native_id="flow/task",
    attempt=1,
    unit="flow",
    job="train",
    name="task-1",
    word="Completed",
    agrees=frozenset({State.COMPLETE}),
    ends_as=State.COMPLETE,
    started_at=at(200),
    ended_at=at(210),
    unit_started_at=at(190),
)
OURS = Recorded("run", "flow/task", 1, "train.task", "flow", "COMPLETE", started_at=at(200), last_at=at(210))


@pytest.mark.parametrize(
    ("theirs", "place"),
    [
        (THEIRS, "missing"),
        (replace(THEIRS, begun=False), "waiting"),
        (replace(THEIRS, told=False), "unsettled"),
        (replace(THEIRS, ended_at=UNTIL), "unsettled"),
        (replace(THEIRS, unit_started_at=at(99)), "before_record"),
        (replace(THEIRS, started_at=at(50), unit_started_at=None), "missing"),
    ],
)
def test_what_the_record_lacks(theirs: Attempt, place: str) -> None:
    """Missing, unless it need not be there: not begun, not told of yet, of a moment ago, of before the record."""
    value = getattr(compare([theirs], [], BOUNDS), place)
    assert (len(value) if isinstance(value, list) else value) == 1


@pytest.mark.parametrize(
    ("ours", "place"),
    [
        (OURS, "surplus"),
        (replace(OURS, last_at=UNTIL), "unsettled"),
        (replace(OURS, last_at=at(49)), "pruned"),
        (replace(OURS, last_at=at(50)), "surplus"),
        (replace(OURS, last_at=None), "surplus"),
    ],
)
def test_what_the_orchestrator_lacks(ours: Recorded, place: str) -> None:
    """Surplus, unless it may still come, or is older than all that is kept there."""
    value = getattr(compare([], [ours], BOUNDS), place)
    assert (len(value) if isinstance(value, list) else value) == 1


def test_an_orchestrator_without_any_run_explains_nothing() -> None:
    """It may be another one than that which ran them: what is recorded is not taken for older than what it keeps."""
    assert len(compare([], [OURS], replace(BOUNDS, oldest=None)).surplus) == 1


@pytest.mark.parametrize(
    ("theirs", "ours", "place"),
    [
        (THEIRS, OURS, "agreed"),
        (THEIRS, replace(OURS, state="FAIL"), "different"),
        (THEIRS, replace(OURS, state=None), "different"),
        (THEIRS, replace(OURS, state="RUNNING"), "closing"),
        (THEIRS, replace(OURS, state="ABORT", concluded=True), "closing"),
        (THEIRS, replace(OURS, state="RUNNING", last_at=UNTIL), "unsettled"),
        (replace(THEIRS, ended_at=UNTIL), replace(OURS, state="RUNNING"), "unsettled"),
        (replace(THEIRS, agrees=frozenset({State.RUNNING}), ends_as=None), OURS, "different"),
    ],
)
def test_what_both_have(theirs: Attempt, ours: Recorded, place: str) -> None:
    """It agrees, or differs, or is closed; not judged where one side may be behind."""
    value = getattr(compare([theirs], [ours], BOUNDS), place)
    assert (len(value) if isinstance(value, list) else value) == 1


def test_what_a_cut_off_process_did_not_tell_is_told_apart() -> None:
    """By the record's own knowledge of the process, or by the orchestrator's; never where its records do not hang on it."""
    dead = replace(OURS, cut_off=True)
    assert compare([], [dead], BOUNDS, LOSSY).surplus[0].reason == LOSSY
    assert compare([], [dead], BOUNDS).surplus[0].reason is None
    assert compare([], [OURS], BOUNDS, LOSSY).surplus[0].reason is None
    assert compare([], [replace(dead, unit=dead.native_id)], BOUNDS, LOSSY).surplus[0].reason is None
    crashed = replace(THEIRS, native_id="flow", cut_off=True)
    assert compare([crashed], [OURS], BOUNDS, LOSSY).surplus[0].reason == LOSSY
    still_open = replace(THEIRS, agrees=frozenset({State.RUNNING}), ends_as=None)
    assert compare([still_open], [dead], BOUNDS, LOSSY).different[0].reason == NEVER_TOLD
    assert compare([still_open], [OURS], BOUNDS, LOSSY).different[0].reason is None


def test_a_flow_that_is_not_recorded_at_all_is_missing_with_a_hint() -> None:
    """It may lack its decorator; one whose other runs are recorded does not."""
    assert compare([THEIRS], [], BOUNDS).missing[0].reason == UNKNOWN_JOB
    other = replace(THEIRS, native_id="other", unit="other")
    known = replace(OURS, native_id="other", unit="other")
    assert compare([THEIRS, replace(other, native_id="other")], [known], BOUNDS).missing[0].reason is None


def test_of_several_passes_the_last_is_meant_where_there_is_no_number() -> None:
    """As with DAG runs that were cleared."""
    passes = [replace(OURS, run_id="first", state="FAIL"), replace(OURS, run_id="second")]
    found = compare([replace(THEIRS, attempt=None)], passes, BOUNDS)
    assert (found.agreed, found.earlier_passes, found.surplus) == (1, 1, [])


def test_a_try_that_never_began_has_no_number_of_its_own() -> None:
    """It was skipped, cleared and tried: Airflow keeps the try. Twice the same try that began is one too many."""
    passes = [replace(OURS, run_id="first", state="SKIPPED"), replace(OURS, run_id="second")]
    found = compare([THEIRS], passes, BOUNDS)
    assert (found.agreed, found.earlier_passes, found.surplus) == (1, 1, [])
    twice = compare([THEIRS], [replace(OURS, run_id="first"), replace(OURS, run_id="second")], BOUNDS)
    assert (twice.agreed, [one.ours.run_id for one in twice.surplus]) == (1, ["first"])
