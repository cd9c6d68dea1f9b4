"""How events get into a log, the same on every engine: their places, what they consist of, the tree and a signed checkpoint.

All of it is one transaction, before which everything is computed that can be of an event alone. How only one process at a time has
such a transaction open is each engine's matter.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import accumulate, pairwise
from typing import NamedTuple

from orchestrail.store import counters, quarantine
from orchestrail.store.base import Appended, Incoming, Refused
from orchestrail.store.bundle import MOST_ENTRIES, WIDTH, Bundle, BundleError, cut, pack, unpack
from orchestrail.store.entries import bundles_in
from orchestrail.store.envelope import (
    MAX_TEXT,
    Envelope,
    EnvelopeError,
    Unstamped,
    event_id,
    parse_envelope,
    timestamp,
    unstamped,
)
from orchestrail.store.merkle import TILE_WIDTH, Frontier, completed_tiles, leaf_hash, tile_root
from orchestrail.store.note import Head, Signer
from orchestrail.store.session import Damage, Rows, Session, places

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

# While PostgreSQL has not counted a table, it uses an index for what lies between two values, and none for what is below one.
_FORGET = "DELETE FROM foreign_seen WHERE seen_at >= '' AND seen_at < ?"
_EDGE = (
    f"SELECT leaf FROM log WHERE seq BETWEEN (SELECT size / {TILE_WIDTH} * {TILE_WIDTH} FROM tree)"  # noqa: S608
    " AND (SELECT size - 1 FROM tree)"
    f" AND (SELECT size + ? >= (size / {TILE_WIDTH} + 1) * {TILE_WIDTH} FROM tree) ORDER BY seq"
)
"""The leaves of the tile that is not full, where so many more entries may fill it."""

_KEEP = "INSERT INTO {table} VALUES (?, ?, ?, ?)"

_MOST_CLAIMED = 64  # characters of an event's own time; what is longer is none

WORTH = 64
"""Entries of which one append makes a bundle. Fewer are among the recent ones first: each bundle of few would take more room."""

WORTH_BYTES = 2**16
"""Packed bytes for which the same holds, however few entries they are."""


class Candidate(NamedTuple):
    """An event with all that is computed of it alone, which no transaction has to wait for.

    Attributes:
        identity: the id that it has where the store does not hold it.
        nonce: its nonce.
        digest: what a repeat of a foreign event is known by; None for another.
        item: the event.
        envelope: what its leaf will commit to, once the batch has its time.
    """

    identity: bytes
    nonce: bytes
    digest: bytes | None
    item: Incoming
    envelope: Unstamped


@dataclass(frozen=True, slots=True)
class Prepared:
    """Events with all that is computed of them before a transaction begins. It is good where the log holds none of them yet.

    Attributes:
        given: the events.
        payloads: theirs, cut and packed as bundles hold them: of how many, and the bytes.
        arrived: which numbers of their emitters they have.
        received_at: the time of the batch.
        envelopes: theirs with that time, packed, for each of the packed payloads.
        leaves: of the envelopes.
    """

    given: Sequence[Candidate]
    payloads: Sequence[tuple[int, bytes]]
    arrived: Mapping[str, counters.Ranges]
    received_at: str = ""
    envelopes: Sequence[bytes] = ()
    leaves: Sequence[bytes] = ()

    @classmethod
    def of(cls, given: Sequence[Candidate], received_at: str | None = None) -> Prepared:
        """Compute it.

        Args:
            given: the events.
            received_at: the time of the batch; None for now.
        """
        payloads = [*cut(one.nonce + one.item.body for one in given)]
        arrived: dict[str, list[int]] = {}
        for one in given:
            if one.item.emitter is not None and one.item.counter is not None:
                arrived.setdefault(one.item.emitter, []).append(one.item.counter)
        numbers = {emitter: counters.add((), numbers) for emitter, numbers in arrived.items()}
        # As late as it can be: who has the lock first should have the earlier time.
        return cls(given, payloads, numbers).at(received_at or timestamp(datetime.now(UTC)))

    def at(self, received_at: str) -> Prepared:
        """Give it with another time of the batch."""
        time = received_at.encode("ascii")
        envelopes = [one.envelope.at(time) for one in self.given]
        bounds = pairwise(accumulate((count for count, _ in self.payloads), initial=0))
        return replace(
            self,
            received_at=received_at,
            envelopes=[pack(envelopes[begin:end]) for begin, end in bounds],
            leaves=[leaf_hash(envelope) for envelope in envelopes],
        )


def prepared(signer: Signer, items: Iterable[Incoming]) -> Prepared:
    """Compute what can be computed of events before a transaction begins.

    Args:
        signer: holds the key by which repeats of foreign events are known.
        items: the events.
    """
    return Prepared.of([_candidate(signer, item) for item in items])


def _candidate(signer: Signer, item: Incoming) -> Candidate:
    digest = foreign_digest(signer, item.body) if item.nonce is None else None
    nonce = os.urandom(32) if item.nonce is None else item.nonce
    identity = event_id(nonce, item.body)
    claimed = item.event_time if item.event_time is not None and len(item.event_time) <= _MOST_CLAIMED else None
    source = item.source[:MAX_TEXT]
    envelope = unstamped(identity.hex(), source, item.emitter, item.counter, claimed, len(item.body))
    return Candidate(identity, nonce, digest, item, envelope)


class Batch:
    """Events that get their places together, and the checkpoint over them. Nobody else may do so meanwhile.

    Others wait for the lock: what can be asked beforehand is asked at once, and what is written is not waited for.

    Attributes:
        before: size of the log before it.
        identities: the id of each event, new or not, once it is written.
        note: the checkpoint over it, once it is written; None where nothing was added.
    """

    def __init__(self, session: Session, signer: Signer, prepared: Prepared, refused: Sequence[Refused] = ()) -> None:
        self._session = session
        self._signer = signer
        self._given = given = prepared.given
        self._refused = refused
        head = session.execute(_HEAD)
        edge = session.execute(_EDGE, (len(given),))
        placed = places(session, [one.identity for one in given if one.digest is None])
        emitters = dict.fromkeys([*prepared.arrived, *(one.emitter for one in refused if one.emitter is not None)])
        counted = session.each(_COUNTERS, {"emitter": str}, [(emitter,) for emitter in emitters])
        self._frontier, last, self._recent = _load_head(head)
        self._edge, self._placed, self._counted = [leaf for (leaf,) in edge], dict(placed), dict(counted)
        self.before = self._frontier.size
        self._now = datetime.now(UTC)
        # Entries of one batch share their time and two batches never do, so that the tree itself says where a checkpoint belongs.
        if last is not None and prepared.received_at <= last:
            now = timestamp(self._now)
            prepared = prepared.at(timestamp(self._now + timedelta(microseconds=1)) if now == last else now)
        self._prepared = prepared
        self.identities: list[bytes] = []
        self.note: bytes | None = None

    def write(self) -> Appended:
        """Give the events that the log does not hold yet the next places, put refused bytes aside once; tell what was done.

        Written are the entries, the tree, its tiles, the signed checkpoint and the emitters' counters.
        """
        session, before = self._session, self.before
        new = self._new()
        if len(new) < len(self._given):
            self._prepared = Prepared.of(new, self._prepared.received_at)
        leaves = self._prepared.leaves
        for leaf in leaves:
            self._frontier.append(leaf)
        after = self._frontier.size
        if new:
            identities = [one.identity for one in new]
            session.each(_PLACE, _LOG, [*zip(range(before, after), identities, leaves, strict=True)])
            for level, number in completed_tiles(before, after):
                session.execute("INSERT INTO tile VALUES (?, ?, ?)", (level, number, self._tile(level, number)))
            self._keep()
            session.execute("UPDATE tree SET size = ?, frontier = ?", (after, self._frontier.to_bytes()))
            self.note = insert_checkpoint(session, self._signer, self._frontier)
        aside = quarantine.insert(session, self._refused, self._prepared.received_at)
        self._count(aside)
        return Appended(after - before, len(self._given) - len(new), len(aside), before if new else None, after)

    def _new(self) -> list[Candidate]:
        """Give the events that the log does not hold yet."""
        first = {candidate.identity: candidate for candidate in reversed(self._given)}
        known = self._known_foreign()
        self.identities = [known.get(candidate.digest or b"", candidate.identity) for candidate in self._given]
        wanted = dict.fromkeys(self.identities)
        return [first[identity] for identity in wanted if identity in first and identity not in self._placed]

    def _count(self, aside: Iterable[Refused]) -> None:
        """Write which numbers of their emitters have arrived."""
        refused: dict[str, list[int]] = {}
        for one in aside:
            if one.emitter is not None and one.counter is not None:
                refused.setdefault(one.emitter, []).append(one.counter)
        arrived = dict(self._prepared.arrived)
        for emitter, numbers in refused.items():
            arrived[emitter] = counters.add(arrived.get(emitter, ()), numbers)
        rows = [
            (emitter, counters.format_ranges(counters.union(ranges(self._counted[emitter] or ""), numbers)))
            for emitter, numbers in arrived.items()
        ]
        self._session.each(_COUNT, {"emitter": str, "counters": str}, rows)

    def _keep(self) -> None:
        """Write what the new entries consist of."""
        first = self.before
        for (count, payloads), envelopes in zip(self._prepared.payloads, self._prepared.envelopes, strict=True):
            bundle = Bundle(first, count, envelopes, payloads)
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

    def _known_foreign(self) -> dict[bytes, bytes]:
        """Return the id of the event that each foreign digest stands for; remember those that are new, forget old ones."""
        found = {one.digest: one.identity for one in reversed(self._given) if one.digest is not None}
        if not found:
            return {}
        begin, end = timestamp(self._now - FOREIGN_WINDOW), timestamp(self._now + FOREIGN_WINDOW)
        rows = [(digest, identity, self._prepared.received_at) for digest, identity in found.items()]
        new = {digest for (digest,) in self._session.each(_REMEMBER, _SEEN, rows, (begin, end))}
        old = [(digest,) for digest in found if digest not in new]
        known = found | dict(self._session.each(_KNOWN, {"digest": bytes}, old))
        self._session.execute(_FORGET, (begin,))
        return known

    def _tile(self, level: int, number: int) -> bytes:
        bounds = first, end = number * TILE_WIDTH, (number + 1) * TILE_WIDTH
        if level == 0:
            leaves = self._prepared.leaves
            edge = self._edge if first < self.before else ()
            return b"".join((*edge, *leaves[max(first - self.before, 0) : end - self.before]))
        query = "SELECT hashes FROM tile WHERE level = ? AND number >= ? AND number < ? ORDER BY number"
        return b"".join(tile_root(tile) for (tile,) in self._session.execute(query, (level - 1, *bounds)))


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


def _load_head(found: Rows) -> tuple[Frontier, str | None, int]:
    """Return the right edge of the tree, the time of the last entry, and the number of entries that are recent."""
    row = found.fetchone()
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
