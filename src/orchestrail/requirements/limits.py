"""What is left of a result where some systems alone may be seen: evidence of the others could say otherwise. Pure.

Nothing here looks at what is not seen, or at whether there is any: the same that is seen gives the same result.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from orchestrail.requirements.verdicts import Outcome, Result, Status, Why, unknown

CONTRADICTED = Status.PASS
"""Evidence of other systems could be a counterexample to what passes, is attested or said not to apply."""
SUPPLIED = Status.FAIL
"""Evidence of other systems could be what a subject that fails, or is unknown, lacks."""
EITHER = frozenset({CONTRADICTED, SUPPLIED})
NEITHER: frozenset[Status] = frozenset()
"""What a subject says of itself decides, or persons do."""

_OPEN = {
    CONTRADICTED: frozenset({Status.PASS, Status.ATTESTED, Status.NOT_APPLICABLE, Status.UNKNOWN}),
    SUPPLIED: frozenset({Status.FAIL, Status.UNKNOWN}),
}
_MORE = "what belongs to systems that are not seen here could say otherwise"
WHOLE = Outcome(
    {Status.UNKNOWN: 1},
    (unknown("record", Why.LIMITED, "it rests on all systems together, and some alone are seen here"),),
)
"""What is said in place of what only the whole record shows."""


def limited(result: Result, beyond: Collection[Status]) -> Result:
    """Give what is left of a result.

    Args:
        result: by what is seen, and by what persons say of it.
        beyond: what evidence of other systems could be: `CONTRADICTED`, `SUPPLIED`.
    """
    if not any(result.status in _OPEN[each] for each in beyond):
        return result
    by_now = result.reason or "it holds"
    return replace(result, status=Status.UNKNOWN, why=Why.LIMITED, reason=f"by what is seen here, {by_now}; {_MORE}")
