"""Which systems something changed for: each has a word, and another one after each change of what is on the record of its runs.

An answer that rests on some systems alone is of now as long as their words are those that it was given by, whatever came in of
others. The words are by chance, so that none comes back when tables are made anew out of less, as after an erasure.
"""

from __future__ import annotations

from collections.abc import Collection
from uuid import uuid4

from sqlalchemy import Connection, delete, insert, select

from orchestrail.projections import tables
from orchestrail.projections.chunks import chunks


class Changes:
    """What changes while events are applied.

    Args:
        connection: the transaction.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._systems: set[str | None] = set()
        self._moving: dict[str, tuple[str | None, str | None]] = {}

    def of(self, runs: Collection[str]) -> None:
        """Take in the systems that runs belong to now, where these have a row."""
        self._systems |= {system for system, _ in self._places(runs).values()}

    def before(self, runs: Collection[str]) -> None:
        """Remember where runs belong which others may move."""
        self._moving |= self._places(runs)

    def after(self) -> None:
        """Take in the systems that lost or got one of the runs that were remembered, or see another root of it."""
        now = self._places(self._moving)
        moved = [run_id for run_id, place in self._moving.items() if now[run_id] != place]
        self._systems |= {place[run_id][0] for run_id in moved for place in (self._moving, now)}

    def note(self) -> None:
        """Give each of the systems another word."""
        for chunk in chunks(sorted(system for system in self._systems if system is not None)):
            self._connection.execute(delete(tables.change).where(tables.change.c.system.in_(chunk)))
            self._connection.execute(insert(tables.change), [{"system": each, "turn": uuid4().hex} for each in chunk])

    def _places(self, runs: Collection[str]) -> dict[str, tuple[str | None, str | None]]:
        run = tables.run.c
        wanted = select(run.run_id, run.belongs_to, run.system_root_run_id)
        return {
            run_id: (system, root)
            for chunk in chunks(runs)
            for run_id, system, root in self._connection.execute(wanted.where(run.run_id.in_(chunk)))
        }


def turns(connection: Connection) -> list[tuple[str, str]]:
    """Give the words of all systems that may be seen, by their names."""
    rows = select(tables.change.c.system, tables.change.c.turn).order_by(tables.change.c.system)
    return [(system, turn) for system, turn in connection.execute(rows)]
