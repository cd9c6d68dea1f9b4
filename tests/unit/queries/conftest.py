from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from orchestrail.projections.apply import apply


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
