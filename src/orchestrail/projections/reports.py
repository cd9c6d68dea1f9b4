"""The last report that answered a question, kept in the tables as text. What a report says is not known here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, delete, insert, select

from orchestrail.projections import tables


@dataclass(frozen=True, slots=True)
class ReportRow:
    """A report.

    Attributes:
        asked: the question.
        by: the catalogue and the evaluators.
        day: the UTC day that it is judged for.
        size: number of log entries that it rests on.
        root_hash: root of the log at that size, hexadecimal.
        said: the report, as text.
    """

    asked: str
    by: str
    day: str
    size: int
    root_hash: str
    said: str


_REPORTS = select(*(tables.report.c[name] for name in ReportRow.__slots__))


def keep(connection: Connection, row: ReportRow) -> None:
    """Keep a report in place of the one that answered its question before, unless that one rests on more of the log."""
    kept = find(connection, row.asked, row.by)
    if kept is None or (kept.size, kept.day) <= (row.size, row.day):
        connection.execute(delete(tables.report).where(tables.report.c.asked == row.asked))
        connection.execute(insert(tables.report), asdict(row))


def find(connection: Connection, asked: str, by: str) -> ReportRow | None:
    """Find the last report that answered a question, by some catalogue and evaluators."""
    row = connection.execute(_REPORTS.where(tables.report.c.asked == asked, tables.report.c.by == by)).first()
    return ReportRow(*row) if row is not None else None


def all_reports(connection: Connection) -> Iterator[ReportRow]:
    """Give all that is kept, one after the other."""
    keys = select(tables.report.c.asked, tables.report.c.by).distinct().order_by(tables.report.c.asked)
    for asked, by in connection.execute(keys).all():
        for row in connection.execute(_REPORTS.where(tables.report.c.asked == asked, tables.report.c.by == by)):
            yield ReportRow(*row)
