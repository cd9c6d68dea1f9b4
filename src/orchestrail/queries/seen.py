"""What an answer rests on that is given to whoever may see some systems alone: whether it is still the same, and whether it is
little. No answer says any of this.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import func, literal, select

from orchestrail.projections import tables
from orchestrail.projections.changes import turns
from orchestrail.queries.snapshot import Snapshot

Mark = tuple[tuple[tuple[str, str], ...], tuple[int, ...], tuple[int, ...]]


def mark(record: Snapshot) -> Mark:
    """Give what is another one whenever the runs that are seen, their data, or our records of these are others.

    What stands in the manifest and in statements is not in it, and neither is the day.

    Args:
        record: a snapshot in which some systems alone are seen; what came in of others changes nothing of it.
    """
    withdrawn, documented = (
        tuple(record.execute(select(each.c.seq).order_by(each.c.seq)).scalars())
        for each in (tables.withdrawal, tables.document)
    )
    return tuple(turns(record)), withdrawn, documented


def is_little(record: Snapshot, systems: Collection[str], most: int) -> bool:
    """Say whether the runs of some systems have no more than so many events, without going through those of others.

    Args:
        record: a snapshot of the whole record.
        systems: names of the AI systems.
        most: events.
    """
    run, named, happened = tables.run.c, tables.of_system.c, tables.event.c
    naming = select(func.sum(named.runs)).where(named.system.in_(systems))
    if (record.execute(naming).scalar() or 0) > most:
        return False
    # Whatever belongs to a system has a root there, under which a run names it.
    roots = select(run.system_root_run_id).where(run.system.in_(systems))
    events = select(literal(1)).join_from(tables.run, tables.event, run.first_seq == happened.first_seq)
    theirs = events.where(run.system_root_run_id.in_(roots), run.belongs_to.in_(systems)).limit(most + 1)
    return record.execute(select(func.count()).select_from(theirs.subquery())).scalar_one() <= most
