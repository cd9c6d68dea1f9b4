"""How events get into a log, the same on every engine: their places, what they consist of, the tree and a signed checkpoint.

All of it is one transaction, before which everything is computed that can be of an event alone. How only one process at a time has
such a transaction open is each engine's matter.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from orchestrail.store import counters, quarantine
from orchestrail.store.base import Appended, Incoming, Refused
from orchestrail.store.bundle import MOST_ENTRIES, WIDTH, Bundle, BundleError, cut, pack, unpack
from orchestrail.store.entries import bundles_in
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
from orchestrail.store.session import Damage, Session, places

FOREIGN_WINDOW = timedelta(hours=24)
"""Within this time, equal bytes from a producer without nonces are one event."""

_FOREIGN_SECRET = b"foreign deduplication"

_SEEN = {"digest": bytes, "event_id": bytes, "seen_at": str}
_REMEMBER = (
    "INSERT INTO foreign_seen SELECT digest, event_id, seen_at FROM {new} WHERE true"
    " ON CONFLICT (digest) DO UPDATE SET event_id = excluded.event_id, seen_at = excluded.seen_at"
    " WHERE foreign_seen.seen_at NOT BETWEEN ? AND ? RETURNING digest"
)
_KNOWN = "SELECT digest, (SELECT event_id FROM foreign_seen WHERE foreign_seen.digest = new.digest) FROM {new}"
_LOG = {"seq": int, "event_id": bytes, "leaf": bytes}
_PLACE = "INSERT INTO log SELECT seq, event_id, leaf FROM {new} ORDER BY seq"
_COUNTERS = "SELECT emitter, (SELECT counters FROM emitter WHERE emitter.emitter = new.emitter) FROM {new}"
_COUNT = (
    "INSERT INTO emitter SELECT emitter, counters FROM {new} WHERE true"
    " ON CONFLICT (emitter) DO UPDATE SET counters = excluded.counters"
)
_HEAD = (
    "SELECT size, frontier, (SELECT coalesce(max(seq) + 1, 0) FROM log), (SELECT max(size) FROM checkpoint),"
    " coalesce((SELECT first + count FROM recent ORDER BY first DESC LIMIT 1),"
    " (SELECT first + count FROM bundle ORDER BY first DESC LIMIT 1), 0),"
    " coalesce((SELECT envelopes FROM recent ORDER BY first DESC LIMIT 1),"
    " (SELECT envelopes FROM bundle ORDER BY first DESC LIMIT 1)),"
    " (SELECT coalesce(sum(count), 0) FROM recent) FROM tree"
)

_KEEP = "INSERT INTO {table} VALUES (?, ?, ?, ?)"

WORTH = 64
"""Entries of which one append makes a bundle. Fewer are among the recent ones first: each bundle of few would take more room."""

WORTH_BYTES = 2**16
"""Packed bytes for which the same holds, however few entries they are."""


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


@dataclass(frozen=True, slots=True)
class Prepared:
    """Events with all that is computed of them before a transaction begins.

    Attributes:
        given: the events.
        parts: their payloads, cut and packed as bundles hold them: of how many, and the bytes. Good where none is known yet.
    """

    given: Sequence[Candidate]
    parts: Sequence[tuple[int, bytes]]

    @classmethod
    def of(cls, given: Sequence[Candidate]) -> Prepared:
        """Cut and pack the payloads of events."""
        return cls(given, _parts(given))


def prepared(signer: Signer, items: Iterable[Incoming], now: datetime) -> Prepared:
    """Compute what can be computed of events before a transaction begins.

    Args:
        signer: holds the key by which repeats of foreign events are known.
        items: the events.
        now: the time by the store's clock.
    """
    received_at = timestamp(now)
    return Prepared.of([_candidate(signer, item, received_at) for item in items])


def _parts(given: Iterable[Candidate]) -> list[tuple[int, bytes]]:
    return [*cut(one.nonce + one.item.body for one in given)]


def _candidate(signer: Signer, item: Incoming, received_at: str) -> Candidate:
    digest = foreign_digest(signer, item.body) if item.nonce is None else None
    nonce = os.urandom(32) if item.nonce is None else item.nonce
    identity = event_id(nonce, item.body)
    return Candidate(identity, nonce, digest, item, _envelope(item, identity, received_at).to_bytes())


class Batch:
    """Events that get their places together, and the checkpoint over them. Nobody else may do so meanwhile.

    Attributes:
        before: size of the log before it.
        note: the checkpoint over it, once it is finished; None where nothing was added.
    """

    def __init__(self, session: Session, signer: Signer) -> None:
        self._session = session
        self._signer = signer
        self._frontier, last, self._recent = _load_head(session)
        self.before = self._frontier.size
        self._moment = datetime.now(UTC)
        self._received_at = timestamp(self._moment)
        # Entries of one batch share their time and two batches never do, so that the tree itself says where a checkpoint belongs.
        if self._received_at == last:
            self._moment += timedelta(microseconds=1)
            self._received_at = timestamp(self._moment)
        self._identities: list[bytes] = []
        self._envelopes: list[bytes] = []
        self._parts: Sequence[tuple[int, bytes]] = ()
        self._leaves: list[bytes] = []
        self._duplicates = 0
        self._quarantined = 0
        self._foreign = False
        self._counters: dict[str, list[int]] = {}
        self.note: bytes | None = None

    def add(self, prepared: Prepared) -> list[bytes]:
        """Give those events the next places that the log does not hold yet; return the id of each, new or not."""
        given = prepared.given
        first = {candidate.identity: candidate for candidate in reversed(given)}
        known = self._known_foreign(given)
        identities = [known.get(candidate.digest or b"", candidate.identity) for candidate in given]
        wanted = [identity for identity in dict.fromkeys(identities) if identity in first]
        placed = places(self._session, wanted)
        new = [first[identity] for identity in wanted if identity not in placed]
        for one in new:
            envelope = stamped(one.envelope, self._received_at)
            leaf = leaf_hash(envelope)
            self._envelopes.append(envelope)
            self._leaves.append(leaf)
            self._frontier.append(leaf)
            self._arrived(one.item.emitter, one.item.counter)
        self._identities = [one.identity for one in new]
        self._parts = prepared.parts if len(new) == len(given) else _parts(new)
        self._duplicates = len(given) - len(new)
        return identities

    def quarantine(self, refused: Iterable[Refused]) -> None:
        """Put refused bytes aside once."""
        for entry in refused:
            if quarantine.insert(self._session, entry, self._received_at):
                self._quarantined += 1
                self._arrived(entry.emitter, entry.counter)

    def finish(self) -> Appended:
        """Write the entries, the tree, its tiles, the signed checkpoint and the emitters' counters; tell what was done."""
        session, before, after = self._session, self.before, self._frontier.size
        counted = dict(session.each(_COUNTERS, {"emitter": str}, [(emitter,) for emitter in self._counters]))
        rows = [
            (emitter, counters.format_ranges(counters.add(ranges(counted[emitter] or ""), arrived)))
            for emitter, arrived in self._counters.items()
        ]
        session.each(_COUNT, {"emitter": str, "counters": str}, rows)
        if self._foreign:
            session.execute("DELETE FROM foreign_seen WHERE seen_at < ?", (timestamp(self._moment - FOREIGN_WINDOW),))
        if after > before:
            for level, number in completed_tiles(before, after):
                session.execute("INSERT INTO tile VALUES (?, ?, ?)", (level, number, self._tile(level, number)))
            session.each(_PLACE, _LOG, [*zip(range(before, after), self._identities, self._leaves, strict=True)])
            self._keep()
            session.execute("UPDATE tree SET size = ?, frontier = ?", (after, self._frontier.to_bytes()))
            self.note = insert_checkpoint(session, self._signer, self._frontier)
        return Appended(after - before, self._duplicates, self._quarantined, before if after > before else None, after)

    def _keep(self) -> None:
        """Write what the new entries consist of."""
        first = self.before
        for count, payloads in self._parts:
            begin = first - self.before
            bundle = Bundle(first, count, pack(self._envelopes[begin : begin + count]), payloads)
            if count >= WORTH or len(payloads) >= WORTH_BYTES:
                self._gather()
                self._session.execute(_KEEP.format(table="bundle"), bundle.row)
            else:
                self._session.execute(_KEEP.format(table="recent"), bundle.row)
                self._recent += count
                if self._recent >= WIDTH:
                    self._gather()
            first = bundle.end

    def _gather(self) -> None:
        """Make a bundle of what is recent; several where the events are large."""
        session = self._session
        if not self._recent:
            return
        envelopes: list[bytes | None] = []

        def payloads() -> Iterator[bytes | None]:
            for bundle in bundles_in(session.execute, "recent"):
                envelopes.extend(unpack(bundle.envelopes, bundle.count))
                yield from unpack(bundle.payloads, bundle.count)

        (first,) = session.execute("SELECT min(first) FROM recent").fetchone()
        try:
            for count, packed in cut(payloads(), MOST_ENTRIES):
                bundle = Bundle(first, count, pack(envelopes[:count]), packed)
                session.execute(_KEEP.format(table="bundle"), bundle.row)
                del envelopes[:count]
                first = bundle.end
        except BundleError as error:
            raise Damage(f"the recent entries: {error}") from error
        session.execute("DELETE FROM recent")
        self._recent = 0

    def _known_foreign(self, given: Iterable[Candidate]) -> dict[bytes, bytes]:
        """Return the id of the event that each foreign digest stands for, and remember those that are new."""
        found = {one.digest: one.identity for one in reversed([*given]) if one.digest is not None}
        if not found:
            return {}
        self._foreign = True
        window = timestamp(self._moment - FOREIGN_WINDOW), timestamp(self._moment + FOREIGN_WINDOW)
        rows = [(digest, identity, self._received_at) for digest, identity in found.items()]
        new = {digest for (digest,) in self._session.each(_REMEMBER, _SEEN, rows, window)}
        old = [(digest,) for digest in found if digest not in new]
        return found | dict(self._session.each(_KNOWN, {"digest": bytes}, old))

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


def _load_head(session: Session) -> tuple[Frontier, str | None, int]:
    """Return the right edge of the tree, the time of the last entry, and the number of entries that are recent."""
    row = session.execute(_HEAD).fetchone()
    if row is None:
        raise Damage("the tree is missing")
    size, peaks, logged, signed, held, last, recent = row
    if not size == logged == signed == held:
        raise Damage(
            f"the tree has {size} entries, the log {logged}, of which {held} are kept, the newest checkpoint {signed}"
        )
    try:
        time = None if last is None else parsed(unpack(last)[-1] or b"").received_at
        return Frontier.from_bytes(size, peaks), time, int(recent)
    except BundleError as error:
        raise Damage(f"the newest entries: {error}") from error
    except (ValueError, TypeError) as error:
        raise Damage(f"the tree: {error}") from error
