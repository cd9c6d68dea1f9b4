"""Two sets of attempts, the orchestrator's and the record's, held against each other: a pure function. Nothing is read or written.

Each attempt of either side ends in exactly one place of the result. What cannot be judged is counted apart, never as agreed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from orchestrail.histories.attempt import Attempt
from orchestrail.model import State

NEVER_TOLD = "Its process was cut off before it could tell."
UNKNOWN_JOB = "Nothing of this flow or DAG is on the record since it begins: perhaps it is not recorded at all."


@dataclass(frozen=True, slots=True)
class Recorded:
    """One attempt as the record has it.

    Attributes:
        run_id: its run.
        native_id: the orchestrator's id.
        attempt: its number; None where the adapter told none.
        job: the job's name.
        unit: native id of its flow run or DAG run, as far as that is recorded.
        state: its state; None where no event told one.
        concluded: True where its end was not reported but concluded.
        cut_off: True where its process, or one around it, was found gone before it had told the end of whatever it was at.
        started_at: when it began, RFC 3339 in UTC.
        last_at: the latest time that is known of it.
    """

    run_id: str
    native_id: str
    attempt: int | None
    job: str
    unit: str | None
    state: str | None
    concluded: bool = False
    cut_off: bool = False
    started_at: str | None = None
    last_at: str | None = None


@dataclass(frozen=True, slots=True)
class Bounds:
    """What can be compared.

    Attributes:
        begins: when the record begins; earlier units are not missing from it.
        until: what happened at this moment or later may still be on its way, on either side.
        oldest: when the oldest unit began that the orchestrator still has; None where it has none.
    """

    begins: str
    until: str
    oldest: str | None


@dataclass(frozen=True, slots=True)
class Finding:
    """What is to be told of one attempt.

    Attributes:
        theirs: as the orchestrator has it; None where it lacks it.
        ours: as the record has it; None where it lacks it.
        reason: why the sides differ, where a rule explains it; None where nothing does.
    """

    theirs: Attempt | None
    ours: Recorded | None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Closing:
    """An end to conclude.

    Attributes:
        theirs: as the orchestrator has the attempt.
        ours: as the record has it.
        state: how it ended.
    """

    theirs: Attempt
    ours: Recorded
    state: State


@dataclass(slots=True)
class Comparison:
    """Where each attempt came to.

    Attributes:
        agreed: number of attempts that both sides have and tell alike.
        missing: attempts that the record lacks.
        surplus: attempts that the orchestrator lacks.
        different: attempts whose states contradict each other.
        closing: attempts that the orchestrator has ended, and the record has open or only concluded otherwise.
        waiting: attempts that the orchestrator has not begun, and the record does not have.
        unsettled: attempts of which one side may still be behind.
        before_record: attempts of units that began before the record does.
        pruned: recorded attempts that are older than anything that the orchestrator still has.
        earlier_passes: what was recorded of a run before it was cleared, where the orchestrator keeps the last pass alone.
    """

    agreed: int = 0
    missing: list[Finding] = field(default_factory=list)
    surplus: list[Finding] = field(default_factory=list)
    different: list[Finding] = field(default_factory=list)
    closing: list[Closing] = field(default_factory=list)
    waiting: int = 0
    unsettled: int = 0
    before_record: int = 0
    pruned: int = 0
    earlier_passes: int = 0


def compare(
    theirs: Iterable[Attempt], ours: Sequence[Recorded], bounds: Bounds, lossy: str | None = None
) -> Comparison:
    """Hold the orchestrator's attempts against the record's.

    Args:
        theirs: each attempt once.
        ours: each run once, by place in the log.
        bounds: what can be compared.
        lossy: why the orchestrator may lack what a process did that was cut off; None where it may not.
    """
    listed = list(theirs)
    result = Comparison()
    by_native: dict[str, list[Recorded]] = defaultdict(list)
    for recorded in ours:
        by_native[recorded.native_id].append(recorded)
    jobs = {one.job for one in listed if one.unit in by_native}
    cut_off = {one.unit for one in listed if one.cut_off}
    left = {one.run_id: one for one in ours}

    def explained(recorded: Recorded) -> bool:
        return lossy is not None and (recorded.cut_off or recorded.unit in cut_off)

    for attempt in listed:
        found = _take(attempt, by_native[attempt.native_id], left, result)
        if found is not None:
            _judge_pair(attempt, found, bounds, result, explained(found))
        elif not attempt.begun:
            result.waiting += 1
        elif attempt.unit_started_at is not None and attempt.unit_started_at < bounds.begins:
            result.before_record += 1
        elif not attempt.told or _is_recent(bounds, attempt.started_at, attempt.ended_at):
            result.unsettled += 1
        else:
            result.missing.append(Finding(attempt, None, None if attempt.job in jobs else UNKNOWN_JOB))
    for recorded in left.values():
        # An orchestrator without any run may be the wrong one: that all was deleted there is not known.
        if bounds.oldest is not None and recorded.last_at is not None and recorded.last_at < bounds.oldest:
            result.pruned += 1
        elif _is_recent(bounds, recorded.last_at):
            result.unsettled += 1
        else:
            is_unit = recorded.native_id == recorded.unit
            result.surplus.append(Finding(None, recorded, lossy if explained(recorded) and not is_unit else None))
    return result


def _take(attempt: Attempt, rows: list[Recorded], left: dict[str, Recorded], result: Comparison) -> Recorded | None:
    """Take the recorded attempt that is meant: the last that fits, where a run was cleared.

    Of what was cleared before, the orchestrator keeps no pass of a run that it does not number, and no try that never began.
    """
    fitting = [row for row in rows if row.run_id in left and attempt.attempt in (None, row.attempt)]
    for row in fitting[:-1]:
        if attempt.attempt is None or row.state == State.SKIPPED:
            del left[row.run_id]
            result.earlier_passes += 1
    return left.pop(fitting[-1].run_id) if fitting else None


def _judge_pair(attempt: Attempt, found: Recorded, bounds: Bounds, result: Comparison, explained: bool) -> None:
    if found.state in attempt.agrees:
        result.agreed += 1
    elif _is_recent(bounds, attempt.started_at, attempt.ended_at, found.last_at):
        result.unsettled += 1
    elif attempt.ends_as is not None and (found.state == State.RUNNING or found.concluded):
        result.closing.append(Closing(attempt, found, attempt.ends_as))
    else:
        result.different.append(Finding(attempt, found, NEVER_TOLD if explained and attempt.ends_as is None else None))


def _is_recent(bounds: Bounds, *moments: str | None) -> bool:
    return any(moment is not None and moment >= bounds.until for moment in moments)
