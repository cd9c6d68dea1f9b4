"""Whether two runs did the same: operation, code, parameters, content. Three-valued: None where the facts do not tell. Pure.

What follows from it is the evaluators' matter.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Collection, Sequence

from orchestrail.queries import RunRow
from orchestrail.queries.facts import RunFacts, Use
from orchestrail.queries.mapped import by_value


def same_operation(one: RunFacts, other: RunFacts) -> bool:
    """Compare what was declared: operation and version."""
    return (one.step.operation, one.step.version) == (other.step.operation, other.step.version)


def same_code(one: RunFacts, other: RunFacts) -> bool | None:
    """Compare code; digests of several algorithms cannot be compared."""
    ours, theirs = one.step.code_digest, other.step.code_digest
    if ours is None or theirs is None or ours.partition(":")[0] != theirs.partition(":")[0]:
        return None
    return ours == theirs


def same_parameters(one: RunFacts, other: RunFacts) -> bool | None:
    """Compare the values that the runs were given."""
    ours, theirs = one.step.parameters_digest, other.step.parameters_digest
    return None if ours is None or theirs is None else ours == theirs


def same_but_for_places(one: RunRow, other: RunRow) -> bool | None:
    """Compare the values that runs were given, but for those that say where their own data lie: what lies there is compared itself.

    A relative path is one of these where it names a file by its folder too, or a folder that another such value begins with.
    Whether any other one is, or only looks like a part of one, is not known.
    """
    ours, theirs = one.parameters, other.parameters
    if ours is None or theirs is None:
        return None
    if ours.keys() != theirs.keys():
        return False
    sides = [(places := _places(row), _relative(row, places)) for row in (one, other)]
    found: list[bool | None] = []
    for name in ours:
        values = ours[name], theirs[name]
        told = all(by_value(value) or value.get("digest") for value in values)
        if not told:
            found.append(None)
        elif _written(values[0]) != _written(values[1]):
            of_places = [_is_place(value, *side) for value, side in zip(values, sides, strict=True)]
            found.append(False if False in of_places else None if None in of_places else True)
    if False in found or not found:  # where no value differs, what does is not among them
        return False
    return None if None in found else True


def _written(value: object) -> str:
    return json.dumps(value, sort_keys=True)  # in which 1, 1.0 and true are three values


def _places(row: RunRow) -> set[str]:
    datasets = [use.dataset for use in (*row.inputs, *row.outputs)]
    return {each.name for each in datasets} | {f"{each.namespace}/{each.name}" for each in datasets}


def _relative(row: RunRow, places: Collection[str]) -> set[str]:
    """Give the values of a run that name a file of its own from some folder on: so many parts are no other word by chance."""
    given = [value for value in (row.parameters or {}).values() if isinstance(value, str) and value[:1] != "/"]
    parts = {posixpath.normpath(value) for value in given if "/" in posixpath.normpath(value)}
    return {part for part in parts if any(place.endswith(f"/{part}") for place in places)}


def _is_place(value: object, places: Collection[str], relative: Collection[str]) -> bool | None:
    """Say whether a value names one of some places, or a folder of one; the relative names of such places are known."""
    if isinstance(value, list):
        found = [_is_place(each, places, relative) for each in value]
        return False if False in found or not found else None if None in found else True
    if not isinstance(value, str) or not value.strip("/."):
        return False
    if value.startswith("/") or "://" in value:
        folder = value.rstrip("/")
        return any(place == folder or place.startswith(f"{folder}/") for place in places)
    part = posixpath.normpath(value)
    if any(f"{known}/".startswith(f"{part}/") for known in relative):
        return True
    return None if any(f"/{part}/" in f"{place}/" for place in places) else False


def same_content(ours: Sequence[Use], theirs: Sequence[Use]) -> bool | None:
    """Compare data sets by content, whatever they are called; one that is not known, or known weakly, leaves it open."""
    if any(use.dataset.digest is None or use.dataset.weak is not None for use in (*ours, *theirs)):
        return None
    return {use.dataset.digest for use in ours} == {use.dataset.digest for use in theirs}
