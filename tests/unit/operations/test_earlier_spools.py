"""A store reads the spools of its own minor version and of the two before: kept segments, as those versions wrote them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from orchestrail import __version__
from orchestrail.operations import open_record
from orchestrail.operations.collect import CollectResult, collect
from orchestrail.queries.runs import find_run, runs
from orchestrail.queries.show import show
from orchestrail.queries.snapshot import snapshot
from orchestrail.settings import load_settings

KEPT = Path(__file__).parents[2] / "data" / "spool"


def readable() -> list[str]:
    """Name the minor versions whose spools this one reads."""
    major, minor, _ = map(int, __version__.split(".", 2))
    return [f"{major}.{number}" for number in range(max(1, minor - 2), minor + 1)]


@pytest.mark.parametrize("version", readable())
def test_a_spool_of_an_earlier_version_is_read_whole(version: str) -> None:
    """Every event arrives once; the run, its steps, their data and preprocessing versions are what they were then."""
    settings = load_settings()
    settings.spool.mkdir(parents=True, mode=0o700)
    shutil.copy(KEPT / f"{version}.seg", settings.spool)
    store = open_record(settings, create=True)
    assert collect(settings, store) == CollectResult(appended=10, duplicates=0, quarantined=0)
    assert list(settings.spool.iterdir()) == []
    assert not store.gaps()
    with snapshot(store) as record:
        (root,) = runs(record)
        shown = show(record, find_run(record, root.run_id))
    assert (root.job.name, root.state, root.system, root.environment) == (
        "steps.main",
        "COMPLETE",
        "mortgage-approval",
        "staging",
    )
    assert (root.orchestrator, root.adapter, root.producer) == (
        "python",
        "script",
        f"urn:orchestrail:script:{version}.0",
    )
    assert root.environment_facts is not None
    assert root.environment_facts["distributions"]["orchestrail"] == f"{version}.0"
    steps = {row.job.name.removeprefix("steps.main."): row for row in shown.runs[1:]}
    assert {name: (row.role, row.state) for name, row in steps.items()} == {
        "double": ("preprocess", "COMPLETE"),
        "shift": ("preprocess", "COMPLETE"),
        "train": ("train", "COMPLETE"),
        "evaluate": ("evaluate", "FAIL"),
    }
    double, shift, train = steps["double"], steps["shift"], steps["train"]
    assert double.preprocessing is not None
    assert (double.preprocessing.operation, double.preprocessing.version, double.serve_time) == (
        "double",
        "1.2.0",
        True,
    )
    assert shift.preprocessing is not None
    assert (shift.preprocessing.derived, shift.preprocessing.version) == (True, shift.code.digest)
    assert double.parameters is not None
    assert double.parameters["factor"] == 2
    (model,) = train.outputs
    assert (model.dataset.name, model.dataset.kind, model.dataset.bytes) == ("/srv/mortgage/model.bin", "model", 9)
    assert model.dataset.digest is not None
    assert [(use.dataset.role, use.dataset.name) for use in train.inputs] == [("train", "/srv/mortgage/in.json")]
    assert train.metrics[0]["value"] == 3
    assert train.checks[0]["success"] is True
    assert steps["evaluate"].error == "ValueError: no data, password=[redacted]"
