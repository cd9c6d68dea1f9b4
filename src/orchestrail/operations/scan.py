"""A second look for secrets and personal data in what is stored, and what became of what it found; both go on the record.

Capture takes secrets out before anything is stored. This looks at the stored bytes, those of other producers and of earlier
versions included. What to do about a finding is a person's decision.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from itertools import takewhile

from orchestrail.events.build import timestamp
from orchestrail.model import Job
from orchestrail.operations.records import own_record
from orchestrail.projections.apply import apply
from orchestrail.projections.values import parse
from orchestrail.pseudonyms import keyed_digest
from orchestrail.queries.scans import find_finding, joined, made_by_scans, scans
from orchestrail.queries.snapshot import Snapshot
from orchestrail.scanning.scan import Found, Scan, detectors
from orchestrail.settings import Settings
from orchestrail.store.base import Progress, Store

SOURCE = "scan"
LISTED = 2000
"""Findings that a record lists."""


def scan(
    settings: Settings,
    store: Store,
    *,
    since: str | None = None,
    anew: bool = False,
    progress: Progress | None = None,
) -> int:
    """Look at the log, and put the result on the record where anything was looked at.

    Args:
        settings: name the home with the key.
        store: the record.
        since: look at what the log took since then, RFC 3339 in UTC; None for what these detectors have not looked at.
        anew: look at everything.
        progress: called with the entries looked at and those to look at.

    Returns:
        The number of entries looked at, but for those that scans made.

    Raises:
        ConfigurationError: something of the extra `scan` is not installed.
        StoreError: the store cannot be read or written.
        OSError: the key cannot be read or written.
    """
    apply(store)
    read_at, looking, size = datetime.now(UTC), detectors(), store.size()
    made = Scan(lambda family, value: keyed_digest(settings.home, family, value))
    first: int | None = None
    events = unread = last = 0
    with store.read() as connection:
        ours, done = made_by_scans(connection), _looked_at(connection, looking)
    after = -1 if anew or since is not None else done
    for record in takewhile(lambda record: record.seq < size, store.records(after)):
        if since is not None and record.received_at < since:
            continue
        first, last = record.seq if first is None else first, record.seq
        events += record.seq not in ours
        event = parse(record.body) if record.body is not None else {}
        if event:
            made.take(record.seq, event)
        else:
            unread += 1
        if progress is not None and (record.seq % 1000 == 0 or record.seq == size - 1):
            progress(record.seq - first + 1, size - first)
    if first is None or not events:
        return 0
    said = {
        "read_at": timestamp(read_at),
        "first": first,
        "last": last,
        "events": events,
        "unread": unread,
        "texts": made.texts,
        "detectors": [{"name": name, "version": version} for name, version in sorted(looking.items())],
        "found": [_said(one) for one in list(made.found.values())[:LISTED]],
        "fields": sorted(made.fields),
    }
    about = Job(settings.namespace, "orchestrail.scan")
    store.append([own_record("orchestrail_scan", said, SOURCE, about)])
    apply(store)
    return events


def resolve(settings: Settings, store: Store, finding: str, *, reason: str, by: str) -> str:
    """Put on the record what became of a finding: of its value, wherever it stands.

    Args:
        settings: name the namespace of the record.
        store: the record.
        finding: its id, or the beginning of it.
        reason: what was done, or why nothing need be.
        by: who says so, a person or a pseudonym.

    Returns:
        The id of the finding.

    Raises:
        NotRecorded: no scan found anything of that id.
        StoreError: the store cannot be written.
    """
    apply(store)
    with store.read() as connection:
        found = find_finding(connection, finding).found
    about = Job(settings.namespace, "orchestrail.scan.resolve")
    said = {"digest": found.digest, "reason": reason, "by": by}
    store.append([own_record("orchestrail_resolution", said, SOURCE, about)])
    apply(store)
    return found.id


def _looked_at(connection: Snapshot, looking: dict[str, str]) -> int:
    """Give the last entry up to which these detectors have looked at everything; -1 where they have not looked at the first."""
    windows = joined((row.first, row.last) for row in scans(connection) if row.detectors == looking)
    return windows[0][1] if windows and windows[0][0] == 0 else -1


def _said(found: Found) -> dict[str, object]:
    places = [{"sequence": seq, "pointer": pointer} for seq, pointer in found.places]
    return asdict(found) | {"places": places}
