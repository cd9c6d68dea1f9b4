"""The embedded store: one SQLite file in WAL mode. Appending, reading, opening; verification is `orchestrail.store.verify`.

The append path is plain SQL. SQLAlchemy is imported only for `read` and `project`.
"""

from __future__ import annotations

import hmac
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from orchestrail.errors import StoreError
from orchestrail.store import counters, quarantine, schema
from orchestrail.store.base import (
    Appended,
    Checkpoint,
    Gap,
    Incoming,
    Progress,
    Quarantined,
    Record,
    Refused,
    Verification,
)
from orchestrail.store.connect import Damage, check_ours, open_reader, open_writer, store_error, translated
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
from orchestrail.store.keys import create_signer, load_signer, parse_public_key
from orchestrail.store.merkle import TILE_WIDTH, Frontier, completed_tiles, leaf_hash, tile_root
from orchestrail.store.note import Head, NoteError, Signer, Verifier, parse_head, parse_note

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

PAGE = 500
PAGE_BYTES = 8192
"""Three events of the usual size fit a page of this size; of the default size, one."""

FOREIGN_WINDOW = timedelta(hours=24)
"""Within this time, equal bytes from a producer without nonces are one event."""

_FOREIGN_SECRET = b"foreign deduplication"


class SqliteStore:
    """An audit store in one file; see `orchestrail.store.base.Store` for what it does.

    Safe to use from threads and after a fork: a child opens a connection of its own.

    Attributes:
        path: the file.
        home: folder that holds the keys.
    """

    def __init__(self, path: Path, home: Path, verifier: Verifier) -> None:
        self.path = path
        self.home = home
        self._verifier = verifier
        self._signer: Signer | None = None
        self._writer: sqlite3.Connection | None = None
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._engines: dict[bool, Engine] = {}

    @classmethod
    def open(cls, path: Path, *, home: Path, create: bool = False) -> SqliteStore:
        """Open a store, bringing an older schema up to date; with `create`, make one where there is none.

        Raises:
            StoreError: it is missing, damaged, not ours, or of a newer version.
        """
        with translated(path):
            if create and not path.exists():
                _create(path, home)
            with closing(open_reader(path)) as connection:
                revision = check_ours(connection, path)
                verifier = _own_verifier(connection) if revision == schema.HEAD else None
            if verifier is None:
                with closing(open_writer(path)) as connection:
                    schema.migrate(connection)
                    verifier = _own_verifier(connection)
        return cls(path, home, verifier)

    @property
    def origin(self) -> str:
        """Name of the log, as its checkpoints carry it."""
        return self._verifier.name

    def close(self) -> None:
        """Close the connection; the next append opens one again."""
        with self._exclusive():
            if self._writer is not None:
                self._writer.close()
                self._writer = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def append(self, items: Sequence[Incoming], refused: Sequence[Refused] = ()) -> Appended:
        """Append events and quarantine refused bytes in one durable transaction with a signed checkpoint.

        Args:
            items: events that were found acceptable, in the order in which they shall stand.
            refused: bytes that were not.

        Raises:
            StoreError: nothing of it was stored.
        """
        with self._transaction() as connection:
            batch = _Batch(connection, self._sign())
            for item in items:
                batch.append(item)
            for entry in refused:
                batch.quarantine(entry)
            return batch.finish()

    def known(self, event_ids: Iterable[str]) -> set[str]:
        """Return those of the event ids that the log holds."""
        with self._reading() as connection:
            query = "SELECT 1 FROM log WHERE event_id = ?"
            return {item for item in event_ids if connection.execute(query, (bytes.fromhex(item),)).fetchone()}

    def records(self, after: int = -1) -> Iterator[Record]:
        """Yield the log entries past a sequence number, in order, reading a page at a time."""
        while True:
            with self._reading() as connection:
                rows = connection.execute(
                    "SELECT seq, lower(hex(log.event_id)), envelope, body FROM log LEFT JOIN payload USING (event_id)"
                    " WHERE seq > ? ORDER BY seq LIMIT ?",
                    (after, PAGE),
                )
                page = [Record(row[0], row[1], _parsed(row[2]).received_at, row[3]) for row in rows]
            yield from page
            if not page:
                return
            after = page[-1].seq

    def size(self) -> int:
        """Return the number of log entries."""
        return self.checkpoint().size

    def checkpoint(self) -> Checkpoint:
        """Return the newest signed head."""
        with self._reading() as connection:
            row = connection.execute("SELECT note FROM checkpoint ORDER BY size DESC LIMIT 1").fetchone()
            try:
                head = parse_head(parse_note(row[0]).text)
            except (NoteError, TypeError, AttributeError) as error:
                raise Damage(f"the newest checkpoint: {error}") from error
        return Checkpoint(head.size, head.root_hash, row[0])

    def quarantine(self, body: bytes, reason_code: str, reason: str, source: str) -> bool:
        """Put refused bytes aside; False where the same bytes from the same source are there already."""
        return self.append((), [Refused(body, reason_code, reason, source)]).quarantined == 1

    def quarantined(self, *, resolved: bool = False) -> list[Quarantined]:
        """Return the unresolved quarantine entries, or with `resolved` all of them."""
        with self._reading() as connection:
            return quarantine.read(connection, resolved=resolved)

    def resolve(self, entry_id: int, incoming: Incoming) -> Appended:
        """Append a quarantined event that is acceptable by now, and mark its entry; the entry stays."""
        with self._transaction() as connection:
            batch = _Batch(connection, self._sign())
            identity = batch.append(incoming)
            appended = batch.finish()
            connection.execute("UPDATE quarantine SET event_id = ? WHERE id = ?", (identity, entry_id))
            return appended

    def gaps(self) -> list[Gap]:
        """Return the holes in the emitters' numbering."""
        with self._reading() as connection:
            rows = connection.execute("SELECT emitter, counters FROM emitter ORDER BY emitter")
            found = [Gap(emitter, counters.holes(_ranges(text))) for emitter, text in rows]
        return [gap for gap in found if gap.missing]

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a read-only snapshot for queries.

        Raises:
            StoreError: what the database says about the file, within the block too.
        """
        with self._engine_block(write=False) as connection:
            yield connection

    @contextmanager
    def project(self) -> Iterator[Connection]:
        """Open a write transaction for the `proj_` tables; it commits at the end of the block, or rolls back on an error.

        Raises:
            StoreError: what the database says about the file, within the block too.
        """
        with self._engine_block(write=True) as connection:
            yield connection

    def verify(self, progress: Progress | None = None, against: bytes | None = None) -> Verification:
        """Recompute the whole log from what is stored, without writing anything.

        Args:
            progress: called with entries done and entries there are.
            against: a signed checkpoint from outside that this log shall contain.
        """
        from orchestrail.store.verify import verify

        return verify(self.path, self.home, progress, against)

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        if self._pid != os.getpid():
            # A connection must not be used, nor closed, in a child of the process that opened it.
            _inherited.append(self._writer)
            self._writer, self._lock, self._pid = None, threading.Lock(), os.getpid()
        with self._lock:
            yield

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._exclusive(), translated(self.path):
            if self._writer is None:
                self._writer = open_writer(self.path)
            connection = self._writer
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with translated(self.path), closing(open_reader(self.path)) as connection:
            yield connection

    @contextmanager
    def _engine_block(self, *, write: bool) -> Iterator[Connection]:
        from sqlalchemy.exc import DBAPIError

        try:
            with translated(self.path), self._engine(write).begin() as connection:
                yield connection
        except DBAPIError as error:
            raise store_error(self.path, error.orig or error) from error

    def _engine(self, write: bool) -> Engine:
        from sqlalchemy import create_engine, event
        from sqlalchemy.pool import NullPool

        if write not in self._engines:
            opener = open_writer if write else open_reader
            begin = "BEGIN IMMEDIATE" if write else "BEGIN"
            engine = create_engine("sqlite://", creator=lambda: opener(self.path), poolclass=NullPool)
            event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
            self._engines[write] = engine
        return self._engines[write]

    def _sign(self) -> Signer:
        if self._signer is None:
            self._signer = load_signer(self.home, self._verifier)
        return self._signer


_inherited: list[sqlite3.Connection | None] = []


class _Batch:
    """One append transaction in the making."""

    def __init__(self, connection: sqlite3.Connection, signer: Signer) -> None:
        self._connection = connection
        self._signer = signer
        self._frontier = _load_frontier(connection)
        self._before = self._frontier.size
        now = datetime.now(UTC)
        # Entries of one batch share their time and two batches never do, so that the tree itself says where a checkpoint belongs.
        if timestamp(now) == _last_received_at(connection):
            now += timedelta(microseconds=1)
        self.received_at = timestamp(now)
        self._window_start = timestamp(now - FOREIGN_WINDOW)
        self._window_end = timestamp(now + FOREIGN_WINDOW)
        self._counters: dict[str, list[int]] = {}
        self._duplicates = 0
        self._quarantined = 0

    def append(self, item: Incoming) -> bytes:
        """Append one event unless the log has it; return its id."""
        digest = None
        nonce = item.nonce
        if nonce is None:
            digest = foreign_digest(self._signer, item.body)
            row = self._connection.execute(
                "SELECT event_id FROM foreign_seen WHERE digest = ? AND seen_at BETWEEN ? AND ?",
                (digest, self._window_start, self._window_end),
            ).fetchone()
            if row is not None:
                self._duplicates += 1
                return bytes(row[0])
            nonce = os.urandom(32)
        identity = event_id(nonce, item.body)
        if self._connection.execute("SELECT 1 FROM log WHERE event_id = ?", (identity,)).fetchone():
            self._duplicates += 1
            return identity
        envelope = _envelope(item, identity, self.received_at).to_bytes()
        leaf = leaf_hash(envelope)
        self._connection.execute("INSERT INTO log VALUES (?, ?, ?, ?)", (self._frontier.size, identity, envelope, leaf))
        self._connection.execute("INSERT INTO payload VALUES (?, ?, ?)", (identity, nonce, item.body))
        if digest is not None:
            self._connection.execute(
                "INSERT OR REPLACE INTO foreign_seen VALUES (?, ?, ?)", (digest, identity, self.received_at)
            )
        self._frontier.append(leaf)
        self._arrived(item.emitter, item.counter)
        return identity

    def quarantine(self, refused: Refused) -> None:
        """Put refused bytes aside once."""
        if quarantine.insert(self._connection, refused, self.received_at):
            self._quarantined += 1
            self._arrived(refused.emitter, refused.counter)

    def finish(self) -> Appended:
        """Write the tree, its tiles, the signed checkpoint and the emitters' counters."""
        before, after = self._before, self._frontier.size
        connection = self._connection
        for emitter, arrived in self._counters.items():
            row = connection.execute("SELECT counters FROM emitter WHERE emitter = ?", (emitter,)).fetchone()
            text = counters.format_ranges(counters.add(_ranges(row[0]) if row else (), arrived))
            connection.execute("INSERT OR REPLACE INTO emitter VALUES (?, ?)", (emitter, text))
        if after > before:
            connection.execute("DELETE FROM foreign_seen WHERE seen_at < ?", (self._window_start,))
            for level, number in completed_tiles(before, after):
                connection.execute("INSERT INTO tile VALUES (?, ?, ?)", (level, number, self._tile(level, number)))
            connection.execute("UPDATE tree SET size = ?, frontier = ?", (after, self._frontier.to_bytes()))
            _insert_checkpoint(connection, self._signer, self._frontier)
        return Appended(after - before, self._duplicates, self._quarantined, before if after > before else None, after)

    def _arrived(self, emitter: str | None, counter: int | None) -> None:
        if emitter is not None and counter is not None:
            self._counters.setdefault(emitter, []).append(counter)

    def _tile(self, level: int, number: int) -> bytes:
        bounds = (number * TILE_WIDTH, (number + 1) * TILE_WIDTH)
        if level == 0:
            rows = self._connection.execute("SELECT leaf FROM log WHERE seq >= ? AND seq < ? ORDER BY seq", bounds)
            return b"".join(leaf for (leaf,) in rows)
        query = "SELECT hashes FROM tile WHERE level = ? AND number >= ? AND number < ? ORDER BY number"
        return b"".join(tile_root(tile) for (tile,) in self._connection.execute(query, (level - 1, *bounds)))


