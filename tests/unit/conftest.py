from __future__ import annotations

from types import ModuleType

import made
import pytest

from orchestrail.testing.patience import be_patient

be_patient()


@pytest.fixture(scope="session", name="made")
def made_events() -> ModuleType:
    """Events to choose from, and a log in memory: `projections/made.py`."""
    return made
