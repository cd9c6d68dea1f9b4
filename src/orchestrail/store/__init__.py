"""The append-only audit log: tables, tree, signed checkpoints, verification. No meaning of events lives here.

`open_store` is the door. What an event says is the matter of `orchestrail.events` and `orchestrail.projections`; what may be
appended, and when, is decided in `orchestrail.operations`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from orchestrail.errors import ConfigurationError

if TYPE_CHECKING:
    from orchestrail.store.sqlite import SqliteStore


def open_store(url: str, *, home: Path, create: bool = False) -> SqliteStore:
    """Open the audit store that a URL names.

    Args:
        url: `sqlite:///relative/path` or `sqlite:////absolute/path`.
        home: folder that holds `keys/`, with the signing key of the store.
        create: make the store, and its keys, where there is none.

    Raises:
        ConfigurationError: the URL names no kind of store that is supported.
        StoreError: the store is missing, damaged, not ours, or of a newer version.
    """
    from orchestrail.store.sqlite import SqliteStore

    return SqliteStore.open(store_path(url), home=home, create=create)


def store_path(url: str) -> Path:
    """Return the file that a `sqlite:///` URL names.

    Raises:
        ConfigurationError: any other kind of URL.
    """
    scheme, separator, rest = url.partition(":///")
    if not separator or scheme != "sqlite" or not rest:
        raise ConfigurationError(
            f"The store {url.partition('@')[2] or url!r} is not of a kind that this version supports.",
            "Only the embedded store is supported.",
            "Set ORCHESTRAIL_STORE to sqlite:///path/to/audit.db.",
        )
    return Path(rest).expanduser()