def foreign_digest(signer: Signer, body: bytes) -> bytes:
    """Return the keyed digest by which repeats of a foreign event are known; without the key it says nothing about the body."""
    return hmac.digest(signer.secret(_FOREIGN_SECRET), body, "sha256")


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


def _load_frontier(connection: sqlite3.Connection) -> Frontier:
    size, peaks = connection.execute("SELECT size, frontier FROM tree").fetchone() or (None, b"")
    (logged,) = connection.execute("SELECT coalesce(max(seq) + 1, 0) FROM log").fetchone()
    (signed,) = connection.execute("SELECT max(size) FROM checkpoint").fetchone()
    if not size == logged == signed:
        raise Damage(f"the tree has {size} entries, the log {logged}, the newest checkpoint {signed}")
    try:
        return Frontier.from_bytes(size, peaks)
    except (ValueError, TypeError) as error:
        raise Damage(f"the tree: {error}") from error


def _last_received_at(connection: sqlite3.Connection) -> str | None:
    row = connection.execute("SELECT envelope FROM log ORDER BY seq DESC LIMIT 1").fetchone()
    return None if row is None else _parsed(row[0]).received_at


def _parsed(envelope: bytes) -> Envelope:
    try:
        return parse_envelope(envelope)
    except (EnvelopeError, AttributeError) as error:
        raise Damage(f"a log entry: {error}") from error


