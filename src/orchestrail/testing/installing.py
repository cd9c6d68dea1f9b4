"""For a host's program: install an adapter once more, or take it away. In the control, where none is installed, nothing happens."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

from orchestrail.adapter import active, deactivate
from orchestrail.plugins import manager


def install_again(adapter: str) -> None:
    """Call the adapter's `adapter_install` once more, with the recorder at work."""
    plugin = manager().get_plugin(adapter)
    for recorder in active():
        if plugin is not None and recorder.info.name == adapter:
            plugin.adapter_install(recorder=recorder, settings=recorder.settings)


def uninstall(adapter: str) -> None:
    """Stop recording in this process, as `orchestrail.adapter.deactivate` does."""
    deactivate(adapter)


def snapshot(*places: type | ModuleType) -> list[dict[str, object]]:
    """Note the attributes of classes and modules of the host, before the adapter attaches to them."""
    return [{name: _contents(value) for name, value in vars(place).items()} for place in places]


def changes(before: Sequence[dict[str, object]], *places: type | ModuleType) -> list[str]:
    """Name the attributes that are not what they were."""
    return [
        f"{place.__name__}.{name}"
        for place, noted, now in zip(places, before, snapshot(*places), strict=True)
        for name in sorted(noted.keys() | now.keys())
        if noted.get(name) is not now.get(name) and not _is_equal(noted.get(name), now.get(name))
    ]


def _contents(value: object) -> object:
    # An adapter that puts its own on a list puts a new list in its place, and another one when it lets go.
    return list(value) if type(value) is list else value


def _is_equal(noted: object, now: object) -> bool:
    if type(noted) is not list or type(now) is not list or len(noted) != len(now):
        return False
    return all(one is other for one, other in zip(noted, now, strict=True))
