"""What goes into and comes out of a store, as frozen values, and the protocol that every store keeps. No SQL lives here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from sqlalchemy import Connection

Progress = Callable[[int, int], None]
"""Called with what is done and what there is to do."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """An event on its way into the log.

    Attributes:
        body: the event's bytes, as received.
        source: how it came: `spool`, or the name of the file it was read from.
        nonce: 32 bytes drawn when it was spooled; None for a foreign event, for which the store draws one.
        emitter: id of the spool segment, 32 hex digits; None for a foreign event.
        counter: its number within the segment; None for a foreign event.
        event_time: the event's own time, a claim.
    """

    body: bytes
    source: str
    nonce: bytes | None = None
    emitter: str | None = None
    counter: int | None = None
    event_time: str | None = None


class Placed(NamedTuple):
    """An entry of the log.

    Attributes:
        seq: its place.
        event_id: the id of its event, hexadecimal.
    """

    seq: int
    event_id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Bytes on their way into quarantine.

    Attributes:
        body: the bytes, whole.
        reason_code: stable reason: not_json, not_openlineage, too_large, cut_off, malformed_line, log_behind.
        reason: the reason in words.
        source: where the bytes stood, precise enough to tell equal bytes at two places apart, and so that few others have the same:
            among those they are looked for.
        nonce: the nonce they were spooled with, so that a later retry gives the same event id.
        emitter: id of the spool segment.
        counter: number within the segment, where it could be read.
    """

    body: bytes
    reason_code: str
    reason: str
    source: str
    nonce: bytes | None = None
    emitter: str | None = None
    counter: int | None = None


@dataclass(frozen=True, slots=True)
class Appended:
    """What one call of `append` did.

    Attributes:
        appended: number of new log entries.
        duplicates: number of events that the log held already.
        quarantined: number of new quarantine entries.
        first_seq: sequence number of the first new entry, None where there is none.
        size: size of the log afterwards.
    """

    appended: int
    duplicates: int
    quarantined: int
    first_seq: int | None
    size: int


