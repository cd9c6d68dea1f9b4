"""OpenLineage's own client: what it reads to be set up, and what any of its transports does with an event, is a record of the step
and no data of it."""

from __future__ import annotations

from types import ModuleType

from orchestrail.capture.observers import Patches


def attach(module: ModuleType, patches: Patches) -> None:
    """Look away while a client of `openlineage.client.client` is made and emits (openlineage-python 1.54)."""
    for name in ("__init__", "emit"):
        patches.unseen(module.OpenLineageClient, name)
