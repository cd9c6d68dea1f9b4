"""The script adapter under the kit that every adapter is tested with."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrail.testing import ConformanceSuite, Host


class Script(Host):
    """Plain Python: the program is its own host."""

    adapter = "script"
    program = Path(__file__).with_name("native.py")


@pytest.fixture(scope="module")
def host() -> Host:
    return Script()


class TestConformance(ConformanceSuite):
    """The scenarios, tried with plain Python."""
