"""One attempt as an orchestrator has it, in the words of the record. How it is read is the other modules' matter."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from orchestrail.events.build import timestamp
from orchestrail.model import State

ENDS = frozenset(State) - {State.RUNNING}


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of a run.

    Attributes:
        native_id: the orchestrator's id of the run, as our adapter records it.
        attempt: 1 for the first try; None where the orchestrator keeps no number, which then means the last one.
        unit: the native id of the flow run or DAG run that it belongs to, or that it is.
        job: name of that flow or DAG.
        name: what the orchestrator calls the run.
        word: the orchestrator's own word for its state.
        agrees: states of the record that this word does not contradict.
        ends_as: the end to conclude where the record has none; None where the orchestrator has not ended it either.
        started_at: when it began, RFC 3339 in UTC as the record has it.
        ended_at: when it ended.
        unit_started_at: when its flow run or DAG run began.
        begun: False where it may still wait, so that nothing need be on the record yet.
        told: False where the adapter tells of it only later, so that nothing can be on the record yet.
        cut_off: True where the orchestrator says that the process of this run was cut off.
    """

    native_id: str
    attempt: int | None
    unit: str
    job: str
    name: str
    word: str
    agrees: frozenset[State]
    ends_as: State | None = None
    started_at: str | None = None
    ended_at: str | None = None
    unit_started_at: str | None = None
    begun: bool = True
    told: bool = True
    cut_off: bool = False


def moment(value: object) -> str | None:
    """Write an API's time as the record has it; None where it is none."""
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    return timestamp(at) if at.tzinfo is not None else None
