"""Which adapters wrote the record, in which versions: the hosts of a team need not be upgraded together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

from sqlalchemy import Connection, func, select

from orchestrail.events.facets import PRODUCER_PREFIX
from orchestrail.model import Capability
from orchestrail.projections import tables


@dataclass(frozen=True, slots=True)
class Writer:
    """One version of an adapter that wrote runs.

    Attributes:
        adapter: its name.
        version: its version.
        runs: how many runs it told of first.
        first: the earliest time that one of these claims, RFC 3339 in UTC.
        last: the latest.
        cannot_see: capabilities that it stated, on the latest run that did, not to have; None where none of these runs did.
    """

    adapter: str
    version: str
    runs: int
    first: str
    last: str
    cannot_see: tuple[str, ...] | None = None


def writers(connection: Connection, since: str) -> list[Writer]:
    """List what wrote runs that were seen since a time (RFC 3339 in UTC), by adapter and by when it wrote first."""
    run = tables.run.c
    query = (
        select(run.producer, func.count(), func.min(run.seen_at), func.max(run.seen_at))
        .where(func.substr(run.producer, 1, len(PRODUCER_PREFIX)) == PRODUCER_PREFIX, run.seen_at >= since)
        .group_by(run.producer)
    )
    step = tables.step.c
    stated = (
        select(run.producer, step.capabilities)
        .join_from(tables.run, tables.step, run.run_id == step.run_id)
        .where(run.seen_at >= since, step.capabilities.is_not(None))
        .order_by(run.seen_at)
    )
    seen = {producer: set(capabilities.split(",")) for producer, capabilities in connection.execute(stated)}
    found = []
    for producer, count, first, last in connection.execute(query):
        adapter, _, version = producer.removeprefix(PRODUCER_PREFIX).partition(":")
        unseen = tuple(sorted(set(Capability) - seen[producer])) if producer in seen else None
        found.append(Writer(adapter, version, count, first, last, unseen))
    return sorted(found, key=lambda writer: (writer.adapter, writer.first, writer.version))


def side_by_side(found: Iterable[Writer]) -> dict[str, list[str]]:
    """Give the versions of adapters that wrote at the same time as another one; an upgrade leaves one behind the other."""
    by_adapter = defaultdict(list)
    for writer in found:
        by_adapter[writer.adapter].append(writer)
    mixed = {
        adapter: sorted({one.version for pair in combinations(group, 2) if _overlap(*pair) for one in pair})
        for adapter, group in by_adapter.items()
    }
    return {adapter: versions for adapter, versions in mixed.items() if versions}


def _overlap(one: Writer, other: Writer) -> bool:
    return one.first <= other.last and other.first <= one.last
