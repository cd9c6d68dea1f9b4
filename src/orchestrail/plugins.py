"""Plugins: our own loader and caller over pluggy, because one plugin that fails must not take the others along.

pluggy's `load_setuptools_entrypoints` stops at the first plugin that cannot be imported, and in a call of many implementations
the first that raises stops the rest. Here each is loaded and called by itself, under guard.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.metadata import entry_points
from typing import Any

import pluggy

from orchestrail import hookspecs
from orchestrail.capture.observing import unobserved
from orchestrail.errors import ConfigurationError
from orchestrail.guard import guard
from orchestrail.locks import Lock

GROUP = "orchestrail"

failures: dict[str, str] = {}
"""Plugins that could not be loaded, by entry-point name, with the reason; for `doctor`."""

_lock = Lock()


@cache
def manager() -> pluggy.PluginManager:
    """Give this process's plugin manager, with our hooks declared and nothing loaded."""
    created = pluggy.PluginManager("orchestrail")
    created.add_hookspecs(hookspecs)
    return created


@cache
def load_installed() -> None:
    """Load every installed plugin once; one that fails is left out and named in `failures`. What it reads is no data of a step."""
    with unobserved():
        for entry_point in entry_points(group=GROUP):
            try:
                register(entry_point.load(), entry_point.name)
            except Exception as error:
                failures[entry_point.name] = f"{type(error).__name__}: {error}"


def register(plugin: object, name: str) -> None:
    """Register a plugin, unless one of this name is registered already."""
    with _lock:
        if manager().get_plugin(name) is None and plugin not in manager().get_plugins():
            manager().register(plugin, name)


def implemented(hook: str) -> bool:
    """Say whether any installed plugin implements a hook."""
    load_installed()
    return bool(getattr(manager().hook, hook).get_hookimpls())


def results(hook: str, **arguments: Any) -> Iterator[tuple[str, Any]]:
    """Call each implementation by itself; yields (plugin name, result) of those that did not fail."""
    caller = getattr(manager().hook, hook)
    for implementation in reversed(caller.get_hookimpls()):
        wanted = {name: arguments[name] for name in implementation.argnames}
        with guard(f"plugin {implementation.plugin_name}, hook {hook}"):
            yield implementation.plugin_name, implementation.function(**wanted)


def asked(hook: str, **arguments: Any) -> Iterator[tuple[str, Any]]:
    """Call each implementation for somebody who waits for the whole answer; yields (plugin name, result), None left out.

    Raises:
        ConfigurationError: an implementation failed: an answer without its part would be a wrong one.
    """
    for implementation in reversed(getattr(manager().hook, hook).get_hookimpls()):
        wanted = {name: arguments[name] for name in implementation.argnames}
        try:
            result = implementation.function(**wanted)
        except Exception as error:
            raise ConfigurationError(
                f"The plugin {implementation.plugin_name} failed when it was asked ({hook}).",
                f"{type(error).__name__}: {error}.",
                "Mend the plugin, or remove it.",
            ) from error
        if result is not None:
            yield implementation.plugin_name, result


def call_each(hook: str, **arguments: Any) -> list[Any]:
    """Call each implementation by itself and give the results that are not None."""
    return [result for _, result in results(hook, **arguments) if result is not None]


def first_result(hook: str, **arguments: Any) -> Any:
    """Call implementations until one gives a result; None where none does."""
    return next((result for _, result in results(hook, **arguments) if result is not None), None)
