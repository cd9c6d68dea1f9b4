"""What was refused: list it, show it, try it again. An entry is never changed or removed, a retry only marks it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from orchestrail.errors import ConfigurationError, Forbidden
from orchestrail.operations.intake import Refused, checked
from orchestrail.operations.speaking import of_others
from orchestrail.operations.tokens import ANYBODY, Tokens, came_over_network, sent_by
from orchestrail.store.base import Incoming, Quarantined, QuarantineEntry, Store

AT_ONCE = 1000
"""Entries that are listed at once; of their bytes, which may be many, one entry's are in memory."""


@dataclass(frozen=True, slots=True)
class RetryResult:
    """What one retry did.

    Attributes:
        appended: entries that are in the log now.
        duplicates: entries whose event the log held already; they count as resolved.
        quarantined: entries that are still refused.
        forbidden: those of them that their sender may not put on the record.
    """

    appended: int
    duplicates: int
    quarantined: int
    forbidden: int = 0


def list_quarantined(store: Store, *, resolved: bool = False) -> Iterator[QuarantineEntry]:
    """Yield the entries that are still refused, or with `resolved` all of them, in order."""
    past = None
    while found := store.quarantine_entries(AT_ONCE, resolved=resolved, past=past):
        yield from found
        past = found[-1].id


def show_quarantined(store: Store, entry_id: int) -> Quarantined:
    """Return one entry.

    Raises:
        ConfigurationError: there is none of this number.
    """
    if (entry := store.quarantined(entry_id)) is not None:
        return entry
    raise ConfigurationError(
        f"There is no quarantine entry {entry_id}.",
        "Entries are numbered from 1.",
        "See `orchestrail quarantine list`.",
    )


def retry_quarantined(store: Store, tokens: Tokens, entry_ids: Collection[int] | None = None) -> RetryResult:
    """Check entries by the rules of this version and append those that are acceptable, with the event id they would have had.

    What came over the network goes on with the rights of whoever sent it, and never as a record of ours, whoever tries it again.

    Args:
        store: the store.
        tokens: by which entries may have come.
        entry_ids: which entries; None for all that are still refused.

    Raises:
        ConfigurationError: an entry that was named does not exist.
        StoreError: the store cannot be written.
    """
    wanted: Iterable[int]
    if entry_ids is None:
        wanted = (entry.id for entry in list_quarantined(store))
    else:
        wanted = [show_quarantined(store, entry_id).id for entry_id in sorted(set(entry_ids))]
    appended = duplicates = refused = forbidden = 0
    for entry_id in wanted:
        entry = show_quarantined(store, entry_id)
        if entry.event_id is not None:
            continue
        try:
            found = _checked(store, entry, tokens)
        except Forbidden:
            forbidden += 1
            refused += 1
            continue
        if not isinstance(found, Incoming):
            refused += 1
            continue
        result = store.resolve(entry.id, found)
        appended += result.appended
        duplicates += result.duplicates
    return RetryResult(appended, duplicates, refused, forbidden)


def _checked(store: Store, entry: Quarantined, tokens: Tokens) -> Incoming | Refused:
    item = Incoming(entry.body, entry.source, entry.nonce, entry.emitter, entry.counter)
    by = sent_by(entry.source)
    if not came_over_network(by):
        return checked(item, entry.source)
    token = tokens.behind(by)
    if by != ANYBODY and (token is None or token.state(datetime.now(UTC)) != "active"):
        raise Forbidden("What the sender may send is not known any more.")
    systems = token.systems if token is not None else None
    found = checked(item, entry.source, systems=systems, records=False)
    if systems is not None and isinstance(found, Incoming):
        for refusal in of_others(store, [found], by, systems, tokens).values():
            raise refusal
    return found
