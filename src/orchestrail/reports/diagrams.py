"""The data flow behind a model as a diagram: drawn from what ran, steps and data in columns by how far they are from the sources."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from html import escape

from orchestrail.queries import RunRow
from orchestrail.queries.loading import dataset_key
from orchestrail.queries.models import Model
from orchestrail.reports.values import Diagram, Node, Source

_WIDTH, _HEIGHT, _ACROSS, _DOWN, _MARGIN = 150, 34, 26, 14, 10
_LONGEST = 22


def data_flow(model: Model, runs: Mapping[str, RunRow]) -> Diagram:
    """Draw the steps and data sets behind a model with what was read and written."""
    seqs = {use.dataset.digest or use.dataset.name: use for side in (model.inputs, model.outputs) for of in side.values() for use in of}
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
    """Give a diagram as an SVG that scales to the width it has; unproven arrows are dashed."""
    columns: dict[int, list[Node]] = defaultdict(list)
    for node in sorted(diagram.nodes, key=lambda node: (node.depth, node.title, node.key)):
        columns[node.depth].append(node)
    place = {
        node.key: (_MARGIN + column * (_WIDTH + _ACROSS), _MARGIN + row * (_HEIGHT + _DOWN))
        for column, depth in enumerate(sorted(columns))
        for row, node in enumerate(columns[depth])
    }
    width = 2 * _MARGIN + max(1, len(columns)) * (_WIDTH + _ACROSS) - _ACROSS
    height = 2 * _MARGIN + max((len(each) for each in columns.values()), default=1) * (_HEIGHT + _DOWN) - _DOWN
    parts = [
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(diagram.title)}" '
        f'xmlns="http://www.w3.org/2000/svg">',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" orient="auto">'
        '<path d="M0,0 L8,4 L0,8 z" class="tip"/></marker></defs>',
    ]
    for start, end, proven in diagram.arrows:
        (left, top), (right, bottom) = place[start], place[end]
        path = f"M{left + _WIDTH},{top + _HEIGHT // 2} L{right},{bottom + _HEIGHT // 2}"
        style = "proven" if proven else "unproven"
        parts.append(f'<path d="{path}" class="arrow {style}" marker-end="url(#tip)"/>')
    for node in diagram.nodes:
        left, top = place[node.key]
        shape = 4 if node.kind in ("data", "source", "model") else 16
        title = node.title if len(node.title) <= _LONGEST else f"{node.title[: _LONGEST - 1]}…"
        box = (
            f'<rect x="{left}" y="{top}" width="{_WIDTH}" height="{_HEIGHT}" rx="{shape}" class="box {escape(node.kind)}"/>'
            f'<text x="{left + _WIDTH // 2}" y="{top + 15}" class="name">{escape(title)}</text>'
            f'<text x="{left + _WIDTH // 2}" y="{top + 27}" class="kind">{escape(node.kind)}</text>'
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
    lines += [
        f"  {names[start]} {'-->' if proven else '-.->'} {names[end]}" for start, end, proven in diagram.arrows
    ]
    return "\n".join(lines)
