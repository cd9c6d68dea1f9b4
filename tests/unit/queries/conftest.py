from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from orchestrail.projections.apply import apply


@pytest.fixture(scope="session")
def made() -> ModuleType:
    """Events to choose from, and a log in memory; the projections' tests use the same."""
    path = Path(__file__).parents[1] / "projections" / "made.py"
    spec = importlib.util.spec_from_file_location("made", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def recorded(made: ModuleType) -> Callable[..., Any]:
    """Record events and give a snapshot to ask."""
    open_blocks = []

    def record(*events: dict[str, Any]) -> Any:
        log = made.MemoryLog()
        log.add(*events)
        apply(log)
        block = log.read()
        open_blocks.append(block)
        return block.__enter__()

    yield record
    for block in open_blocks:
        block.__exit__(None, None, None)
