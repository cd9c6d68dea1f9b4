"""Copies of the record, and what becomes of a record that was put back from one. The copying itself is the store's.

A copy is a SQLite file with the log of the store, whichever engine that is on: the same bytes, proofs and checkpoints, and nothing
that is derived from them. Keys are not in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from orchestrail.errors import ConfigurationError, StoreError
from orchestrail.model import Job
from orchestrail.operations import open_record
from orchestrail.operations.records import own_record
from orchestrail.operations.verify import checkpoint_note
from orchestrail.operations.withdraw import require_reason
from orchestrail.projections.apply import apply
from orchestrail.settings import Settings
from orchestrail.store import copy_store, remember_checkpoint, store_exists, store_name
from orchestrail.store.base import Behind, Progress, Verification

SOURCE = "recover"


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put back.

    Attributes:
        verification: of the store that was made.
        behind: what it lacks of a checkpoint that is known of it, None where it lacks nothing.
    """

    verification: Verification
    behind: Behind | None


def backup(settings: Settings, file: Path, progress: Progress | None = None) -> Verification:
    """Copy the record, which may be in use, into a file, and verify the copy before it counts.

    Args:
        settings: name the store, and the home that pins its key.
        file: a file that is not there yet.
        progress: called with the rows written and those there are.

    Raises:
        StoreError: there is no store, the file is there already or cannot be written, or the copy does not verify.
    """
    return copy_store(settings.store, _url(file), settings.home, progress)


def restore(settings: Settings, file: Path, against: Path | None = None, progress: Progress | None = None) -> Restored:
    """Put a copy back to where the store of the settings is, and verify it before it counts.

    Args:
        settings: name a place without a store, and the home with the keys of the log.
        file: a copy that `backup` made.
        against: a file with a checkpoint of the log that was kept outside; the newest that this home has seen counts without it.
        progress: called with the rows written and those there are.

    Raises:
        ConfigurationError: the checkpoint cannot be read, or is none of this log.
        StoreError: the file is no copy, ends in the middle, was altered or is of another key, or there is a store already: then
            nothing was put back.
    """
    if store_exists(settings.store):
        raise StoreError(
            f"There is a store at {store_name(settings.store)} already.",
            "A copy is put back into an empty place.",
            "Move it away, or name another place with --store.",
        )
    note = checkpoint_note(against) if against is not None else None
    found = copy_store(_url(file), settings.store, settings.home, progress)
    if note is not None:
        remember_checkpoint(settings.store, settings.home, note)
    return Restored(found, open_record(settings).behind())


def recover(settings: Settings, reason: str, by: str, against: Path | None = None) -> Behind:
    """Put on the record that the log lacks what it had signed; from then on it goes on.

    Args:
        settings: name the store and the home.
        reason: why: how it was lost, and what is known of it.
        by: who says so, a person or a pseudonym.
        against: a file with a checkpoint of the log that was kept outside, where this home has not seen it.

    Raises:
        ConfigurationError: the reason is none, or holds a secret; the checkpoint is none of this log; or nothing is missing.
        StoreError: the store cannot be written.
    """
    require_reason(reason)
    if against is not None:
        remember_checkpoint(settings.store, settings.home, checkpoint_note(against))
    store = open_record(settings)
    behind = store.behind()
    if behind is None:
        raise ConfigurationError(
            "There is nothing to recover.",
            "The log holds every checkpoint that is known of it.",
            "Give one that it lacks with --against, if you have it.",
        )
    head = store.checkpoint()
    said = {
        "known_size": behind.known_size,
        "known_root": behind.known_root.hex(),
        "size": head.size,
        "root": head.root_hash.hex(),
        "lost": None if behind.parted else behind.known_size - head.size,
        "recovered_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "reason": reason,
        "by": by,
    }
    record = own_record("orchestrail_recovery", said, SOURCE, Job(settings.namespace, "orchestrail.recover"))
    with store.give_up():
        store.append([record])
    apply(store)
    return behind


def _url(file: Path) -> str:
    return f"sqlite:///{file.expanduser().absolute()}"
