"""What there is: the AI systems and models on the record. Where somebody begins who does not know it yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import Connection, case, func, select

from orchestrail.model import DatasetRef
from orchestrail.projections import tables
from orchestrail.queries.loading import content_key, dataset_key, load_runs, load_uses

_AHEAD = 4
"""Of how many writings, as a multiple of what is asked for, the models are looked for: one model may be written several times."""


@dataclass(frozen=True, slots=True)
class System:
    """An AI system that runs name.

    Attributes:
        name: as they name it.
        processes: number of root runs that do.
        failed: number of those that failed or were aborted.
        last: when the last of these began, RFC 3339 in UTC; None where none tells.
    """

    name: str
    processes: int
    failed: int
    last: str | None


@dataclass(frozen=True, slots=True)
class Written:
    """A model where it was written last.

    Attributes:
        dataset: the model.
        seq: place in the log of the event that says so.
        at: time which that event claims, RFC 3339 in UTC.
        run_id: the run that wrote it.
        job: name of its job.
        system: the system that the run names.
    """

    dataset: DatasetRef
    seq: int
    at: str | None
    run_id: str
    job: str
    system: str | None

    @property
    def mark(self) -> str:
        """Names this writing among all, and tells no place in the log: its run, and some digits of the model's identity."""
        return f"{self.run_id}@{_digits(self.dataset)}"


def systems(connection: Connection) -> list[System]:
    """List the AI systems that root runs name, in order."""
    run = tables.run.c
    bad = func.sum(case((run.state.in_(("FAIL", "ABORT")), 1), else_=0))
    query = (
        select(run.system, func.count(), bad, func.nullif(func.max(run.began), ""))
        .where(run.system.is_not(None), tables.IS_ROOT)
        .group_by(run.system)
        .order_by(run.system)
    )
    return [System(*row) for row in connection.execute(query)]


def system_names(connection: Connection) -> list[str]:
    """Name the AI systems on the record."""
    return [system.name for system in systems(connection)]


def latest_models(connection: Connection, limit: int, before: int | None = None) -> list[Written]:
    """List the models that were written last, the newest first.

    Args:
        connection: a snapshot of the store.
        limit: no more than so many.
        before: only those that were written last before this place in the log.
    """
    use = tables.use.c
    found: dict[str, Written] = {}
    query = select(use.seq).where(use.direction == "output", use.kind == "model")
    if before is not None:
        query = query.where(use.seq < before)
    places = list(connection.execute(query.order_by(use.seq.desc()).limit(limit * _AHEAD)).scalars())
    if not places:
        return []
    wrote = load_uses(
        connection, use.direction == "output", use.kind == "model", use.seq.between(places[-1], places[0])
    )
    rows = load_runs(connection, (each.run_id for each in wrote))
    for each in reversed(wrote):
        key = content_key(each.dataset) or dataset_key(each.dataset)
        row = rows[each.run_id]
        made = Written(each.dataset, each.seq, each.at, each.run_id, row.job.name, row.system)
        if key not in found:
            found[key] = made
    newer = _written_after(connection, list(found), before)
    return [made for key, made in found.items() if key not in newer][:limit]


def place_of_mark(connection: Connection, mark: str) -> int | None:
    """Give the place in the log of a writing of a model by its `Written.mark`; None where there is no such one."""
    run_id, _, digits = mark.rpartition("@")
    use = tables.use.c
    wrote = load_uses(connection, use.run_id == run_id, use.direction == "output", use.kind == "model")
    return next((each.seq for each in wrote if _digits(each.dataset) == digits), None)


def _digits(dataset: DatasetRef) -> str:
    return sha256((dataset.digest or dataset_key(dataset)).encode("utf-8", "backslashreplace")).hexdigest()[:16]


def _written_after(connection: Connection, keys: Sequence[str], place: int | None) -> set[str]:
    """Name those of some models that stand on a page before this one, because something wrote them again."""
    if place is None:
        return set()
    use = tables.use.c
    query = select(use.digest).where(use.direction == "output", use.digest.in_(keys), use.seq >= place).distinct()
    return set(connection.execute(query).scalars())
