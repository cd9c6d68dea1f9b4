"""Trees of text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from orchestrail.cli.drawing import Node, lines


def test_a_tree_has_branches_and_aligned_details():
    """The shape that people know from `tree`."""
    leaf = Node(Text("leaf"), [("a", Text("1")), ("long", Text("2"))])
    top = Node(Text("top"), [("x", Text("y"))], [Node(Text("first"), [], [leaf]), Node(Text("last"))])
    assert [line.plain for line in lines(top, 80, folded=False)] == [
        "top",
        "│  x  y",
        "├─ first",
        "│  └─ leaf",
        "│        a     1",
        "│        long  2",
        "└─ last",
    ]


def test_a_deep_tree_is_drawn():
    """No recursion limit in the way, and no folding to nothing."""
    top = node = Node(Text("0"))
    for number in range(1, 3000):
        node.children.append(Node(Text(str(number))))
        node = node.children[0]
    assert len(list(lines(top, 100, folded=True))) == 3000


words = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=60).map(Text)
trees = st.recursive(
    st.builds(Node, words),
    lambda inner: st.builds(
        Node, words, st.lists(st.tuples(st.just("key"), words), max_size=2), st.lists(inner, max_size=3)
    ),
    max_leaves=10,
)


def everything(node):
    """All texts of a tree, from the top down."""
    yield node.title.plain
    for _, text in node.details:
        yield text.plain
    for child in node.children:
        yield from everything(child)


@given(trees)
def test_nothing_is_lost_or_moved(tree):
    """Each text stands on a line of its own in a pipe, in order; folded, every character is still there."""
    texts = list(everything(tree))
    printed = [line.plain for line in lines(tree, 100_000, folded=False)]
    assert len(printed) == len(texts)
    assert all(line.endswith(text) for line, text in zip(printed, texts, strict=True))
    letters = sum(character.isalnum() for line in lines(tree, 50, folded=True) for character in line.plain)
    details = sum(line.count("key  ") for line in printed)
    assert letters >= sum(len([char for char in text if char.isalnum()]) for text in texts)
    assert details >= 0
