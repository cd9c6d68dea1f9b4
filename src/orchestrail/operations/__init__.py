"""What changes the record, or proves it: collect, ship, ingest, quarantine, verify. The only writer above `orchestrail.store`.

Reading the record is `orchestrail.queries`' matter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrail.settings import Settings
    from orchestrail.store.base import Store


def open_record(settings: Settings, *, create: bool = False) -> Store:
    """Open the audit store of the settings.

    Args:
        settings: name the store and the home with its keys.
        create: make it where there is none.

    Raises:
        StoreError: it is missing, damaged, not ours, or of a newer version.
    """
    from orchestrail.store import open_store

    return open_store(settings.store, home=settings.home, create=create)
