"""RUN-ID-01, RUN-ID-02, RUN-LC-01, RUN-LC-02, RUN-CAP-01, CHG-02: identity and life of runs, what is lost, acts of persons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

from orchestrail.model import Capability, State
from orchestrail.queries.facts import Claim, Process, RunFacts
from orchestrail.queries.reconciliations import Compared, ReconciliationRow, way_to_compare
from orchestrail.queries.words import counted
from orchestrail.requirements.circumstances import Circumstances
from orchestrail.requirements.engine import judges
from orchestrail.requirements.limits import NEITHER, SUPPLIED
from orchestrail.requirements.verdicts import Result, Why, Witness, failed, passed, unknown

_SHOWN = 10
"""Attempts that a failure names."""


def _contradiction(process: Process, run: RunFacts, field: str) -> tuple[Claim, ...]:
    return tuple(claim for claim in process.claims.get(run.run_id, ()) if claim.field == field)


def _shown(claims: tuple[Claim, ...]) -> tuple[Witness, ...]:
    return tuple(Witness(claim.run_id, claim.seq, claim.field, claim.value) for claim in claims)


@judges("RUN-ID-01", of=Process, subject="a run", beyond=NEITHER)
def run_means_one(process: Process, circumstances: Circumstances) -> Iterator[Result]:
    """Every event has a run id that means one run."""
    for run in process.runs:
        label = run.job.name
        here = Witness(run.run_id, run.first_seq, "run_id", run.run_id)
        if claims := _contradiction(process, run, "job"):
            yield failed(run.run_id, "one run id is bound to several jobs", *_shown(claims), label=label)
        elif claims := _contradiction(process, run, "system"):
            yield failed(run.run_id, "one run id is bound to several systems", *_shown(claims), label=label)
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


@judges("RUN-LC-01", of=Process, subject="a run", ages=True, beyond=NEITHER)
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
        elif run.started_at is None and run.step.manual:  # a person gave it its state: it never began
            yield passed(run.run_id, label)
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


@judges("RUN-ID-02", of=Process, subject="a run", ages=True, beyond={SUPPLIED})
def one_root(process: Process, circumstances: Circumstances) -> Iterator[Result]:
    """All runs of a process share one root run id, and its events are on the record."""
    grace = timedelta(hours=circumstances.policy.grace_hours)
    for run in process.runs:
        label = run.job.name
        stated = Witness(run.run_id, run.first_seq, "parent", run.parent_run_id or "none named")
        if claims := (*_contradiction(process, run, "parent"), *_contradiction(process, run, "root")):
            yield failed(run.run_id, "it names several parents or roots", *_shown(claims), label=label)
        elif _is_in_a_circle(process, run):
            yield failed(run.run_id, "its parents form a circle", stated, label=label)
        elif run.parent_run_id is None and not run.step.ours:
            why = "its producer names no parent, and does not say whether there is one"
            yield unknown(run.run_id, Why.NOT_CAPTURED, why, stated, label=label)
        elif run.parent_run_id is not None and run.parent_run_id not in process.by_id:
            if circumstances.older(run.seen_at, grace):
                yield failed(run.run_id, "the parent that it names is not on the record", stated, label=label)
            else:
                why = "the parent that it names is not on the record yet"
                yield unknown(run.run_id, Why.NOT_EVALUATED, why, stated, label=label)
        elif run.stated_root_run_id not in (None, run.root_run_id):
            told = Witness(run.run_id, run.first_seq, "root", run.stated_root_run_id or "")
            yield failed(run.run_id, f"it names another root than {run.root_run_id}", told, label=label)
        else:
            yield passed(run.run_id, label)


def _is_in_a_circle(process: Process, run: RunFacts) -> bool:
    passed: set[str] = set()
    here: RunFacts | None = run
    while here is not None and here.parent_run_id is not None:
        if here.run_id in passed:
            return True
        passed.add(here.run_id)
        here = process.by_id.get(here.parent_run_id)
    return False


@judges("RUN-LC-02", of=Process, subject="a run that failed, was skipped or was tried again", beyond={SUPPLIED})
def failures_are_told(process: Process, circumstances: Circumstances) -> Iterator[Result]:
    """What failed says why, and a further attempt names the one before. What simply ran is no subject."""
    for run in process.runs:
        label = run.job.name
        ended = Witness(run.run_id, run.ended_seq or run.first_seq, "error", "not told")
        again = (run.attempt or 1) > 1
        before = process.by_id.get(run.previous_attempt or "")
        broke = run.state in (State.FAIL, State.ABORT)
        if not (broke or again or run.state == State.SKIPPED):
            continue
        if broke and not run.step.has_error:
            if run.step.ours:
                yield failed(run.run_id, "it failed, and nothing says why", ended, label=label)
            else:
                why = "it failed, and its producer does not say why"
                yield unknown(run.run_id, Why.NOT_CAPTURED, why, ended, label=label)
        elif again and before is None:
            named = Witness(run.run_id, run.first_seq, "previous_attempt", run.previous_attempt or "none named")
            if process.can(run, Capability.ATTEMPTS):
                yield failed(run.run_id, f"attempt {run.attempt} names no recorded one before it", named, label=label)
            else:
                why = f"attempt {run.attempt}: its adapter cannot see the one before"
                yield unknown(run.run_id, Why.NOT_CAPTURED, why, named, label=label)
        elif again and before is not None and before.attempt not in (None, (run.attempt or 1) - 1):
            named = Witness(run.run_id, run.first_seq, "previous_attempt", f"{before.run_id}, attempt {before.attempt}")
            yield failed(
                run.run_id, f"attempt {run.attempt} names attempt {before.attempt} before it", named, label=label
            )
        else:
            yield passed(run.run_id, label)


_BY_HAND = ("manual", "backfill", "asset_materialization")


@judges("CHG-02", of=Process, subject="a run", beyond={SUPPLIED})
def acts_of_persons_are_told(process: Process, circumstances: Circumstances) -> Iterator[Result]:
    """What a person began, marked or cleared names the person by a pseudonym, and the reason."""
    for run in process.runs:
        label = run.job.name
        is_root = run.run_id == run.root_run_id
        lacking = [*_of_its_start(process, run), *_of_its_state(run), *_of_its_changes(process, run)]
        if lacking:
            yield failed(run.run_id, lacking[0][0], *(witness for _, witness in lacking), label=label)
        elif is_root and not process.can(run, Capability.MANUAL_CHANGES):
            here = Witness(run.run_id, run.first_seq, "trigger", run.trigger or "not told")
            why = "its adapter cannot see whether a person acted on it"
            yield unknown(run.run_id, Why.NOT_CAPTURED, why, here, label=label)
        elif is_root or run.step.manual or run.run_id in process.acts:
            yield passed(run.run_id, label)


def _of_its_start(process: Process, run: RunFacts) -> Iterator[tuple[str, Witness]]:
    """Find what is not told of who began a run by hand, and why: a note on the run says it."""
    if run.run_id != run.root_run_id or run.trigger not in _BY_HAND:
        return
    if not process.can(run, Capability.MANUAL_CHANGES):
        return
    if run.actor is None:
        here = Witness(run.run_id, run.first_seq, "actor", "not told")
        yield f"its start was {run.trigger}, and nothing says by whom", here
    elif not any(act.reason and act.task is None for act in process.acts.get(run.run_id, ())):
        here = Witness(run.run_id, run.first_seq, "reason", "not told")
        yield f"its start was {run.trigger}, and no note on it says why", here


def _of_its_state(run: RunFacts) -> Iterator[tuple[str, Witness]]:
    if not run.step.manual:
        return
    if run.step.changed_by is None:
        here = Witness(run.run_id, run.last_seq, "changed_by", "not told")
        yield "its state was changed by hand, and nothing says by whom", here
    elif not run.step.change_reason:
        here = Witness(run.run_id, run.last_seq, "reason", "not told")
        yield "its state was changed by hand, and no reason is given", here


def _of_its_changes(process: Process, run: RunFacts) -> Iterator[tuple[str, Witness]]:
    """Find acts without a person or a reason; a note on the same task, or on the run, gives the reason of its other acts."""
    acts = process.acts.get(run.run_id, ())
    reasons = {act.task for act in acts if act.reason}
    for act in acts:
        of = f"the task {act.task}" if act.task else "it"
        if act.what == "noted":
            continue
        if act.actor is None:
            yield (
                f"{of} was {act.what} by hand, and nothing says by whom",
                Witness(run.run_id, act.seq, "changes", act.what),
            )
        elif not reasons & {act.task, None}:
            yield (
                f"{of} was {act.what} by hand, and no reason is given",
                Witness(run.run_id, act.seq, "changes", act.what),
            )


@judges("RUN-CAP-01", of=Compared, subject="a run of an orchestrator", whole=True)
def nothing_is_lost(compared: Compared, circumstances: Circumstances) -> Iterator[Result]:
    """An orchestrator's own records were compared with the runs, all of them, and nothing is missing or surplus."""
    name, last = compared.orchestrator, compared.last
    if last is None:
        why = f"the records of {name} were not compared with this one: {way_to_compare(name)}"
        yield unknown(name, Why.NOT_EVALUATED, why)
        return
    counts = Counter(missing=0, surplus=0, different=0)
    for one in compared.found:
        counts[one.kind] += one.number
    if counts.total():
        detail = ", ".join(f"{count} {what}" for what, count in counts.items())
        here = Witness(None, max(one.seq for one in compared.found), "reconciliation", detail)
        listed = [
            Witness(told["run_id"], one.seq, one.kind, f"{told['job']} {told['native_id']}, attempt {told['attempt']}")
            for one in compared.found
            if (told := one.finding) is not None
        ]
        yield failed(name, f"its own records differ: {detail}", here, *listed[:_SHOWN])
    elif (beyond := _beyond(compared, last)) is not None:
        yield beyond
    else:
        yield passed(name)


