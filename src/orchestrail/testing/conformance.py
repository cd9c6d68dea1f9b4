"""The kit as a pytest class: one test per scenario, gaps as strict expected failures. No other module of the kit needs pytest."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrail.testing.bench import Bench, bench
from orchestrail.testing.expectations import TRIALS
from orchestrail.testing.harness import Host
from orchestrail.testing.scenarios import SCENARIOS, Scenario, gaps_by_scenario

RESULTS = "KIT_RESULTS"
"""Environment variable that names a file for the results."""


class ConformanceSuite:
    """What every adapter must hold. An adapter's `tests/test_conformance.py` has a subclass, and a fixture that gives its host:

    ```python
    @pytest.fixture(scope="module")
    def host() -> Host:
        return MyHost()

    class TestConformance(ConformanceSuite):
        pass
    ```

    A scenario that `AdapterInfo.gaps` names is expected to fail, with the gap's reason; one that holds although it is declared as a
    gap fails the test.
    """

    @pytest.fixture(scope="class")
    @classmethod
    def bench(cls, host: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
        """Try the scenarios of one host in one place."""
        with bench(host, tmp_path_factory.mktemp("conformance")) as made:
            yield made

    @pytest.fixture(scope="class")
    @classmethod
    def results(cls, bench: Bench) -> Iterator[dict[str, str]]:
        """Collect what came of each scenario, and write it where `KIT_RESULTS` says."""
        found: dict[str, str] = {}
        yield found
        file = os.environ.get(RESULTS)
        if file:
            _write(Path(file), bench, found)

    @pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: f"{scenario.number:02}-{scenario.name}")
    def test_scenario(
        self, scenario: Scenario, bench: Bench, results: dict[str, str], request: pytest.FixtureRequest
    ) -> None:
        """What the scenario says holds, and with it the invariants of every run."""
        gap = gaps_by_scenario(bench.info.gaps).get(scenario.name)
        if gap is not None:
            results[scenario.name] = "gap"
            request.applymarker(pytest.mark.xfail(reason=gap.reason, raises=AssertionError, strict=True))
        else:
            results[scenario.name] = "failed"
        TRIALS[scenario.name](bench)
        results[scenario.name] = "passed"

    def test_capabilities(self, bench: Bench) -> None:
        """Every capability that the adapter states is proved by a scenario that is no gap."""
        gaps = gaps_by_scenario(bench.info.gaps)
        proved = {capability for s in SCENARIOS if s.name not in gaps for capability in s.proves}
        assert bench.info.capabilities - proved == set()


def _write(file: Path, bench: Bench, results: dict[str, str]) -> None:
    info = bench.info
    document = {
        "adapter": info.name,
        "version": info.version,
        "host": info.host,
        "host_version": info.host_version,
        "requires": info.requires,
        "python": platform.python_version(),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "scenarios": results,
        "gaps": [{"name": gap.name, "kind": gap.kind, "reason": gap.reason} for gap in info.gaps],
        "capabilities": sorted(info.capabilities),
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(document, indent=2) + "\n")
