"""The line of a field in a settings file, as people write one."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrail.lines import line_of

TEXT = """# a comment = 1
mode = "record"

[systems.scoring]
purpose = "[no.head] = 3"

  [ systems . "other.one" ]
  'role' = "owner"
[systems.scoring.pipelines.train]
steps = [
  "a",
]
[[not_applicable]]
by = "mb"
[[not_applicable]]
system = "x"
[tool.orchestrail.policy]
grace_hours = 1
"""


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ("mode", None),
        ("systems.scoring.purpose", 5),
        ("systems.scoring.risk_class", 4),
        ("systems.other.one.role", 8),
        ("systems.scoring.pipelines.train.steps[1]", 10),
        ("not_applicable[1].by", 14),
        ("not_applicable[2].system", 16),
        ("not_applicable[2].reason", 15),
        ("not_applicable[3].by", None),
        ("policy.grace_hours", 18),
        ("fields[1].class", None),
    ],
)
def test_the_line_of_a_place_is_found(place: str, line: int | None) -> None:
    """That of its table where the field is missing; none where nothing of it stands by itself."""
    assert line_of(TEXT, place) == line


_NAMES = st.from_regex(r"[a-z][a-z_-]{0,6}", fullmatch=True)


@given(
    st.dictionaries(_NAMES, st.dictionaries(_NAMES, st.integers(0, 9), min_size=1, max_size=4), min_size=1, max_size=4)
)
def test_each_field_of_each_table_is_found(tables: dict[str, dict[str, int]]) -> None:
    """Whatever the names: on its line stands the field with its value."""
    lines = [
        line
        for name, table in tables.items()
        for line in (f"[{name}]", *(f"{key} = {one}" for key, one in table.items()))
    ]
    text = "\n".join(lines)
    assert tomllib.loads(text) == tables
    for name, table in tables.items():
        for key, one in table.items():
            number = line_of(text, f"{name}.{key}")
            assert number is not None
            assert lines[number - 1] == f"{key} = {one}"
            assert lines[: number - 1].count(f"[{name}]") == 1


@given(st.text(max_size=200), st.text(max_size=30))
def test_any_text_has_such_a_line_or_none(text: str, place: str) -> None:
    """It is for a message: nothing that a file holds may break it."""
    line = line_of(text, place)
    assert line is None or 1 <= line <= len(text.splitlines())