def _beyond(compared: Compared, last: ReconciliationRow) -> Result | None:
    """Say what the comparisons say nothing of; None where they reach all runs that are looked at."""
    if not compared.outside:
        return None
    found, windows = last.result, compared.windows
    shown = [Witness(None, last.seq, "reconciliation", f"until {found['until']}")]
    runs = counted(compared.outside, "run lies", "runs lie")
    if not windows and found["job"] is not None:
        why = f"the last comparison was limited to {found['job']}: compare without `--job`"
    elif not windows:
        why = f"{counted(found['not_compared']['pruned'], 'attempt is', 'attempts are')} pruned from its own history"
    elif len(windows) == 1:
        why = f"{runs} outside of what was compared, {windows[0].since} to {windows[0].until}: compare again"
    else:
        begin, end = windows[0].since, windows[-1].until
        why = f"{runs} outside of each of {len(windows)} comparisons between {begin} and {end}: compare again"
    if windows and (pruned := found["not_compared"]["pruned"]):
        why += f"; the last time, {counted(pruned, 'attempt was', 'attempts were')} pruned from its own history"
    if compared.first_outside is not None:
        run_id, seq = compared.first_outside
        shown.append(Witness(run_id, seq, "started_at", "the first that lies outside"))
    return unknown(compared.orchestrator, Why.PARTIAL, why, *shown)


@judges("CHG-02", of=Compared, subject="a run", whole=True)
def no_state_differs(compared: Compared, circumstances: Circumstances) -> Iterator[Result]:
    """A run is in the state that its orchestrator has: where it is in another one, somebody acted and nothing tells of it."""
    name, last = compared.orchestrator, compared.last
    if last is None:
        why = f"states of runs were not compared with the records of {name}: {way_to_compare(name)}"
        yield unknown(name, Why.NOT_EVALUATED, why)
        return
    if (beyond := _beyond(compared, last)) is not None:
        yield beyond
    if unlisted := sum(one.number for one in compared.found if one.kind == "different" and one.finding is None):
        why = (
            f"{counted(unlisted, 'run is', 'runs are')} in another state, which the comparison counts and does not list"
        )
        yield unknown(name, Why.PARTIAL, why, Witness(None, last.seq, "reconciliation", "counts.different"))
    for one in compared.different:
        told = one.finding or {}
        states = f"{told['orchestrator_state']} by its own records, {told['recorded_state']} on the record"
        here = Witness(told["run_id"], one.seq, "state", states)
        yield failed(
            told["run_id"], f"{name} has it in another state, and no act on it is told", here, label=told["job"]
        )
