"""What came of comparing each orchestrator's own records with the store: the last result, and what all of them say together.

Each comparison has a window. A run counts as compared where one window holds all of it; what a comparison found stands until a
later one has looked at the same again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, case, func, literal, not_, select, true

from orchestrail.histories import READERS
from orchestrail.projections import tables
from orchestrail.projections.chunks import chunks
from orchestrail.projections.rows import ReconciliationRow

__all__ = [
    "UNNAMED",
    "Compared",
    "Found",
    "ReconciliationRow",
    "Window",
    "compared",
    "last_reconciliations",
    "way_to_compare",
]

UNORCHESTRATED = "python"
"""What runs without an orchestrator: nobody else has records of it."""
UNNAMED = "an orchestrator that no event names"
"""What the runs are under of which no event tells the orchestrator."""

_EXPLAINED = {"missing": None, "surplus": "surplus_explained", "different": "different_explained"}
"""What findings count, and of which those with a reason do not: what is missing is missing, whatever the reason."""


def way_to_compare(orchestrator: str) -> str:
    """Say what it takes to hold an orchestrator's own records against this one."""
    return "`orchestrail reconcile`" if orchestrator in READERS else "this version cannot read them"


def last_reconciliations(connection: Connection) -> dict[str, ReconciliationRow]:
    """Give the latest result by orchestrator, in the order of their names."""
    return {orchestrator: rows[0] for orchestrator, rows in _reconciliations(connection).items()}


class Window(NamedTuple):
    """Times between which an orchestrator's own records were compared, RFC 3339 in UTC.

    Attributes:
        since: runs that began then or later were looked at.
        until: what happened later was not judged.
    """

    since: str
    until: str


class Found(NamedTuple):
    """What a comparison found and no later one has looked at again.

    Attributes:
        kind: missing, surplus, different.
        seq: place of the comparison in the log.
        finding: as the log lists it; None for those that it counts and does not list.
        number: how many they are; 1 for a listed one.
        root: root run id of the run that is told differently; None for the other kinds.
    """

    kind: str
    seq: int
    finding: Mapping[str, Any] | None
    number: int = 1
    root: str | None = None


@dataclass(frozen=True, slots=True)
class Compared:
    """An orchestrator of recorded runs, held against its own records.

    Attributes:
        orchestrator: its name; `UNNAMED` where their events do not tell it.
        last: what came of the last time; None where nobody compared them.
        found: what stands of all times, whichever run it is of.
        different: of the runs that are looked at, those that it has in another state without a reason.
        windows: what was compared, for all jobs; by time, none within another.
        outside: number of the runs that are looked at of which something lies outside of each window.
        first_outside: the first of these by place in the log, and that place.
    """

    orchestrator: str
    last: ReconciliationRow | None
    found: tuple[Found, ...] = ()
    different: tuple[Found, ...] = ()
    windows: tuple[Window, ...] = ()
    outside: int = 0
    first_outside: tuple[str, int] | None = None


def compared(connection: Connection, roots: Collection[str] | None) -> Iterator[Compared]:
    """Give the orchestrators of processes, by name.

    Args:
        connection: a snapshot of the store.
        roots: root run ids of the processes; None for all.
    """
    run = tables.run.c
    wanted = [run.root_run_id.in_(chunk) for chunk in chunks(roots)] if roots is not None else [true()]
    names = {
        name
        for condition in wanted
        for name in connection.execute(select(run.orchestrator).where(condition).distinct()).scalars()
    }
    known = _reconciliations(connection)
    for name in sorted({name or UNNAMED for name in names} - {UNORCHESTRATED}):
        rows = known.get(name, ())
        if not rows:
            yield Compared(name, None)
            continue
        found = tuple(_true_by_now(connection, name, list(_standing(rows))))
        different = tuple(one for one in found if one.root is not None and (roots is None or one.root in roots))
        windows = _windows(rows)
        yield Compared(name, rows[0], found, different, windows, *_outside(connection, name, windows, wanted))


def _reconciliations(connection: Connection) -> dict[str, tuple[ReconciliationRow, ...]]:
    """Give the results by orchestrator, the latest first."""
    table = tables.reconciliation
    query = select(table).order_by(table.c.orchestrator, table.c.seq.desc())
    rows = map(tables.reconciliation_row, connection.execute(query).mappings())
    return {name: tuple(of_it) for name, of_it in groupby(rows, lambda row: row.orchestrator)}


def _window(row: ReconciliationRow) -> Window | None:
    """Say what was compared for all jobs; None where that is nothing, or not known."""
    said = row.result
    if said["job"] is not None:
        return None
    if not said["not_compared"]["pruned"]:
        return Window(said["since"], said["until"])
    # Of what is older than all that the orchestrator has, only the record was there to look at.
    return Window(max(said["since"], said["oldest"]), said["until"]) if said["oldest"] is not None else None


