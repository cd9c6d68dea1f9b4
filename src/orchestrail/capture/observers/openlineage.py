"""OpenLineage's client: the file that its own transport appends events to is a record of the step and no data of it."""

from __future__ import annotations

from types import ModuleType

from orchestrail.capture.observers import Patches


def attach(module: ModuleType, patches: Patches) -> None:
    """Look away while `openlineage.client.transport.file` emits (openlineage-python 1.30 to 1.40)."""
    patches.unseen(module.FileTransport, "emit")
