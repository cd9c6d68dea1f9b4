"""What every store does with its log, whatever its engine. Opening it, and transactions, are each engine's matter."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from orchestrail.errors import StoreError
from orchestrail.store import counters, quarantine
from orchestrail.store.appending import Batch, parsed, prepared, ranges
from orchestrail.store.base import (
    Appended,
    Behind,
    Checkpoint,
    Gap,
    Incoming,
    Placed,
    Quarantined,
    QuarantineEntry,
    Record,
    Refused,
)
from orchestrail.store.entries import entries_in, page_from
from orchestrail.store.erasure import take_out
from orchestrail.store.keys import load_signer, parse_public_key
from orchestrail.store.known import Known, forget, known_notes, remember
from orchestrail.store.note import NoteError, Signer, Verifier, checked_head, parse_head, parse_note
from orchestrail.store.session import Damage, Session, places

_NOTES = "SELECT (SELECT note FROM checkpoint WHERE checkpoint.size = new.size) FROM {new}"
_MARK_RESOLVED = "UPDATE quarantine SET event_id = ? WHERE id = ?"


Asked = tuple[Sequence[Known], Iterable[Any]]
"""Checkpoints that a log is known to have signed, and what it has of each one's size; see `Rows`."""


class LogStore(ABC):
    """A store on some engine; see `orchestrail.store.base.Store` for what it does.

    Attributes:
        home: folder that holds the keys.
    """

    def __init__(self, home: Path, verifier: Verifier) -> None:
        self.home = home
        self._verifier = verifier
        self._signer: Signer | None = None
        self._seen: Known | None = None
        self._held: Sequence[int] = ()
        self._given_up = False

    @property
    def origin(self) -> str:
        """Name of the log, as its checkpoints carry it."""
        return self._verifier.name

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Close what is open; the next call opens it again."""

    @abstractmethod
    def _writing(self) -> AbstractContextManager[Session]:
        """Open the one transaction that may append; it is durable at the end of the block, or rolled back on an error."""

    @abstractmethod
    def _unguarded(self, session: Any) -> AbstractContextManager[None]:
        """Open a block within a transaction in which no trigger keeps rows of `GUARDED` tables from being changed."""

    @abstractmethod
    def give_back(self) -> bool:
        """Have the database forget what was taken out; see `orchestrail.store.base.Store`."""

    @abstractmethod
    def _reading(self) -> AbstractContextManager[Session]:
        """Open a transaction that reads, all of it from one moment."""

    def append(self, items: Sequence[Incoming], refused: Sequence[Refused] = ()) -> Appended:
        """Append events and quarantine refused bytes in one durable transaction with a signed checkpoint.

        Args:
            items: events that were found acceptable, in the order in which they shall stand.
            refused: bytes that were not.

        Raises:
            StoreError: nothing of it was stored, or the server was gone before it could say; to append the same once more stores
                nothing twice.
        """
        return self._append(items, refused)

    def resolve(self, entry_id: int, incoming: Incoming) -> Appended:
        """Append a quarantined event that is acceptable by now, and mark its entry; the entry stays."""
        return self._append([incoming], (), entry_id)

    def _append(self, items: Sequence[Incoming], refused: Sequence[Refused], resolved: int | None = None) -> Appended:
        given, known = prepared(self._sign(), items), self._known()
        with self._writing() as session:
            asked = ask(session, known)
            batch = Batch(session, self._sign(), given, refused)
            self._require_grown(session, asked)
            appended = batch.write()
            if resolved is not None:
                session.execute(_MARK_RESOLVED, (batch.identities[0], resolved))
        self._grown(appended.size, batch.note)
        return appended

    def erase(self, entries: Sequence[Placed], record: Incoming) -> Appended:
        """Take the bytes of some entries out, and append the record of it, in one durable transaction; their places stay.

        Args:
            entries: which; each has its bytes still.
            record: says so; `orchestrail.store.erasure.named_in` reads the entries out of it.

        Raises:
            StoreError: nothing was taken out: the store cannot be written, or whoever asks may not change what is in it.
        """
        given, known = prepared(self._sign(), [record]), self._known()
        with self._writing() as session:
            asked = ask(session, known)
            batch = Batch(session, self._sign(), given)
            self._require_grown(session, asked)
            appended = batch.write()
            with self._unguarded(session):
                take_out(session, entries)
        self._grown(appended.size, batch.note)
        return appended

    def known(self, event_ids: Iterable[str]) -> set[str]:
        """Return those of the event ids that the log holds."""
        with self._reading() as session:
            return {identity.hex() for identity, _ in places(session, [bytes.fromhex(item) for item in event_ids])}

    def records(self, after: int = -1) -> Iterator[Record]:
        """Yield the log entries past a sequence number, in order, reading a page at a time."""
        while True:
            with self._reading() as session:
                page = page_from(session.execute, after + 1)
            if not page:
                return
            for bundle in page:
                for seq, entry in entries_in(bundle, after + 1):
                    said = parsed(entry.envelope)
                    yield Record(seq, said.event_id, said.received_at, entry.body)
                    after = seq

    def size(self) -> int:
        """Return the number of log entries."""
        return self.checkpoint().size

    def checkpoint(self) -> Checkpoint:
        """Return the newest signed head."""
        with self._reading() as session:
            row = session.execute("SELECT note FROM checkpoint ORDER BY size DESC LIMIT 1").fetchone()
            return stated_head(row[0] if row else None)

    def quarantine(self, body: bytes, reason_code: str, reason: str, source: str) -> bool:
        """Put refused bytes aside; False where the same bytes from the same source are there already."""
        return self.append((), [Refused(body, reason_code, reason, source)]).quarantined == 1

    def quarantined(self, number: int) -> Quarantined | None:
        """Return a quarantine entry, whole; None where there is none of this number."""
        with self._reading() as session:
            return quarantine.read(session, number)

    def quarantine_entries(
        self, most: int, *, resolved: bool = False, newest_first: bool = False, past: int | None = None
    ) -> list[QuarantineEntry]:
        """Return those past a number, the unresolved ones or with `resolved` all, without their bytes, which may be many."""
        with self._reading() as session:
            return quarantine.entries(session, most, past, resolved=resolved, newest_first=newest_first)

    def refused(self) -> int:
        """Count the unresolved quarantine entries, whose bytes may be many."""
        with self._reading() as session:
            return quarantine.count(session)

    def gaps(self) -> list[Gap]:
        """Return the holes in the emitters' numbering."""
        with self._reading() as session:
            rows = session.execute("SELECT emitter, counters FROM emitter ORDER BY emitter")
            found = [Gap(emitter, counters.holes(ranges(text))) for emitter, text in rows]
        return [gap for gap in found if gap.missing]

    def behind(self) -> Behind | None:
        """Say what the log lacks of what it is known to have signed; such a log signs nothing.

        What is known are the newest checkpoints that this home has seen.
        """
        known = known_notes(self.home, self._verifier)  # before the log is looked at, which grows meanwhile
        with self._reading() as session:
            return lacking(session, ask(session, known), self._verifier)

    def remember(self, note: bytes) -> None:
        """Keep a checkpoint that came from outside: a log that lacks it signs nothing.

        Raises:
            NoteError: it is none of this log.
        """
        head = checked_head(parse_note(note), self._verifier)
        with self._reading() as session:
            # Of two of one size the log holds one at most: what it lacks is what must be known.
            same = [known for known in known_notes(self.home, self._verifier) if known.size == head.size]
            if lacking(session, ask(session, same), self._verifier) is None:
                remember(self.home, self._verifier, Known(head.size, note))

    @contextmanager
    def give_up(self) -> Iterator[None]:
        """Open a block in which a log may sign that is behind; what is known of it is forgotten once the block has ended well."""
        self._given_up = True
        try:
            yield
            forget(self.home, self._verifier)
        finally:
            self._given_up = False
        head = self.checkpoint()
        self._grown(head.size, head.note)

    def _known(self) -> list[Known]:
        """Give what the log is known to have signed. It only grows, so nobody who appends has to wait while it is read."""
        seen = [self._seen] if self._seen is not None else []
        return [] if self._given_up else [*known_notes(self.home, self._verifier), *seen]

    def _require_grown(self, session: Session, asked: Asked) -> None:
        """Require, before anything is signed, that the log holds what it is known to have signed.

        Args:
            session: a transaction in which nobody else appends.
            asked: what it was asked in there.

        Raises:
            StoreError: it does not: it was put back from a copy, while this process had it open or before.
        """
        behind = lacking(session, asked, self._verifier)
        if behind is not None:
            raise StoreError(
                "The log was not continued.",
                f"It is behind a checkpoint that it had signed: {behind}. It may have been put back from a copy.",
                "Bring back what is missing, or put its loss on the record with `orchestrail recover`.",
            )
        self._held = [known.size for known in asked[0]]

    def _grown(self, size: int, note: bytes | None) -> None:
        """Keep the checkpoint over what was appended, outside the store; where it cannot be kept there, in this process alone."""
        if note is not None and not self._given_up:
            known = Known(size, note)
            kept = remember(self.home, self._verifier, known, self._held)
            self._seen = None if kept else known

    def _sign(self) -> Signer:
        if self._signer is None:
            self._signer = load_signer(self.home, self._verifier)
        return self._signer


