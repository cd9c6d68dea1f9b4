"""A technical documentation put together: each point of Annex IV with its marks, and the entries that its figures rest on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any

from orchestrail.queries.log_entries import LogEntry
from orchestrail.queries.statements import SignatureState, Statement
from orchestrail.reports.annex import Filling, fill
from orchestrail.reports.evidence import Evidence
from orchestrail.reports.values import (
    Document,
    Event,
    Figure,
    Mark,
    Missing,
    Point,
    Shown,
    Source,
    Stated,
)
from orchestrail.requirements.catalogue import Catalogue
from orchestrail.requirements.catalogue.annex import Point as Asked
from orchestrail.requirements.catalogue.annex import annex_iv
from orchestrail.requirements.law import disclaimer, wording


def documentation(evidence: Evidence, catalogue: Catalogue, day: date, size: int, root_hash: str) -> Document:
    """Make the documentation.

    Args:
        evidence: what the record has.
        catalogue: whose identity the document names.
        day: the UTC day for which it is made.
        size: number of log entries that it rests on.
        root_hash: root of the log at that size, hexadecimal.
    """
    points = [_point(asked, evidence) for asked in annex_iv().points]
    return Document(
        model=evidence.model.key,
        name=evidence.model.dataset.name.rpartition("/")[2],
        system=evidence.system_name,
        day=day,
        size=size,
        root_hash=root_hash,
        points=points,
        events=_events(points, evidence.entries.values()),
        disclaimer=disclaimer(),
        catalogue=f"{catalogue.id} {catalogue.version} {catalogue.digest}",
    )


def _point(asked: Asked, evidence: Evidence) -> Point:
    filled = fill(asked.point, evidence)
    stated = [one for one in evidence.statements if asked.name in one.about]
    standing = [one for one in stated if one.stands and one.state.value == "valid" and one.role in asked.roles]
    excused = _not_applicable(asked, evidence)
    complete = bool(standing) or filled.stated
    marks = (Mark.NOT_APPLICABLE,) if excused is not None else tuple(dict.fromkeys(_marks(asked, filled, complete)))
    return Point(
        point=asked.point,
        title=asked.title,
        wording=" ".join(provision.text for provision in wording().of(asked.ref)),
        marks=marks,
        tables=filled.tables,
        diagrams=filled.diagrams,
        stated=tuple(_stated(one) for one in stated),
        missing=Missing(asked.states, asked.roles) if Mark.MISSING in marks or Mark.PARTIAL in marks else None,
        not_applicable=excused,
        note=asked.note,
    )


def _marks(asked: Asked, filled: Filling, complete: bool) -> Iterator[Mark]:
    """Mark what is there; a figure of the record never stands for what a person has to say."""
    there = bool(filled.tables or any(diagram.nodes for diagram in filled.diagrams))
    if there:
        yield Mark.FACT
        if filled.partial:
            yield Mark.PARTIAL
    if complete:
        yield Mark.STATEMENT
    elif "partial" in asked.unstated:
        yield Mark.PARTIAL if there else Mark.MISSING
    elif "missing" in asked.unstated or not there:
        yield Mark.MISSING


def _stated(one: Statement) -> Stated:
    fields = "; ".join(f"{name}: {value}" for name, value in one.fields.items())
    signature = one.signature_state.value.replace("_", " ")
    if one.signature_state is SignatureState.SIGNED:
        signature = f"signed by {one.signed_by}"
    return Stated(
        text=" ".join(filter(None, (one.statement, fields, one.reason))),
        by=one.by,
        role=one.role.replace("_", " "),
        day=one.made_at[:10],
        signature=signature,
        state=one.state.value.replace("_", " "),
        source=Source(one.seq),
    )


def _not_applicable(asked: Asked, evidence: Evidence) -> Figure | None:
    if not asked.may_not_apply or evidence.manifest is None:
        return None
    for one in evidence.manifest.manifest.not_applicable:
        if one.requirement == asked.name and one.system in (None, evidence.system_name):
            return Figure(f"{one.reason} (said by {one.by})", (Source(evidence.manifest.seq),))
    return None


def _events(points: Sequence[Point], entries: Iterable[LogEntry]) -> list[Event]:
    cited = {source.sequence for point in points for source in sources_of(point)}
    return [
        Event(entry.seq, entry.event_id, entry.run_id, entry.job)
        for entry in sorted(entries, key=lambda entry: entry.seq)
        if entry.seq in cited
    ]


def sources_of(point: Point) -> Iterator[Source]:
    """Go through all places in the record that a point rests on."""
    for figure in point.figures():
        yield from figure.sources
    for diagram in point.diagrams:
        for node in diagram.nodes:
            yield from node.sources
    for stated in point.stated:
        yield stated.source


def document_json(document: Document) -> dict[str, Any]:
    """Give the documentation as a JSON document: the contract's answer of `document`, with all figures."""
    return {
        "title": _title(document),
        "draft": document.draft,
        "model": {"digest": document.model, "name": document.name},
        "system": document.system,
        "date": document.day.isoformat(),
        "head": {"size": document.size, "root_hash": document.root_hash},
        "catalogue": document.catalogue,
        "counts": document.counts(),
        "disclaimer": document.disclaimer,
        "points": [_point_json(point) for point in document.points],
        "events": [
            {
                "sequence": event.sequence,
                "event_id": event.event_id,
                "run_id": event.run_id,
                "job": event.job or None,
            }
            for event in document.events
        ],
    }


def _title(document: Document) -> str:
    return f"{'Draft of the technical documentation' if document.draft else 'Technical documentation'}: {document.name}"


def _point_json(point: Point) -> dict[str, Any]:
    return {
        "point": point.point,
        "title": point.title,
        "marks": [mark.value for mark in point.marks],
        "tables": [
            {
                "title": table.title,
                "columns": list(table.columns),
                "rows": [[_figure_json(figure) for figure in row] for row in table.rows],
            }
            for table in point.tables
        ],
        "diagrams": [
            {
                "title": diagram.title,
                "nodes": [
                    {"key": node.key, "title": node.name, "kind": node.kind, "sources": _sources_json(node.sources)}
                    for node in diagram.nodes
                ],
                "arrows": [
                    {"from": one.start, "to": one.end, "proven": one.shown is Shown.PROVEN} for one in diagram.arrows
                ],
            }
            for diagram in point.diagrams
        ],
        "statements": [
            {
                "text": one.text,
                "by": one.by,
                "role": one.role,
                "made_on": one.day,
                "signature": one.signature,
                "state": one.state,
                "sequence": one.source.sequence,
            }
            for one in point.stated
        ],
        "missing": {"what": point.missing.what, "roles": list(point.missing.roles)} if point.missing else None,
        "not_applicable": _figure_json(point.not_applicable) if point.not_applicable else None,
        "note": point.note,
    }


def _figure_json(figure: Figure) -> dict[str, Any]:
    return {"text": figure.text, "sources": _sources_json(figure.sources)}


def _sources_json(sources: Sequence[Source]) -> list[dict[str, Any]]:
    return [{"run_id": source.run_id, "sequence": source.sequence} for source in sources]
