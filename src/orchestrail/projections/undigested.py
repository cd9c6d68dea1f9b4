"""Files whose digest a step left to the collector, and digests that are known already. Read through the tables alone."""

from __future__ import annotations

import json
from dataclasses import dataclass

from sqlalchemy import Connection, select

from orchestrail.model import DatasetRef, Job
from orchestrail.projections import tables


@dataclass(frozen=True, slots=True)
class Undigested:
    """A file that a run used, and of which the record has no digest yet.

    Attributes:
        run_id: the run.
        job: its job.
        host: the machine on which it ran, None where the record does not say.
        direction: `input` or `output`.
        dataset: the file as the step saw it.
    """

    run_id: str
    job: Job
    host: str | None
    direction: str
    dataset: DatasetRef


def undigested(connection: Connection) -> list[Undigested]:
    """List the files that wait for the collector, the oldest use first."""
    use, run = tables.use.c, tables.run.c
    query = (
        select(tables.use, run.job_namespace, run.job_name, run.facts)
        .join(tables.run, run.run_id == use.run_id)
        .where(use.seen.is_not(None), use.digest.is_(None), use.observed != "at_collect", use.namespace == "file")
        .order_by(use.seq, use.direction, use.place)
    )
    found = []
    for columns in connection.execute(query).mappings():
        owner = json.loads(columns["facts"])["owner"] or {}
        job = Job(columns["job_namespace"], columns["job_name"])
        dataset = tables.use_row(columns).dataset
        found.append(Undigested(columns["run_id"], job, owner.get("host"), columns["direction"], dataset))
    return found


def known_digest(connection: Connection, dataset: DatasetRef) -> str | None:
    """Give the digest that was taken of the very same file: by name, inode, size and time of change."""
    use = tables.use.c
    query = select(use.digest).where(
        use.name == dataset.name,
        use.namespace == dataset.namespace,
        use.seen == dataset.seen,
        use.bytes == dataset.bytes,
        use.digest.is_not(None),
        use.weak.is_(None),
    )
    return connection.execute(query.limit(1)).scalar()
