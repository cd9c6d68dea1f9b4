"""Parameters: small values as they are, the rest as type and digest, nothing of the user's run, no secret kept."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from orchestrail.parameters import MAX_VALUE, as_text, describe
from orchestrail.redaction import MARK, redact_text

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


class Rude:
    """A user's object whose every method would hurt."""

    def __repr__(self) -> str:
        raise RuntimeError("repr was called")

    def __len__(self) -> int:
        raise RuntimeError("len was called")

    def __str__(self) -> str:
        raise RuntimeError("str was called")


def test_values_by_kind() -> None:
    """Scalars, dates, paths and small containers are recorded by value; objects by type alone."""
    described, _ = describe(
        {"n": 3, "x": 0.5, "nan": float("nan"), "at": datetime(2026, 1, 1, tzinfo=UTC), "day": date(2026, 1, 1),
         "path": Path("data/x.csv"), "columns": ["a", "b"], "model": Rude(), "raw": b"abc"}
    )  # fmt: skip
    assert described["n"] == {"type": "int", "value": 3}
    assert described["nan"]["value"] == "nan"
    assert described["path"]["value"] == "data/x.csv"
    assert described["columns"]["value"] == ["a", "b"]
    assert described["model"]["digest"] is None
    assert described["model"]["type"].endswith(".Rude")
    assert described["raw"]["digest"].startswith("sha256:")
    assert as_text(described["columns"]) == '["a","b"]'


def test_large_values_are_digests() -> None:
    """Above 1 kB of JSON there is a digest; far above there is none, and no time is spent on one."""
    described, _ = describe(
        {"text": "x" * 2 * MAX_VALUE, "rows": list(range(5000)), "huge": "y" * 100_000_000, "deep": _deep()}
    )
    assert "value" not in described["text"]
    assert described["rows"]["digest"].startswith("sha256:")
    assert described["huge"]["digest"] is None
    assert described["deep"]["digest"] is None


def test_a_secret_parameter_is_neither_kept_nor_forgotten() -> None:
    """A value under a telling name is left out, nested too, and known from then on in any text."""
    described, _ = describe({"token": "param-secret-5", "config": {"db_password": "param-secret-6", "rows": 3}})
    assert described["token"] == {"type": "str", "value": MARK}
    assert described["config"]["value"] == {"db_password": MARK, "rows": 3}
    assert redact_text("failed for param-secret-5 and param-secret-6") == f"failed for {MARK} and {MARK}"


@given(st.dictionaries(st.text(), json_values, max_size=5))
def test_the_digest_depends_on_the_values_alone(parameters: dict[str, Any]) -> None:
    """The order of the parameters does not matter, and the description is JSON that can be sent."""
    backwards = dict(reversed(parameters.items()))
    assert describe(parameters)[1] == describe(backwards)[1]
    json.dumps(describe(parameters)[0], allow_nan=False)


@given(st.integers(), st.integers())
def test_other_values_have_other_digests(one: int, other: int) -> None:
    """Two different values of a parameter are told apart."""
    assert (describe({"n": one})[1] == describe({"n": other})[1]) == (one == other)


def _deep() -> list[Any]:
    value: list[Any] = []
    for _ in range(20_000):
        value = [value]
    return value
