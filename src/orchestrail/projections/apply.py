"""Bringing the tables up to date with the log: what is new, or everything anew. Nothing is decided here about what an event means.

A run whose events grew is folded again from all of them, so that it makes no difference in how many steps the log was applied.
Each step is one transaction, so that whoever appends waits for one step and not for a whole log: a reader sees the tables as they
are for the log up to some place (`applied`), and as they are for all of it once `apply` has returned.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import islice
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Connection, Table, bindparam, delete, insert, inspect, select, update

from orchestrail.model import State
from orchestrail.projections import outcomes, tables, tallies
from orchestrail.projections.changes import Changes
from orchestrail.projections.chunks import chunks
from orchestrail.projections.facts import Facts, facts_of
from orchestrail.projections.fold import StoredEvent, fold, stored_event
from orchestrail.projections.records import Kept, records_in
from orchestrail.projections.rows import RunRow
from orchestrail.projections.tree import Link, named_by, root_of
from orchestrail.store.base import Progress, Record
from orchestrail.store.entries import entries_at, reader

STEP = 1000
"""Log entries that one transaction applies."""


class Log(Protocol):
    """What is needed of a store: its records, and a transaction for the tables."""

    def records(self, after: int = -1) -> Iterator[Record]:
        """Yield the log entries past a sequence number, in order."""
        ...

    def size(self) -> int:
        """Return the number of log entries."""
        ...

    def read(self) -> AbstractContextManager[Connection]:
        """Open a read-only snapshot."""
        ...

    def project(self) -> AbstractContextManager[Connection]:
        """Open a write transaction for the tables."""
        ...


class _Result(NamedTuple):
    """The stored result that a run computed or took, as far as other runs are concerned by it."""

    cache_key: str
    ended_seq: int
    orchestrator: str | None
    state: str | None


def apply(log: Log, progress: Progress | None = None, most: int | None = None) -> int:
    """Apply what the log holds beyond what was applied before; rebuild where the tables are of another version.

    Args:
        log: the store.
        progress: called with the events applied and those to apply.
        most: apply no more than so many; None for all.

    Returns:
        The number of log entries applied.
    """
    last, lag = log.size() - 1, behind(log)
    total = last + 1 if lag is None else lag
    if most is not None:
        last -= max(0, total - most)
        total = min(total, most)
    done = 0
    while (total or lag is None) and (step := _step(log, last)):
        done += step
        if progress:
            progress(min(done, total), total)
    return done


def rebuild(log: Log, progress: Progress | None = None) -> int:
    """Drop the tables and make them anew from the whole log.

    Args:
        log: the store.
        progress: called with the events applied and those to apply.

    Returns:
        The number of log entries applied.
    """
    with log.project() as connection:
        _remake(connection)
    return apply(log, progress)


def version_of(connection: Connection) -> str | None:
    """Give the version of the tables; None where there are none."""
    if not inspect(connection).has_table(tables.meta.name):
        return None
    return _meta(connection, "version")


def _meta(connection: Connection, key: str) -> str | None:
    return connection.execute(select(tables.meta.c.value).where(tables.meta.c.key == key)).scalar()


def applied(connection: Connection) -> int:
    """Give the place in the log up to which the tables hold what it says; -1 where that is nothing."""
    return int(_meta(connection, "applied_seq") or -1)


def _remake(connection: Connection) -> None:
    """Drop all that is ours, tables of an earlier version included, and make it anew."""
    for name in inspect(connection).get_table_names():
        if name.startswith("proj_"):
            connection.exec_driver_sql(f'DROP TABLE "{name}"')
    tables.metadata.create_all(connection)
    begin_anew(connection)


def begin_anew(connection: Connection) -> None:
    """Say of tables that were just made that they hold nothing yet."""
    connection.execute(
        insert(tables.meta), [{"key": "version", "value": tables.VERSION}, {"key": "applied_seq", "value": "-1"}]
    )


def behind(log: Log) -> int | None:
    """Say how many log entries the tables do not hold yet; None where there are no tables of this version."""
    with log.read() as connection:
        return log.size() - 1 - applied(connection) if version_of(connection) == tables.VERSION else None


def _step(log: Log, last: int) -> int:
    """Apply the next few entries up to some place, which another process may have done meanwhile; give their number."""
    with log.project() as connection:
        if version_of(connection) != tables.VERSION:
            _remake(connection)
        after = applied(connection)
        batch = list(islice(log.records(after), min(STEP, last - after))) if after < last else []
        if batch:
            _take(connection, batch)
            place = update(tables.meta).where(tables.meta.c.key == "applied_seq")
            connection.execute(place.values(value=str(batch[-1].seq)))
        return len(batch)


def _take(connection: Connection, batch: Sequence[Record]) -> None:
    grown: dict[str, list[StoredEvent]] = defaultdict(list)
    kept: list[Kept] = []
    for record in batch:
        event = stored_event(record.seq, record.body)
        if event is not None:
            grown[event.run_id].append(event)
        else:
            kept.extend(records_in(record))
    _keep(connection, kept)
    if not grown:
        return
    for run_id, earlier in _earlier(connection, grown).items():
        grown[run_id][:0] = earlier
    first = batch[0].seq
    news = [
        {"seq": event.seq, "first_seq": told[0].seq} for told in grown.values() for event in told if event.seq >= first
    ]
    connection.execute(insert(tables.event), news)
    judged = _meta(connection, outcomes.JUDGED) is not None
    if judged:
        outcomes.touch(connection, grown)
    before = _links(connection, grown)
    systems = _systems(connection, grown)
    changes = Changes(connection)
    changes.of(grown)
    counted = tallies.counted(connection, grown)
    results = _results(connection, grown)
    rows = [fold(told) for told in grown.values()]
    facts = [facts_of(row, told) for row, told in zip(rows, grown.values(), strict=True)]
    _replace(connection, [replace(row, root_run_id=before.get(row.run_id, (row.run_id, None))[0]) for row in rows])
    concluded = _trace_cached(connection, results, _results(connection, grown))
    moved = [
        row.run_id
        for row in rows
        if row.run_id not in before or before[row.run_id][1] != Link(row.parent_run_id, row.stated_root_run_id)
    ]
    placed = _place(connection, moved, judged) if moved else set()
    renamed = {row.run_id for row in rows if row.system != systems.get(row.run_id)}
    affected = {*grown, *placed, *_hanging_on(connection, renamed - placed)}
    changes.before(affected - grown.keys())
    belonging = _belong(connection, affected)
    _follow(connection, affected - grown.keys())
    _lay_out(connection, rows, facts, belonging)
    tallies.count(connection, grown, counted)
    changes.after()
    changes.of({*grown, *concluded})
    changes.note()
    if judged:
        outcomes.touch(connection, {*grown, *concluded, *placed})


def _keep(connection: Connection, kept: Iterable[Kept]) -> None:
    """Keep records of our own, the later one of those that have the same key."""
    latest = {(record.table, record.key): record.columns for record in kept}
    by_table: dict[Table, list[dict[str, Any]]] = defaultdict(list)
    for (into, _), columns in latest.items():
        by_table[into].append(columns)
    for into, rows in by_table.items():
        key = [each.name for each in into.primary_key]
        same = (into.c[name] == bindparam(f"its_{name}") for name in key)
        connection.execute(delete(into).where(*same), [{f"its_{name}": row[name] for name in key} for row in rows])
        connection.execute(insert(into), rows)


def _earlier(connection: Connection, runs: Iterable[str]) -> dict[str, list[StoredEvent]]:
    """Read the events of these runs that were applied before."""
    found: dict[str, list[StoredEvent]] = defaultdict(list)
    applied, run = tables.event.c, tables.run.c
    listed = select(applied.seq).join_from(tables.run, tables.event, run.first_seq == applied.first_seq)
    places = [
        seq for chunk in chunks(runs) for seq in connection.execute(listed.where(run.run_id.in_(chunk))).scalars()
    ]
    for seq, entry in entries_at(reader(connection), sorted(places)):
        event = stored_event(seq, entry.body)
        if event is not None:
            found[event.run_id].append(event)
    return found


def _links(connection: Connection, runs: Iterable[str]) -> dict[str, tuple[str, Link]]:
    """Read root and links of those of the runs that have a row."""
    columns = tables.run.c
    wanted = columns.run_id, columns.root_run_id, columns.parent_run_id, columns.stated_root_run_id
    return {
        run_id: (root, Link(parent, stated))
        for chunk in chunks(runs)
        for run_id, root, parent, stated in connection.execute(select(*wanted).where(columns.run_id.in_(chunk)))
    }


def _systems(connection: Connection, runs: Iterable[str]) -> dict[str, str | None]:
    """Read which system those of the runs name that have a row."""
    named = select(tables.run.c.run_id, tables.run.c.system)
    return {
        run_id: system
        for chunk in chunks(runs)
        for run_id, system in connection.execute(named.where(tables.run.c.run_id.in_(chunk)))
    }


def _belong(connection: Connection, runs: Collection[str]) -> dict[str, str | None]:
    """Say of runs which system they belong to, and which root they have where nothing else is recorded; give the systems.

    Args:
        connection: a transaction in which runs have the root that they have over the whole record.
        runs: those of which either may have changed.
    """
    run = tables.run.c
    wanted = select(run.run_id, run.system, run.parent_run_id, run.stated_root_run_id)
    named: dict[str, str | None] = {}
    links: dict[str, Link] = {}
    waiting, asked = set(runs), set(runs)
    while waiting:
        above: set[str | None] = set()
        for chunk in chunks(waiting):
            for run_id, system, parent, stated in connection.execute(wanted.where(run.run_id.in_(chunk))):
                named[run_id] = system
                links[run_id] = Link(parent, stated)
                above |= {parent, stated}
        waiting = {one for one in above if one is not None} - asked
        asked |= waiting
    systems = {run_id: named_by(run_id, links.get, named.get) for run_id in links}
    within: dict[str | None, dict[str, Link]] = defaultdict(dict)
    for run_id, system in systems.items():
        within[system][run_id] = links[run_id]
    placed = [
        {"run": run_id, "theirs": system, "root": None if system is None else root_of(run_id, within[system].get)}
        for run_id, system in sorted(systems.items())
        if run_id in runs
    ]
    placing = update(tables.run).where(run.run_id == bindparam("run"))
    connection.execute(placing.values(belongs_to=bindparam("theirs"), system_root_run_id=bindparam("root")), placed)
    return systems


def _follow(connection: Connection, runs: Iterable[str]) -> None:
    """Have the rows of runs that did not grow belong to the system of their run."""
    run = tables.run.c
    for rows in tables.BELONGING:
        theirs = select(run.belongs_to).where(run.run_id == rows.c.run_id).scalar_subquery()
        for chunk in chunks(runs):
            connection.execute(update(rows).where(rows.c.run_id.in_(chunk)).values(belongs_to=theirs))


def _replace(connection: Connection, rows: Sequence[RunRow]) -> None:
    for chunk in chunks(row.run_id for row in rows):
        connection.execute(delete(tables.run).where(tables.run.c.run_id.in_(chunk)))
        _forget_edges(connection, chunk)
    connection.execute(insert(tables.run), [tables.run_columns(row) for row in rows])
    if edges := [edge for row in rows for edge in tables.edge_columns(row)]:
        connection.execute(insert(tables.edge), edges)


def _forget_edges(connection: Connection, runs: Sequence[str]) -> None:
    """Forget what runs state, which is at one of their ends."""
    edge = tables.edge.c
    for end in (edge.from_run, edge.to_run):
        connection.execute(delete(tables.edge).where(end.in_(runs), edge.stated_by == end))


def _lay_out(
    connection: Connection, rows: Sequence[RunRow], facts: Sequence[Facts], systems: Mapping[str, str | None]
) -> None:
    """Lay out what runs read and wrote, and the facts of them, anew."""
    for chunk in chunks(row.run_id for row in rows):
        for each in (tables.use, *tables.FACTS):
            connection.execute(delete(each).where(each.c.run_id.in_(chunk)))
    laid_out: dict[Table, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        laid_out[tables.use] += tables.use_columns(row)
    for fact in facts:
        for kind, columns in tables.fact_columns(fact):
            laid_out[kind].append(columns)
    for each, made in laid_out.items():
        if each in tables.BELONGING:
            made = [columns | {"belongs_to": systems[columns["run_id"]]} for columns in made]
        if made:
            connection.execute(insert(each), made)


def _results(connection: Connection, runs: Iterable[str]) -> dict[str, _Result]:
    """Read the results of those of the runs that have a row, a cache key and an end."""
    columns = tables.run.c
    wanted = columns.run_id, columns.cache_key, columns.ended_seq, columns.orchestrator, columns.state
    keyed = select(*wanted).where(columns.cache_key.is_not(None), columns.ended_seq.is_not(None))
    return {
        run_id: _Result(*result)
        for chunk in chunks(runs)
        for run_id, *result in connection.execute(keyed.where(columns.run_id.in_(chunk)))
    }


def _trace_cached(connection: Connection, before: Mapping[str, _Result], after: Mapping[str, _Result]) -> set[str]:
    """Conclude who computed what cached runs took, where their adapter could not tell: another process computed it, or long ago.

    The nearest run of the same orchestrator that had completed under the same cache key, by place in the log; else nobody knows.
    What lies before the first run that is new or other than it was stays as it is: one result may be taken without end.

    Returns:
        The runs of which something else was concluded than before.
    """
    concluded: set[str] = set()
    since: dict[str, int] = {}
    for run_id in before.keys() | after.keys():
        was, now = before.get(run_id), after.get(run_id)
        # A run that took its result was folded anew, without what was concluded of it.
        if was != now or (now is not None and now.state == State.CACHED):
            for one in (was, now):
                if one is not None:
                    since[one.cache_key] = min(one.ended_seq, since.get(one.cache_key, one.ended_seq))
    columns = tables.run.c
    ended = select(tables.run).where(
        columns.state.in_([State.COMPLETE, State.CACHED]), columns.orchestrator.is_not(None)
    )
    for chunk in chunks(sorted(since, key=since.__getitem__)):
        first = since[chunk[0]]
        computed: dict[tuple[str, str], str | None] = {}
        for found in connection.execute(
            ended.where(columns.cache_key.in_(chunk), columns.ended_seq >= first).order_by(columns.ended_seq)
        ).mappings():
            result = found["cache_key"], found["orchestrator"]
            if found["state"] == State.COMPLETE:
                computed[result] = found["run_id"]
                continue
            if result not in computed:
                computed[result] = _computed_before(connection, *result, first)
            if found["cached_from"] != computed[result]:
                row = tables.run_row(found)
                if row.cached_from is None or "cached_from" in row.inferred:
                    _conclude_origin(connection, row, computed[result])
                    concluded.add(row.run_id)
    return concluded


def _computed_before(connection: Connection, cache_key: str, orchestrator: str, seq: int) -> str | None:
    columns = tables.run.c
    earlier = select(columns.run_id).where(
        columns.cache_key == cache_key,
        columns.state == State.COMPLETE,
        columns.ended_seq < seq,
        columns.orchestrator == orchestrator,
    )
    return connection.execute(earlier.order_by(columns.ended_seq.desc()).limit(1)).scalar()


def _conclude_origin(connection: Connection, row: RunRow, origin: str | None) -> None:
    inferred = {*row.inferred, "cached_from"} if origin else {*row.inferred} - {"cached_from"}
    row = replace(row, cached_from=origin, inferred=tuple(sorted(inferred)))
    connection.execute(update(tables.run).where(tables.run.c.run_id == row.run_id).values(tables.run_columns(row)))
    _forget_edges(connection, [row.run_id])
    if edges := tables.edge_columns(row):
        connection.execute(insert(tables.edge), edges)


def _hanging_on(connection: Connection, runs: Iterable[str]) -> set[str]:
    """Give runs, and all whose way to their root may lead over these."""
    frontier = set(runs)
    found: set[str] = set()
    columns = tables.run.c
    while frontier:
        found |= frontier
        following: set[str] = set()
        for chunk in chunks(frontier):
            for leading in (columns.parent_run_id, columns.stated_root_run_id):
                following.update(connection.execute(select(columns.run_id).where(leading.in_(chunk))).scalars())
        frontier = following - found
    return found


def _place(connection: Connection, moved: Iterable[str], judged: bool) -> set[str]:
    """Compute the roots of runs whose links are new, and of all that hangs on them; give them all."""
    affected = _hanging_on(connection, moved)
    columns = tables.run.c
    if judged:
        outcomes.touch(connection, affected)
    links: dict[str, Link | None] = {run_id: own for run_id, (_, own) in _links(connection, affected).items()}

    def link(run_id: str) -> Link | None:
        if run_id not in links:
            found = _links(connection, [run_id]).get(run_id)
            links[run_id] = found[1] if found else None
        return links[run_id]

    roots = [{"run": run_id, "root": root_of(run_id, link)} for run_id in sorted(affected)]
    connection.execute(
        update(tables.run).where(columns.run_id == bindparam("run")).values(root_run_id=bindparam("root")), roots
    )
    return affected
