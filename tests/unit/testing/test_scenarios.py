"""The scenarios as data, and how an adapter's gaps are sorted out."""

from __future__ import annotations

import pytest

from orchestrail.model import Capability, Gap
from orchestrail.testing import SCENARIOS
from orchestrail.testing.scenarios import gaps_by_scenario


def test_the_table_is_whole() -> None:
    """Sixteen rows in order, no name twice, and each capability has a scenario that proves it."""
    assert sorted({scenario.number for scenario in SCENARIOS}) == list(range(1, 17))
    assert [scenario.number for scenario in SCENARIOS] == sorted(scenario.number for scenario in SCENARIOS)
    assert len({scenario.name for scenario in SCENARIOS}) == len(SCENARIOS)
    assert {capability for scenario in SCENARIOS for capability in scenario.proves} == set(Capability)


def test_gaps_that_name_a_scenario_are_told_from_others() -> None:
    """What the kit does not try may be declared too; its name resembles no scenario's."""
    killed, dask = Gap("killed", never="no process"), Gap("dask_runner", upstream="no hook")
    assert gaps_by_scenario([dask, killed]) == {"killed": killed}


@pytest.mark.parametrize("name", ["kiled", "time_out", "changed-by-hand", "cache", "Success"])
def test_a_misspelt_scenario_is_an_error(name: str) -> None:
    """It would pass for a gap that is not tried."""
    with pytest.raises(ValueError, match=f"The gap {name} names no scenario"):
        gaps_by_scenario([Gap(name, never="not here")])


def test_a_gap_is_declared_once() -> None:
    """Two reasons for one scenario cannot both be shown."""
    with pytest.raises(ValueError, match="declared twice"):
        gaps_by_scenario([Gap("killed", never="no process"), Gap("killed", upstream="no hook")])
