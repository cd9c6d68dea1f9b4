"""How events get into a log, the same on every engine: their payloads first, then their places, the tree and a signed checkpoint.

The two steps may share a transaction or lie apart: an event whose payload is stored is never lost, and has one place in the end.
Transactions, and who may take the second step when, are each engine's matter.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from orchestrail.store import counters, quarantine
from orchestrail.store.base import Incoming, Refused
from orchestrail.store.envelope import (
    KIND,
    MAX_TEXT,
    MEDIA_TYPE,
    RETENTION,
    Envelope,
    EnvelopeError,
    event_id,
    parse_envelope,
    timestamp,
)
from orchestrail.store.merkle import TILE_WIDTH, Frontier, completed_tiles, leaf_hash, tile_root
from orchestrail.store.note import Head, Signer
from orchestrail.store.session import Damage, Session

FOREIGN_WINDOW = timedelta(hours=24)
"""Within this time, equal bytes from a producer without nonces are one event."""

_FOREIGN_SECRET = b"foreign deduplication"

# Rows of one table are written in the order of their keys, so that two transactions that write the same ones wait and never block
# each other.
_REMEMBER = (
    "INSERT INTO foreign_seen VALUES (?, ?, ?)"
    " ON CONFLICT (digest) DO UPDATE SET event_id = excluded.event_id, seen_at = excluded.seen_at"
    " WHERE foreign_seen.seen_at NOT BETWEEN ? AND ?"
)
_STORE = (
    "INSERT INTO payload SELECT ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM log WHERE event_id = ?) ON CONFLICT DO NOTHING"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """An event whose payload is stored, on its way to a place in the log.

    Attributes:
        envelope: what its leaf will commit to, with the time of the batch in place of that of the ingest.
        digest: what a repeat of a foreign event is known by; None for another.
    """

    envelope: Envelope
    digest: bytes | None


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of events on their way in.

    Attributes:
        entries: the new ones, in the order in which they were given.
        identities: the id of each event that was given, new or not.
    """

    entries: tuple[Entry, ...]
    identities: tuple[bytes, ...]

    @property
    def duplicates(self) -> int:
        """The number of events that the store held already."""
        return len(self.identities) - len(self.entries)


@dataclass(frozen=True, slots=True)
class _Candidate:
    identity: bytes
    nonce: bytes
    digest: bytes | None
    item: Incoming


def ingest(session: Session, signer: Signer, items: Iterable[Incoming], now: datetime) -> Ingested:
    """Store the payloads of those events that the store does not hold yet.

    Args:
        session: a transaction.
        signer: holds the key by which repeats of foreign events are known.
        items: the events.
        now: the time by the store's clock.
    """
    given = [_candidate(signer, item) for item in items]
    first = {candidate.identity: candidate for candidate in reversed(given)}
    known = _known_foreign(session, given, now)
    identities = [known.get(candidate.digest or b"", candidate.identity) for candidate in given]
    wanted = sorted({identity for identity in identities if identity in first})
    envelopes = {identity: _envelope(first[identity].item, identity, timestamp(now)) for identity in wanted}
    rows = [(identity, first[identity].nonce, first[identity].item.body, identity) for identity in wanted]
    stored = {identity for identity, new in zip(wanted, session.changed(_STORE, rows), strict=True) if new}
    entries = tuple(
        Entry(envelopes[identity], first[identity].digest)
        for identity in dict.fromkeys(identities)
        if identity in stored
    )
    return Ingested(entries, tuple(identities))


def _candidate(signer: Signer, item: Incoming) -> _Candidate:
    digest = foreign_digest(signer, item.body) if item.nonce is None else None
    nonce = os.urandom(32) if item.nonce is None else item.nonce
    return _Candidate(event_id(nonce, item.body), nonce, digest, item)


def _known_foreign(session: Session, given: Iterable[_Candidate], now: datetime) -> dict[bytes, bytes]:
    """Return the id of the event that each foreign digest stands for, and remember those that are new."""
    found = {one.digest: one.identity for one in reversed([*given]) if one.digest is not None}
    window = timestamp(now - FOREIGN_WINDOW), timestamp(now + FOREIGN_WINDOW)
    digests = sorted(found)
    rows = [(digest, found[digest], timestamp(now), *window) for digest in digests]
    for digest, new in zip(digests, session.changed(_REMEMBER, rows), strict=True):
        if not new:
            row = session.execute("SELECT event_id FROM foreign_seen WHERE digest = ?", (digest,)).fetchone()
            found[digest] = bytes(row[0])
    return found


