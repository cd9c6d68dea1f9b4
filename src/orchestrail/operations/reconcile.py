"""The orchestrator's own records against the store: what each side lacks, what they tell differently, and ends that only it knows.

The result goes on the record itself, in the same transaction as the ends that were concluded from it. A run that only the
orchestrator has is listed, never invented. How the sides are compared is `comparison`'s matter, how the orchestrator is read
that of `orchestrail.histories`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

from orchestrail.events.build import timestamp
from orchestrail.histories import Attempt, History, understood
from orchestrail.model import Job
from orchestrail.operations.collect import collect
from orchestrail.operations.comparison import Bounds, Closing, Comparison, Finding, Recorded, compare
from orchestrail.operations.conclusions import concluded_end
from orchestrail.operations.records import own_record
from orchestrail.projections.apply import apply
from orchestrail.projections.attempts import attempts_of, attempts_since, first_recorded, with_all_above
from orchestrail.projections.rows import RunRow
from orchestrail.settings import Settings
from orchestrail.store.base import Incoming, Progress, Store

SOURCE = "reconcile"
SETTLE = 60.0
"""Seconds that either side may be behind: a task's first event, a scheduler's next look, Prefect's queue of task runs."""
LISTED = 1000
"""Findings of each kind that the record lists; all of them are counted."""

_UNITS = ("FLOW", "DAG")


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What one reconciliation found.

    Attributes:
        orchestrator: whose records were read.
        version: what it says of its version.
        address: where they were read, without credentials.
        read_at: when the reading began, RFC 3339 in UTC.
        since: beginning of what was compared.
        until: what happened later was not judged where the sides differ.
        record_begins: since when this orchestrator is on the record; None where it is not.
        oldest: when the oldest flow or DAG run began that the orchestrator still has; None where it has none.
        job: the jobs that it was limited to; None where it was not.
        theirs: number of attempts that were read.
        ours: number of attempts on the record that they were compared with.
        runs_before_record: the orchestrator's flow or DAG runs that began before the record does; None where that was not asked.
        comparison: where each attempt came to.
        sequence: place of this result in the log.
    """

    orchestrator: str
    version: str | None
    address: str
    read_at: str
    since: str
    until: str
    record_begins: str | None
    oldest: str | None
    job: str | None
    theirs: int
    ours: int
    runs_before_record: int | None
    comparison: Comparison
    sequence: int | None = None

    def document(self, limit: int | None = None) -> dict[str, Any]:
        """Give the result as the command prints it, with at most so many findings of each kind."""
        found = self.comparison
        closed = [Finding(one.theirs, one.ours) for one in found.closing]
        kinds = {"missing": found.missing, "surplus": found.surplus, "different": found.different, "closed": closed}
        return {
            "orchestrator": self.orchestrator,
            "version": self.version,
            "address": self.address,
            "read_at": self.read_at,
            "since": self.since,
            "until": self.until,
            "record_begins": self.record_begins,
            "oldest": self.oldest,
            "job": self.job,
            "attempts": {"orchestrator": self.theirs, "record": self.ours, "agreed": found.agreed},
            "counts": {
                **{kind: len(findings) for kind, findings in kinds.items()},
                **{
                    f"{kind}_explained": sum(finding.reason is not None for finding in kinds[kind])
                    for kind in ("surplus", "different")
                },
            },
            "not_compared": {
                "runs_before_record": self.runs_before_record,
                "unsettled": found.unsettled,
                "waiting": found.waiting,
                "pruned": found.pruned,
                "earlier_passes": found.earlier_passes,
            },
            **{kind: [_finding(one) for one in findings[:limit]] for kind, findings in kinds.items()},
        }


def reconcile(
    settings: Settings,
    store: Store,
    history: History,
    *,
    since: str | None = None,
    job: str | None = None,
    settle: float = SETTLE,
    progress: Progress | None = None,
) -> Reconciled:
    """Compare an orchestrator's own records with the store, conclude the ends that only it knows, and put the result on the record.

    Args:
        settings: name the home, the spool and the namespace of the result.
        store: the record.
        history: the orchestrator's own records.
        since: RFC 3339 in UTC as the rows have it; None for all since the record begins.
        job: name of the flow or DAG to look at; `*` stands for any text.
        settle: seconds that either side may be behind.
        progress: called while the spool is collected.

    Raises:
        HistoryError: the orchestrator's records cannot be read; nothing was stored.
        SpoolError: the spool cannot be read.
        StoreError: the store cannot be written.
    """
    read_at = datetime.now(UTC)
    collect(settings, store, progress=progress)
    apply(store)
    with store.read() as connection:
        begins = first_recorded(connection, history.orchestrator)
    bounds_begin = begins or timestamp(read_at)
    start = max(since or bounds_begin, bounds_begin)
    with understood(history.address):
        theirs = list(history.since(start))
    # What the orchestrator knew when it was asked has been spooled by now, but for what `settle` allows for.
    collect(settings, store, progress=progress)
    apply(store)
    record = _Record.of(store, history.orchestrator, start, theirs)
    elsewhere = record.units() - {one.unit for one in theirs}
    with understood(history.address):
        theirs += history.of(sorted(elsewhere))
        oldest = history.oldest()
    record = _Record.of(store, history.orchestrator, start, theirs) if elsewhere else record
    theirs = list({(one.native_id, one.attempt): one for one in theirs if _fits(one.job, job)}.values())
    ours = record.attempts(job)
    bounds = Bounds(bounds_begin, timestamp(read_at - timedelta(seconds=settle)), oldest)
    comparison = compare(theirs, ours, bounds, history.lossy)
    result = Reconciled(
        orchestrator=history.orchestrator,
        version=history.version,
        address=history.address,
        read_at=timestamp(read_at),
        since=start,
        until=bounds.until,
        record_begins=begins,
        oldest=bounds.oldest,
        job=job,
        theirs=len(theirs),
        ours=len(ours),
        runs_before_record=_before(history, theirs, ours, bounds_begin, since) if job is None else None,
        comparison=comparison,
    )
    ends = [_end(closing, record.rows, history.orchestrator) for closing in comparison.closing]
    about = Job(settings.namespace, f"orchestrail.reconcile.{result.orchestrator}")
    said = own_record("orchestrail_reconciliation", result.document(LISTED), SOURCE, about)
    appended = store.append([*ends, said])
    apply(store)
    return replace(result, sequence=appended.size - 1)


@dataclass(frozen=True)
class _Record:
    """The recorded attempts that are looked at.

    Attributes:
        rows: they themselves, by run id.
        above: they and all that stands above them.
        orchestrator: whose they are.
    """

    rows: Mapping[str, RunRow]
    above: Mapping[str, RunRow]
    orchestrator: str

    @cached_property
    def gone(self) -> frozenset[str]:
        """The processes that were found gone before they had told an end of what they were at."""
        return frozenset(
            _key(row.owner) for row in self.above.values() if row.owner and any(end.inferred for end in row.ends)
        )

    @cached_property
    def broken_pools(self) -> frozenset[str]:
        """The runs of flows of which a process of a pool was found gone: with it the executor ends all others of the pool."""
        rows = [row for row in self.rows.values() if row.owner and _key(row.owner) in self.gone]
        return frozenset(unit.run_id for row in rows if (unit := self._unit(row)).owner != row.owner)

    def _is_cut_off(self, row: RunRow) -> bool:
        if any(one.owner is not None and _key(one.owner) in self.gone for one in self._line(row)):
            return True
        unit = self._unit(row)
        return unit.run_id in self.broken_pools and unit.owner != row.owner

    @classmethod
    def of(cls, store: Store, orchestrator: str, since: str, theirs: Iterable[Attempt]) -> _Record:
        """Look at what began since a moment, and at all that is on the record of these runs of the orchestrator's."""
        with store.read() as connection:
            rows = attempts_since(connection, orchestrator, since)
            rows += attempts_of(connection, orchestrator, (one.native_id for one in theirs))
            above = with_all_above(connection, rows)
        return cls({row.run_id: row for row in rows}, above, orchestrator)

    def units(self) -> set[str]:
        """Name the flow runs or DAG runs of all attempts."""
        return {unit for row in self.rows.values() if (unit := self._unit(row).native_id) is not None}

    def attempts(self, job: str | None) -> list[Recorded]:
        """Give the attempts of jobs that fit, by place in the log."""
        chosen = [row for row in self.rows.values() if _fits(self._unit(row).job.name, job)]
        return [self._recorded(row) for row in sorted(chosen, key=lambda row: row.first_seq)]

    def _recorded(self, row: RunRow) -> Recorded:
        return Recorded(
            run_id=row.run_id,
            native_id=row.native_id or "",
            attempt=row.attempt,
            job=row.job.name,
            unit=self._unit(row).native_id,
            state=row.state,
            concluded=bool(row.ends) and all(end.inferred for end in row.ends),
            cut_off=self._is_cut_off(row),
            started_at=row.started_at,
            last_at=max(filter(None, (row.started_at, row.ended_at, row.seen_at)), default=None),
        )

    def _unit(self, row: RunRow) -> RunRow:
        """Give the flow run or DAG run that an attempt belongs to; itself where it belongs to none."""
        return next(
            (one for one in self._line(row) if one.orchestrator == self.orchestrator and one.job_type in _UNITS), row
        )

    def _line(self, row: RunRow) -> list[RunRow]:
        """List a run and all above it, as far as they are recorded."""
        line = [row]
        while (above := self.above.get(line[-1].parent_run_id or "")) is not None and above not in line:
            line.append(above)
        return line


