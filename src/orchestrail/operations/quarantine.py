"""What was refused: list it, show it, try it again. An entry is never changed or removed, a retry only marks it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from orchestrail.errors import ConfigurationError
from orchestrail.operations.intake import checked
from orchestrail.store.base import Incoming, Quarantined, Store


@dataclass(frozen=True, slots=True)
class RetryResult:
    """What one retry did.

    Attributes:
        appended: entries that are in the log now.
        duplicates: entries whose event the log held already; they count as resolved.
        quarantined: entries that are still refused.
    """

    appended: int
    duplicates: int
    quarantined: int


def list_quarantined(store: Store, *, resolved: bool = False) -> list[Quarantined]:
    """Return the entries that are still refused, or with `resolved` all of them."""
    return store.quarantined(resolved=resolved)


def show_quarantined(store: Store, entry_id: int) -> Quarantined:
    """Return one entry.

    Raises:
        ConfigurationError: there is none of this number.
    """
    for entry in store.quarantined(resolved=True):
        if entry.id == entry_id:
            return entry
    raise ConfigurationError(
        f"There is no quarantine entry {entry_id}.",
        "Entries are numbered from 1.",
        "See `orchestrail quarantine list`.",
    )


def retry_quarantined(store: Store, entry_ids: Collection[int] | None = None) -> RetryResult:
    """Check entries by the rules of this version and append those that are acceptable, with the event id they would have had.

    Args:
        store: the store.
        entry_ids: which entries; None for all that are still refused.

    Raises:
        ConfigurationError: an entry that was named does not exist.
        StoreError: the store cannot be written.
    """
    for entry_id in entry_ids or ():
        show_quarantined(store, entry_id)
    appended = duplicates = refused = 0
    for entry in store.quarantined():
        if entry_ids is not None and entry.id not in entry_ids:
            continue
        found = checked(Incoming(entry.body, entry.source, entry.nonce, entry.emitter, entry.counter), entry.source)
        if not isinstance(found, Incoming):
            refused += 1
            continue
        result = store.resolve(entry.id, found)
        appended += result.appended
        duplicates += result.duplicates
    return RetryResult(appended, duplicates, refused)
