"""How many runs have something in common, and which of them were first and last. What is counted is said in `tables`.

It is counted as the log is applied, so that it costs the same to ask however long the record is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Table, and_, delete, func, insert, select

from orchestrail.projections import tables
from orchestrail.projections.chunks import chunks

_OWN = 3
"""Columns of a tally beside its key: runs, first_seq, last_seq."""

Key = tuple[Any, ...]
Counted = Sequence[dict[str, tuple[Key, int]]]
"""By tally, what each of some runs counts as, with its place in the log."""


def counted(connection: Connection, run_ids: Collection[str]) -> Counted:
    """Say what runs count as now."""
    return [_members(connection, of, tally, run_ids) for of, tally in tables.TALLIES]


def count(connection: Connection, run_ids: Collection[str], before: Counted) -> None:
    """Bring the tallies up to date.

    Args:
        connection: a transaction in which the rows of the runs have been replaced.
        run_ids: the runs.
        before: what `counted` said of them before.
    """
    for (of, tally), was in zip(tables.TALLIES, before, strict=True):
        now = _members(connection, of, tally, run_ids)
        left: dict[Key, list[int]] = defaultdict(list)
        came: dict[Key, list[int]] = defaultdict(list)
        for run_id in was.keys() | now.keys():
            if was.get(run_id) != now.get(run_id):
                for member, moved in ((was.get(run_id), left), (now.get(run_id), came)):
                    if member is not None:
                        moved[member[0]].append(member[1])
        for key in left.keys() | came.keys():
            _recount(connection, of, tally, key, left[key], came[key])


def _names(tally: Table) -> list[str]:
    return [column.name for column in tally.columns][:-_OWN]


def _members(connection: Connection, of: Table, tally: Table, run_ids: Collection[str]) -> dict[str, tuple[Key, int]]:
    key = [of.c[name] for name in _names(tally)]
    query = select(of.c.run_id, of.c.first_seq, *key).where(*(each.is_not(None) for each in key))
    return {
        run_id: (tuple(values), seq)
        for chunk in chunks(run_ids)
        for run_id, seq, *values in connection.execute(query.where(of.c.run_id.in_(chunk)))
    }


def _recount(
    connection: Connection, of: Table, tally: Table, key: Key, left: Sequence[int], came: Sequence[int]
) -> None:
    named = dict(zip(_names(tally), key, strict=True))
    same = and_(*(tally.c[name] == value for name, value in named.items()))
    known = connection.execute(select(tally.c.runs, tally.c.first_seq, tally.c.last_seq).where(same)).first()
    runs, places = (known[0], list(known[1:])) if known is not None else (0, [])
    if not set(places).isdisjoint(left):
        own = and_(*(of.c[name] == value for name, value in named.items()))
        rest = connection.execute(select(func.min(of.c.first_seq), func.max(of.c.first_seq)).where(own)).one()
        places = [place for place in rest if place is not None]
    connection.execute(delete(tally).where(same))
    runs += len(came) - len(left)
    if runs:
        places += came
        row = named | {"runs": runs, "first_seq": min(places), "last_seq": max(places)}
        connection.execute(insert(tally), row)
