from __future__ import annotations

from types import ModuleType

import hypothesis
import made
import pytest

# A busy machine is no mistake of the code.
hypothesis.settings.register_profile(
    "unhurried", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("unhurried")


@pytest.fixture(scope="session", name="made")
def made_events() -> ModuleType:
    """Events to choose from, and a log in memory: `projections/made.py`."""
    return made
