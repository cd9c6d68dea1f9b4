"""The data flow behind a model as a diagram of what ran, and diagrams as SVG and Mermaid. Places are `layout`'s matter."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from unicodedata import east_asian_width

from orchestrail.queries import RunRow
from orchestrail.queries.loading import Edge, dataset_key
from orchestrail.queries.mapped import siblings
from orchestrail.queries.models import Model
from orchestrail.reports.layout import Point, Sizes, layered
from orchestrail.reports.values import Arrow, Diagram, Node, Shown, Source

_SIZES = Sizes()
_LONGEST, _LONGEST_SMALL = 20, 24
"""Room for a name in a box, and for what is below it, in letters of middle width."""
_INK, _PAPER, _SOFT, _WARNING = "#1b1f24", "#f3f5f7", "#57606a", "#b3261e"
_LOOKS = {
    Shown.PROVEN: f'stroke="{_INK}"',
    Shown.UNPROVEN: f'stroke="{_WARNING}" stroke-dasharray="6 3"',
    Shown.UNCAPTURED: f'stroke="{_WARNING}" stroke-dasharray="1 4" stroke-linecap="round" stroke-width="2"',
}
DATA = ("data", "source", "model")
"""Kinds of nodes that are data sets; all others are runs."""


def data_flow(model: Model, runs: Mapping[str, RunRow]) -> Diagram:
    """Draw the steps and data sets behind a model with what was read and written."""
    seqs = {
        use.dataset.digest or use.dataset.name: use
        for side in (model.inputs, model.outputs)
        for of in side.values()
        for use in of
    }
    arrows = [Arrow(edge.start, edge.end, shown_by(edge, {})) for edge in model.edges if edge.kind in ("read", "wrote")]
    outside = {dataset_key(traced.dataset) for traced in model.sources}
    apart = siblings(
        (runs[key] for key in {end for one in arrows for end in (one.start, one.end)} & set(runs)), whole=False
    )
    nodes: list[Node] = []
    for key in sorted({end for arrow in arrows for end in (arrow.start, arrow.end)}):
        row = runs.get(key)
        if row is not None:
            name = row.job.name.rpartition(".")[2]
            nodes.append(Node(key, name, row.role or "step", (Source(row.last_seq, row.run_id),), apart.get(key)))
            continue
        traced = model.datasets.get(key)
        if traced is None:
            continue
        use = seqs.get(traced.dataset.digest or traced.dataset.name)
        kind = "model" if traced.dataset.kind == "model" else "source" if key in outside else "data"
        sources = (Source(use.seq, use.run_id),) if use is not None else ()
        nodes.append(Node(key, traced.dataset.name.rpartition("/")[2], kind, sources))
    known = {node.key for node in nodes}
    nodes.sort(key=lambda node: (node.name, node.key))
    return Diagram(
        "Data flow, from what ran", tuple(nodes), tuple(one for one in arrows if {one.start, one.end} <= known)
    )


def shown_by(edge: Edge, weak: Mapping[str, str]) -> Shown:
    """Say how far the record shows an edge.

    Args:
        edge: between runs and data sets.
        weak: the data sets whose digest is weak, by key, with why.
    """
    if not edge.captured:
        return Shown.UNCAPTURED
    if edge.kind in ("read", "wrote"):
        proven = edge.proof in ("digest", "version") and edge.start not in weak and edge.end not in weak
        return Shown.PROVEN if proven else Shown.UNPROVEN
    return Shown.UNPROVEN if edge.concluded or edge.note else Shown.PROVEN


def _to_entry(node: Node) -> str | None:
    return f"#entry-{node.sources[0].sequence}" if node.sources else None


@dataclass(frozen=True, slots=True)
class Handle:
    """What opens or shuts a box.

    Attributes:
        key: names the element, so that a page finds it again.
        address: the same diagram with the box open, or shut.
        sign: what is written on it.
        label: what it does.
    """

    key: str
    address: str
    sign: str
    label: str


def svg(
    diagram: Diagram,
    link: Callable[[Node], str | None] = _to_entry,
    handle: Callable[[Node], Handle | None] = lambda node: None,
) -> str:
    """Give a diagram as an SVG that scales to the room it has: unproven arrows are dashed, uncaptured ones dotted.

    Args:
        diagram: what to draw.
        link: where a box leads to; its entry in a document's list without it.
        handle: what opens or shuts a box; none without it.
    """
    laid = layered((node.key for node in diagram.nodes), ((one.start, one.end) for one in diagram.arrows), _SIZES)
    # Printers of pages read no style sheet within a picture, so it has its looks in itself; a page may lay others over them.
    parts = [
        f'<svg viewBox="0 0 {laid.width} {laid.height}" width="{laid.width}" height="{laid.height}" role="group" '
        f'aria-label="{escape(diagram.title)}" xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" '
        f'text-anchor="middle">',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" '
        f'markerUnits="userSpaceOnUse" orient="auto"><path d="M0,0 L8,4 L0,8 z" class="tip" fill="{_INK}"/></marker></defs>',
    ]
    for arrow in diagram.arrows:
        if way := laid.ways.get((arrow.start, arrow.end)):
            parts.append(
                f'<path d="{_path(way)}" class="arrow {arrow.shown}" fill="none" {_LOOKS[arrow.shown]} marker-end="url(#tip)"/>'
            )
    for node in diagram.nodes:
        left, top = laid.places[node.key]
        shape = 3 if node.kind in DATA else 16
        title = _fit(node.title, _LONGEST)
        # Runs of a mapped step are told apart below their common name, where there is room for more.
        below = _fit(f"{node.kind} {node.apart}", _LONGEST_SMALL) if node.apart else node.kind
        thick = 2.5 if node.kind == "model" else 1
        dashed = ' stroke-dasharray="3 2"' if node.kind == "source" else ""
        middle = left + _SIZES.width // 2
        box = (
            f'<rect x="{left}" y="{top}" width="{_SIZES.width}" height="{_SIZES.height}" rx="{shape}" class="box" '
            f'fill="{_PAPER}" stroke="{_INK}" stroke-width="{thick}"{dashed}/>'
            f'<text x="{middle}" y="{top + 15}" class="name" font-size="11" fill="{_INK}">{escape(title)}</text>'
            f'<text x="{middle}" y="{top + 27}" class="kind" font-size="9" fill="{_SOFT}">{escape(below)}</text>'
        )
        address = link(node)
        linked = f'<a href="{escape(address)}">{box}</a>' if address else box
        whole = f"<title>{escape(node.name)}</title>" if title != node.title or node.apart else ""
        parts.append(f"<g>{whole}{linked}{_handle(handle(node), left + _SIZES.width, top)}</g>")
    return "".join((*parts, "</svg>"))


def _fit(title: str, longest: int) -> str:
    """Cut a name to the room in a box; letters of some languages are twice as wide."""
    widths = [2 if east_asian_width(letter) in "WF" else 1 for letter in title[: longest + 1]]
    if len(title) <= longest and sum(widths) <= longest:
        return title
    while sum(widths) >= longest:
        widths.pop()
    return f"{title[: len(widths)]}…"


def _handle(given: Handle | None, right: int, top: int) -> str:
    if given is None:
        return ""
    middle = top + _SIZES.height // 2
    return (
        f'<a id="{given.key}" class="handle" href="{escape(given.address)}" aria-label="{escape(given.label)}">'
        f'<circle cx="{right}" cy="{middle}" r="8" class="box"/>'
        f'<text x="{right}" y="{middle + 4}" class="name" font-size="13">{given.sign}</text></a>'
    )


def _path(way: Sequence[Point]) -> str:
    """Go straight through rows and in a curve from one row to the next."""
    parts = [f"M{way[0][0]},{way[0][1]}"]
    for number, (across, down) in enumerate(way[1:]):
        before_across, before_down = way[number]
        middle = (before_down + down) // 2
        curved = number % 2 == 0 and across != before_across
        parts.append(f"C{before_across},{middle} {across},{middle} {across},{down}" if curved else f"V{down}")
    return " ".join(parts)


def mermaid(diagram: Diagram) -> str:
    """Give a diagram in Mermaid's language, which readers of Markdown draw."""
    names = {node.key: f"n{number}" for number, node in enumerate(diagram.nodes)}
    lines = ["flowchart LR"]
    for node in diagram.nodes:
        title = node.name.replace('"', "'")
        shape = ("[", "]") if node.kind in DATA else ("([", "])")
        lines.append(f'  {names[node.key]}{shape[0]}"{title} ({node.kind})"{shape[1]}')
    lines += [
        f"  {names[one.start]} {'-->' if one.shown is Shown.PROVEN else '-.->'} {names[one.end]}"
        for one in diagram.arrows
    ]
    return "\n".join(lines)
