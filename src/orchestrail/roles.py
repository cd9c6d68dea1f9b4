"""The role of a step that nobody gave one, concluded from the well-known calls that it was seen to make. Pure.

What was seen is kept whatever is concluded from it. A concluded role is marked as such, never replaces one that somebody
declared, and meets no requirement that asks for a declaration. The calls are seen by `capture.observers`.
"""

from __future__ import annotations

from collections.abc import Collection

_MOST_TELLING = ("train", "evaluate", "preprocess", "split", "package")
"""What a step is there for comes before what it takes along for that: who trains splits, prepares, scores and saves on the way; who
evaluates prepares and splits. To write a model file is all that a step does only where nothing else was seen. Ingesting, deploying,
serving and monitoring have no calls that would tell them from others."""


def concluded(seen: Collection[str], within: Collection[str]) -> str | None:
    """Conclude the role of a step.

    Args:
        seen: roles that its own calls speak of.
        within: roles of the marked steps that it called. They say what the parts are there for: where they and what was seen do not
            agree, the whole has none of these roles.
    """
    if within:
        both = {*seen, *within}
        return next(iter(both)) if len(both) == 1 else None
    return next((role for role in _MOST_TELLING if role in seen), None)
