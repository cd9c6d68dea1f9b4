"""A store of its own for each test, and the helpers of `tamper.py`."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from orchestrail.store import open_store
from orchestrail.store.sqlite import SqliteStore
from orchestrail.testing import stores
from orchestrail.testing.patience import be_patient

be_patient()


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def made() -> ModuleType:
    """Events to append."""
    return stores


@pytest.fixture(scope="session")
def tamper() -> ModuleType:
    """Ways to change a store behind its back."""
    return _load("tamper")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def store(home: Path) -> Iterator[SqliteStore]:
    with open_store(f"sqlite:///{home / 'audit.db'}", home=home, create=True) as opened:
        yield opened
