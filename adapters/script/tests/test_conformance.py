"""The script adapter under the kit that every adapter is tested with; its host is in `conftest.py`."""

from __future__ import annotations

from orchestrail.testing import ConformanceSuite


class TestConformance(ConformanceSuite):
    """The scenarios, tried with plain Python."""
