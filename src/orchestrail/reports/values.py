"""What a technical documentation consists of, as frozen values: points with marks, and figures that name where they come from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Mark(StrEnum):
    """What a part of a point rests on."""

    FACT = "fact"
    STATEMENT = "statement"
    PARTIAL = "partial"
    MISSING = "missing"
    NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a figure is found in the record.

    Attributes:
        sequence: place in the log of the event or record that says it, or of the last event of the run.
        run_id: the run that it is said of; None for a record of another kind.
    """

    sequence: int
    run_id: str | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """A thing that the record says.

    Attributes:
        text: what it says.
        sources: where; never empty for what is known.
    """

    text: str
    sources: tuple[Source, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """Figures in rows.

    Attributes:
        title: what they are.
        columns: what stands in each column.
        rows: of figures.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Figure, ...], ...]


@dataclass(frozen=True, slots=True)
class Node:
    """A box of a diagram.

    Attributes:
        key: names it within the diagram.
        title: what it is called.
        kind: `data`, `source`, `model`, a role of a step, or `step`.
        sources: where the record has it.
        apart: what tells it from other runs of its job; None where none is beside it.
    """

    key: str
    title: str
    kind: str
    sources: tuple[Source, ...]
    apart: str | None = None

    @property
    def name(self) -> str:
        """What it is called, with what tells it apart."""
        return f"{self.title} {self.apart}" if self.apart else self.title


class Shown(StrEnum):
    """How far the record shows that an arrow is there, the best first."""

    PROVEN = "proven"
    """By content or by version."""
    UNPROVEN = "unproven"
    """By a name, an order or a weak digest alone."""
    UNCAPTURED = "uncaptured"
    """Something may have been handed on in memory, and nothing shows what."""


@dataclass(frozen=True, slots=True)
class Arrow:
    """What leads from one box to another.

    Attributes:
        start: key of a node.
        end: key of another one.
        shown: how far the record shows it.
    """

    start: str
    end: str
    shown: Shown


@dataclass(frozen=True, slots=True)
class Diagram:
    """Boxes and arrows.

    Attributes:
        title: what it shows.
        nodes: the boxes.
        arrows: from one box to another.
    """

    title: str
    nodes: tuple[Node, ...]
    arrows: tuple[Arrow, ...]


@dataclass(frozen=True, slots=True)
class Stated:
    """What a person states about a point.

    Attributes:
        text: the statement.
        by: who.
        role: in which role.
        day: when it was made.
        signature: what its signature is worth.
        state: whether it stands.
        source: where the record has it.
    """

    text: str
    by: str
    role: str
    day: str
    signature: str
    state: str
    source: Source


@dataclass(frozen=True, slots=True)
class Missing:
    """What nobody has said.

    Attributes:
        what: what is asked.
        roles: who has to say it.
    """

    what: str
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """One point of Annex IV.

    Attributes:
        point: `2(c)`.
        title: in a few words.
        wording: the text of the law that is kept of it.
        marks: what it rests on, in this order.
        tables: figures of the record.
        diagrams: drawn from what ran.
        stated: what persons state about it.
        missing: what nobody has said; None where nothing is missing.
        not_applicable: why it does not apply, and who says so; None where it does.
        shown: of a partial point, how many things the record shows.
        note: what to know beside it.
    """

    point: str
    title: str
    wording: str
    marks: tuple[Mark, ...]
    tables: tuple[Table, ...] = ()
    diagrams: tuple[Diagram, ...] = ()
    stated: tuple[Stated, ...] = ()
    missing: Missing | None = None
    not_applicable: Figure | None = None
    note: str | None = None

    def figures(self) -> Iterator[Figure]:
        """Go through all figures of the record."""
        for table in self.tables:
            for row in table.rows:
                yield from row
        if self.not_applicable is not None:
            yield self.not_applicable


@dataclass(frozen=True, slots=True)
class Event:
    """An entry of the log that a figure rests on.

    Attributes:
        sequence: its place.
        event_id: its digest, as the log holds it.
        run_id: the run that it is about; None for a record of another kind.
        job: name of the job.
    """

    sequence: int
    event_id: str
    run_id: str | None
    job: str


@dataclass(frozen=True, slots=True)
class Document:
    """The technical documentation of one model.

    Attributes:
        model: digest of the model.
        name: its name.
        system: the AI system that its runs name; None where they name none.
        day: the UTC day for which it was made.
        size: number of log entries that it rests on.
        root_hash: root of the log at that size, hexadecimal.
        points: of Annex IV, in order.
        events: all entries of the log that figures rest on, by place.
        disclaimer: what it is not.
        catalogue: identity of the catalogue.
    """

    model: str
    name: str
    system: str | None
    day: date
    size: int
    root_hash: str
    points: Sequence[Point]
    events: Sequence[Event]
    disclaimer: str
    catalogue: str

    @property
    def draft(self) -> bool:
        """True while anything is missing."""
        return any(Mark.MISSING in point.marks for point in self.points)

    def counts(self) -> dict[str, int]:
        """Say how many points have each mark."""
        return {mark.value: sum(mark in point.marks for point in self.points) for mark in Mark}
