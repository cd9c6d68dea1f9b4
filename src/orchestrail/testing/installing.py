"""For a host's program: install an adapter once more, or take it away. In the control, where none is installed, nothing happens."""

from __future__ import annotations

from collections.abc import Sequence

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


def snapshot(*places: type | object) -> list[dict[str, object]]:
    """Note the attributes of classes and modules of the host, before the adapter attaches to them."""
    return [dict(vars(place)) for place in places]


def changes(before: Sequence[dict[str, object]], *places: type | object) -> list[str]:
    """Name the attributes that are not what they were."""
    return [
        f"{getattr(place, '__name__', place)}.{name}"
        for noted, place in zip(before, snapshot(*places), strict=True)
        for name in sorted(noted.keys() | place.keys())
        if noted.get(name) is not place.get(name)
    ]
