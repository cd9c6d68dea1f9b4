"""Where the record begins: runs older than the installation of an adapter are not on it, and that is no gap in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from orchestrail.projections import tables


@dataclass(frozen=True, slots=True)
class Beginning:
    """The first that the record knows of an orchestrator.

    Attributes:
        orchestrator: its name; `unknown` where its events do not tell.
        since: the earliest time that one of its events claims, RFC 3339 in UTC.
    """

    orchestrator: str
    since: str


def orchestrators(connection: Connection) -> list[str]:
    """List the orchestrators on the record, in order: from one to the next through their index, however many runs each has."""
    name = tables.run.c.orchestrator
    following = select(name).where(name.is_not(None)).order_by(name).limit(1)
    found: list[str] = []
    while (one := connection.execute(following.where(*(name > last for last in found[-1:]))).scalar()) is not None:
        found.append(one)
    return found


def beginnings(connection: Connection) -> list[Beginning]:
    """Say for each orchestrator since when it is on the record, the earliest first."""
    run = tables.run.c
    earliest = select(run.seen_at).where(run.seen_at.is_not(None)).order_by(run.orchestrator, run.seen_at).limit(1)
    sought = {name: earliest.where(run.orchestrator == name) for name in (None, *orchestrators(connection))}
    since = {name: connection.execute(query).scalar() for name, query in sought.items()}
    found = [Beginning(name or "unknown", first) for name, first in since.items() if first is not None]
    return sorted(found, key=lambda beginning: (beginning.since, beginning.orchestrator))


def since_when(connection: Connection) -> str:
    """Say in a sentence, for a message, where the record begins."""
    found = [
        f"{beginning.orchestrator} {datetime.fromisoformat(beginning.since):%Y-%m-%d %H:%M:%S}Z"
        for beginning in beginnings(connection)
    ]
    return f"The record begins: {', '.join(found)}." if found else "The record holds no run yet."
