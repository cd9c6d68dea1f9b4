"""What an adapter left on its host is found."""

from __future__ import annotations

from types import ModuleType

import pytest

from orchestrail.testing import installing


@pytest.fixture
def host() -> ModuleType:
    """A module with a function and a list of listeners."""
    made = ModuleType("host")
    vars(made).update(run=print, listeners=[print])
    return made


def test_what_was_put_back_is_no_change(host: ModuleType) -> None:
    """A function again, or a list with the same in it."""
    before = installing.snapshot(host)
    vars(host).update(run=len, listeners=[print, len])
    vars(host).update(run=print, listeners=[print])
    assert installing.changes(before, host) == []


def test_what_is_left_is_named(host: ModuleType) -> None:
    """A function of ours, one on a list, an attribute that was not there."""
    before = installing.snapshot(host)
    vars(host).update(run=len, ours=1)
    vars(host)["listeners"].append(len)
    assert installing.changes(before, host) == ["host.listeners", "host.ours", "host.run"]


def test_a_class_is_looked_at_as_well() -> None:
    """Most hosts are attached to by their classes."""

    class Flow:
        def run(self) -> None:
            """Run."""

    before = installing.snapshot(Flow)
    setattr(Flow, "run", print)  # noqa: B010 - as an adapter does it
    assert installing.changes(before, Flow) == ["Flow.run"]
