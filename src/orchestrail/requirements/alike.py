"""Whether two runs did the same: operation, code, parameters, content. Three-valued: None where the facts do not tell. Pure.

What follows from it is the evaluators' matter.
"""

from __future__ import annotations

from collections.abc import Sequence

from orchestrail.queries.facts import RunFacts, Use


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


def same_content(ours: Sequence[Use], theirs: Sequence[Use]) -> bool | None:
    """Compare data sets by content, whatever they are called; one that is not known, or known weakly, leaves it open."""
    if any(use.dataset.digest is None or use.dataset.weak is not None for use in (*ours, *theirs)):
        return None
    return {use.dataset.digest for use in ours} == {use.dataset.digest for use in theirs}