@dataclass(frozen=True, slots=True)
class Record:
    """One log entry.

    Attributes:
        seq: position in the log, from 0.
        event_id: SHA-256 of nonce and body, hexadecimal.
        received_at: time of the append by the store's clock, RFC 3339, UTC.
        body: the event's bytes; None where the payload is no longer there.
    """

    seq: int
    event_id: str
    received_at: str
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A signed head of the log.

    Attributes:
        size: number of entries it covers.
        root_hash: root of the tree at that size, 32 bytes.
        note: the C2SP signed note.
    """

    size: int
    root_hash: bytes
    note: bytes


@dataclass(frozen=True, slots=True)
class Behind:
    """A log that lacks what it had signed, as one does that was put back from a copy.

    Attributes:
        size: number of entries it has.
        known_size: number of entries of the checkpoint that is known of it.
        known_root: root hash of that checkpoint, 32 bytes.
        parted: whether the log has that many entries, and others.
    """

    size: int
    known_size: int
    known_root: bytes
    parted: bool

    def __str__(self) -> str:
        if self.parted:
            return f"with {self.known_size:,} entries it had signed another root than it has there now"
        return f"it has {self.size:,} entries and had signed {self.known_size:,}"


@dataclass(frozen=True, slots=True)
class QuarantineEntry:
    """What is known of a quarantine entry beside its bytes; see `Refused` for the shared attributes.

    Attributes:
        id: number of the entry, from 1.
        received_at: when it was put here, RFC 3339, UTC.
        event_id: the log entry that a retry made of it, hexadecimal; None while it is refused.
        size: of its bytes.
    """

    id: int
    reason_code: str
    reason: str
    source: str
    nonce: bytes | None
    emitter: str | None
    counter: int | None
    received_at: str
    event_id: str | None
    size: int


@dataclass(frozen=True, slots=True)
class Quarantined(QuarantineEntry):
    """A quarantine entry, whole.

    Attributes:
        body: the bytes that were refused.
    """

    body: bytes


@dataclass(frozen=True, slots=True)
class Gap:
    """Events that an emitter numbered and that never arrived.

    Attributes:
        emitter: id of the spool segment.
        missing: first and last counter of each hole.
    """

    emitter: str
    missing: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """One place where the store is not what its signed checkpoints say.

    Attributes:
        table: the table, or `schema`, `file`, `key`, `against`.
        place: the row within it, such as `seq 12`; None where the whole is meant.
        what: what is wrong there.
    """

    table: str
    place: str | None
    what: str

    def __str__(self) -> str:
        return f"{self.table}{f' {self.place}' if self.place else ''}: {self.what}"


@dataclass(frozen=True, slots=True)
class Compared:
    """A checkpoint from outside that a log was held against.

    Attributes:
        size: number of entries that it covers.
        root_hash: its root, hexadecimal.
        consistent: whether the longer one of the two logs begins with the shorter one.
    """

    size: int
    root_hash: str
    consistent: bool


@dataclass(frozen=True, slots=True)
class Tables:
    """What is derived from the log, held against what the log gives.

    Attributes:
        entries: number of log entries that the tables hold.
        rows: number of rows that the log gives.
        differences: number of rows that are not what the log gives.
    """

    entries: int
    rows: int
    differences: int


@dataclass(frozen=True, slots=True)
class Verification:
    """Result of recomputing the log.

    Attributes:
        size: number of log entries.
        root_hash: recomputed root, hexadecimal.
        problems: everything found, empty when the log verifies.
        notes: what a reader should know beside it.
        against: the checkpoint that it was held against; None where there was none, or it is no checkpoint of this log.
        tables: what came of the tables; None where they were not compared.
    """

    size: int
    root_hash: str
    problems: tuple[Problem, ...]
    notes: tuple[str, ...] = ()
    against: Compared | None = None
    tables: Tables | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.problems


class Store(Protocol):
    """What operations, projections and queries need from a store."""

    def append(self, items: Sequence[Incoming], refused: Sequence[Refused] = ()) -> Appended:
        """Append events and quarantine refused bytes; all is durable, and under a signed checkpoint, when it returns."""
        ...

    def known(self, event_ids: Iterable[str]) -> set[str]:
        """Return those of the event ids that the log holds."""
        ...

    def records(self, after: int = -1) -> Iterator[Record]:
        """Yield the log entries past a sequence number, in order."""
        ...

    def size(self) -> int:
        """Return the number of log entries."""
        ...

    def checkpoint(self) -> Checkpoint:
        """Return the newest signed head."""
        ...

    def quarantine(self, body: bytes, reason_code: str, reason: str, source: str) -> bool:
        """Put refused bytes aside; False where the same bytes from the same source are there already."""
        ...

    def quarantined(self, number: int) -> Quarantined | None:
        """Return a quarantine entry, whole; None where there is none of this number."""
        ...

    def quarantine_entries(
        self, most: int, *, resolved: bool = False, newest_first: bool = False, past: int | None = None
    ) -> list[QuarantineEntry]:
        """Return those past a number, the unresolved ones or with `resolved` all, without their bytes, which may be many."""
        ...

    def refused(self) -> int:
        """Count the unresolved quarantine entries, whose bytes may be many."""
        ...

    def resolve(self, entry_id: int, incoming: Incoming) -> Appended:
        """Append a quarantined event that is acceptable by now, and mark its entry."""
        ...

    def erase(self, entries: Sequence[Placed], record: Incoming) -> Appended:
        """Take the bytes of some entries out, and append the record of it, in one durable transaction; their places stay."""
        ...

    def give_back(self) -> bool:
        """Have the database forget what was taken out of it; False where somebody who reads it kept it from doing so."""
        ...

    def gaps(self) -> list[Gap]:
        """Return the holes in the emitters' numbering."""
        ...

    def read(self) -> AbstractContextManager[Connection]:
        """Open a read-only snapshot for queries."""
        ...

    def project(self) -> AbstractContextManager[Connection]:
        """Open a write transaction for the `proj_` tables."""
        ...

    def beside(self) -> AbstractContextManager[tuple[Connection, str, str]]:
        """Open a snapshot in which tables can be made that come first, that nobody else sees, and that are gone with it.

        With it the names of the schema that the store is in, and of the one for such tables.
        """
        ...

    def remember(self, note: bytes) -> None:
        """Keep a checkpoint that came from outside: a log that lacks it signs nothing."""
        ...

    def behind(self) -> Behind | None:
        """Say what the log lacks of what it is known to have signed; such a log signs nothing."""
        ...

    def give_up(self) -> AbstractContextManager[None]:
        """Open a block in which a log may sign that is behind; what is known of it is forgotten once the block has ended well."""
        ...

    def verify(self, progress: Progress | None = None, against: bytes | None = None) -> Verification:
        """Recompute the whole log without writing anything."""
        ...
