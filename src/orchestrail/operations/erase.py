"""Events taken out of the log: what must not be kept. Places, leaves and proofs stay, and the log says who decided it, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from orchestrail.errors import ConfigurationError, NotRecorded
from orchestrail.model import Job
from orchestrail.operations.records import own_record
from orchestrail.operations.withdraw import require_reason
from orchestrail.projections.apply import rebuild
from orchestrail.projections.values import mapping, parse, run_id, text
from orchestrail.settings import Settings
from orchestrail.store.base import Placed, Progress, Record, Store
from orchestrail.store.erasure import FACET, SOURCE, is_record


@dataclass(frozen=True, slots=True)
class Erasable:
    """An entry of the log that may be erased.

    Attributes:
        seq: its place.
        event_id: the id of its event, hexadecimal.
        run_id: the run that its event is about; None where it is about none, or was erased before.
        job: the job, for people; None likewise.
        kind: type of its event, `START` say; None likewise.
        is_gone: True where it was erased before.
    """

    seq: int
    event_id: str
    run_id: str | None
    job: str | None
    kind: str | None
    is_gone: bool


@dataclass(frozen=True, slots=True)
class Erased:
    """What was done.

    Attributes:
        entries: what was asked for.
        record: place of the record of it in the log; None where all of it had been erased before.
        given_back: False where somebody who reads the store kept its files from being written anew: what was taken out may stand in
            them until this is done again.
    """

    entries: Sequence[Erasable]
    record: int | None
    given_back: bool


def erasable(store: Store, places: Sequence[int]) -> list[Erasable]:
    """Look up what would be erased.

    Args:
        store: the record.
        places: in the log.

    Raises:
        ConfigurationError: one is a record of an erasure, which stays.
        NotRecorded: the log has no such place.
    """
    found = []
    for seq in sorted({*places}):
        record = next(store.records(seq - 1), None) if seq >= 0 else None
        if record is None or record.seq != seq:
            raise NotRecorded(
                f"The log has no entry {seq}.",
                f"It has {store.size()} entries, numbered from 0.",
                "`orchestrail scan` and `orchestrail check` name entries, and so does the page of a run.",
            )
        found.append(_erasable(record))
    return found


def erase(
    settings: Settings, store: Store, places: Sequence[int], reason: str, by: str, progress: Progress | None = None
) -> Erased:
    """Take the bytes of entries out of the store and put on the record that it was done; then make all tables from what is left.

    What was erased before is not erased again; the rest is done all the same, so that whoever was interrupted can do it once more.

    Args:
        settings: name the namespace of the record.
        store: the record.
        places: in the log.
        reason: why.
        by: who decided it, a person or a pseudonym.
        progress: called with the log entries applied and those to apply.

    Raises:
        ConfigurationError: the reason is none, or holds a secret; or an entry is a record of an erasure.
        NotRecorded: the log has no such place.
        StoreError: the store cannot be written, or whoever asks may not change what is in it: nothing was erased.
    """
    require_reason(reason)
    entries = erasable(store, places)
    wanted = [entry for entry in entries if not entry.is_gone]
    record = None
    if wanted:
        said = {
            "entries": [{"sequence": one.seq, "event_id": one.event_id, "run_id": one.run_id} for one in wanted],
            "erased_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "reason": reason,
            "by": by,
        }
        event = own_record(FACET, said, SOURCE, Job(settings.namespace, "orchestrail.erase"))
        record = store.erase([Placed(one.seq, one.event_id) for one in wanted], event).size - 1
    rebuild(store, progress)
    return Erased(entries, record, store.give_back())


def _erasable(record: Record) -> Erasable:
    event = parse(record.body) if record.body is not None else {}
    if is_record(event):
        raise ConfigurationError(
            f"Entry {record.seq} is the record of an erasure.",
            "Without it what is missing from the log could not be told from what somebody took out of it.",
            "Leave it out.",
        )
    job, run = mapping(event.get("job")), mapping(event.get("run"))
    return Erasable(
        record.seq,
        record.event_id,
        run_id(run.get("runId")),
        text(job.get("name")),
        text(event.get("eventType")),
        record.body is None,
    )
