"""What every test gets: a home of its own, and the errors that guard swallowed raised again; and `observed`, for what runs see."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from orchestrail import guard
from orchestrail.capture import files, observers
from orchestrail.capture.results import Results
from orchestrail.model import DatasetRef


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("ORCHESTRAIL_", "OPENLINEAGE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("ORCHESTRAIL_HOME", str(tmp_path / "home"))


@pytest.fixture(autouse=True)
def _nothing_swallowed(request: pytest.FixtureRequest) -> Iterator[None]:
    """Raise what guard kept from the host, unless the test is about just that (`@pytest.mark.swallows`)."""
    guard.swallowed.clear()
    yield
    kept = list(guard.swallowed)
    guard.swallowed.clear()
    if kept and request.node.get_closest_marker("swallows") is None:
        where, error = kept[0]
        raise AssertionError(f"swallowed while trying to {where}: {error!r}") from error


class Observed:
    """What one run read and wrote, as observers and the audit hook tell it; filled when its block ends."""

    def __init__(self) -> None:
        self.inputs: list[DatasetRef] = []
        self.outputs: list[DatasetRef] = []
        self.missing: list[tuple[str, str]] = []
        self.calls: list[tuple[str, str]] = []
        self.results = Results()
        self.other_runs: dict[tuple[str, str], None] = {}
        self.applied: list[DatasetRef] = []
        self.made: list[DatasetRef] = []

    def names(self) -> tuple[list[str], list[str]]:
        """Give the names of what was read and written; of files, those without their folders."""
        return _short(self.inputs), _short(self.outputs)

    def one(self, direction: str, name: str) -> DatasetRef:
        """Give the one data set of this name."""
        (found,) = [one for one in getattr(self, direction) if _short([one]) == [name]]
        return found


def _short(datasets: list[DatasetRef]) -> list[str]:
    return sorted(Path(one.name).name if one.namespace == "file" else one.name for one in datasets)


@pytest.fixture
def observed() -> Iterator[Callable[[], AbstractContextManager[Observed]]]:
    """Run a block as a run does, with the libraries observed."""
    files.install()
    observers.install()

    @contextmanager
    def observe() -> Iterator[Observed]:
        made, seen = files.FileCapture(), Observed()
        token = files.capturing.set(made)
        try:
            yield seen
        finally:
            files.capturing.reset(token)
            seen.inputs, seen.outputs, seen.missing = made.close()
            seen.calls = list(made.told.calls)
            seen.other_runs = made.told.other_runs
            seen.results = made.told.results
            seen.applied, seen.made = made.told.applied, made.told.made
            assert made.failures == 0

    yield observe
    observers.uninstall()
