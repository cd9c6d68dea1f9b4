"""The newhost adapter under the kit that every adapter is tested with."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrail.testing import ConformanceSuite, Host


class NewHost(Host):
    """Newhost, as the kit reaches it."""

    adapter = "newhost"
    program = Path(__file__).with_name("native.py")


@pytest.fixture(scope="module")
def host() -> Host:
    """Give the host."""
    return NewHost()


class TestConformance(ConformanceSuite):
    """The scenarios, tried with a real newhost."""
