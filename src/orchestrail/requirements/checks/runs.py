"""RUN-ID-01, RUN-ID-02, RUN-LC-01, RUN-LC-02: identity, place and life of runs. Each is judged within one process."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

from orchestrail.model import State
from orchestrail.queries.facts import Claim, Process, RunFacts
from orchestrail.requirements.circumstances import Circumstances
from orchestrail.requirements.engine import judges
from orchestrail.requirements.verdicts import Result, Why, Witness, failed, passed, unknown


def _contradiction(process: Process, run: RunFacts, field: str) -> tuple[Claim, ...]:
    return tuple(claim for claim in process.claims.get(run.run_id, ()) if claim.field == field)


def _shown(claims: tuple[Claim, ...]) -> tuple[Witness, ...]:
    return tuple(Witness(claim.run_id, claim.seq, claim.field, claim.value) for claim in claims)


@judges("RUN-ID-01", of=Process)
def run_means_one(process: Process, circumstances: Circumstances) -> Iterator[Result]:
    """Every event has a run id that means one run."""
    for run in process.runs:
        label = run.job.name
        here = Witness(run.run_id, run.first_seq, "run_id", run.run_id)
        if claims := _contradiction(process, run, "job"):
            yield failed(run.run_id, "one run id is bound to several jobs", *_shown(claims), label=label)
        elif not _is_uuid(run.run_id):
            yield failed(run.run_id, "the run id is no UUID", here, label=label)
        elif not run.job.name:
            yield failed(run.run_id, "the run names no job", here, label=label)
        else:
            yield passed(run.run_id, label)


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


@judges("RUN-LC-01", of=Process, ages=True)
def one_start_one_end(process: Process, circumstances: Circumstances) -> Iterator[Result]:
    """Each run has one start and one end; what was skipped has neither."""
    limit = timedelta(days=circumstances.policy.max_run_age_days)
    for run in process.runs:
        label = run.job.name
        first = Witness(run.run_id, run.first_seq, "state", run.state or "not told")
        if claims := _contradiction(process, run, "end"):
            yield failed(run.run_id, "it ended in two ways", *_shown(claims), label=label)
        elif run.step.untimed:
            yield failed(run.run_id, f"{run.step.untimed} of its events have no time with a zone", first, label=label)
        elif run.state == State.SKIPPED:
            yield passed(run.run_id, label)
        elif run.state is None:
            yield unknown(run.run_id, Why.NOT_CAPTURED, "no event tells of its start or end", first, label=label)
        elif run.started_at is None:
            yield failed(run.run_id, "it ended and no event tells that it began", first, label=label)
        elif run.state == State.RUNNING and circumstances.older(run.started_at, limit):
            begun = Witness(run.run_id, run.step.started_seq, "started_at", run.started_at)
            yield failed(
                run.run_id, f"open for more than {circumstances.policy.max_run_age_days} days", begun, label=label
            )
        elif run.state == State.RUNNING:
            yield unknown(run.run_id, Why.NOT_EVALUATED, "it has not ended yet", first, label=label)
        elif run.ended_at is not None and run.ended_at < run.started_at:
            told = Witness(run.run_id, run.ended_seq, "ended_at", f"{run.ended_at}, begun {run.started_at}")
            yield failed(run.run_id, "its end lies before its start", told, label=label)
        else:
            yield passed(run.run_id, label)
