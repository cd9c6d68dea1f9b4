"""Plugins: loaded and called one by one, so that one that fails takes no other along."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from orchestrail import guard, plugins
from orchestrail.hookspecs import hookimpl
from orchestrail.model import DatasetRef


class Knows:
    """Identifies one kind of value."""

    @hookimpl
    def identify_dataset(self, value: object) -> DatasetRef | None:
        return DatasetRef("test", "known") if value == "known" else None


class Fails:
    """A plugin with a fault."""

    @hookimpl
    def identify_dataset(self) -> DatasetRef | None:
        raise RuntimeError("broken plugin")


@pytest.fixture
def registered() -> Iterator[None]:
    for number, plugin in enumerate((Knows(), Fails())):
        plugins.register(plugin, f"test-{number}")
    yield
    for number in range(2):
        plugins.manager().unregister(name=f"test-{number}")


@pytest.mark.swallows
@pytest.mark.usefixtures("registered")
def test_a_failing_plugin_does_not_stop_the_others() -> None:
    """pluggy would stop at the one that raises; here the healthy one answers, and the fault is noted."""
    assert plugins.first_result("identify_dataset", value="known") == DatasetRef("test", "known")
    assert [where for where, _ in guard.swallowed] == ["plugin test-1, hook identify_dataset"]
    assert plugins.first_result("identify_dataset", value="unknown") is None


def test_a_plugin_that_cannot_be_imported_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest is loaded, and `doctor` can tell which one is not."""

    def broken() -> object:
        raise ImportError("no module named host")

    healthy = Knows()
    found = [SimpleNamespace(name="broken", load=broken), SimpleNamespace(name="healthy", load=lambda: healthy)]
    monkeypatch.setattr(plugins, "entry_points", lambda group: found)
    plugins.load_installed.cache_clear()
    try:
        plugins.load_installed()
        assert plugins.failures.pop("broken") == "ImportError: no module named host"
        assert plugins.manager().get_plugin("healthy") is healthy
    finally:
        plugins.manager().unregister(name="healthy")
        plugins.load_installed.cache_clear()


def test_registering_twice_is_once() -> None:
    """A plugin found by two ways answers once."""
    plugin = Knows()
    plugins.register(plugin, "twice")
    plugins.register(plugin, "again")
    assert len(plugins.call_each("identify_dataset", value="known")) == 1
    plugins.manager().unregister(name="twice")
