"""Parameters: small values as they are, the rest as type and digest, nothing of the user's run, no secret kept."""

from __future__ import annotations

import hashlib
import json
import sys
import tracemalloc
from collections.abc import Callable
from datetime import UTC, date, datetime, tzinfo
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrail.parameters import MAX_VALUE, Unshown, as_text, describe
from orchestrail.redaction import MARK, redact_text

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


class Called(BaseException):
    """Code of the user's ran; no fence of ours holds this."""


def _called(*_: object, **__: object) -> Any:
    raise Called


HOOKS = ("__repr__", "__str__", "__len__", "__iter__", "__eq__", "__hash__", "__bool__", "__fspath__", "__float__",
         "__int__", "__index__", "__format__", "__getattribute__", "__getattr__", "__json__", "__reduce_ex__")  # fmt: skip
Rude = type("Rude", (), dict.fromkeys(HOOKS, _called))
"""A user's object whose every method would hurt."""

RudeMeta = type("RudeMeta", (type,), dict.fromkeys(HOOKS, _called))


RUDE: dict[str, Callable[[], Any]] = {
    "object": lambda: Rude(),
    "class of a rude metaclass": lambda: RudeMeta("X", (), {}),
    "object of a rude metaclass": lambda: object.__new__(RudeMeta("Y", (), {})),
    "liar": lambda: type("Liar", (), {"__class__": property(_called)})(),
    "text that says so": lambda: type("Text", (), {"__class__": property(lambda _: str), "__len__": _called})(),
    "text": lambda: str.__new__(type("OwnText", (str,), dict.fromkeys(HOOKS, _called)), "text"),
    "bytes": lambda: bytes.__new__(type("OwnBytes", (bytes,), dict.fromkeys(HOOKS, _called)), b"bytes"),
    "number": lambda: int.__new__(type("OwnInt", (int,), dict.fromkeys(HOOKS, _called)), 3),
    "list": lambda: list.__new__(type("OwnList", (list,), dict.fromkeys(HOOKS, _called))),
    "dict": lambda: dict.__new__(type("OwnDict", (dict,), dict.fromkeys((*HOOKS, "items", "values"), _called))),
    "path": lambda: type("OwnPath", (type(Path()),), {"__fspath__": _called, "__str__": _called})("x"),
    "time": lambda: datetime(2026, 1, 1, tzinfo=type("Zone", (tzinfo,), {"utcoffset": _called})()),
    "module that is none": lambda: type("Odd", (), {"__module__": Rude()})(),
}


@pytest.mark.parametrize("name", ["plain", "token"])
@pytest.mark.parametrize("make", RUDE.values(), ids=RUDE)
def test_no_code_of_a_value_runs(make: Callable[[], Any], name: str) -> None:
    """Neither of the value, nor of its class or metaclass, alone or within a list; what cannot be looked at has its type."""
    value = make()
    described, digest = describe({name: value, "within": [value], "other": 3})
    assert described["other"] == {"type": "int", "value": 3}
    assert described["within"] == {"type": "list", "digest": None}
    assert type(described[name].pop("type")) is str
    assert described[name] == ({"value": MARK} if name == "token" else {"digest": None})
    assert digest == describe({name: value, "within": [value], "other": 3})[1]


def test_what_is_not_shown_has_its_type_and_a_digest_that_tells_it_from_others() -> None:
    """However small it is; a secret in it is no part of the digest, as in that of a large value."""

    def digest(value: object) -> str:
        (described,) = describe({"sql": Unshown(value)})[0].values()
        assert set(described) == {"type", "digest"}
        assert described["type"] == type(value).__name__
        found: str = described["digest"]
        return found

    assert digest("select 1") == digest("select 1") != digest("select 2") != digest(["select 2"])
    assert digest("set password = 'x1y2z3'") == digest("set password = 'other9'")


def _endless() -> Any:
    found: list[Any] = []
    found += [found, {"again": found}]
    return found


@pytest.mark.parametrize(
    "value",
    [10**5000, {10**5000: 1}, _endless(), [_endless()] * 1000, {str(n): n for n in range(20_000)}],
    ids=["huge number", "huge key", "recursive", "recursive and wide", "many"],
)
def test_what_cannot_be_written_down_has_a_type_and_no_digest(value: Any) -> None:
    """And costs the description of itself alone."""
    assert describe({"n": value, "seed": 3})[0] == {
        "n": {"type": type(value).__name__, "digest": None},
        "seed": {"type": "int", "value": 3},
    }


HUGE = 100 * 2**20
LARGE: dict[str, Callable[[], dict[str, Any]]] = {
    "text": lambda: {"text": "x" * HUGE},
    "bytes": lambda: {"raw": bytes(HUGE)},
    "array": lambda: {"raw": bytearray(HUGE)},
    "text within": lambda: {"options": {"rows": ["x" * HUGE]}},
    "secret": lambda: {"token": "x1" * (HUGE // 2)},
    "secret within": lambda: {"options": {"password": "x1" * (HUGE // 2)}},
    "texts": lambda: {"rows": ["password=a"] * 10_000_000},
}


@pytest.mark.parametrize("make", LARGE.values(), ids=LARGE)
def test_a_parameter_of_100_mb_takes_no_time_and_no_memory(make: Callable[[], dict[str, Any]]) -> None:
    """It is neither copied nor searched: less than 5 MB are taken for it, and a call of millions of steps would take more."""
    parameters = make()
    steps = 0

    def count(*_: object) -> None:
        nonlocal steps
        steps += 1

    tracemalloc.start()
    sys.setprofile(count)
    try:
        described, _ = describe(parameters)
    finally:
        sys.setprofile(None)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 5 * 2**20
    assert steps < 100_000
    assert len(json.dumps(described)) < 1000


def test_texts_of_any_length_are_told_apart_up_to_8_mb() -> None:
    """By value, then by a digest without their secrets, then by a digest as they are; beyond, only by their type."""
    texts = {"value": "x" * 100, "searched": "x" * 10_000, "whole": "x" * 100_000, "beyond": "x" * 9_000_000}
    described, _ = describe(texts)
    assert described["value"]["value"] == texts["value"]
    assert described["searched"]["digest"] != describe({"searched": "y" * 10_000})[0]["searched"]["digest"]
    assert described["whole"]["digest"] == "sha256:" + hashlib.sha256(texts["whole"].encode()).hexdigest()
    assert described["beyond"]["digest"] is None


def test_lone_surrogates_can_be_sent() -> None:
    """A name of a file that is no UTF-8 looks so in Python."""
    value = "\ud800"
    described, _ = describe({"name": value, "keys": {value: value}, "long": value * 100_000})
    assert json.loads(json.dumps(described))["name"]["value"] == value
    assert described["long"]["digest"]


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