def stated_head(note: object) -> Checkpoint:
    """Read the newest checkpoint of a store.

    Raises:
        Damage: it is missing, or none.
    """
    try:
        if not isinstance(note, bytes):
            raise NoteError("it is not bytes")
        head = parse_head(parse_note(note).text)
    except NoteError as error:
        raise Damage(f"the newest checkpoint: {error}") from error
    return Checkpoint(head.size, head.root_hash, note)


def ask(session: Session, known: Sequence[Known]) -> Asked:
    """Ask a log for the checkpoints of some sizes; `lacking` reads the answer.

    Args:
        session: reads the log.
        known: what it is known to have signed.
    """
    return known, session.each(_NOTES, {"size": int}, [(one.size,) for one in known])


def lacking(session: Session, asked: Asked, verifier: Verifier) -> Behind | None:
    """Say what a log lacks of what it is known to have signed; None where it holds all of it.

    What its key did not sign is passed over: it is no checkpoint of this log.

    Args:
        session: reads the log.
        asked: of each checkpoint what it has of that size.
        verifier: its key.

    Raises:
        Damage: a checkpoint of it cannot be read.
    """
    for known, (held,) in zip(*asked, strict=True):
        # Nearly always it holds the very bytes, and nothing in them has to be read before an append.
        if held == known.note:
            continue
        try:
            head = checked_head(parse_note(known.note), verifier)
        except NoteError:
            continue
        if _root(session, head.size) != head.root_hash:
            (size,) = session.execute("SELECT max(size) FROM checkpoint").fetchone()
            return Behind(size, head.size, head.root_hash, parted=head.size <= size)
    return None


def _root(session: Session, size: int) -> bytes | None:
    row = session.execute("SELECT note FROM checkpoint WHERE size = ?", (size,)).fetchone()
    try:
        return None if row is None else parse_head(parse_note(row[0]).text).root_hash
    except NoteError as error:
        raise Damage(f"the checkpoint of size {size}: {error}") from error


def own_verifier(session: Session) -> Verifier:
    """Read the public key of a store.

    Raises:
        Damage: it is missing, or none of ours.
    """
    row = session.execute("SELECT value FROM meta WHERE key = 'public_key'").fetchone()
    try:
        return parse_public_key(row[0] if row else None)
    except NoteError as error:
        raise Damage(f"its public key: {error}") from error
