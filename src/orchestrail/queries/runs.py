"""Finding runs: by what a person has in hand, and by what they have in common."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, func, or_, select, tuple_

from orchestrail.errors import AmbiguousRun, UnknownRun
from orchestrail.model import State, file_name
from orchestrail.projections import tables
from orchestrail.projections.rows import RunRow
from orchestrail.projections.texts import ends_with, fits
from orchestrail.queries.beginnings import since_when
from orchestrail.queries.loading import load_runs

_SHOWN = 5


def find_run(connection: Connection, given: str) -> RunRow:
    """Find the run that a person means.

    Args:
        connection: a snapshot of the store.
        given: a run id, a unique prefix or suffix of one, or the orchestrator's own id; an id that several attempts share means
            the last of them.

    Raises:
        UnknownRun: nothing fits.
        AmbiguousRun: more than one run fits.
    """
    row = find_run_or_none(connection, given)
    if row is None:
        raise UnknownRun(
            f"There is no run {given!r} in the store.",
            f"It is no run ID, no start or end of one, and no orchestrator's own id. {since_when(connection)}",
            "See `orchestrail runs --all`; runs from before that time are not on the record.",
        )
    return row


def find_run_or_none(connection: Connection, given: str) -> RunRow | None:
    """Find the run that a person means; None where nothing fits.

    Raises:
        AmbiguousRun: more than one run fits.
    """
    run = tables.run.c
    given = file_name(given).strip()
    wanted = given.lower()
    if not wanted:
        return None
    exact = _matching(connection, run.run_id == wanted)
    if not exact:
        exact = _attempts(connection, given)
    if not exact:
        length = len(wanted)
        exact = _matching(
            connection,
            or_(func.substr(run.run_id, 1, length) == wanted, ends_with(run.run_id, wanted)),
        )
    if len(exact) > 1:
        shown = "; ".join(f"{run_id} ({name})" for run_id, name in exact[:_SHOWN])
        more = f"; and {len(exact) - _SHOWN} more" if len(exact) > _SHOWN else ""
        raise AmbiguousRun(f"{given!r} fits {len(exact)} runs.", f"{shown}{more}.", "Give more of the run ID.")
    return load_runs(connection, [exact[0][0]])[exact[0][0]] if exact else None


def _matching(connection: Connection, condition: ColumnElement[bool]) -> list[tuple[str, str]]:
    run = tables.run.c
    query = select(run.run_id, run.job_name).where(condition).order_by(run.first_seq)
    return [(run_id, name) for run_id, name in connection.execute(query)]


def _attempts(connection: Connection, native_id: str) -> list[tuple[str, str]]:
    """Find runs by the orchestrator's id: the last attempt where all are attempts of one run."""
    run = tables.run.c
    query = select(run.run_id, run.job_name, run.orchestrator, run.attempt).where(run.native_id == native_id)
    rows = connection.execute(query.order_by(func.coalesce(run.attempt, 0), run.first_seq)).all()
    numbers = [attempt for _, _, _, attempt in rows]
    if len({(name, orchestrator) for _, name, orchestrator, _ in rows}) == 1 and len(set(numbers)) == len(numbers):
        rows = rows[-1:]
    return [(run_id, name) for run_id, name, _, _ in rows]


def runs(
    connection: Connection,
    *,
    since: str | None = None,
    orchestrator: str | None = None,
    state: State | None = None,
    job: str | None = None,
    system: str | None = None,
    every: bool = False,
    limit: int | None = None,
    before: tuple[str, int] | None = None,
) -> Sequence[RunRow]:
    """List runs, newest first.

    Args:
        connection: a snapshot of the store.
        since: RFC 3339 in UTC as the rows have it; runs that began before are left out.
        orchestrator: name of the orchestrator.
        state: state of the run.
        job: name of the job; `*` stands for any text.
        system: the AI system that the run belongs to.
        every: list every run, not root runs alone.
        limit: list no more than so many.
        before: only those that come after this one in the list: `place_of` the last run of the page before.
    """
    run = tables.run.c
    conditions: list[ColumnElement[bool]] = []
    if not every:
        conditions.append(tables.IS_ROOT)
    if since:
        conditions.append(run.began >= since)
    if orchestrator:
        conditions.append(func.lower(run.orchestrator) == orchestrator.lower())
    if state:
        conditions.append(run.state == state.value)
    if job:
        conditions.append(fits(run.job_name, job))
    if system:
        conditions.append(run.system == system)
    if before:
        conditions.append(tuple_(run.began, run.first_seq) < before)
    newest_first = select(run.run_id).where(*conditions).order_by(run.began.desc(), run.first_seq.desc()).limit(limit)
    return list(load_runs(connection, connection.execute(newest_first).scalars()).values())


def place_of(row: RunRow) -> tuple[str, int]:
    """Give the place of a run in the list that `runs` gives."""
    return row.started_at or row.seen_at or "", row.first_seq


def job_names(connection: Connection) -> list[str]:
    """List the names of all jobs on the record, in order.

    Args:
        connection: a snapshot of the store.
    """
    name = tables.run.c.job_name
    return list(connection.execute(select(name).distinct().order_by(name)).scalars())
