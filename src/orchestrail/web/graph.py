"""The graph around something as a diagram: runs and data sets, and how far the record shows what leads from one to the other."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from orchestrail.model import DatasetRef
from orchestrail.queries import RunRow
from orchestrail.queries.loading import Edge
from orchestrail.queries.words import data_name
from orchestrail.reports.diagrams import shown_by, svg
from orchestrail.reports.values import Arrow, Diagram, Node, Shown
from orchestrail.web import addresses
from orchestrail.web.text import base, shown

DRAWN = 400
"""Boxes of one picture; of more, those nearest to what was asked for."""

MEANINGS = {
    Shown.PROVEN: "shown by a digest, a version or a stored result",
    Shown.UNPROVEN: "weak: rests on a name, an order or a weak digest alone",
    Shown.UNCAPTURED: "not captured: something may have been handed on in memory, and nothing shows what",
}


@dataclass(frozen=True, slots=True)
class Line:
    """An edge as the table beside the picture shows it.

    Attributes:
        start: name of where it begins.
        start_address: its page; None where it is not recorded.
        kind: of the edge.
        end: name of where it ends.
        end_address: its page.
        shown: how far the record shows it.
        proof: `digest`, `version` or `name`; None where no data is claimed to have passed.
        note: what to know beside it.
    """

    start: str
    start_address: str | None
    kind: str
    end: str
    end_address: str | None
    shown: Shown
    proof: str | None
    note: str | None


@dataclass(frozen=True, slots=True)
class Graph:
    """What a page of lineage shows.

    Attributes:
        picture: as SVG.
        lines: all edges.
        left_out: number of boxes that the picture has no room for.
    """

    picture: Markup
    lines: Sequence[Line]
    left_out: int


def graph(
    title: str,
    centres: Iterable[str],
    runs: Iterable[RunRow],
    datasets: Mapping[str, DatasetRef],
    edges: Iterable[Edge],
    outside: Iterable[str] = (),
) -> Graph:
    """Draw a graph.

    Args:
        title: what it shows.
        centres: keys of what was asked for.
        runs: its runs.
        datasets: its data sets by key.
        edges: what leads from one to the other.
        outside: keys of data sets that no recorded run wrote.
    """
    rows = {row.run_id: row for row in runs}
    weak = {key: dataset.weak for key, dataset in datasets.items() if dataset.weak}
    leading = _best((edge for edge in edges if edge.kind != "parent"), weak)
    nodes: dict[str, Node] = {}
    pages: dict[str, str | None] = {}
    sources = set(outside)
    for key in dict.fromkeys([*centres, *(end for edge in leading for end in (edge.start, edge.end))]):
        if key in rows:
            row = rows[key]
            nodes[key] = Node(key, shown(row.job.name.rpartition(".")[2] or row.job.name), row.role or "step", ())
            pages[key] = addresses.run(key)
        elif key in datasets:
            dataset = datasets[key]
            kind = "model" if dataset.kind == "model" else "source" if key in sources else "data"
            nodes[key] = Node(key, shown(base(dataset.name)), kind, ())
            pages[key] = addresses.data(dataset)
        else:
            nodes[key] = Node(key, f"not recorded: {key[-12:]}", "not recorded", ())
            pages[key] = None
    arrows = [Arrow(edge.start, edge.end, shown_by(edge, weak)) for edge in leading]
    kept = _nearest([key for key in centres if key in nodes], nodes, arrows)
    drawn = Diagram(
        title,
        tuple(node for key, node in nodes.items() if key in kept),
        tuple(arrow for arrow in arrows if arrow.start in kept and arrow.end in kept),
    )
    names = {key: _name(key, rows, datasets) for key in nodes}
    lines = [
        Line(
            names[edge.start], pages[edge.start], edge.kind, names[edge.end], pages[edge.end],
            arrow.shown, edge.proof, edge.note,
        )
        for edge, arrow in zip(leading, arrows, strict=True)
    ]  # fmt: skip
    # Names and addresses in it are escaped where it is drawn.
    picture = Markup(svg(drawn, lambda node: pages[node.key]))  # noqa: S704
    return Graph(picture, lines, len(nodes) - len(kept))


def _best(edges: Iterable[Edge], weak: Mapping[str, str]) -> list[Edge]:
    """Keep of several edges that say the same the one that is shown best."""
    order = tuple(Shown)
    found: dict[tuple[str, str, str], Edge] = {}
    for edge in edges:
        key = edge.start, edge.end, edge.kind
        known = found.get(key)
        if known is None or order.index(shown_by(edge, weak)) < order.index(shown_by(known, weak)):
            found[key] = edge
    return list(found.values())


def _name(key: str, rows: Mapping[str, RunRow], datasets: Mapping[str, DatasetRef]) -> str:
    if key in rows:
        return f"run {rows[key].job.name}"
    return data_name(datasets[key]) if key in datasets else f"not recorded: {key}"


def _nearest(centres: Sequence[str], nodes: Mapping[str, Node], arrows: Iterable[Arrow]) -> set[str]:
    """Take as many boxes as a picture has room for, those that the fewest arrows lie between first."""
    if len(nodes) <= DRAWN:
        return set(nodes)
    beside: dict[str, list[str]] = defaultdict(list)
    for arrow in arrows:
        beside[arrow.start].append(arrow.end)
        beside[arrow.end].append(arrow.start)
    kept: set[str] = set()
    waiting = deque(centres or list(nodes)[:1])
    while waiting and len(kept) < DRAWN:
        key = waiting.popleft()
        if key not in kept:
            kept.add(key)
            waiting += beside[key]
    return kept
