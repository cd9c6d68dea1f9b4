"""How events get into a log, the same on every engine: their payloads first, then their places, the tree and a signed checkpoint.

The two steps may share a transaction or lie apart: an event whose payload is stored is never lost, and has one place in the end.
Transactions, and who may take the second step when, are each engine's matter.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
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
    stamped,
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
_SEEN = {"digest": bytes, "event_id": bytes, "seen_at": str}
_REMEMBER = (
    "INSERT INTO foreign_seen SELECT digest, event_id, seen_at FROM {new} WHERE true ORDER BY digest"
    " ON CONFLICT (digest) DO UPDATE SET event_id = excluded.event_id, seen_at = excluded.seen_at"
    " WHERE foreign_seen.seen_at NOT BETWEEN ? AND ? RETURNING digest"
)
_SEE_AGAIN = (
    "INSERT INTO foreign_seen SELECT digest, event_id, seen_at FROM {new} WHERE true ORDER BY digest"
    " ON CONFLICT (digest) DO UPDATE SET seen_at = excluded.seen_at"
)
_KNOWN = (
    "SELECT foreign_seen.digest, foreign_seen.event_id FROM foreign_seen JOIN {new} ON foreign_seen.digest = new.digest"
)
_PAYLOAD = {"event_id": bytes, "nonce": bytes, "body": bytes}
_STORE = (
    "INSERT INTO payload SELECT event_id, nonce, body FROM {new}"
    " WHERE NOT EXISTS (SELECT 1 FROM log WHERE log.event_id = new.event_id)"
    " ORDER BY event_id ON CONFLICT DO NOTHING RETURNING event_id"
)
_LOG = {"seq": int, "event_id": bytes, "envelope": bytes, "leaf": bytes}
_PLACE = "INSERT INTO log SELECT seq, event_id, envelope, leaf FROM {new} ORDER BY seq"
_COUNTERS = "SELECT emitter.emitter, counters FROM emitter JOIN {new} ON emitter.emitter = new.emitter"
_COUNT = (
    "INSERT INTO emitter SELECT emitter, counters FROM {new} WHERE true ORDER BY emitter"
    " ON CONFLICT (emitter) DO UPDATE SET counters = excluded.counters"
)
_HEAD = (
    "SELECT size, frontier, (SELECT coalesce(max(seq) + 1, 0) FROM log), (SELECT max(size) FROM checkpoint),"
    " (SELECT envelope FROM log ORDER BY seq DESC LIMIT 1) FROM tree"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """An event whose payload is stored, on its way to a place in the log.

    Attributes:
        identity: its id.
        emitter: id of its spool segment, None for a foreign event.
        counter: number within the segment, None for a foreign event.
        envelope: what its leaf will commit to, with the time of the batch in place of that of the ingest.
        digest: what a repeat of a foreign event is known by; None for another.
        seen_at: the time that is noted beside the digest.
    """

    identity: bytes
    emitter: str | None
    counter: int | None
    envelope: bytes
    digest: bytes | None
    seen_at: str

    @classmethod
    def read(cls, envelope: bytes, digest: bytes | None) -> Entry:
        """Read an entry that waited in a store.

        Raises:
            Damage: it is none.
        """
        said = parsed(envelope)
        return cls(bytes.fromhex(said.event_id), said.emitter, said.counter, envelope, digest, said.received_at)


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
class Candidate:
    """An event with all that is computed of it alone, which no transaction has to wait for.

    Attributes:
        identity: the id that it has where the store does not hold it.
        nonce: its nonce.
        digest: what a repeat of a foreign event is known by; None for another.
        item: the event.
        envelope: what its leaf will commit to, but for the time of the batch.
    """

    identity: bytes
    nonce: bytes
    digest: bytes | None
    item: Incoming
    envelope: bytes


def candidates(signer: Signer, items: Iterable[Incoming], now: datetime) -> list[Candidate]:
    """Compute what can be computed of events before a transaction begins.

    Args:
        signer: holds the key by which repeats of foreign events are known.
        items: the events.
        now: the time by the store's clock.
    """
    received_at = timestamp(now)
    return [_candidate(signer, item, received_at) for item in items]


def ingest(session: Session, given: Sequence[Candidate], now: datetime) -> Ingested:
    """Store the payloads of those events that the store does not hold yet.

    Args:
        session: a transaction.
        given: the events.
        now: the time by the store's clock.
    """
    first = {candidate.identity: candidate for candidate in reversed(given)}
    known = _known_foreign(session, given, now)
    identities = [known.get(candidate.digest or b"", candidate.identity) for candidate in given]
    seen_at = timestamp(now)
    wanted = [first[identity] for identity in dict.fromkeys(identities) if identity in first]
    rows = sorted((one.identity, one.nonce, one.item.body) for one in wanted)
    stored = {identity for (identity,) in session.each(_STORE, _PAYLOAD, rows)}
    new = tuple(
        Entry(one.identity, one.item.emitter, one.item.counter, one.envelope, one.digest, seen_at)
        for one in wanted
        if one.identity in stored
    )
    return Ingested(new, tuple(identities))


def _candidate(signer: Signer, item: Incoming, received_at: str) -> Candidate:
    digest = foreign_digest(signer, item.body) if item.nonce is None else None
    nonce = os.urandom(32) if item.nonce is None else item.nonce
    identity = event_id(nonce, item.body)
    return Candidate(identity, nonce, digest, item, _envelope(item, identity, received_at).to_bytes())


def _known_foreign(session: Session, given: Iterable[Candidate], now: datetime) -> dict[bytes, bytes]:
    """Return the id of the event that each foreign digest stands for, and remember those that are new."""
    found = {one.digest: one.identity for one in reversed([*given]) if one.digest is not None}
    if not found:
        return {}
    window = timestamp(now - FOREIGN_WINDOW), timestamp(now + FOREIGN_WINDOW)
    seen_at = timestamp(now)
    rows = [(digest, found[digest], seen_at) for digest in sorted(found)]
    new = {digest for (digest,) in session.each(_REMEMBER, _SEEN, rows, window)}
    old = [(digest,) for digest in found if digest not in new]
    return found | dict(session.each(_KNOWN, {"digest": bytes}, old))


class Batch:
    """Entries that get their places together, and the checkpoint over them. Nobody else may do so meanwhile.

    Attributes:
        moment: the time of the batch by the store's clock.
        received_at: the same as text.
        before: size of the log before it.
        note: the checkpoint over it, once it is finished; None where nothing was added.
    """

    def __init__(self, session: Session, signer: Signer) -> None:
        self._session = session
        self._signer = signer
        self._frontier, last = _load_head(session)
        self.before = self._frontier.size
        self.moment = datetime.now(UTC)
        self.received_at = timestamp(self.moment)
        # Entries of one batch share their time and two batches never do, so that the tree itself says where a checkpoint belongs.
        if self.received_at == last:
            self.moment += timedelta(microseconds=1)
            self.received_at = timestamp(self.moment)
        self._leaves: list[bytes] = []
        self._foreign = False
        self._counters: dict[str, list[int]] = {}
        self.note: bytes | None = None

    def add(self, entries: Iterable[Entry]) -> None:
        """Give entries the next places."""
        rows: list[tuple[int, bytes, bytes, bytes]] = []
        later: list[tuple[bytes, bytes, str]] = []
        for entry in entries:
            data = stamped(entry.envelope, self.received_at)
            if entry.digest is not None:
                self._foreign = True
                if entry.seen_at != self.received_at:
                    later.append((entry.digest, entry.identity, self.received_at))
            leaf = leaf_hash(data)
            rows.append((self._frontier.size, entry.identity, data, leaf))
            self._frontier.append(leaf)
            self._leaves.append(leaf)
            self._arrived(entry.emitter, entry.counter)
        self._session.each(_PLACE, _LOG, rows)
        if later:
            self._session.each(_SEE_AGAIN, _SEEN, sorted(later))

    def quarantine(self, refused: Iterable[Refused]) -> int:
        """Put refused bytes aside once; return how many were not there before."""
        new = [entry for entry in refused if quarantine.insert(self._session, entry, self.received_at)]
        for entry in new:
            self._arrived(entry.emitter, entry.counter)
        return len(new)

    def finish(self) -> int:
        """Write the tree, its tiles, the signed checkpoint and the emitters' counters; return the size of the log."""
        session, before, after = self._session, self.before, self._frontier.size
        counted = dict(session.each(_COUNTERS, {"emitter": str}, [(emitter,) for emitter in self._counters]))
        rows = [
            (emitter, counters.format_ranges(counters.add(ranges(counted.get(emitter, "")), arrived)))
            for emitter, arrived in self._counters.items()
        ]
        session.each(_COUNT, {"emitter": str, "counters": str}, rows)
        if self._foreign:
            session.execute("DELETE FROM foreign_seen WHERE seen_at < ?", (timestamp(self.moment - FOREIGN_WINDOW),))
        if after > before:
            for level, number in completed_tiles(before, after):
                session.execute("INSERT INTO tile VALUES (?, ?, ?)", (level, number, self._tile(level, number)))
            session.execute("UPDATE tree SET size = ?, frontier = ?", (after, self._frontier.to_bytes()))
            self.note = insert_checkpoint(session, self._signer, self._frontier)
        return after

    def _arrived(self, emitter: str | None, counter: int | None) -> None:
        if emitter is not None and counter is not None:
            self._counters.setdefault(emitter, []).append(counter)

    def _tile(self, level: int, number: int) -> bytes:
        bounds = first, end = number * TILE_WIDTH, (number + 1) * TILE_WIDTH
        if level == 0:
            return b"".join((*self._placed(first), *self._leaves[max(first - self.before, 0) : end - self.before]))
        query = "SELECT hashes FROM tile WHERE level = ? AND number >= ? AND number < ? ORDER BY number"
        return b"".join(tile_root(tile) for (tile,) in self._session.execute(query, (level - 1, *bounds)))

    def _placed(self, first: int) -> list[bytes]:
        """Give the leaves from a place on that were there before the batch."""
        if first >= self.before:
            return []
        rows = self._session.execute(
            "SELECT leaf FROM log WHERE seq >= ? AND seq < ? ORDER BY seq", (first, self.before)
        )
        return [leaf for (leaf,) in rows]


