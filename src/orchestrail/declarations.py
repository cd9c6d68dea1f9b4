"""What is said of a step outside of its code: in tags and descriptions of the orchestrator, and in the settings. Pure.

One notation, `orchestrail:NAME=VALUE`, wherever the orchestrator keeps texts: a tag is one such word, a description may hold
several among others. A value with spaces stands in double quotes. How a step is marked in its code is `marking`'s matter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

from orchestrail.model import ROLES, Marking

FIELDS = ("role", "operation", "version", "serve_time", "fits_state", "train_only", "state")
"""What can be declared of a step."""

_FLAGS = ("serve_time", "fits_state", "train_only")
_WORD = re.compile(r'(?<![\w.:/-])orchestrail:([^\s="]{1,40})=("[^"\n]*"|[^\s"`]*)')
_TRUTH = {"true": True, "false": False}


class Read(NamedTuple):
    """What texts declare.

    Attributes:
        marking: what they say; None where they say nothing.
        problems: what in them cannot be understood, each a sentence without its full stop.
    """

    marking: Marking | None
    problems: tuple[str, ...]


@lru_cache(maxsize=512)
def read(texts: tuple[str, ...]) -> Read:
    """Read the declarations in texts; of two that contradict each other the first counts, and the other is a problem."""
    found: dict[str, Any] = {}
    problems: list[str] = []
    for text in texts:
        if "orchestrail:" not in text:
            continue
        for name, quoted in _WORD.findall(text):
            value: object = quoted[1:-1] if quoted.startswith('"') else quoted.rstrip(".,;)")
            if name in _FLAGS:
                value = _TRUTH.get(str(value).lower(), value)
            if name in found and found[name] != value:
                problems.append(f"`orchestrail:{name}` is declared twice, and not alike")
            else:
                found.setdefault(name, value)
    for name, value in list(found.items()):
        if (problem := problem_of(name, value)) is not None:
            problems.append(problem)
            del found[name]
    if (problem := contradiction(found)) is not None:
        problems.append(problem)
        del found["operation"]
    return Read(marking_of(found), tuple(problems))


def problem_of(name: str, value: object) -> str | None:
    """Say why something cannot be declared; None where it can."""
    if name not in FIELDS:
        return f"`{name}` is nothing that can be declared of a step: {', '.join(FIELDS)}"
    if name in _FLAGS:
        return None if isinstance(value, bool) else f"`{name}` is neither true nor false"
    if not isinstance(value, str) or not value:
        return f"`{name}` is no text"
    if name == "role" and value not in ROLES:
        return f"{value!r} is no role of a step: {', '.join(ROLES)}"
    return None


def contradiction(said: Mapping[str, object]) -> str | None:
    """Say why two things cannot be declared of one step; None where they can."""
    role = said.get("role")
    if said.get("operation") is not None and role not in (None, "preprocess"):
        return f"an operation is one of data preparation (role preprocess), and the role is {role}"
    return None


def marking_of(said: Mapping[str, Any]) -> Marking | None:
    """Make a marking of what was declared: who names an operation names a step that prepares data. None where nothing was."""
    if not said:
        return None
    role = said.get("role") or ("preprocess" if said.get("operation") else None)
    return Marking(role, *(said.get(name) for name in FIELDS[1:]))


def merged(*said: Marking | None) -> Marking | None:
    """Unite what several places say of a step, the first one first: a later one fills in what those before leave open.

    One that gives the step another role speaks of something else, and counts for nothing.
    """
    result: Marking | None = None
    for one in said:
        if one is None:
            continue
        if result is None:
            result = one
        elif one.role is None or result.role is None or one.role == result.role:
            theirs = {name: getattr(one, name) for name in ("role", *FIELDS[1:]) if getattr(result, name) is None}
            result = replace(result, **theirs)
    return result
