"""The values in a catalogue's file, each with what is allowed: types for `model`. Mistakes are told in the words of the file."""

from __future__ import annotations

import re
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field, WithJsonSchema

from orchestrail.statements.content import ROLES

Profile = Literal["build", "release", "operate"]
Level = Literal["must", "should"]
Scope = Literal["run", "step", "dataset", "model", "deployment", "store"]
Mode = Literal["auto", "attested", "mixed"]
Basis = Literal["text", "derived", "practice"]

PROFILES: tuple[Profile, ...] = get_args(Profile)
"""After each run; before placing on the market; on a schedule. Each takes in what the ones before it do."""

LIMITS = ("grace_hours", "max_run_age_days", "max_anchor_age_days", "max_export_test_age_days")
"""Limits of the policy that a catalogue can tighten: what it names is the most that counts."""

_ID = re.compile(r"[A-Z][A-Z0-9]*(?:-[A-Z0-9]+)*-\d\d")


def _is_an_id(value: str) -> str:
    if not _ID.fullmatch(value):
        raise ValueError(f"{value!r} is no id of a requirement; allowed: such as PREP-05")
    return value


def _is_a_role(value: str) -> str:
    if value not in ROLES:
        raise ValueError(f"there is no role {value!r}; allowed: {', '.join(ROLES)}")
    return value


def _are_whole(value: tuple[Profile, ...]) -> tuple[Profile, ...]:
    if not value or value != PROFILES[PROFILES.index(value[0]) :]:
        ways = ", or ".join(", ".join(PROFILES[start:]) for start in range(len(PROFILES)))
        raise ValueError(f"a profile takes in what those before it do; allowed: {ways}")
    return value


def _is_a_limit(value: str) -> str:
    if value not in LIMITS:
        raise ValueError(f"there is no limit {value!r}; allowed: {', '.join(LIMITS)}")
    return value


Id = Annotated[str, AfterValidator(_is_an_id), WithJsonSchema({"type": "string", "pattern": f"^{_ID.pattern}$"})]
Role = Annotated[str, AfterValidator(_is_a_role), WithJsonSchema({"enum": list(ROLES)})]
Limits = Annotated[
    dict[Annotated[str, AfterValidator(_is_a_limit)], Annotated[int, Field(strict=True, ge=1)]],
    WithJsonSchema(
        {
            "type": "object",
            "additionalProperties": False,
            "properties": {name: {"type": "integer", "minimum": 1} for name in LIMITS},
        }
    ),
]
Profiles = Annotated[tuple[Profile, ...], AfterValidator(_are_whole)]
Text = Annotated[str, Field(min_length=1, max_length=4000)]
Reason = Annotated[str, Field(min_length=10, max_length=4000)]
