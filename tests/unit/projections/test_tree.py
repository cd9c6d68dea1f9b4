"""Roots, whatever the parent links say."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orchestrail.projections.tree import Link, named_by, root_of


def test_the_root_is_the_outermost_recorded_run():
    """Depth three."""
    links = {"a": Link(None, None), "b": Link("a", "a"), "c": Link("b", "a")}
    assert [root_of(run, links.get) for run in "abc"] == ["a", "a", "a"]


def test_parents_decide_against_a_stated_root():
    """What a producer says of its root is no more than a claim where the parents are recorded."""
    links = {"a": Link(None, None), "b": Link("a", "x"), "x": Link(None, None)}
    assert root_of("b", links.get) == "a"


def test_a_missing_parent_is_bridged_by_a_recorded_stated_root():
    """The run between was never recorded; a stated root that is not recorded either helps nobody."""
    links = {"a": Link(None, None), "c": Link("missing", "a"), "d": Link("missing", "nowhere")}
    assert (root_of("c", links.get), root_of("d", links.get)) == ("a", "d")


def test_a_circle_has_one_root():
    """Its smallest id, for the runs that hang on it too."""
    links = {"b": Link("c", None), "c": Link("b", None), "d": Link("c", None), "e": Link("e", None)}
    assert [root_of(run, links.get) for run in "bcde"] == ["b", "b", "b", "e"]


def test_a_run_has_its_own_name_or_the_nearest_above():
    """Not that of the root, where one between has a name; over a run that is missing by the stated root; none round a circle."""
    links = {
        "a": Link(None, None),
        "b": Link("a", "a"),
        "c": Link("b", "a"),
        "d": Link("missing", "a"),
        "e": Link("f", "a"),
        "f": Link("e", "a"),
    }
    names = {"a": "fraud", "b": "scoring"}
    named = [named_by(run, links.get, names.get) for run in "abcdef"]
    assert named == ["fraud", "scoring", "scoring", "fraud", None, None]


names = st.sampled_from("abcdefgh")


@given(st.dictionaries(names, st.builds(Link, st.none() | names, st.none() | names), min_size=1))
def test_every_run_has_a_recorded_root_and_so_has_its_parent(links):
    """Any links, circles included: following them ends at a recorded run, and recorded parent and child agree."""
    for run, link in links.items():
        root = root_of(run, links.get)
        assert root in links
        if link.parent in links:
            assert root == root_of(link.parent, links.get) or link.parent == run
