"""Where the record begins: runs older than the installation of an adapter are not on it, and that is no gap in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

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


def beginnings(connection: Connection) -> list[Beginning]:
    """Say for each orchestrator since when it is on the record, the earliest first."""
    run = tables.run.c
    query = select(run.orchestrator, func.min(run.seen_at)).group_by(run.orchestrator)
    found = [Beginning(name or "unknown", since) for name, since in connection.execute(query) if since is not None]
    return sorted(found, key=lambda beginning: (beginning.since, beginning.orchestrator))


def since_when(connection: Connection) -> str:
    """Say in a sentence, for a message, where the record begins."""
    found = [
        f"{beginning.orchestrator} {datetime.fromisoformat(beginning.since):%Y-%m-%d %H:%M:%S}Z"
        for beginning in beginnings(connection)
    ]
    return f"The record begins: {', '.join(found)}." if found else "The record holds no run yet."
