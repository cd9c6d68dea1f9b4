"""The Prefect adapter under the kit that every adapter is tested with, and the kit with one that is broken on purpose."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from orchestrail.testing import ConformanceSuite, Host
from orchestrail.testing.bench import Bench
from orchestrail.testing.bench import bench as opened
from orchestrail.testing.expectations import TRIALS

GENERATED = (
    (re.compile(r"(Task run '\w+)-[0-9a-f]{3}'"), r"\1'"),
    (re.compile(r"([Ff]low run) '[a-z]+-[a-z]+'"), r"\1 '<name>'"),
)
"""Names that Prefect makes up for runs."""


class Prefect(Host):
    """Prefect, with one server for all runs; the library is imported once."""

    adapter = "prefect"
    program = Path(__file__).with_name("native.py")
    warm = ("prefect", "prefect.flows", "prefect.task_runners", "prefect.client.orchestration")

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = {name: value for name, value in variables.items() if name.startswith("PREFECT_")}

    def environment(self, recorded: bool) -> Mapping[str, str]:
        return self._variables

    def mask(self, text: str) -> str:
        for pattern, mask in GENERATED:
            text = pattern.sub(mask, text)
        # Prefect says on a slow machine what it still has to send when the process ends.
        return "".join(line for line in text.splitlines(keepends=True) if "Still processing items" not in line)


@pytest.fixture(scope="module")
def host(prefect_environment: dict[str, str]) -> Host:
    return Prefect(prefect_environment)


BROKEN = {
    "a retry keeps the id of the attempt before it": (
        "retry",
        "more than one end|not one START|ends of the attempts",
        "from orchestrail_prefect import listener\nlistener.attempt_run_id = lambda native, number: native\n",
    ),
    "a cached result is told as computed": (
        "cached",
        "ends of the runs",
        """
from orchestrail_prefect import translate
end = translate.end_of
translate.end_of = lambda kind, name: end(kind, None if name == "Cached" else name)
""",
    ),
    "a skipped task is told as begun": (
        "skipped",
        "events of the skipped run",
        """
from orchestrail.recorder import Recorder
Recorder.skip = lambda self, begun, reason: (self.start(begun), self.finish(begun.run_id, "ABORT"))
""",
    ),
}
"""By what is wrong: the scenario that catches it, words of the complaint, and a patch that the flow's process imports first."""


class TestConformance(ConformanceSuite):
    """The scenarios, tried with flows and tasks of a real Prefect."""

    @pytest.mark.parametrize("mutant", BROKEN)
    def test_a_broken_adapter_is_caught(self, mutant: str, bench: Bench, tmp_path: Path) -> None:
        """The scenario that is made for it fails and says what is wrong."""
        scenario, says, patch = BROKEN[mutant]
        with (
            opened(bench.host, tmp_path, injected=patch, sound=bench) as broken,
            pytest.raises(AssertionError, match=says),
        ):
            TRIALS[scenario](broken)
