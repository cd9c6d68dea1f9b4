"""What scans found in the log, what became of it, and how much of the log they looked at; and what people say of the fields.

Of several scans of one entry the last one counts: it knows more, and what is erased is not found again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from sqlalchemy import Connection, column, func, select, table

from orchestrail.errors import AmbiguousRun, NotRecorded
from orchestrail.manifest import FieldClass, Manifest
from orchestrail.projections import tables
from orchestrail.projections.rows import FoundRow, ResolutionRow, ScanRow

_log = table("log", column("seq"))
Window = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that stands in the log; see `orchestrail.projections.rows.FoundRow` for what is its own.

    Attributes:
        found: what was found, in those places that no later scan looked at again.
        resolution: what became of it; None while it is open.
    """

    found: FoundRow
    resolution: ResolutionRow | None

    @property
    def open(self) -> bool:
        """Whether nobody has said what became of it."""
        return self.resolution is None


@dataclass(frozen=True, slots=True)
class Scanned:
    """What is known from all scans.

    Attributes:
        last: the newest one.
        windows: the parts of the log that were looked at, none touching another.
        entries: entries of the log, but for those that scans and resolutions made.
        covered: those of them that were looked at.
        findings: what stands in them, the oldest first.
        fields: fields of events that had texts, with `*` for what differs between events.
    """

    last: ScanRow
    windows: tuple[Window, ...]
    entries: int
    covered: int
    findings: tuple[Finding, ...]
    fields: tuple[str, ...]

    def open(self, family: str) -> tuple[Finding, ...]:
        """Give what nobody has resolved: secrets, or personal data."""
        return tuple(one for one in self.findings if one.open and one.found.family == family)


def scanned(connection: Connection) -> Scanned | None:
    """Give what is known from all scans; None where there was none."""
    rows = scans(connection)
    if not rows:
        return None
    resolutions = {}
    for columns in connection.execute(select(tables.resolution).order_by(tables.resolution.c.seq)).mappings():
        resolutions[columns["digest"]] = tables.resolution_row(columns)
    made = made_by_scans(connection)
    windows = joined((row.first, row.last) for row in rows)
    size = connection.execute(select(func.count()).select_from(_log)).scalar() or 0
    looked_at = sum(last - first + 1 for first, last in windows)
    return Scanned(
        last=rows[-1],
        windows=windows,
        entries=size - len(made),
        covered=looked_at - sum(_within(seq, windows) for seq in made),
        findings=tuple(Finding(one, resolutions.get(one.digest)) for one in _standing(rows)),
        fields=tuple(sorted({name for row in rows for name in row.fields})),
    )


def scans(connection: Connection) -> list[ScanRow]:
    """Give all scans, the oldest first."""
    return [
        tables.scan_row(columns)
        for columns in connection.execute(select(tables.scan).order_by(tables.scan.c.seq)).mappings()
    ]


def made_by_scans(connection: Connection) -> frozenset[int]:
    """Give the places in the log of scans, and of what became of their findings."""
    kinds = tables.scan, tables.resolution
    return frozenset(seq for kind in kinds for seq in connection.execute(select(kind.c.seq)).scalars())


def joined(windows: Iterable[Window]) -> tuple[Window, ...]:
    """Join windows that touch or overlap."""
    found: list[Window] = []
    for first, last in sorted(windows):
        if found and first <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(found[-1][1], last)
        else:
            found.append((first, last))
    return tuple(found)


def _within(seq: int, windows: Iterable[Window]) -> bool:
    return any(first <= seq <= last for first, last in windows)


def _standing(rows: list[ScanRow]) -> list[FoundRow]:
    found: dict[str, FoundRow] = {}
    later: tuple[Window, ...] = ()
    for row in reversed(rows):
        for one in row.found:
            places = tuple(place for place in one.places if not _within(place[0], later))
            # Of the places that are only counted, it is not known whether a later scan looked at them.
            unlisted = one.count - len(one.places) if not _inside((row.first, row.last), later) else 0
            if places or unlisted:
                before = found.get(one.digest)
                known = before.places if before else ()
                count = len(places) + unlisted + (before.count if before else 0)
                found[one.digest] = replace(one, count=count, places=(*(places or one.places[:1]), *known))
        later = joined((*later, (row.first, row.last)))
    return sorted(found.values(), key=lambda one: one.places)


def _inside(window: Window, windows: Iterable[Window]) -> bool:
    return any(first <= window[0] and window[1] <= last for first, last in windows)


def find_finding(connection: Connection, given: str) -> Finding:
    """Find a finding by its id, or the beginning of it.

    Raises:
        NotRecorded: no scan found anything of that id.
        AmbiguousRun: several fit.
    """
    known = scanned(connection)
    fitting = [one for one in known.findings if one.found.id.startswith(given)] if known else []
    if not fitting:
        raise NotRecorded(
            f"There is no finding {given!r}.", "No scan on the record has it.", "`orchestrail scan` lists them."
        )
    if len(fitting) > 1:
        ids = ", ".join(one.found.id for one in fitting[:5])
        raise AmbiguousRun(f"{given!r} fits {len(fitting)} findings.", f"{ids}.", "Give more of the id.")
    return fitting[0]


@dataclass(frozen=True, slots=True)
class PersonalPlace:
    """A place in the log where something looks like personal data, with what people say of the field.

    Attributes:
        finding: what was found.
        seq: place in the log.
        pointer: field of the event.
        stated: class of the field; None where nobody stated one.
    """

    finding: Finding
    seq: int
    pointer: str
    stated: FieldClass | None


def personal_places(known: Scanned, manifest: Manifest) -> tuple[PersonalPlace, ...]:
    """Give the places of all open findings of personal data, with the classes of their fields."""
    return tuple(
        PersonalPlace(one, seq, pointer, manifest.class_of(pointer))
        for one in known.open("personal")
        for seq, pointer in one.found.places
    )


def unclassified(known: Scanned, manifest: Manifest) -> tuple[str, ...]:
    """Give the fields of events that nobody stated a class of."""
    return tuple(pointer for pointer in known.fields if manifest.class_of(pointer) is None)
