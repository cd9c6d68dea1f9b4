"""What was collected into the store of a home, sent on to a server: for a home whose spool went to a store of its own at first."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrail.operations import open_record
from orchestrail.operations.remote import Server
from orchestrail.settings import Settings
from orchestrail.store import store_exists
from orchestrail.store.appending import parsed
from orchestrail.store.base import Appended, Incoming, Progress, Store
from orchestrail.store.bundle import Stored
from orchestrail.store.entries import entries_in, page_from, reader
from orchestrail.store.envelope import event_id
from orchestrail.store.erasure import SOURCE


def left_behind(settings: Settings, server: Server) -> int:
    """Count the events in the store of this home, where the server does not have the newest of them; 0 where it does.

    Raises:
        ServerError: it cannot be asked.
        StoreError: the store cannot be read.
    """
    if not store_exists(settings.store):
        return 0
    store = open_record(settings)
    size = store.size()
    last = [item for items, _ in _pages(store, max(size - 1, 0)) for item in items]
    return size if last and not server.known([_id(last[-1])]) else 0


def send_record(settings: Settings, server: Server, progress: Progress | None = None) -> Appended:
    """Send what the store of this home holds and the server lacks, in its order. It may be killed at any moment, and repeated.

    What was erased here does not go, and neither does the record of it.

    Args:
        settings: name the store.
        server: where to.
        progress: called with the log entries gone through and those there are.

    Returns:
        How many events the server took, had already, and put into quarantine.

    Raises:
        ServerError: it cannot be reached, or refuses.
        StoreError: there is no store, or it cannot be read.
    """
    store = open_record(settings)
    size = store.size()
    appended = duplicates = quarantined = 0
    for items, end in _pages(store):
        known = server.known(map(_id, items))
        done = server.append([item for item in items if _id(item) not in known])
        appended += done.appended
        duplicates += done.duplicates + len(known)
        quarantined += done.quarantined
        if progress is not None:
            progress(min(end, size), size)
    return Appended(appended, duplicates, quarantined, None, size)


def _pages(store: Store, seq: int = 0) -> Iterator[tuple[list[Incoming], int]]:
    """Yield what neighbouring bundles hold, from the one of a place on, as it once came; with the place behind them."""
    while True:
        with store.read() as connection:
            page = page_from(reader(connection), seq)
        if not page:
            return
        seq = page[-1].end
        yield [item for bundle in page for _, entry in entries_in(bundle) for item in _as_it_came(entry)], seq


def _as_it_came(entry: Stored) -> Iterator[Incoming]:
    said = parsed(entry.envelope)
    if entry.body is not None and said.source != SOURCE:
        yield Incoming(entry.body, said.source, entry.nonce, said.emitter, said.counter, said.event_time)


def _id(item: Incoming) -> str:
    return event_id(item.nonce or b"", item.body).hex()
