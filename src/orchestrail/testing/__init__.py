"""The shipped kit for testing adapters and stores. For tests only.

An adapter's test subclasses `ConformanceSuite` and describes its host by a subclass of `Host`; the host's program imports
`workload` and `installing`. Names are loaded when they are used, because that program shall hold nothing of ours but what it asks
for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrail.testing import installing, workload
    from orchestrail.testing.conformance import ConformanceSuite
    from orchestrail.testing.events import schema_problems, spooled_events
    from orchestrail.testing.harness import Host
    from orchestrail.testing.scenarios import SCENARIOS, Scenario
    from orchestrail.testing.stores import StoreConformance

__all__ = [
    "SCENARIOS",
    "ConformanceSuite",
    "Host",
    "Scenario",
    "StoreConformance",
    "installing",
    "schema_problems",
    "spooled_events",
    "workload",
]

_MODULES = {
    "SCENARIOS": "scenarios",
    "ConformanceSuite": "conformance",
    "Host": "harness",
    "Scenario": "scenarios",
    "StoreConformance": "stores",
    "schema_problems": "events",
    "spooled_events": "events",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{_MODULES.get(name, name)}")
    return getattr(module, name) if name in _MODULES else module
