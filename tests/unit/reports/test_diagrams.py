"""Diagrams as SVG."""

from __future__ import annotations

from orchestrail.reports.diagrams import Handle, svg
from orchestrail.reports.values import Arrow, Diagram, Node, Shown


def drawn(*names: str, **options: object) -> str:
    nodes = tuple(Node(f"key-{number}", name, "data", ()) for number, name in enumerate(names))
    arrows = tuple(Arrow("key-0", node.key, shown) for node, shown in zip(nodes[1:], Shown, strict=False))
    return svg(Diagram("Drawn", nodes, arrows), **options)


def test_names_are_cut_to_the_room_in_a_box():
    """Letters that are twice as wide take twice the room; the whole name is told where it was cut."""
    assert f">{'訓' * 9}…<" in drawn("訓" * 11)
    assert f"<title>{'訓' * 11}</title>" in drawn("訓" * 11)
    assert f">{'x' * 20}<" in drawn("x" * 20)
    assert f">{'x' * 19}…<" in drawn("x" * 21)
    assert "<title>" not in drawn("x" * 20)


def test_edges_differ_without_colour():
    """What is not proven is dashed, what was not captured is dotted."""
    looks = [part for part in drawn("a", "b", "c", "d").split("<path") if 'class="arrow' in part]
    assert ["stroke-dasharray" in one for one in looks] == [False, True, True]
    assert len({one.partition("stroke-dasharray=")[2][:5] for one in looks}) == 3


def test_a_box_has_the_handle_that_it_is_given():
    """With a name for those who do not see the sign; nothing of it is markup."""
    handle = Handle("box-1", '/lineage?target="&open=1', "+", 'Show what lies beside "a"')
    found = drawn("a", "b", handle=lambda node: handle if node.title == "a" else None)
    assert found.count('class="handle"') == 1
    assert 'href="/lineage?target=&quot;&amp;open=1"' in found
    assert 'aria-label="Show what lies beside &quot;a&quot;"' in found
