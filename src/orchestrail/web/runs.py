"""Runs: the list with its filters, and one run with all that is below it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Annotated, Any

from fastapi import Query

from orchestrail.errors import ConfigurationError
from orchestrail.model import Capability, State
from orchestrail.queries import RunRow
from orchestrail.queries.beginnings import orchestrators
from orchestrail.queries.differences import flat
from orchestrail.queries.loading import Edge, load_runs
from orchestrail.queries.log_entries import places_of
from orchestrail.queries.mapped import siblings
from orchestrail.queries.overview import system_names
from orchestrail.queries.runs import find_run, place_of
from orchestrail.queries.runs import runs as find_runs
from orchestrail.queries.show import Shown, show
from orchestrail.queries.snapshot import Snapshot
from orchestrail.queries.times import utc
from orchestrail.queries.words import counted, error_apart, short_job
from orchestrail.web import addresses
from orchestrail.web.addresses import Address
from orchestrail.web.text import sent

PAGE = 50
"""Runs on one page."""
STEPS = 1000
"""Steps of one root run that are listed."""
_EVENTS = 100
_WIDTH = 1000
"""Units of the width of a timeline."""
_Text = Annotated[str | None, Query(max_length=addresses.LONGEST)]


@dataclass
class Wanted:
    """What is asked of the list of runs: the filters of `orchestrail runs`, and where a page begins."""

    system: _Text = None
    orchestrator: _Text = None
    state: _Text = None
    job: _Text = None
    since: _Text = None
    every: Annotated[bool, Query(alias="all")] = False
    before: _Text = None
    live: bool = True


@dataclass(frozen=True, slots=True)
class Following:
    """How a page goes on to show what runs: its script looks again as long as something does.

    Attributes:
        said: what runs, in words that change only where that does.
        on: something runs, and nobody asked the page to hold still.
        other: the same page, following where it holds still and holding still where it follows; None where nothing runs.
    """

    said: str
    on: bool
    other: Address | None


def listing(record: Snapshot, wanted: Wanted) -> dict[str, Any]:
    """Give a page of the list, the newest first."""
    named = system_names(record)
    wanted = replace(wanted, system=sent(wanted.system, named))
    found = find_runs(
        record,
        since=_since(wanted.since) if wanted.since else None,
        orchestrator=wanted.orchestrator or None,
        state=_state(wanted.state) if wanted.state else None,
        job=wanted.job or None,
        system=wanted.system or None,
        every=wanted.every,
        limit=PAGE + 1,
        before=place_of(find_run(record, wanted.before)) if wanted.before else None,
    )
    asked: dict[str, Any] = {
        "system": wanted.system, "orchestrator": wanted.orchestrator, "state": wanted.state,
        "job": wanted.job, "since": wanted.since, "all": "true" if wanted.every else None,
    }  # fmt: skip
    following = None
    if len(found) > PAGE:
        following = addresses.runs(**asked, before=found[PAGE - 1].run_id)
    running = sum(row.state == State.RUNNING for row in found[:PAGE])
    said = f"{counted(running, 'run')} of this list {'is' if running == 1 else 'are'} running."
    return {
        "rows": found[:PAGE],
        "wanted": wanted,
        "systems": named,
        "orchestrators": orchestrators(record),
        "choices": [state.value for state in State],
        "following": following,
        "newest": addresses.runs(**asked) if wanted.before else None,
        "follow": Following(
            said if running else "No run of this list is running.",
            bool(running) and wanted.live,
            addresses.runs(**asked, before=wanted.before, live="no" if wanted.live else None) if running else None,
        ),
    }


def _state(given: str) -> State:
    try:
        return State(given.upper())
    except ValueError:
        allowed = ", ".join(state.value for state in State)
        raise ConfigurationError(f"There is no state {given!r}.", "", f"Allowed: {allowed}.") from None


def _since(given: str) -> str:
    """Read a day or a moment; without a zone it is of UTC, in which all pages tell times."""
    try:
        day = date.fromisoformat(given)
        moment = datetime(day.year, day.month, day.day, tzinfo=UTC)
    except ValueError:
        try:
            moment = datetime.fromisoformat(given)
        except ValueError:
            do = "Write 2026-03-01 or 2026-03-01T12:00."
            raise ConfigurationError(f"The time {given!r} cannot be used.", "It is no day and no time.", do) from None
    return utc(moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC))


def find(record: Snapshot, given: str) -> RunRow:
    """Find the run that an address names, as `orchestrail show` does."""
    return find_run(record, given)


@dataclass(frozen=True, slots=True)
class Step:
    """A run within a tree.

    Attributes:
        row: the run.
        depth: how many runs it lies below the one that is shown.
        name: of its job, without that of the run around it.
        apart: what tells it apart from others of its job.
        bar: where its bar in the timeline begins and how wide it is, of 1000; None where its times are not known.
        elsewhere: True where another orchestrator ran it than the run around it.
        after: names of the runs that may have handed something on to it that was not captured.
    """

    row: RunRow
    depth: int
    name: str
    apart: str | None
    bar: tuple[int, int] | None
    elsewhere: bool
    after: tuple[str, ...]


def one(record: Snapshot, row: RunRow, *, live: bool) -> dict[str, Any]:
    """Give all that is known of a run, and of those below it; `live` as long as it runs."""
    shown = show(record, row)
    rows = {each.run_id: each for each in shown.runs}
    steps = _steps(row, shown, rows)
    above = list(_above(row, rows))
    places = places_of(record, row.run_id, _EVENTS + 1)
    others = [row.cached_from, row.previous_attempt, *row.upstream, *row.downstream]
    return {
        "row": row,
        "root": rows[row.root_run_id],
        "above": above,
        "steps": steps[:STEPS],
        "more_steps": len(steps) - min(len(steps), STEPS),
        "span": _span(each for each in (step.row for step in steps)),
        "facts": sorted(flat({k: v for k, v in (row.environment_facts or {}).items() if k not in _LONG}).items()),
        "packages": _packages(row),
        "error": error_apart(row),
        "given_at": {end.changed_at for end in row.ends if end.changed_at},
        "unseen": sorted(set(Capability) - set(row.capabilities)) if row.capabilities is not None else [],
        "places": places[:_EVENTS],
        "more_places": len(places) > _EVENTS,
        "known": {**rows, **load_runs(record, [one for one in others if one and one not in rows])},
        "attempts": _attempts(row, rows.values()),
        "follow": _follow(row, steps, live=live),
    }


def _follow(row: RunRow, steps: Sequence[Step], *, live: bool) -> Following:
    running = sum(step.row.state == State.RUNNING for step in steps)
    if not running:
        return Following("It does not run any more.", on=False, other=None)
    said = f"Running: {len(steps) - running} of {counted(len(steps), 'run')} ended." if len(steps) > 1 else "Running."
    return Following(said, live, addresses.run(row.run_id, live="no" if live else None))


_LONG = ("distributions",)


def _packages(row: RunRow) -> list[tuple[str, Any]]:
    found = (row.environment_facts or {}).get("distributions")
    return sorted(found.items()) if isinstance(found, Mapping) else []


def _above(row: RunRow, rows: Mapping[str, RunRow]) -> list[RunRow]:
    """List the runs that a run ran in, the outermost first."""
    found: list[RunRow] = []
    passed = {row.run_id}
    while (above := rows.get(row.parent_run_id or "")) is not None and above.run_id not in passed:
        row = above
        passed.add(row.run_id)
        found.append(row)
    return found[::-1]


def _attempts(row: RunRow, rows: Iterable[RunRow]) -> list[RunRow]:
    """List all tries of a run, in order; empty where there is one alone."""
    following = {each.previous_attempt: each for each in rows if each.previous_attempt}
    by_id = {each.run_id: each for each in rows}
    first, passed = row, {row.run_id}
    while (before := by_id.get(first.previous_attempt or "")) is not None and before.run_id not in passed:
        passed.add(before.run_id)
        first = before
    found = [first]
    while (after := following.get(found[-1].run_id)) is not None and after not in found:
        found.append(after)
    return found if len(found) > 1 else []


def _steps(top: RunRow, shown: Shown, rows: Mapping[str, RunRow]) -> list[Step]:
    """Go through the tree below a run, each run before those below it."""
    apart = siblings(shown.runs)
    waited = _waited(shown.edges, rows, apart)
    found: list[Step] = []
    waiting = [(top.run_id, 0)]
    passed: set[str] = set()
    while waiting:
        run_id, depth = waiting.pop()
        if run_id in passed:
            continue
        passed.add(run_id)
        row = rows[run_id]
        parent = rows.get(row.parent_run_id or "")
        name = short_job(row.job.name, parent.job.name if depth and parent is not None else None)
        elsewhere = depth > 0 and (parent is None or parent.orchestrator != row.orchestrator)
        found.append(Step(row, depth, name, apart.get(run_id), None, elsewhere, waited.get(run_id, ())))
        waiting += [(child, depth + 1) for child in reversed(shown.children.get(run_id, ()))]
    span = _span(step.row for step in found)
    return [replace(step, bar=_bar(step.row, span)) for step in found]


def _waited(edges: Sequence[Edge], rows: Mapping[str, RunRow], apart: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = defaultdict(list)
    for edge in edges:
        if edge.kind == "after" and not edge.captured:
            name = rows[edge.start].job.name if edge.start in rows else edge.start
            found[edge.end].append(f"{name} {apart[edge.start]}" if edge.start in apart else name)
    return {run_id: tuple(names) for run_id, names in found.items()}


def _span(rows: Iterable[RunRow]) -> tuple[datetime, datetime] | None:
    """Give from when to when some runs ran."""
    listed = list(rows)
    begins = [datetime.fromisoformat(row.started_at) for row in listed if row.started_at]
    ends = [datetime.fromisoformat(row.ended_at) for row in listed if row.ended_at]
    return (min(begins), max([*begins, *ends])) if begins else None


def _bar(row: RunRow, span: tuple[datetime, datetime] | None) -> tuple[int, int] | None:
    if span is None or row.started_at is None or row.ends_before_start:
        return None
    whole = (span[1] - span[0]).total_seconds() or 1.0
    begin = (datetime.fromisoformat(row.started_at) - span[0]).total_seconds()
    end = (datetime.fromisoformat(row.ended_at) - span[0]).total_seconds() if row.ended_at else whole
    left = min(_WIDTH - 4, round(_WIDTH * begin / whole))
    return left, max(4, min(_WIDTH - left, round(_WIDTH * (end - begin) / whole)))
