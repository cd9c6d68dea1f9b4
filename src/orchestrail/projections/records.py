"""Records of our own beside those of runs: of which kinds they are, and the way of each from its event to a row of its table.

A record is a job event of ours with one facet that is named after its kind; what somebody else sends under that name is none. Where
a later one has the primary key of an earlier one it takes its place, so a table keyed by `seq` keeps them all. A new kind is a
reader, a table and a line in `KINDS`; what a facet means is its reader's matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from sqlalchemy import Table

from orchestrail.projections import tables
from orchestrail.projections.erasures import erasure
from orchestrail.projections.fold import OURS
from orchestrail.projections.handed_out import document
from orchestrail.projections.manifests import manifest
from orchestrail.projections.reconciliations import reconciliation
from orchestrail.projections.recoveries import recovery
from orchestrail.projections.scans import resolution, scan
from orchestrail.projections.statements import persons, statement
from orchestrail.projections.values import mapping, parse, text
from orchestrail.projections.withdrawals import withdrawal
from orchestrail.store.base import Record

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Kind(Generic[Row]):
    """A kind of records.

    Attributes:
        facet: key of the facet that holds such a record.
        read: a pure function from that facet, its place in the log and the time of its append to a row; None where it is no such
            record. It gets whatever JSON can hold, and never raises.
        table: where the rows are kept.
        columns: lays a row out in the columns of the table.
    """

    facet: str
    read: Callable[[Mapping[str, Any], int, str], Row | None]
    table: Table
    columns: Callable[[Row], dict[str, Any]]


KINDS: tuple[Kind[Any], ...] = (
    Kind("orchestrail_reconciliation", reconciliation, tables.reconciliation, tables.reconciliation_columns),
    Kind("orchestrail_statement", statement, tables.statement, tables.statement_columns),
    Kind("orchestrail_persons", persons, tables.persons, tables.persons_columns),
    Kind("orchestrail_withdrawal", withdrawal, tables.withdrawal, asdict),
    Kind("orchestrail_document", document, tables.document, asdict),
    Kind("orchestrail_manifest", manifest, tables.manifest, tables.manifest_columns),
    Kind("orchestrail_recovery", recovery, tables.recovery, asdict),
    Kind("orchestrail_erasure", erasure, tables.erasure, tables.erasure_columns),
    Kind("orchestrail_scan", scan, tables.scan, tables.scan_columns),
    Kind("orchestrail_resolution", resolution, tables.resolution, asdict),
)


class Kept(NamedTuple):
    """What the tables keep of a record.

    Attributes:
        table: where.
        columns: a row of that table.
    """

    table: Table
    columns: dict[str, Any]

    @property
    def key(self) -> tuple[Any, ...]:
        """The values of the primary key."""
        return tuple(self.columns[column.name] for column in self.table.primary_key)


def records_in(entry: Record) -> Iterator[Kept]:
    """Read an entry of the log that is about no run: none where it is erased, not ours, or no record of a known kind."""
    event = parse(entry.body) if entry.body is not None else {}
    for kind, facet in _facets(event):
        row = kind.read(mapping(facet), entry.seq, entry.received_at)
        if row is not None:
            yield Kept(kind.table, kind.columns(row))


def may_be_record(event: Mapping[str, Any]) -> bool:
    """Say whether an event may be read as a record of ours, and not as one of a run."""
    return any(True for _ in _facets(event))


def _facets(event: Mapping[str, Any]) -> Iterator[tuple[Kind[Any], object]]:
    if (text(event.get("producer")) or "").startswith(OURS):
        facets = mapping(mapping(event.get("job")).get("facets"))
        yield from ((kind, facets[kind.facet]) for kind in KINDS if kind.facet in facets)