class Batch:
    """Entries that get their places together, and the checkpoint over them. Nobody else may do so meanwhile.

    Attributes:
        moment: the time of the batch by the store's clock.
        received_at: the same as text.
        before: size of the log before it.
    """

    def __init__(self, session: Session, signer: Signer) -> None:
        self._session = session
        self._signer = signer
        self._frontier = _load_frontier(session)
        self.before = self._frontier.size
        self.moment = datetime.now(UTC)
        # Entries of one batch share their time and two batches never do, so that the tree itself says where a checkpoint belongs.
        if timestamp(self.moment) == _last_received_at(session):
            self.moment += timedelta(microseconds=1)
        self.received_at = timestamp(self.moment)
        self._counters: dict[str, list[int]] = {}

    def add(self, entries: Iterable[Entry]) -> None:
        """Give entries the next places."""
        rows: list[tuple[int, bytes, bytes, bytes]] = []
        later: list[tuple[str, bytes]] = []
        for entry in entries:
            envelope = entry.envelope
            if envelope.received_at != self.received_at:
                envelope = replace(envelope, received_at=self.received_at)
                if entry.digest is not None:
                    later.append((self.received_at, entry.digest))
            data = envelope.to_bytes()
            leaf = leaf_hash(data)
            rows.append((self._frontier.size, bytes.fromhex(envelope.event_id), data, leaf))
            self._frontier.append(leaf)
            self._arrived(envelope.emitter, envelope.counter)
        self._session.execute_many("INSERT INTO log VALUES (?, ?, ?, ?)", rows)
        later.sort(key=lambda row: row[1])
        self._session.execute_many("UPDATE foreign_seen SET seen_at = ? WHERE digest = ?", later)

    def quarantine(self, refused: Iterable[Refused]) -> int:
        """Put refused bytes aside once; return how many were not there before."""
        new = [entry for entry in refused if quarantine.insert(self._session, entry, self.received_at)]
        for entry in new:
            self._arrived(entry.emitter, entry.counter)
        return len(new)

    def finish(self) -> int:
        """Write the tree, its tiles, the signed checkpoint and the emitters' counters; return the size of the log."""
        session, before, after = self._session, self.before, self._frontier.size
        for emitter, arrived in self._counters.items():
            row = session.execute("SELECT counters FROM emitter WHERE emitter = ?", (emitter,)).fetchone()
            text = counters.format_ranges(counters.add(ranges(row[0]) if row else (), arrived))
            session.execute(
                "INSERT INTO emitter VALUES (?, ?) ON CONFLICT (emitter) DO UPDATE SET counters = excluded.counters",
                (emitter, text),
            )
        if after > before:
            session.execute("DELETE FROM foreign_seen WHERE seen_at < ?", (timestamp(self.moment - FOREIGN_WINDOW),))
            for level, number in completed_tiles(before, after):
                session.execute("INSERT INTO tile VALUES (?, ?, ?)", (level, number, self._tile(level, number)))
            session.execute("UPDATE tree SET size = ?, frontier = ?", (after, self._frontier.to_bytes()))
            insert_checkpoint(session, self._signer, self._frontier)
        return after

    def _arrived(self, emitter: str | None, counter: int | None) -> None:
        if emitter is not None and counter is not None:
            self._counters.setdefault(emitter, []).append(counter)

    def _tile(self, level: int, number: int) -> bytes:
        bounds = (number * TILE_WIDTH, (number + 1) * TILE_WIDTH)
        if level == 0:
            rows = self._session.execute("SELECT leaf FROM log WHERE seq >= ? AND seq < ? ORDER BY seq", bounds)
            return b"".join(leaf for (leaf,) in rows)
        query = "SELECT hashes FROM tile WHERE level = ? AND number >= ? AND number < ? ORDER BY number"
        return b"".join(tile_root(tile) for (tile,) in self._session.execute(query, (level - 1, *bounds)))


def begin_log(session: Session, signer: Signer) -> None:
    """Write the first rows of a new store: its public key, an empty tree and the checkpoint over it."""
    session.execute("INSERT INTO meta VALUES ('public_key', ?)", (signer.verifier.to_text(),))
    session.execute("INSERT INTO tree VALUES (0, 0, ?)", (b"",))
    insert_checkpoint(session, signer, Frontier())


def insert_checkpoint(session: Session, signer: Signer, frontier: Frontier) -> None:
    """Sign the head of the log."""
    head = Head(signer.verifier.name, frontier.size, frontier.root())
    session.execute("INSERT INTO checkpoint VALUES (?, ?)", (head.size, signer.sign(head)))


def foreign_digest(signer: Signer, body: bytes) -> bytes:
    """Return the keyed digest by which repeats of a foreign event are known; without the key it says nothing about the body."""
    return hmac.digest(signer.secret(_FOREIGN_SECRET), body, "sha256")


def parsed(envelope: bytes) -> Envelope:
    """Read an envelope out of a store.

    Raises:
        Damage: it is none.
    """
    try:
        return parse_envelope(envelope)
    except (EnvelopeError, AttributeError) as error:
        raise Damage(f"a log entry: {error}") from error


def ranges(text: str) -> counters.Ranges:
    """Read an emitter's counters out of a store.

    Raises:
        Damage: they are none.
    """
    try:
        return counters.parse_ranges(text)
    except (ValueError, AttributeError) as error:
        raise Damage(f"the counters of an emitter: {error}") from error


def _envelope(item: Incoming, identity: bytes, received_at: str) -> Envelope:
    claimed = item.event_time if item.event_time is not None and len(item.event_time) <= 64 else None
    return Envelope(
        kind=KIND,
        event_id=identity.hex(),
        source=item.source[:MAX_TEXT],
        emitter=item.emitter,
        counter=item.counter,
        received_at=received_at,
        event_time=claimed,
        media_type=MEDIA_TYPE,
        length=len(item.body),
        retention=RETENTION,
    )


def _load_frontier(session: Session) -> Frontier:
    size, peaks = session.execute("SELECT size, frontier FROM tree").fetchone() or (None, b"")
    (logged,) = session.execute("SELECT coalesce(max(seq) + 1, 0) FROM log").fetchone()
    (signed,) = session.execute("SELECT max(size) FROM checkpoint").fetchone()
    if not size == logged == signed:
        raise Damage(f"the tree has {size} entries, the log {logged}, the newest checkpoint {signed}")
    try:
        return Frontier.from_bytes(size, peaks)
    except (ValueError, TypeError) as error:
        raise Damage(f"the tree: {error}") from error


def _last_received_at(session: Session) -> str | None:
    row = session.execute("SELECT envelope FROM log ORDER BY seq DESC LIMIT 1").fetchone()
    return None if row is None else parsed(row[0]).received_at