def _key(owner: Mapping[str, Any]) -> str:
    return json.dumps(owner, sort_keys=True)


def _fits(name: str, pattern: str | None) -> bool:
    return pattern is None or fnmatchcase(name, pattern.replace("[", "[[]").replace("?", "[?]"))


def _before(
    history: History, theirs: Sequence[Attempt], ours: Sequence[Recorded], begins: str, since: str | None
) -> int:
    """Count the units before the record, but for those that are on it: an adapter hears of a start a moment after it."""
    if since is not None and since >= begins:
        return 0
    recorded = {one.native_id for one in ours}
    heard = {one.unit for one in theirs if one.unit in recorded and (one.unit_started_at or "~") <= begins}
    with understood(history.address):
        earlier = history.count(begins) - (history.count(since) if since else 0)
    return max(0, earlier - len(heard))


def _end(closing: Closing, rows: Mapping[str, RunRow], orchestrator: str) -> Incoming:
    ended = closing.theirs.ended_at
    reason = f"{orchestrator} has this attempt as {closing.theirs.word}"
    at = datetime.fromisoformat(ended) if ended else None
    return concluded_end(rows[closing.ours.run_id], closing.state, reason, SOURCE, at)


def _finding(finding: Finding) -> dict[str, Any]:
    theirs, ours = finding.theirs, finding.ours
    return {
        "native_id": theirs.native_id if theirs else ours.native_id if ours else None,
        "attempt": theirs.attempt if theirs else ours.attempt if ours else None,
        "job": ours.job if ours else theirs.job if theirs else None,
        "name": theirs.name if theirs else None,
        "orchestrator_state": theirs.word if theirs else None,
        "recorded_state": ours.state if ours else None,
        "run_id": ours.run_id if ours else None,
        "started_at": (theirs.started_at if theirs else None) or (ours.started_at if ours else None),
        "reason": finding.reason,
    }
