"""To whom the runs belong that events on their way in are about, and who began them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, or_, select

from orchestrail.projections import tables
from orchestrail.projections.apply import applied, behind
from orchestrail.projections.chunks import chunks
from orchestrail.projections.fold import parents, stored_event
from orchestrail.store.appending import parsed
from orchestrail.store.base import Store
from orchestrail.store.entries import entries_at, reader

_AT_ONCE = 20
"""Log entries that are looked through; to bring more into the tables takes less time for each."""


@dataclass(frozen=True, slots=True)
class Owned:
    """Whose a run is.

    Attributes:
        names: the AI system that it names itself.
        belongs_to: the one that it belongs to; None where neither it nor a run above it names one.
        begun_by: how its first event came, where it belongs to none.
    """

    names: str | None
    belongs_to: str | None
    begun_by: str | None = None


def is_behind_on(store: Store, runs: Collection[str]) -> bool:
    """Say whether the log may say more than the tables do of runs, or of those right below them."""
    lag = behind(store)
    if not lag:
        return lag is None
    if lag > _AT_ONCE:
        return True
    with store.read() as record:
        after = applied(record)
    told = (stored_event(entry.seq, entry.body) for entry in store.records(after))
    return any(event is not None and not {event.run_id, *parents([event])}.isdisjoint(runs) for event in told)


def owners(record: Connection, runs: Iterable[str]) -> dict[str, Owned]:
    """Say whose those of the runs are that are on the record."""
    run = tables.run.c
    rows = [row for chunk in chunks(runs) for row in _rows(record, run.run_id.in_(chunk))]
    return {row["run_id"]: owned for row, owned in zip(rows, _owned(record, rows), strict=True)}


def left_below(record: Connection, runs: Collection[str]) -> Mapping[str, list[Owned]]:
    """Say whose the runs are that name no system themselves, by the run that they name as the one above them."""
    run, parent = tables.run.c, tables.run.alias("orchestrail_parent")
    found: dict[str, list[Owned]] = defaultdict(list)
    missing = ~select(parent.c.run_id).where(parent.c.run_id == run.parent_run_id).exists()
    for chunk in chunks(runs):
        above = or_(run.parent_run_id.in_(chunk), run.stated_root_run_id.in_(chunk) & missing)
        rows = _rows(record, run.system.is_(None) & above)
        for row, owned in zip(rows, _owned(record, rows), strict=True):
            for named in {row["parent_run_id"], row["stated_root_run_id"]} - {row["run_id"]}:
                found[named].append(owned)
    return found


def _rows(record: Connection, which: ColumnElement[bool]) -> list[Any]:
    run = tables.run.c
    columns = run.run_id, run.system, run.belongs_to, run.first_seq, run.parent_run_id, run.stated_root_run_id
    return list(record.execute(select(*columns).where(which)).mappings())


def _owned(record: Connection, rows: Iterable[Any]) -> list[Owned]:
    rows = list(rows)
    places = sorted({row["first_seq"] for row in rows if row["belongs_to"] is None})
    sources = {seq: parsed(entry.envelope).source for seq, entry in entries_at(reader(record), places)}
    return [Owned(row["system"], row["belongs_to"], sources.get(row["first_seq"])) for row in rows]
