"""The graph around something as a diagram: runs and data sets, and how far the record shows what leads from one to the other."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256

from markupsafe import Markup

from orchestrail.model import DatasetRef
from orchestrail.queries import RunRow
from orchestrail.queries.loading import Edge, content_key, dataset_key, is_unidentified
from orchestrail.queries.mapped import siblings
from orchestrail.queries.neighbours import of_dataset, of_run, users
from orchestrail.queries.snapshot import Snapshot
from orchestrail.queries.words import data_name
from orchestrail.reports.diagrams import Handle, shown_by, svg
from orchestrail.reports.values import Arrow, Diagram, Node, Shown
from orchestrail.web import addresses
from orchestrail.web.addresses import Address
from orchestrail.web.text import base, shown

DRAWN = 400
"""Boxes of a picture, where nobody asks for more; those nearest to what was asked for."""
MOST = 2000
"""Boxes of a picture."""
OPENED = 100
"""Boxes that are open at once."""
BESIDE = 100
"""Uses of a data set that opening it shows."""

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
        start_address: its page; None where it is not recorded, empty where its name is too long for an address.
        kind: of the edge.
        end: name of where it ends.
        end_address: its page.
        shown: how far the record shows it.
        proof: `digest`, `version` or `name`; None where no data is claimed to have passed.
        note: what to know beside it.
    """

    start: str
    start_address: Address | None
    kind: str
    end: str
    end_address: Address | None
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
        cut: names of opened boxes beside which there is more than was looked up.
        boxes: number of boxes of the picture.
    """

    picture: Markup
    lines: Sequence[Line]
    left_out: int
    cut: Sequence[str]
    boxes: int


@dataclass(frozen=True, slots=True)
class Found:
    """What is to be drawn.

    Attributes:
        title: what it shows.
        centres: keys of what was asked for.
        runs: its runs by id.
        datasets: its data sets by key.
        edges: what leads from one to the other.
        outside: keys of data sets that no recorded run wrote.
        more: True where no more runs were looked for than the picture has room for, and there are more.
        unseen: True where steps beside it did what was not seen.
    """

    title: str
    centres: Sequence[str]
    runs: Mapping[str, RunRow]
    datasets: Mapping[str, DatasetRef]
    edges: Sequence[Edge]
    outside: Collection[str] = ()
    more: bool = False
    unseen: bool = False


@dataclass(frozen=True, slots=True)
class View:
    """How somebody wants it drawn.

    Attributes:
        opened: marks of the boxes of which all that lies beside them is drawn too, in the order in which they were opened.
        boxes: no more than so many, but for what lies beside the opened ones.
        address: gives the page of the same graph with other boxes open.
    """

    opened: Sequence[str]
    boxes: int
    address: Callable[[Sequence[str]], Address]


def mark(key: str) -> str:
    """Give a short name of a box, for addresses."""
    return sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def graph(record: Snapshot, found: Found, view: View) -> Graph:
    """Draw a graph.

    Args:
        record: what lies beside the opened boxes is looked up here.
        found: what is in it.
        view: how it is drawn.
    """
    found, beside, cut = _open(record, found, view.opened)
    rows, datasets, centres = found.runs, found.datasets, found.centres
    apart = siblings(rows.values(), whole=False)
    weak = {key: dataset.weak for key, dataset in datasets.items() if dataset.weak}
    leading = _best((edge for edge in found.edges if edge.kind != "parent"), weak)
    nodes: dict[str, Node] = {}
    pages: dict[str, Address | None] = {}
    sources = set(found.outside)
    for key in dict.fromkeys([*centres, *(end for edge in leading for end in (edge.start, edge.end))]):
        if key in rows:
            row = rows[key]
            title, own = shown(row.job.name.rpartition(".")[2] or row.job.name), apart.get(key)
            nodes[key] = Node(key, title, row.role or "step", (), shown(own) if own else None)
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
    kept = _nearest([key for key in centres if key in nodes], nodes, arrows, view.boxes) | (beside & set(nodes))
    drawn = Diagram(
        found.title,
        tuple(node for key, node in nodes.items() if key in kept),
        tuple(arrow for arrow in arrows if arrow.start in kept and arrow.end in kept),
    )
    names = {key: _name(key, found, apart) for key in nodes}
    lines = [
        Line(
            names[edge.start], pages[edge.start], edge.kind, names[edge.end], pages[edge.end],
            arrow.shown, edge.proof, edge.note,
        )
        for edge, arrow in zip(leading, arrows, strict=True)
    ]  # fmt: skip
    # Names and addresses in it are escaped where it is drawn.
    picture = Markup(svg(drawn, lambda node: pages[node.key], partial(_handle, view, _has_more(record, found, drawn))))  # noqa: S704
    return Graph(picture, lines, len(nodes) - len(kept), [_name(key, found, apart) for key in cut], len(kept))


def _open(record: Snapshot, found: Found, opened: Sequence[str]) -> tuple[Found, set[str], list[str]]:
    """Add what lies beside the opened boxes; give the keys of it too, and those of boxes beside which there is still more."""
    rows, datasets, edges = dict(found.runs), dict(found.datasets), list(found.edges)
    marks = {mark(key): key for key in (*rows, *datasets)}
    shown: set[str] = set()
    cut: list[str] = []
    for one in opened:
        key = marks.get(one)
        if key is None:
            continue
        beside = of_run(record, key) if key in rows else of_dataset(record, datasets[key], BESIDE, datasets)
        rows = dict(beside.runs) | rows
        datasets = dict(beside.datasets) | datasets
        edges += beside.edges
        marks |= {mark(each): each for each in (*beside.runs, *beside.datasets)}
        shown |= {key} | {end for edge in beside.edges for end in (edge.start, edge.end)}
        if beside.more:
            cut.append(key)
    return replace(found, runs=rows, datasets=datasets, edges=edges), shown, cut


def _has_more(record: Snapshot, found: Found, drawn: Diagram) -> set[str]:
    """Name the boxes beside which the record has more than is drawn; where only a name is known of a data set, it may have."""
    kept = {node.key for node in drawn.nodes}
    named = {key: found.datasets[key] for key in kept if key in found.datasets}
    contents = {key: content_key(dataset) or key for key, dataset in named.items() if not is_unidentified(dataset)}
    beside: dict[str, set[str]] = defaultdict(set)
    for arrow in drawn.arrows:
        for one, other in ((arrow.start, arrow.end), (arrow.end, arrow.start)):
            if one in contents:
                beside[contents[one]].add(other)
    used = users(record, contents.values())
    more = {key for key, content in contents.items() if used.get(content, MOST) > len(beside[content])}
    for key in kept & set(found.runs):
        row = found.runs[key]
        if not {dataset_key(use.dataset) for use in (*row.inputs, *row.outputs)} <= kept:
            more.add(key)
    return more


def _handle(view: View, more: Collection[str], node: Node) -> Handle | None:
    """Give what opens a box, or shuts it; none where the record has no more beside it."""
    name = mark(node.key)
    is_open = name in view.opened
    if not is_open and node.key not in more:
        return None
    address = view.address([each for each in view.opened if each != name] if is_open else [*view.opened, name])
    if not address:
        return None
    sign, label = ("\u2212", "Shut") if is_open else ("+", "Show what lies beside")
    return Handle(f"box-{name}", f"{address}#box-{name}", sign, f"{label} {node.name}")


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


def _name(key: str, found: Found, apart: Mapping[str, str]) -> str:
    if key in found.runs:
        return f"run {found.runs[key].job.name}{f' {apart[key]}' if key in apart else ''}"
    return data_name(found.datasets[key]) if key in found.datasets else f"not recorded: {key}"


def _nearest(centres: Sequence[str], nodes: Mapping[str, Node], arrows: Iterable[Arrow], most: int) -> set[str]:
    """Take as many boxes as a picture has room for, those that the fewest arrows lie between first."""
    if len(nodes) <= most:
        return set(nodes)
    beside: dict[str, list[str]] = defaultdict(list)
    for arrow in arrows:
        beside[arrow.start].append(arrow.end)
        beside[arrow.end].append(arrow.start)
    kept: set[str] = set()
    waiting = deque(centres or list(nodes)[:1])
    while waiting and len(kept) < most:
        key = waiting.popleft()
        if key not in kept:
            kept.add(key)
            waiting += beside[key]
    return kept
