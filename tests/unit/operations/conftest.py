"""Settings with a home of their own, and the store they name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrail.operations import open_record
from orchestrail.settings import Settings
from orchestrail.store.base import Store


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    with open_record(settings, create=True) as opened:
        yield opened


@pytest.fixture
def events() -> Path:
    """Files of other producers' events."""
    return Path(__file__).parents[2] / "data" / "events"