def _ranges(text: str) -> counters.Ranges:
    try:
        return counters.parse_ranges(text)
    except (ValueError, AttributeError) as error:
        raise Damage(f"the counters of an emitter: {error}") from error


def _insert_checkpoint(connection: sqlite3.Connection, signer: Signer, frontier: Frontier) -> None:
    head = Head(signer.verifier.name, frontier.size, frontier.root())
    connection.execute("INSERT INTO checkpoint VALUES (?, ?)", (head.size, signer.sign(head)))


def _own_verifier(connection: sqlite3.Connection) -> Verifier:
    row = connection.execute("SELECT value FROM meta WHERE key = 'public_key'").fetchone()
    try:
        return parse_public_key(row[0] if row else None)
    except NoteError as error:
        raise Damage(f"its public key: {error}") from error


def _create(path: Path, home: Path) -> None:
    """Make a store under a temporary name and give it its own only when it is complete."""
    from filelock import FileLock

    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with FileLock(path.with_name(path.name + ".lock"), mode=0o600):
        if path.exists():
            return
        unmerged = path.with_name(path.name + "-wal")
        if unmerged.exists() and unmerged.stat().st_size:
            raise StoreError(
                f"The store {path} is gone, but {unmerged.name} is still there.",
                "The store was removed or moved without it, and it may hold events.",
                "Put the store back beside it, or move it away too.",
            )
        unmerged.unlink(missing_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
        temporary.unlink(missing_ok=True)
        os.close(os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            with closing(open_writer(temporary)) as connection:
                connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
                connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
                schema.migrate(connection)
                signer = create_signer(home)
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("INSERT INTO meta VALUES ('public_key', ?)", (signer.verifier.to_text(),))
                connection.execute("INSERT INTO tree VALUES (0, 0, ?)", (b"",))
                _insert_checkpoint(connection, signer, Frontier())
                connection.execute("COMMIT")
                connection.execute("PRAGMA journal_mode = WAL")
            temporary.rename(path)
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        finally:
            temporary.unlink(missing_ok=True)
