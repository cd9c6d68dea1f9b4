"""Property tests on a busy machine, which is no mistake of the code."""

from __future__ import annotations

from hypothesis import HealthCheck, settings


def be_patient() -> None:
    """Let Hypothesis wait for what it runs and for what it makes up, in all tests of a folder: its `conftest.py` calls this."""
    settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("patient")
