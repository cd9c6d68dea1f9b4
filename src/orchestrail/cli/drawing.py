"""Drawing a tree of lines: each node some lines of text, its children below it. What the lines say is decided elsewhere.

On a terminal long lines are folded below their own beginning; in a pipe each line stays one line.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from rich.console import Console
from rich.text import Text

from orchestrail.cli.output import Output

_NARROWEST = 40


@dataclass(slots=True)
class Node:
    """A node of a tree.

    Attributes:
        title: its first line.
        details: (label, text) of the lines below it.
        children: nodes below it.
    """

    title: Text
    details: list[tuple[str, Text]] = field(default_factory=list)
    children: list[Node] = field(default_factory=list)


def draw(node: Node, output: Output) -> None:
    """Print a tree."""
    for line in lines(node, output.width, folded=output.terminal):
        output.line(line)


def lines(top: Node, width: int, *, folded: bool) -> Iterator[Text]:
    """Give the lines of a tree, from the top down; no recursion, so that a tree may be as deep as it likes."""
    waiting = [(top, "", "")]
    while waiting:
        node, before, below = waiting.pop()
        yield from _fold(node.title, before, below, width, folded)
        stem = below + ("│  " if node.children else "   ")
        label_width = max((len(label) for label, _ in node.details), default=0)
        for label, text in node.details:
            first = Text(f"{stem}{label.ljust(label_width)}  ", style="dim")
            yield from _fold(text, first, stem + " " * (label_width + 2), width, folded)
        last = len(node.children) - 1
        for place, child in reversed(list(enumerate(node.children))):
            branch, trunk = ("└─ ", "   ") if place == last else ("├─ ", "│  ")
            waiting.append((child, below + branch, below + trunk))


_measure = Console(width=1000, file=None)


def _fold(text: Text, before: str | Text, below: str, width: int, folded: bool) -> Iterator[Text]:
    first = before if isinstance(before, Text) else Text(before, style="dim")
    if not folded:
        yield _side_by_side(first, text)
        return
    room = max(width - first.cell_len, _NARROWEST)
    for place, part in enumerate(text.wrap(_measure, room)):
        yield _side_by_side(first if place == 0 else Text(below, style="dim"), part)


def _side_by_side(first: Text, second: Text) -> Text:
    """Join two texts, each in its own style."""
    return Text().append_text(first).append_text(second)
