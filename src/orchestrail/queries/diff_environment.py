"""What runs ran on, held against each other: interpreter, machine, image, and the version of every distribution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orchestrail.projections.rows import RunRow
from orchestrail.queries.differences import Differences, flat, one_of

_DERIVED = ("digest", "distributionsDigest", "distributions")


def hold_environment(
    found: Differences, mine: Sequence[RunRow], other: Sequence[RunRow], *, alone: bool = False
) -> None:
    """Hold the environments of both sides against each other.

    Args:
        found: takes the answers.
        mine: the runs of side A.
        other: those of side B.
        alone: take the environments together on each side, whatever the jobs are called; so too where each has but one.
    """
    a, b = _environments(mine), _environments(other)
    if not a and not b:
        found.leave("environment", "all", "environment", None, None, "recorded on neither side")
    elif not a or not b:
        found.hold("environment", "all", "environment", "recorded" if a else None, "recorded" if b else None)
    elif alone or len(a) == len(b) == 1:
        _hold(found, "", list(a.values()), list(b.values()))
    else:
        for name in sorted(a.keys() & b.keys()):
            _hold(found, f"{name}: ", [a[name]], [b[name]])
        for name in sorted(a.keys() ^ b.keys()):
            facts = (a.get(name), b.get(name))
            found.hold("environment", name, "environment", *("recorded" if one else None for one in facts))


def _environments(rows: Sequence[RunRow]) -> dict[str, Mapping[str, Any]]:
    return {row.job.name: row.environment_facts for row in rows if row.environment_facts}


def _hold(
    found: Differences, before: str, mine: Sequence[Mapping[str, Any]], other: Sequence[Mapping[str, Any]]
) -> None:
    """Hold each fact; a fact that neither tells is left out, and the distributions are held one by one."""
    sides = [
        [flat({key: value for key, value in one.items() if key not in _DERIVED}) for one in each]
        for each in (mine, other)
    ]
    for name in dict.fromkeys(name for each in sides for one in each for name in one):
        found.hold(
            "environment", f"{before}{name}", "value", *(one_of(one.get(name) for one in each) for each in sides)
        )
    installed = [_installed(each) for each in (mine, other)]
    if None in installed:
        found.hold("environment", f"{before}distributions", "versions", *installed)
        return
    a, b = (one or {} for one in installed)
    for name in sorted(a.keys() | b.keys()):
        if name in a and name in b:
            found.hold("environment", f"{before}{name}", "distribution", a[name], b[name])
        else:
            found.hold("environment", f"{before}{name}", "distribution", a.get(name, "absent"), b.get(name, "absent"))


def _installed(facts: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    known = [packages for one in facts if isinstance(packages := one.get("distributions"), Mapping)]
    if not known:
        return None
    names = dict.fromkeys(name for packages in known for name in packages)
    return {name: one_of(packages.get(name) for packages in known) for name in names}
