"""The data flow behind a model as a diagram of what ran, steps and data in rows by how far they are from the sources."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from html import escape

from orchestrail.queries import RunRow
from orchestrail.queries.loading import dataset_key
from orchestrail.queries.models import Model
from orchestrail.reports.values import Diagram, Node, Source

_WIDTH, _HEIGHT, _ACROSS, _DOWN, _MARGIN = 150, 34, 20, 22, 10
_LONGEST = 22
_INK, _PAPER, _SOFT, _WARNING = "#1b1f24", "#f3f5f7", "#57606a", "#b3261e"


def data_flow(model: Model, runs: Mapping[str, RunRow]) -> Diagram:
    """Draw the steps and data sets behind a model with what was read and written."""
    seqs = {
        use.dataset.digest or use.dataset.name: use
        for side in (model.inputs, model.outputs)
        for of in side.values()
        for use in of
    }
    arrows = [
        (edge.start, edge.end, edge.captured and edge.proof in ("digest", "version"))
        for edge in model.edges
        if edge.kind in ("read", "wrote")
    ]
    depth = _depths(arrows)
    outside = {dataset_key(traced.dataset) for traced in model.sources}
    nodes: list[Node] = []
    for key in depth:
        row = runs.get(key)
        if row is not None:
            name = row.job.name.rpartition(".")[2]
            nodes.append(Node(key, name, row.role or "step", depth[key], (Source(row.last_seq, row.run_id),)))
            continue
        traced = model.datasets.get(key)
        if traced is None:
            continue
        use = seqs.get(traced.dataset.digest or traced.dataset.name)
        kind = "model" if traced.dataset.kind == "model" else "source" if key in outside else "data"
        sources = (Source(use.seq, use.run_id),) if use is not None else ()
        nodes.append(Node(key, traced.dataset.name.rpartition("/")[2], kind, depth[key], sources))
    known = {node.key for node in nodes}
    return Diagram("Data flow, from what ran", tuple(nodes), tuple(one for one in arrows if {one[0], one[1]} <= known))


def _depths(arrows: Iterable[tuple[str, str, bool]]) -> dict[str, int]:
    """Place each node one column after the last of those before it; what lies on a circle stays where it was met."""
    before: dict[str, set[str]] = defaultdict(set)
    for start, end, _ in arrows:
        before[end].add(start)
        before.setdefault(start, set())
    depth: dict[str, int] = {}

    def place(key: str, above: frozenset[str]) -> int:
        if key not in depth:
            following = [place(one, above | {key}) for one in sorted(before[key]) if one not in above]
            depth[key] = 1 + max(following, default=-1)
        return depth[key]

    for key in sorted(before):
        place(key, frozenset())
    return depth


def svg(diagram: Diagram) -> str:
    """Give a diagram as an SVG that scales to the room it has; unproven arrows are dashed."""
    rows: dict[int, list[Node]] = defaultdict(list)
    for node in sorted(diagram.nodes, key=lambda node: (node.depth, node.title, node.key)):
        rows[node.depth].append(node)
    widest = max((len(each) for each in rows.values()), default=1)
    width = 2 * _MARGIN + widest * (_WIDTH + _ACROSS) - _ACROSS
    place: dict[str, tuple[int, int]] = {}
    for row, depth in enumerate(sorted(rows)):
        left = (width - len(rows[depth]) * (_WIDTH + _ACROSS) + _ACROSS) // 2
        for column, node in enumerate(rows[depth]):
            place[node.key] = left + column * (_WIDTH + _ACROSS), _MARGIN + row * (_HEIGHT + _DOWN)
    height = 2 * _MARGIN + max(1, len(rows)) * (_HEIGHT + _DOWN) - _DOWN
    # Printers of pages read no style sheet within a picture, so it has its looks in itself; a page may lay others over them.
    parts = [
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(diagram.title)}" '
        f'xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" text-anchor="middle">',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" orient="auto">'
        f'<path d="M0,0 L8,4 L0,8 z" class="tip" fill="{_INK}"/></marker></defs>',
    ]
    for start, end, proven in diagram.arrows:
        (left, top), (right, bottom) = place[start], place[end]
        path = f"M{left + _WIDTH // 2},{top + _HEIGHT} L{right + _WIDTH // 2},{bottom}"
        looks = f'stroke="{_INK}"' if proven else f'stroke="{_WARNING}" stroke-dasharray="5 3"'
        style = "proven" if proven else "unproven"
        parts.append(f'<path d="{path}" class="arrow {style}" fill="none" {looks} marker-end="url(#tip)"/>')
    for node in diagram.nodes:
        left, top = place[node.key]
        shape = 3 if node.kind in ("data", "source", "model") else 16
        title = node.title if len(node.title) <= _LONGEST else f"{node.title[: _LONGEST - 1]}…"
        thick = 2.5 if node.kind == "model" else 1
        dashed = ' stroke-dasharray="3 2"' if node.kind == "source" else ""
        middle = left + _WIDTH // 2
        box = (
            f'<rect x="{left}" y="{top}" width="{_WIDTH}" height="{_HEIGHT}" rx="{shape}" class="box" fill="{_PAPER}" '
            f'stroke="{_INK}" stroke-width="{thick}"{dashed}/>'
            f'<text x="{middle}" y="{top + 15}" class="name" font-size="11" fill="{_INK}">{escape(title)}</text>'
            f'<text x="{middle}" y="{top + 27}" class="kind" font-size="8" fill="{_SOFT}">{escape(node.kind)}</text>'
        )
        linked = f'<a href="#entry-{node.sources[0].sequence}">{box}</a>' if node.sources else box
        parts.append(f"<g><title>{escape(node.title)}</title>{linked}</g>")
    return "".join((*parts, "</svg>"))


def mermaid(diagram: Diagram) -> str:
    """Give a diagram in Mermaid's language, which readers of Markdown draw."""
    names = {node.key: f"n{number}" for number, node in enumerate(diagram.nodes)}
    lines = ["flowchart LR"]
    for node in diagram.nodes:
        title = node.title.replace('"', "'")
        shape = ("[", "]") if node.kind in ("data", "source", "model") else ("([", "])")
        lines.append(f'  {names[node.key]}{shape[0]}"{title} ({node.kind})"{shape[1]}')
    lines += [f"  {names[start]} {'-->' if proven else '-.->'} {names[end]}" for start, end, proven in diagram.arrows]
    return "\n".join(lines)
