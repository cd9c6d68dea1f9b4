"""Recomputes a store from what it holds and names every place that is not what its signed checkpoints say. Never writes.

The log is read once, in order; roots are compared at every checkpoint. What the database objects to is a problem like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from orchestrail.errors import StoreError
from orchestrail.store import counters, erasure, schema
from orchestrail.store.appending import foreign_digest
from orchestrail.store.base import Compared, Problem, Progress, Refused, Verification
from orchestrail.store.bundle import MOST_ENTRIES, NONCE, BundleError, Stored, unpack
from orchestrail.store.entries import TABLES, Opened, holding
from orchestrail.store.envelope import EnvelopeError, parse_envelope
from orchestrail.store.keys import any_pinned, load_signer, parse_public_key, pinned
from orchestrail.store.merkle import HASH_SIZE, Frontier, Tiles, leaf_hash
from orchestrail.store.note import Head, NoteError, Signer, Verifier, checked_head, parse_head, parse_note
from orchestrail.store.outside import Comparison, Growth
from orchestrail.store.quarantine import row_digest
from orchestrail.store.session import Damage, Examined

MAX_PROBLEMS = 1000
"""Beyond this many the store is a ruin, and a longer list helps nobody."""

_EVERY = 1000
_AT_ONCE = 8
_UNKNOWN = bytes(HASH_SIZE)


class _Row(NamedTuple):
    """A row of the log, with whatever may stand in it."""

    seq: int
    event_id: object
    leaf: object


class _Part(NamedTuple):
    """What one entry consists of.

    Attributes:
        table: where it stands.
        seq: its place.
        envelope: its envelope; None where it cannot be read.
        payload: its payload, which may be gone; None where that cannot be told.
    """

    table: str
    seq: int
    envelope: bytes | None
    payload: tuple[bytes | None] | None

    @property
    def place(self) -> str:
        """Its place, for people."""
        return f"seq {self.seq}"


class _TooMany(Exception):
    """The list of problems is full."""


def verify(
    session: Examined,
    home: Path,
    progress: Progress | None = None,
    against: bytes | None = None,
    trusted: Sequence[Path] = (),
    growth: Growth | None = None,
) -> Verification:
    """Recompute a store.

    Args:
        session: its database, held still.
        home: the store's own home: where its `keys/` pins public keys, the one of this log must be among them.
        progress: called with entries done and entries there are.
        against: a signed checkpoint from outside that this log shall contain.
        trusted: other homes; a key that one of them pins for this log counts before that of `home`.
        growth: of the log that the checkpoint is of, where that log can be asked: it may be the longer one then.
    """
    return _Check(session, home, trusted, progress, against, growth).run()


def check_revision(store: str, revision: str | None) -> None:
    """Require that a store has the newest schema, or one that cannot be told, which is then a problem.

    Args:
        store: what an error calls the store.
        revision: the revision that it has.

    Raises:
        StoreError: it is an older one.
    """
    if revision is not None and revision != schema.HEAD:
        raise StoreError(
            f"{store} has an older schema ({revision}).",
            "Verification compares it with the newest one and never changes a store.",
            "Run `orchestrail collect` once to bring it up to date.",
        )


class _Check:
    """One verification in the making."""

    def __init__(
        self,
        session: Examined,
        home: Path,
        trusted: Sequence[Path],
        progress: Progress | None,
        against: bytes | None,
        growth: Growth | None,
    ) -> None:
        self._session = session
        self._home = home
        self._trusted = trusted
        self._progress = progress
        self._against = against
        self._growth = growth
        self._problems: list[Problem] = []
        self._notes: list[str] = []
        self._verifier: Verifier | None = None
        self._signer: Signer | None = None
        self._frontier = Frontier()
        self._heads: dict[int, bytes] = {}
        self._comparison: Comparison | None = None
        self._compared: Compared | None = None
        self._forked = False
        self._boundaries: set[int] = set()
        self._arrived: dict[str, list[int]] = {}
        self._tiles: dict[tuple[int, int], bytes | None] = {}
        self._last = Opened()
        self._missing: dict[int, tuple[str, str]] = {}
        self._erased: dict[int, tuple[str, int]] = {}

    def run(self) -> Verification:
        """Run every check; one that the database or a damaged value stops is itself a problem."""
        steps: tuple[tuple[str, Callable[[], None]], ...] = (
            ("file", self._check_file),
            ("schema", self._check_schema),
            ("meta", self._check_key),
            ("checkpoint", self._read_heads),
            ("against", self._read_against),
            ("log", self._check_log),
            ("log", self._check_erased),
            ("checkpoint", self._check_heads),
            ("tile", self._check_tiles),
            ("tree", self._check_tree),
            ("quarantine", self._check_quarantine),
            ("emitter", self._check_emitters),
            ("foreign_seen", self._check_foreign),
            ("against", self._check_against),
        )
        try:
            for table, step in steps:
                try:
                    with self._session.step():
                        step()
                except self._session.error as error:
                    self._report(table, None, f"{self._session.engine} cannot read it: {error}")
        except _TooMany:
            self._notes.append(f"Only the first {MAX_PROBLEMS} problems are listed.")
        return Verification(
            size=self._frontier.size,
            root_hash=self._frontier.root().hex(),
            problems=tuple(self._problems),
            notes=tuple(self._notes),
            against=self._compared,
        )

    def _report(self, table: str, place: str | None, what: str) -> None:
        self._problems.append(Problem(table, place and _printable(place), _printable(what)))
        if len(self._problems) >= MAX_PROBLEMS:
            raise _TooMany

    def _rows(self, query: str, at_once: int = 500) -> Iterator[Any]:
        return self._session.stream(query, at_once)

    def _entry(self, seq: int) -> Stored | None:
        """Load an entry; None where it cannot be read, which is reported where the log was read."""
        try:
            if not self._last.holds(seq):
                self._last = holding(self._session.execute, seq)
            return self._last.entries[seq - self._last.first]
        except Damage:
            return None

    def _check_file(self) -> None:
        for line in self._session.complaints():
            self._report("file", None, line)

    def _check_schema(self) -> None:
        expected, found = self._session.expected_objects(), self._session.objects()
        for key in sorted(expected.keys() | found.keys()):
            kind, name = key
            if key not in found:
                self._report("schema", f"{kind} {name}", "it is missing")
            elif key not in expected:
                self._report("schema", f"{kind} {name}", "it does not belong there")
            elif expected[key] != found[key]:
                self._report("schema", f"{kind} {name}", "its definition was changed")
        if [row[0] for row in self._rows("SELECT version_num FROM alembic_version")] != [schema.HEAD]:
            self._report("schema", "alembic_version", f"the version is not {schema.HEAD}")

    def _check_key(self) -> None:
        rows = list(self._rows("SELECT key, value FROM meta"))
        if [key for key, _ in rows] != ["public_key"]:
            self._report("meta", None, "its rows are not exactly the public key")
        try:
            stated = self._verifier = parse_public_key(dict(rows).get("public_key"))
        except NoteError as error:
            self._report("meta", "public_key", str(error))
            return
        try:
            pin = next((pin for home in (*self._trusted, self._home) if (pin := pinned(home, stated.name))), None)
        except NoteError as error:
            self._report("key", None, f"the pinned public key: {error}")
            return
        if pin is not None and pin != self._verifier:
            self._report("meta", "public_key", "it is not the key that is pinned for this log")
            self._verifier = pin
        elif pin is None and any_pinned(self._home):
            self._report("key", None, f"{self._home / 'keys'} pins keys of other logs, none of {self._verifier.name}")
        elif pin is None:
            self._notes.append(
                "No public key is pinned here: signatures were checked with the key that the store names."
            )
        try:
            self._signer = load_signer(self._home, self._verifier)
        except StoreError:
            self._signer = None  # an auditor's copy comes without it; only the repeats of foreign events need it

    def _read_heads(self) -> None:
        for size, note in self._rows("SELECT size, note FROM checkpoint ORDER BY size"):
            try:
                self._heads[size] = self._head(note, size).root_hash
            except NoteError as error:
                self._report("checkpoint", f"size {size}", str(error))
        if 0 not in self._heads:
            self._report("checkpoint", "size 0", "it is missing")

    def _head(self, note: object, size: int) -> Head:
        if not isinstance(note, bytes):
            raise NoteError("not bytes")
        parsed = parse_note(note)
        head = parse_head(parsed.text)
        if size != head.size or len(parsed.signatures) != 1:
            raise NoteError(f"the note is of size {head.size}, or has more than one signature")
        return head if self._verifier is None else checked_head(parsed, self._verifier)

    def _check_log(self) -> None:
        (total,) = next(self._rows("SELECT count(*) FROM log"))
        tiles = Tiles()
        previous: str | None = None
        self._compare_root()
        rows = self._log_rows()
        row = next(rows, None)
        for part in self._parts():
            while row is not None and row.seq < part.seq:
                self._report("log", f"seq {row.seq}", "what it consists of is missing")
                row = next(rows, None)
            if row is None:
                self._report("log", f"seq {part.seq}", "it is missing, and what it consists of is there")
            named = row if row is not None and row.seq == part.seq else None
            row = row if named is None else next(rows, None)
            received_at = self._check_entry(part, named)
            if previous is not None and received_at is not None and received_at != previous:
                self._boundaries.add(self._frontier.size)
            previous = received_at or previous
            computed = _leaf(part, named)
            if named is not None and named.leaf != computed:
                self._report("log", part.place, "the leaf is not the hash of the envelope")
            self._frontier.append(computed)
            self._compare_root()
            for level, number, hashes in tiles.append(computed):
                self._compare_tile(level, number, hashes)
            if self._progress is not None and self._frontier.size % _EVERY == 0:
                self._progress(self._frontier.size, total)
        while row is not None:
            self._report("log", f"seq {row.seq}", "what it consists of is missing")
            row = next(rows, None)
        if self._frontier.size:
            self._boundaries.add(self._frontier.size)
        self._boundaries.add(0)
        if self._progress is not None:
            self._progress(self._frontier.size, total)

    def _log_rows(self) -> Iterator[_Row]:
        """Yield the rows of the log."""
        expected = 0
        for row in map(_Row._make, self._rows("SELECT seq, event_id, leaf FROM log ORDER BY seq")):
            if row.seq != expected:
                self._report("log", f"seq {expected}", f"it is missing, the next entry is seq {row.seq}")
            expected = row.seq + 1
            yield row

    def _parts(self) -> Iterator[_Part]:
        """Yield what the entries consist of, in order; of what cannot be read, that there is something."""
        expected = 0
        for table in TABLES:
            query = f"SELECT first, count, envelopes, payloads FROM {table} ORDER BY first"  # noqa: S608
            for first, count, packed, payloads in self._rows(query, _AT_ONCE):
                if first != expected:
                    self._report(table, f"first {first}", f"the entries from {expected} on should come here")
                if not isinstance(count, int) or not 0 < count <= MOST_ENTRIES:
                    self._report(table, f"first {first}", "its number of entries is none that a bundle has")
                    count = 1
                envelopes = self._unpacked(table, first, count, "envelopes", packed)
                stored = self._unpacked(table, first, count, "payloads", payloads)
                expected = first + count
                for place in range(count):
                    envelope = None if envelopes is None else envelopes[place]
                    payload = None if stored is None else (stored[place],)
                    yield _Part(table, first + place, envelope, payload)

    def _unpacked(self, table: str, first: int, count: int, name: str, data: object) -> list[bytes | None] | None:
        try:
            return unpack(data, count)
        except BundleError as error:
            self._report(table, f"first {first}", f"the {name} cannot be read: {error}")
            return None

    def _check_entry(self, part: _Part, named: _Row | None) -> str | None:
        """Check what can be checked of an entry alone; return its time, where it has one."""
        if part.envelope is None:
            return None  # that it cannot be read was reported, or its tile and its checkpoint will tell
        try:
            envelope = parse_envelope(part.envelope)
        except EnvelopeError as error:
            self._report(part.table, part.place, f"the envelope: {error}")
            return None
        identity = None if named is None else named.event_id
        if named is not None and (not isinstance(identity, bytes) or identity.hex() != envelope.event_id):
            self._report("log", part.place, "the event id is not the one of the envelope")
        if envelope.emitter is not None and envelope.counter is not None:
            self._arrived.setdefault(envelope.emitter, []).append(envelope.counter)
        for payload in part.payload or ():
            if payload is None:
                self._missing[part.seq] = (part.table, envelope.event_id)
            elif sha256(payload).hexdigest() != envelope.event_id:
                self._report(part.table, part.place, "nonce and body do not give the event id")
            elif len(payload) != NONCE + envelope.length:
                self._report(part.table, part.place, "the length is not the one of the envelope")
            elif envelope.source == erasure.SOURCE:
                for seq, event_id in erasure.named_in(payload[NONCE:]):
                    self._erased.setdefault(seq, (event_id, part.seq))
        return envelope.received_at

    def _check_erased(self) -> None:
        """Hold what is missing against what later entries say was erased: each of the two needs the other."""
        for seq, (table, event_id) in self._missing.items():
            said, record = self._erased.get(seq, (None, -1))
            if said != event_id or record < seq:
                self._report(table, f"seq {seq}", "its payload is missing")
        for seq, (_, record) in sorted(self._erased.items()):
            if seq not in self._missing:
                self._report("log", f"seq {record}", f"it says that entry {seq} was erased, and that one is there")
        if self._missing:
            said = f"{len(self._missing)} of {self._frontier.size} entries"
            self._notes.append(f"erased, as the log itself says, with places and leaves as they were: {said}")

    def _compare_root(self) -> None:
        size = self._frontier.size
        signed = self._heads.get(size)
        # Every later root differs too; the first names the place.
        if signed is not None and not self._forked and signed != self._frontier.root():
            self._forked = True
            self._report("checkpoint", f"size {size}", "the log up to there does not have the signed root")
        if self._comparison is not None:
            self._comparison.meet(self._frontier)

    def _compare_tile(self, level: int, number: int, hashes: bytes) -> None:
        row = self._session.execute(
            "SELECT hashes FROM tile WHERE level = ? AND number = ?", (level, number)
        ).fetchone()
        self._tiles[level, number] = None
        if row is None:
            self._report("tile", f"level {level} number {number}", "it is missing")
        elif row[0] != hashes:
            self._report("tile", f"level {level} number {number}", "its hashes are not those of the log")

    def _check_heads(self) -> None:
        size = self._frontier.size
        for stated in self._heads:
            if stated > size:
                self._report("checkpoint", f"size {stated}", f"the log has only {size} entries: it was cut")
        for boundary in sorted(self._boundaries - self._heads.keys() - {0}):
            self._report("checkpoint", f"size {boundary}", "it is missing")
        for surplus in sorted(self._heads.keys() - self._boundaries):
            if surplus <= size:
                self._report("checkpoint", f"size {surplus}", "no batch ended there")
        if self._heads and max(self._heads) < size:
            self._report("log", f"seq {max(self._heads)}", "entries from there on are past the last checkpoint")

    def _check_tiles(self) -> None:
        for level, number in self._rows("SELECT level, number FROM tile"):
            if (level, number) not in self._tiles:
                self._report("tile", f"level {level} number {number}", "it does not belong there")

    def _check_tree(self) -> None:
        rows = list(self._rows("SELECT id, size, frontier FROM tree"))
        if rows != [(0, self._frontier.size, self._frontier.to_bytes())]:
            self._report("tree", None, "its size and frontier are not those of the log")

    def _check_quarantine(self) -> None:
        query = (
            "SELECT id, body, nonce, reason_code, reason, source, emitter, counter, received_at,"
            " digest, quarantine.event_id, log.seq FROM quarantine LEFT JOIN log USING (event_id) ORDER BY id"
        )
        expected = 1
        for entry, body, nonce, code, reason, source, emitter, counter, received_at, digest, *event in self._rows(
            query, _AT_ONCE
        ):
            place = f"id {entry}"
            if entry != expected:
                self._report("quarantine", f"id {expected}", f"it is missing, the next entry is id {entry}")
            expected = entry + 1
            if not isinstance(body, bytes) or not isinstance(nonce, bytes | None):
                self._report("quarantine", place, "it is not bytes")
                continue
            try:
                computed = row_digest(entry, Refused(body, code, reason, source, nonce, emitter, counter), received_at)
            except TypeError:
                computed = b""
            if digest != computed:
                self._report("quarantine", place, "its digest is not the one of the entry")
            if isinstance(emitter, str) and isinstance(counter, int):
                self._arrived.setdefault(emitter, []).append(counter)
            resolved, seq = event
            appended = None if seq is None else self._entry(seq)
            if resolved is not None and (seq is None or (appended and appended.body not in (body, None))):
                self._report("quarantine", place, "it is marked as appended, but the log does not hold it")
        if expected > 1:
            self._notes.append(
                f"what was refused is held against digests of its own, which no signature covers: {expected - 1} in quarantine"
            )

    def _check_emitters(self) -> None:
        expected = {
            emitter: counters.format_ranges(counters.add((), arrived)) for emitter, arrived in self._arrived.items()
        }
        found = dict(self._rows("SELECT emitter, counters FROM emitter"))
        for emitter in sorted(expected.keys() | found.keys(), key=str):
            if emitter not in found:
                self._report("emitter", str(emitter), "it is missing")
            elif expected.get(emitter) != found[emitter]:
                self._report("emitter", str(emitter), "its counters are not those of the log and of quarantine")

    def _check_foreign(self) -> None:
        query = "SELECT digest, seen_at, seq FROM foreign_seen LEFT JOIN log USING (event_id) ORDER BY seq"
        for digest, seen_at, seq in self._rows(query):
            place = f"digest {digest.hex() if isinstance(digest, bytes) else digest}"
            if seq is None:
                self._report("foreign_seen", place, "its event is not in the log")
                continue
            entry = self._entry(seq)
            try:
                received_at = None if entry is None else parse_envelope(entry.envelope).received_at
            except EnvelopeError:
                received_at = None
            if entry is None or received_at is None:
                continue  # reported where the log was read
            if seen_at != received_at:
                self._report("foreign_seen", place, "its time is not the one of the log entry")
            if self._signer and entry.body is not None and foreign_digest(self._signer, entry.body) != digest:
                self._report("foreign_seen", place, "it is not the digest of the event")

    def _read_against(self) -> None:
        if self._against is not None:
            try:
                self._comparison = Comparison(self._against, self._verifier, self._growth)
            except NoteError as error:
                self._report("against", None, str(error))

    def _check_against(self) -> None:
        if self._comparison is not None:
            self._compared, problem = self._comparison.conclude(self._frontier)
            if problem is not None:
                self._report("against", f"size {self._compared.size}", problem)


def _leaf(part: _Part, named: _Row | None) -> bytes:
    """Give the leaf of an entry; where its envelope cannot be read, the one that the log names: the next ones keep their places."""
    if part.envelope is not None:
        return leaf_hash(part.envelope)
    return named.leaf if named is not None and isinstance(named.leaf, bytes) and named.leaf else _UNKNOWN


def _printable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
