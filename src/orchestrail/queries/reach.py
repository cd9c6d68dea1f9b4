"""How far a value in memory can have gone: within a process, a root run, or where a run says that it had it from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from orchestrail.projections import tables

Below = tuple[str, str]
"""A run, and its root run."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a run ran.

    Attributes:
        processes: those in which it and its root run lived; none where no recorder told.
        above: runs that it and its root run name as those in which they ran, recorded or not.
    """

    processes: frozenset[str] = frozenset()
    above: frozenset[str] = frozenset()

    def meets(self, other: _Place) -> bool:
        """Say whether something in memory can have gone from one to the other; it can where nobody knows a process."""
        known = self.processes and other.processes
        return not known or bool(self.processes & other.processes) or bool(self.above & other.above)


class Reach:
    """Which runs a reader can have had a value from that is equal. What was looked up is kept.

    Args:
        connection: a snapshot of the store.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._places: dict[str, _Place] = {}
        self._lenders: dict[str, frozenset[str]] = {}

    def of(self, reader: Below, writers: Sequence[Below]) -> set[str]:
        """Name the runs that the reader can have had it from: of the writers, and those of which the record says so."""
        self._look_up({run_id for pair in (reader, *writers) for run_id in pair})
        here = self._place(reader)
        met = {writer[0] for writer in writers if here.meets(self._place(writer))}
        return met | self._taken_from(*reader)

    def _place(self, run: Below) -> _Place:
        own, root = (self._places[run_id] for run_id in run)
        return _Place(own.processes | root.processes, own.above | root.above)

    def _look_up(self, run_ids: Iterable[str]) -> None:
        unknown = sorted(set(run_ids) - self._places.keys())
        self._places.update(dict.fromkeys(unknown, _Place()))
        run = tables.run.c
        query = select(run.run_id, run.parent_run_id, run.stated_root_run_id, run.facts)
        for run_id, *above, facts in self._connection.execute(query.where(run.run_id.in_(unknown))):
            owner = json.loads(facts)["owner"]
            processes = frozenset([json.dumps(owner, sort_keys=True)] if owner else ())
            self._places[run_id] = _Place(processes, frozenset(each for each in above if each is not None))

    def _taken_from(self, run_id: str, root: str) -> set[str]:
        """Name the runs of which a run says that it had something from them, and those from whose cache its root run took."""
        run, edge = tables.run.c, tables.edge.c
        if root not in self._lenders:
            cached = select(run.cached_from).where(run.root_run_id == root, run.cached_from.is_not(None))
            self._lenders[root] = frozenset(self._connection.execute(cached).scalars())
        stated = select(edge.from_run).where(edge.to_run == run_id)
        return {*self._lenders[root], *self._connection.execute(stated).scalars()}
