"""What every test gets: a home of its own, and the errors that guard swallowed raised again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrail import guard


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("ORCHESTRAIL_", "OPENLINEAGE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("ORCHESTRAIL_HOME", str(tmp_path / "home"))


@pytest.fixture(autouse=True)
def _nothing_swallowed(request: pytest.FixtureRequest) -> Iterator[None]:
    """Raise what guard kept from the host, unless the test is about just that (`@pytest.mark.swallows`)."""
    guard.swallowed.clear()
    yield
    kept = list(guard.swallowed)
    guard.swallowed.clear()
    if kept and request.node.get_closest_marker("swallows") is None:
        where, error = kept[0]
        raise AssertionError(f"swallowed while trying to {where}: {error!r}") from error
