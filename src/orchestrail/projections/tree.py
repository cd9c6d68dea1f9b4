"""The root of a run, and what runs have from those above them: pure, over the parent links of all runs. Links may name runs that
are not recorded, or form circles.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Link:
    """What a recorded run says of its place: its parent and the root that its producer named, recorded or not."""

    parent: str | None
    stated_root: str | None


def root_of(run_id: str, link: Callable[[str], Link | None]) -> str:
    """Follow the parents of a recorded run to the outermost recorded one.

    Where a parent is not recorded, the stated root carries on if that is recorded. A circle has no outermost run: its smallest id
    stands for it, so that every run of the circle has the same root.

    Args:
        run_id: a recorded run.
        link: gives the link of a run; None where it is not recorded.
    """
    path = [run_id]
    place = {run_id: 0}
    while True:
        here = path[-1]
        following = _next(here, link)
        if following is None:
            return here
        if following in place:
            return min(path[place[following] :])
        place[following] = len(path)
        path.append(following)


def named_by(run_id: str, link: Callable[[str], Link | None], name: Callable[[str], str | None]) -> str | None:
    """Give the name that a recorded run says, or else the nearest one above it that says one; None where none does.

    Args:
        run_id: a recorded run.
        link: gives the link of a run; None where it is not recorded.
        name: gives what a recorded run says itself.
    """
    passed: set[str] = set()
    here: str | None = run_id
    while here is not None and here not in passed:
        if (found := name(here)) is not None:
            return found
        passed.add(here)
        here = _next(here, link)
    return None


def _next(run_id: str, link: Callable[[str], Link | None]) -> str | None:
    own = link(run_id)
    if own is None or own.parent is None:
        return None
    if own.parent != run_id and link(own.parent) is not None:
        return own.parent
    stated = own.stated_root
    return stated if stated is not None and stated != run_id and link(stated) is not None else None