def _windows(rows: Sequence[ReconciliationRow]) -> tuple[Window, ...]:
    """List what was compared by its beginning, and so by its end too: none that another one holds."""
    ends: dict[str, str] = {}
    for window in filter(None, map(_window, rows)):
        ends[window.since] = max(window.until, ends.get(window.since, ""))
    kept: list[Window] = []
    for since, until in sorted(ends.items()):
        if not kept or until > kept[-1].until:
            kept.append(Window(since, until))
    return tuple(kept)


def _standing(rows: Sequence[ReconciliationRow]) -> Iterator[Found]:
    """Give what comparisons found that no later one has looked at again; those that are not listed stand until all is."""
    later: list[Window] = []
    for row in rows:
        whole = Window(row.result["since"], row.result["until"])
        if not any(_holds(one, whole.since, whole.until) for one in later):
            for kind, explained in _EXPLAINED.items():
                listed = [one for one in row.result[kind] if explained is None or one["reason"] is None]
                counts = row.result["counts"]
                unlisted = counts[kind] - (counts[explained] if explained else 0) - len(listed)
                began = [one["started_at"] for one in listed]
                again = [at is not None and any(_holds(one, at, whole.until) for one in later) for at in began]
                yield from (Found(kind, row.seq, one) for one, seen in zip(listed, again, strict=True) if not seen)
                if unlisted > 0:
                    yield Found(kind, row.seq, None, unlisted)
        window = _window(row)
        if window is not None:
            # What the orchestrator no longer has is not missing any more, and was all the same.
            later.append(Window(max(window.since, row.result["oldest"] or window.since), window.until))


def _holds(window: Window, since: str, until: str) -> bool:
    return window.since <= since and until <= window.until


def _true_by_now(connection: Connection, orchestrator: str, told: Sequence[Found]) -> Iterator[Found]:
    """Leave out what is missing no longer, and states that the record has otherwise by now."""
    run = tables.run.c
    listed = {
        kind: [one.finding for one in told if one.kind == kind and one.finding is not None] for kind in _EXPLAINED
    }
    states = {
        run_id: (root, state)
        for chunk in chunks({one["run_id"] for one in listed["different"]})
        for run_id, root, state in connection.execute(
            select(run.run_id, run.root_run_id, run.state).where(run.run_id.in_(chunk))
        )
    }
    there = {
        (native, attempt)
        for chunk in chunks({one["native_id"] for one in listed["missing"]})
        for native, numbered in connection.execute(
            select(run.native_id, run.attempt).where(run.orchestrator == orchestrator, run.native_id.in_(chunk))
        )
        for attempt in (numbered, None)
    }
    for one in told:
        finding, root = one.finding, None
        if finding is not None and one.kind == "missing":
            if (finding["native_id"], finding["attempt"]) in there:
                continue
        elif finding is not None and one.kind == "different":
            root, state = states.get(finding["run_id"], (None, None))
            if root is None or state != finding["recorded_state"]:
                continue
        yield one._replace(root=root)


def _outside(
    connection: Connection, orchestrator: str, windows: Sequence[Window], wanted: Sequence[ColumnElement[bool]]
) -> tuple[int, tuple[str, int] | None]:
    """Count the runs that no window holds: one began before it, or the latest that is known of it is later than its end."""
    run = tables.run.c
    began = func.coalesce(run.started_at, run.seen_at)
    latest = func.coalesce(run.ended_at, began)
    # The last window that begins before a run ends the latest of those that do.
    held = and_(began >= windows[0].since, latest <= _end(began, windows)) if windows else None
    beyond = true() if held is None else not_(held)
    count, first = 0, None
    for condition in wanted:
        of_it = (condition, run.orchestrator == orchestrator, beyond)
        number, place = connection.execute(select(func.count(), func.min(run.first_seq)).where(*of_it)).one()
        count += number
        if number and (first is None or place < first):
            first = place
    if first is None:
        return count, None
    named = select(run.run_id).where(run.first_seq == first, run.orchestrator == orchestrator, beyond).limit(1)
    return count, (connection.execute(named).scalar_one(), first)


def _end(began: ColumnElement[str], windows: Sequence[Window]) -> ColumnElement[str]:
    """Say when the last window ends that begins before a run does, by halves: there may be one for each night of years."""
    if len(windows) == 1:
        return literal(windows[0].until)
    half = len(windows) // 2
    return case((began < windows[half].since, _end(began, windows[:half])), else_=_end(began, windows[half:]))
