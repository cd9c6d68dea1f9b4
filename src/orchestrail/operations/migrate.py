"""Moving the record from a file to a server. The copying itself is the store's; both logs are the same one afterwards."""

from __future__ import annotations

from orchestrail.errors import ConfigurationError
from orchestrail.settings import Settings
from orchestrail.store import copy_store, store_file
from orchestrail.store.base import Progress, Verification


def migrate(settings: Settings, target: str, progress: Progress | None = None) -> Verification:
    """Copy the record of the settings, which stays as it is, and verify the copy before it counts.

    Args:
        settings: name the store, a SQLite file, and the home with its keys, which the copy goes on with.
        target: the URL of a PostgreSQL database without a store.
        progress: called with the rows written and those there are.

    Raises:
        ConfigurationError: the store is no file, or the target no server.
        StoreError: one of the two cannot be used, or the copy does not verify: then nothing was copied.
    """
    file = store_file(settings.store)
    if file is None or store_file(target) is not None:
        raise ConfigurationError(
            "A record moves from a SQLite file to a PostgreSQL database only.",
            "The target is a file too." if file else "The store of the settings is on a server already.",
            "Name the file by --store, and the database by its URL.",
        )
    return copy_store(settings.store, target, settings.home, progress)
