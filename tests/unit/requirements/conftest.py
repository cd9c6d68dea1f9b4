from __future__ import annotations

import importlib.util
from datetime import date
from pathlib import Path
from types import ModuleType

import pytest

from orchestrail.projections.apply import apply
from orchestrail.queries.scopes import everything
from orchestrail.requirements.circumstances import Circumstances
from orchestrail.requirements.judging import judge


@pytest.fixture(scope="session")
def made() -> ModuleType:
    """Events to choose from, and a log in memory; the projections' tests use the same."""
    path = Path(__file__).parents[1] / "projections" / "made.py"
    spec = importlib.util.spec_from_file_location("made", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def judged(made):
    """Record events and judge all of them by one requirement; gives the verdict."""

    def judge_one(requirement, *events, day=date(2026, 3, 1), **more):
        log = made.MemoryLog()
        log.add(*events)
        apply(log)
        with log.read() as connection:
            (verdict,) = judge(connection, everything(connection), [requirement], Circumstances(day, **more))
        return verdict

    return judge_one