def begin_log(session: Session, signer: Signer) -> None:
    """Write the first rows of a new store: its public key, an empty tree and the checkpoint over it."""
    session.execute("INSERT INTO meta VALUES ('public_key', ?)", (signer.verifier.to_text(),))
    session.execute("INSERT INTO tree VALUES (0, 0, ?)", (b"",))
    insert_checkpoint(session, signer, Frontier())


def insert_checkpoint(session: Session, signer: Signer, frontier: Frontier) -> bytes:
    """Sign the head of the log; returns the note."""
    head = Head(signer.verifier.name, frontier.size, frontier.root())
    note = signer.sign(head)
    session.execute("INSERT INTO checkpoint VALUES (?, ?)", (head.size, note))
    return note


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


def _load_head(session: Session) -> tuple[Frontier, str | None]:
    """Return the right edge of the tree, and the time of the last entry."""
    row = session.execute(_HEAD).fetchone()
    if row is None:
        raise Damage("the tree is missing")
    size, peaks, logged, signed, last = row
    if not size == logged == signed:
        raise Damage(f"the tree has {size} entries, the log {logged}, the newest checkpoint {signed}")
    try:
        return Frontier.from_bytes(size, peaks), None if last is None else parsed(last).received_at
    except (ValueError, TypeError) as error:
        raise Damage(f"the tree: {error}") from error
