"""What every audit store must hold, whatever its engine: a pytest class to subclass. No engine is named here."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import random
import signal
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

import pytest

from orchestrail.errors import StoreError, Unstorable
from orchestrail.queries.log_entries import newest_head, public_key
from orchestrail.queries.proofs import consistency, inclusion
from orchestrail.queries.tiles import Tile, contents, hashes
from orchestrail.store import open_store, verify_store
from orchestrail.store.base import Appended, Compared, Incoming, Placed, Quarantined, Refused, Store
from orchestrail.store.bundle import FULL, WIDTH, pack, unpack
from orchestrail.store.entries import TABLES, entries_at, reader
from orchestrail.store.envelope import event_id
from orchestrail.store.erasure import FACET, SOURCE
from orchestrail.store.keys import load_signer, parse_public_key
from orchestrail.store.merkle import TILE_WIDTH, Frontier, leaf_hash, tile_root
from orchestrail.store.note import Head, parse_head, parse_note
from orchestrail.store.proofs import Consistency
from orchestrail.store.proofs import consistency as prove_growth

EMITTER = "0123456789abcdef" * 2

_ROWS = 128
"""Rows of which one bit each is flipped at a time."""

_FORK = multiprocessing.get_context("fork")


def event(number: int, **more: object) -> bytes:
    """Make an event that OpenLineage's core rules accept, a different one for each number."""
    values = {
        "eventTime": "2026-03-01T12:00:00.000000Z",
        "eventType": "START",
        "producer": "urn:test",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": str(UUID(int=number))},
        "job": {"namespace": "tests", "name": "job"},
    }
    return json.dumps(values | more, separators=(",", ":")).encode()


def nonce(number: int) -> bytes:
    """Give a nonce that is the same in every run of the tests."""
    return hashlib.sha256(b"nonce %d" % number).digest()


def spooled(number: int, emitter: str = EMITTER) -> Incoming:
    """Give the event of this number as it comes from a spool, numbered from 1."""
    return Incoming(event(number), "spool", nonce(number), emitter, number + 1, "2026-03-01T12:00:00.000000Z")


def foreign(number: int) -> Incoming:
    """Give the event of this number as another producer's file holds it."""
    return Incoming(event(number), "foreign.jsonl")


def flipped(value: bytes, bit: int) -> bytes:
    """Give bytes with one bit turned over."""
    data = bytearray(value)
    data[bit // 8] ^= 1 << bit % 8
    return bytes(data)


def rewrite(
    execute: Callable[[str], Any],
    change: Callable[[int, bytes], bytes | None],
    column: str = "payloads",
    literal: Callable[[bytes], str] = lambda data: f"x'{data.hex()}'",
) -> None:
    """Write anew what entries consist of, as somebody would who knows how bundles are packed.

    Args:
        execute: runs a statement, with no trigger in the way.
        change: gives what shall stand instead of what is there, by the entry's place; None takes it away.
        column: `payloads`, or `envelopes`.
        literal: writes bytes as a statement has them; without it as SQLite has them.
    """
    for table in TABLES:
        for first, data in list(execute(f"SELECT first, {column} FROM {table}")):  # noqa: S608
            values = unpack(bytes(data))
            changed = [value and change(seq, value) for seq, value in enumerate(values, start=first)]
            if changed != values:
                execute(f"UPDATE {table} SET {column} = {literal(pack(changed))} WHERE first = {first}")  # noqa: S608


class Place(Protocol):
    """Where the store of one test is, and the ways to it that its engine has.

    Attributes:
        url: its URL.
        home: the folder with its keys.
        refusal: what the engine raises where a trigger stands in the way.
    """

    url: str
    home: Path
    refusal: type[Exception]

    def execute(self, statement: str) -> Sequence[Any]:
        """Run a statement as somebody would who may write in the database, and give what it found."""
        ...

    def literal(self, data: bytes) -> str:
        """Write bytes as a statement has them."""
        ...

    def unguarded(self) -> AbstractContextManager[Callable[[str], Sequence[Any]]]:
        """Open a transaction in which neither a trigger nor a constraint stands in the way; all are back afterwards."""
        ...


def _bodies(store: Store) -> list[bytes | None]:
    return [record.body for record in store.records()]


def _packed(place: Place) -> list[bytes]:
    queries = [f"SELECT payloads FROM {table} ORDER BY first" for table in TABLES]  # noqa: S608
    return [bytes(data) for query in queries for (data,) in place.execute(query)]


def _erasure(store: Store, places: Iterable[int]) -> tuple[list[Placed], Incoming]:
    """Name some entries, and make the record by which they are erased."""
    entries = [Placed(record.seq, record.event_id) for record in store.records() if record.seq in places]
    said = {"entries": [{"sequence": one.seq, "eventId": one.event_id} for one in entries]}
    body = json.dumps({"job": {"facets": {FACET: said}}}).encode()
    return entries, Incoming(body, SOURCE, os.urandom(32))


def _finished(children: Sequence[Any]) -> None:
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0] * len(children)


def _append_each(place: Place, numbers: Sequence[int], gate: Any) -> None:
    gate.wait()
    store = open_store(place.url, home=place.home, create=True)
    for number in numbers:
        store.append([spooled(number, f"{os.getpid():032x}")])


def _append_for_ever(place: Place, first: int, ledger: int) -> None:
    store = open_store(place.url, home=place.home)
    number = first
    while True:
        store.append([spooled(number + step, f"{os.getpid():032x}") for step in range(3)])
        os.write(ledger, b"".join(b"%d\n" % (number + step) for step in range(3)))
        number += 3


def quarantined(store: Store, *, resolved: bool = False) -> list[Quarantined]:
    """Give what is in quarantine, whole: what was refused and still is, or with `resolved` all of it."""
    listed = store.quarantine_entries(100_000, resolved=resolved)
    return [whole for entry in listed if (whole := store.quarantined(entry.id)) is not None]


class StoreConformance:
    """What every store must hold. A subclass needs a fixture `place`, the `Place` of a store that is not made yet."""

    @pytest.fixture
    def store(self, place: Place) -> Store:
        """Make the store."""
        return open_store(place.url, home=place.home, create=True)

    def test_appended_events_are_read_back_in_order(self, store: Store) -> None:
        """Records come in the order of the log, with their bytes exactly as they were given."""
        first = store.append([spooled(2), spooled(0)])
        second = store.append([spooled(1)])
        assert (first.appended, first.first_seq, first.size) == (2, 0, 2)
        assert (second.appended, second.first_seq, second.size) == (1, 2, 3)
        assert _bodies(store) == [event(2), event(0), event(1)]
        assert [record.seq for record in store.records()] == [0, 1, 2]
        assert [record.seq for record in store.records(after=1)] == [2]
        assert next(store.records()).event_id == event_id(nonce(2), event(2)).hex()

    def test_the_same_event_is_appended_once(self, store: Store) -> None:
        """A repeat, in the same batch or in a later one, is counted and dropped, and no checkpoint is made for it."""
        result = store.append([spooled(0), spooled(1), spooled(0)])
        assert (result.appended, result.duplicates) == (2, 1)
        before = store.checkpoint()
        again = store.append([spooled(1)])
        assert (again.appended, again.duplicates, again.first_seq, again.size) == (0, 1, None, 2)
        assert store.checkpoint() == before

    def test_equal_bytes_with_other_nonces_are_two_events(self, store: Store) -> None:
        """Two deliberate emissions of equal bytes both count."""
        other = Incoming(event(0), "spool", nonce(99), EMITTER, 2)
        assert store.append([spooled(0), other]).appended == 2

    def test_foreign_events_are_dropped_within_the_window(self, store: Store) -> None:
        """A producer without nonces may repeat itself; the store knows the bytes, within one batch as well."""
        assert store.append([foreign(0), foreign(0), foreign(1)]).appended == 2
        again = store.append([foreign(1), foreign(2)])
        assert (again.appended, again.duplicates) == (1, 1)
        assert store.verify().ok

    @pytest.mark.parametrize("seen_at", ["2020-01-01T00:00:00.000000Z", "2190-01-01T00:00:00.000000Z"])
    def test_foreign_events_count_again_outside_the_window(self, store: Store, place: Place, seen_at: str) -> None:
        """Equal bytes a day later are another event, and a clock that was ahead for a while does not swallow events for years."""
        store.append([foreign(0)])
        place.execute(f"UPDATE foreign_seen SET seen_at = '{seen_at}'")  # noqa: S608
        assert store.append([foreign(0)]).appended == 1
        assert len(place.execute("SELECT * FROM foreign_seen")) == 1

    def test_known_tells_which_events_are_there(self, store: Store) -> None:
        """Only ids that the log holds come back, however many are asked for."""
        store.append([spooled(number) for number in range(900)])
        there = {event_id(nonce(number), event(number)).hex() for number in range(900)}
        assert store.known([*there, "00" * 32]) == there

    def test_each_batch_ends_in_a_signed_checkpoint(self, store: Store) -> None:
        """The newest checkpoint names size and root, and an empty store has one as well."""
        assert store.checkpoint().size == 0
        store.append([spooled(0), spooled(1)])
        head = store.checkpoint()
        stated = parse_head(parse_note(head.note).text)
        assert (head.size, stated.size, stated.root_hash) == (2, 2, head.root_hash)

    def test_proofs_and_tiles_lead_to_the_signed_roots(self, store: Store) -> None:
        """Whoever has a checkpoint can be shown each entry of its log, and that the log since then begins with it."""
        heads = [store.checkpoint()]
        for before, after in pairwise((0, 1, 3, TILE_WIDTH, TILE_WIDTH + 1, 3 * TILE_WIDTH - 1)):
            store.append([spooled(number) for number in range(before, after)])
            heads.append(store.checkpoint())
        with store.read() as record:
            assert newest_head(record) == heads[-1]
            for head in heads[1:]:
                for seq in {0, head.size // 2, head.size - 1}:
                    assert inclusion(record, seq, head.size).holds(head.root_hash)
            for first, second in combinations(heads, 2):
                proof = consistency(record, first.size, second.size)
                assert proof.holds(first.root_hash, second.root_hash)
                assert not proof.holds(second.root_hash, second.root_hash)
            held = [contents(record, Tile(0, 0)), contents(record, Tile(0, 1)), contents(record, Tile(0, 2, 255))]
            assert contents(record, Tile(1, 0, 2)) == tile_root(held[0]) + tile_root(held[1])
            entries = contents(record, Tile(None, 2, 255))
            for place in range(255):
                length = int.from_bytes(entries[:2])
                assert leaf_hash(entries[2 : 2 + length]) == held[2][32 * place : 32 * place + 32]
                entries = entries[2 + length :]
            assert entries == b""

    def test_gaps_are_the_counters_that_never_came(self, store: Store) -> None:
        """Counters may come in any order; what is missing below the highest is a gap, what is in quarantine is not."""
        store.append([spooled(number) for number in (4, 0, 7)])
        refused = Refused(b"x", "not_json", "No.", "spool:x", nonce(2), EMITTER, 3)
        store.append([spooled(0, "f" * 32)], [refused])
        assert [(gap.emitter, gap.missing) for gap in store.gaps()] == [(EMITTER, ((2, 2), (4, 4), (6, 7)))]
        store.append([spooled(number) for number in (1, 3, 5, 6)])
        assert store.gaps() == []

    def test_quarantine_keeps_bytes_once(self, store: Store) -> None:
        """The same bytes from the same place are kept once, from another place again, whatever they are."""
        source = f"{'long/' * 1000}a: line 1"
        assert store.quarantine(b"\x00\xff", "not_json", "Not JSON.", source)
        assert not store.quarantine(b"\x00\xff", "not_json", "Not JSON.", source)
        assert store.quarantine(b"\x00\xff", "not_json", "Not JSON.", "a: line 2")
        first, second = quarantined(store)
        assert (first.id, first.body, first.reason, first.source) == (1, b"\x00\xff", "Not JSON.", source)
        assert second.id == 2
        assert store.refused() == 2
        assert store.size() == 0
        assert store.verify().ok

    def test_quarantine_takes_many_at_once(self, store: Store) -> None:
        """In the order in which they came; what was there, and what comes twice, is there once."""
        given = [Refused(b"%d" % (number % 50), "not_json", "No.", f"a: {number % 2}") for number in range(100)]
        assert store.append([], given[20:30]).quarantined == 10
        assert store.append([], given).quarantined == 40
        kept = [(entry.id, entry.body) for entry in quarantined(store)]
        places = [*range(20, 30), *range(20), *range(30, 50)]
        assert kept == [(number, b"%d" % place) for number, place in enumerate(places, 1)]
        assert store.verify().ok

    def test_quarantine_is_listed_in_pages(self, store: Store) -> None:
        """Without the bytes, whose size is told, from either end; and whole, one by one."""
        bodies = [b"x" * number for number in range(6)]
        store.append([], [Refused(body, "not_json", "No.", "a") for body in bodies])
        store.resolve(3, Incoming(event(0), "a"))
        listed = store.quarantine_entries(2, past=1)
        assert [(entry.id, entry.size, entry.event_id) for entry in listed] == [(2, 1, None), (4, 3, None)]
        assert not any(hasattr(entry, "body") for entry in listed)
        assert [entry.id for entry in store.quarantine_entries(9, resolved=True, past=1)] == [2, 3, 4, 5, 6]
        assert [entry.id for entry in store.quarantine_entries(3, newest_first=True)] == [6, 5, 4]
        assert [entry.id for entry in store.quarantine_entries(3, newest_first=True, past=4)] == [2, 1]
        assert store.quarantine_entries(3, past=6) == []
        assert [(entry.body, entry.size) for entry in quarantined(store, resolved=True)] == [
            (body, len(body)) for body in bodies
        ]
        assert store.quarantined(7) is None

    def test_quarantine_holds_any_words(self, store: Store) -> None:
        """What no database can hold of a reason, or of a place, is marked; the bytes beside it are whole, and kept once."""
        refused = Refused(b"\x00\xff", "not\0", "Found `\0` and `\ud800`.", "a\0: \udfff")
        assert store.append([spooled(0)], [refused]).quarantined == 1
        assert store.append([], [refused]).quarantined == 0
        (kept,) = quarantined(store)
        assert (kept.body, kept.reason, kept.source) == (b"\x00\xff", "Found `\ufffd` and `?`.", "a\ufffd: ?")
        assert store.size() == 1
        assert store.verify().ok

    def test_what_a_database_cannot_hold_is_said(self, store: Store) -> None:
        """It is told apart from a store that cannot be used now, and nothing of it is stored."""
        with pytest.raises(Unstorable):
            store.append([spooled(0)], [Refused(b"x", "not_json", "No.", "a", counter=2**63)])
        assert store.size() == 0
        assert store.append([spooled(0)]).appended == 1

    def test_resolved_entries_stay(self, store: Store) -> None:
        """A retry appends the event and marks the entry, which is kept and no longer listed."""
        store.quarantine(event(0), "not_openlineage", "Old rules.", "a")
        (entry,) = quarantined(store)
        assert store.resolve(entry.id, Incoming(entry.body, "a")).appended == 1
        assert quarantined(store) == []
        assert store.refused() == 0
        (kept,) = quarantined(store, resolved=True)
        assert kept.event_id == next(store.records()).event_id
        assert store.verify().ok

    def test_a_failed_append_leaves_nothing(self, store: Store) -> None:
        """One event that cannot be stored undoes its whole batch, and the store works on."""
        store.append([spooled(0)])
        with pytest.raises(ValueError, match="emitter"):
            store.append([spooled(1), Incoming(b"{}", "spool", nonce(2), "not an emitter", 1)])
        assert store.size() == 1
        assert store.append([spooled(1)]).first_seq == 1
        assert store.verify().ok

    def test_reads_are_snapshots(self, store: Store) -> None:
        """What is appended after a block began is not seen in it, and nothing can be written through it."""
        store.append([spooled(0)])
        with store.read() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM log").scalar() == 1
            store.append([spooled(1)])
            assert connection.exec_driver_sql("SELECT count(*) FROM log").scalar() == 1
        with pytest.raises(StoreError), store.read() as connection:
            connection.exec_driver_sql("CREATE TABLE proj_x (a INTEGER)")

    def test_projections_commit_or_roll_back(self, store: Store) -> None:
        """The block of a projection is one transaction."""
        with store.project() as connection:
            connection.exec_driver_sql("CREATE TABLE proj_x (a INTEGER)")
        with pytest.raises(StoreError), store.project() as connection:
            connection.exec_driver_sql("INSERT INTO proj_x SELECT 1 UNION SELECT no_such_function(1)")
        with store.read() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM proj_x").scalar() == 0
        assert store.verify().ok

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE log SET leaf = event_id",
            "DELETE FROM log",
            "INSERT INTO log SELECT seq + 1000, leaf, event_id FROM log",
            "UPDATE bundle SET payloads = envelopes",
            "UPDATE bundle SET count = count + 1",
            "DELETE FROM bundle",
            "INSERT INTO bundle SELECT first + 1000, count, envelopes, payloads FROM bundle",
            "UPDATE recent SET payloads = envelopes",
            "DELETE FROM recent",
            "INSERT INTO recent SELECT first + 1000, count, envelopes, payloads FROM recent",
            "UPDATE checkpoint SET note = (SELECT leaf FROM log WHERE seq = 0)",
            "DELETE FROM checkpoint",
            "INSERT INTO checkpoint SELECT 1, note FROM checkpoint WHERE size = 0",
            "UPDATE meta SET value = ''",
            "DELETE FROM meta",
            "UPDATE tree SET size = 0",
            "DELETE FROM tree",
            "UPDATE tile SET number = 7",
            "DELETE FROM tile",
            "UPDATE quarantine SET reason = ''",
            "DELETE FROM quarantine",
        ],
    )
    def test_triggers_stop_accidents(self, store: Store, place: Place, statement: str) -> None:
        """Neither UPDATE, nor DELETE, nor an INSERT out of order changes what was appended."""
        store.append([spooled(number) for number in range(TILE_WIDTH)])
        store.append([spooled(number) for number in range(TILE_WIDTH, TILE_WIDTH + 3)])
        store.quarantine(b"x", "not_json", "Not JSON.", "a")
        with pytest.raises(place.refusal):
            place.execute(statement)
        assert store.verify().ok

    @pytest.mark.parametrize(
        ("statement", "table"),
        [
            ("UPDATE log SET leaf = event_id WHERE seq = 2", "log"),
            ("UPDATE log SET event_id = leaf WHERE seq = 2", "log"),
            ("DELETE FROM log WHERE seq = 2", "log"),
            ("DELETE FROM log WHERE seq = 299", "log"),
            ("UPDATE log SET seq = seq + 100000 WHERE seq = 299", "log"),
            ("UPDATE bundle SET payloads = envelopes", "bundle"),
            ("UPDATE bundle SET envelopes = payloads WHERE first = 0", "bundle"),
            ("UPDATE bundle SET count = count - 1 WHERE first = 0", "bundle"),
            ("UPDATE bundle SET count = 1000000 WHERE first = 0", "bundle"),
            ("UPDATE bundle SET first = first + 1", "bundle"),
            ("DELETE FROM bundle", "recent"),
            ("INSERT INTO bundle SELECT first + 300, count, envelopes, payloads FROM bundle", "log"),
            ("INSERT INTO bundle SELECT first, count, envelopes, payloads FROM recent", "recent"),
            ("UPDATE recent SET payloads = (SELECT max(leaf) FROM log)", "recent"),
            ("UPDATE recent SET first = 300 WHERE first = 299", "recent"),
            ("DELETE FROM recent", "log"),
            ("INSERT INTO recent SELECT first + 1, count, envelopes, payloads FROM recent WHERE count = 1", "log"),
            (
                "UPDATE checkpoint SET note = (SELECT note FROM checkpoint WHERE size = 0) WHERE size = 300",
                "checkpoint",
            ),
            ("DELETE FROM checkpoint WHERE size = 300", "checkpoint"),
            ("DELETE FROM checkpoint WHERE size = 0", "checkpoint"),
            ("UPDATE tile SET number = 9", "tile"),
            ("DELETE FROM tile", "tile"),
            ("UPDATE tree SET size = 299", "tree"),
            ("UPDATE emitter SET counters = '1-2'", "emitter"),
            ("DELETE FROM emitter", "emitter"),
            ("UPDATE quarantine SET reason = 'Another.'", "quarantine"),
            ("DELETE FROM quarantine WHERE id = 1", "quarantine"),
            ("UPDATE meta SET value = ''", "meta"),
            ("UPDATE foreign_seen SET seen_at = '2020-01-01T00:00:00.000000Z'", "foreign_seen"),
            ("UPDATE foreign_seen SET digest = event_id", "foreign_seen"),
        ],
    )
    def test_verification_names_what_was_changed(self, store: Store, place: Place, statement: str, table: str) -> None:
        """What is changed behind the triggers' back is named with its table."""
        store.append([spooled(number) for number in range(299)])
        store.append(
            [foreign(1000)], [Refused(b"x", "not_json", "Not JSON.", "a"), Refused(b"y", "not_json", "No.", "b")]
        )
        assert store.verify().ok
        with place.unguarded() as execute:
            execute(statement)
        assert table in {problem.table for problem in store.verify().problems}

    @pytest.mark.parametrize(
        ("table", "column"),
        [
            ("checkpoint", "note"),
            ("log", "event_id"),
            ("log", "leaf"),
        ],
    )
    def test_every_flipped_bit_of_what_is_signed_is_found(
        self, store: Store, place: Place, table: str, column: str
    ) -> None:
        """Signatures stand over roots, roots over leaves, leaves over events: whichever bit turns over, its row is named.

        Each bit of such a value is flipped in a row of its own; as many rows at once as there are, and each has to be named.
        """
        key = "size" if table == "checkpoint" else "seq"
        for number in range(_ROWS):
            store.append([spooled(number)])
        query = f"SELECT {key}, {column} FROM {table} WHERE {key} >= {int(table == 'checkpoint')} ORDER BY {key}"  # noqa: S608
        values = {at: bytes(value) for at, value in place.execute(query)}
        assert len(values) == _ROWS
        bits = iter(range(8 * max(map(len, values.values()))))
        while turned := dict(zip(values, bits, strict=False)):
            changed = {at: flipped(values[at], bit) for at, bit in turned.items() if bit < 8 * len(values[at])}
            with place.unguarded() as execute:
                for at, value in changed.items():
                    execute(f"UPDATE {table} SET {column} = {place.literal(value)} WHERE {key} = {at}")  # noqa: S608
            named = {problem.place for problem in store.verify().problems}
            assert {f"{key} {at}" for at in changed} <= named

    @pytest.mark.parametrize("column", ["envelopes", "payloads"])
    @pytest.mark.parametrize("at_once", [1, _ROWS])
    def test_every_flipped_bit_of_an_entry_is_found(
        self, store: Store, place: Place, column: str, at_once: int
    ) -> None:
        """A bit that turned over in what is packed is named by the place of its entry alone, be it recent or not."""
        for number in range(0, _ROWS, at_once):
            store.append([spooled(number + more) for more in range(at_once)])
        bits = iter(range(8 * 700))
        while turned := dict(zip(range(_ROWS), bits, strict=False)):
            changed: dict[int, bytes] = {}

            def change(
                seq: int, value: bytes, turned: dict[int, int] = turned, changed: dict[int, bytes] = changed
            ) -> bytes:
                if turned.get(seq, 8 * len(value)) >= 8 * len(value):
                    return value
                changed[seq] = value
                return flipped(value, turned[seq])

            with place.unguarded() as execute:
                rewrite(execute, change, column, place.literal)
            problems = store.verify().problems
            named = {problem.place for problem in problems if problem.table in TABLES or problem.table == "log"}
            assert named == {f"seq {seq}" for seq in changed}

            def change_back(seq: int, value: bytes, changed: dict[int, bytes] = changed) -> bytes:
                return changed.get(seq, value)

            with place.unguarded() as execute:
                rewrite(execute, change_back, column, place.literal)
        assert store.verify().ok

    @pytest.mark.parametrize("table", ["bundle", "recent"])
    @pytest.mark.parametrize("column", ["envelopes", "payloads"])
    def test_a_flipped_bit_of_a_bundle_is_found_or_changes_nothing(
        self, store: Store, place: Place, table: str, column: str
    ) -> None:
        """Packed bytes have bits that say nothing; any other one is named by the bundle, and no reader takes it for events."""
        store.append([spooled(number) for number in range(_ROWS)])
        store.append([spooled(number) for number in range(_ROWS, _ROWS + 2)])
        before = _bodies(store)
        ((data,),) = place.execute(f"SELECT {column} FROM {table}")  # noqa: S608
        rng = random.Random(f"{table}.{column}")
        for bit in rng.sample(range(8 * len(data)), 150):
            with place.unguarded() as execute:
                execute(f"UPDATE {table} SET {column} = {place.literal(flipped(bytes(data), bit))}")  # noqa: S608
            found = store.verify()
            if found.ok:
                assert _bodies(store) == before
            else:
                assert table in {problem.table for problem in found.problems}

    def test_an_erased_payload_is_told_and_changes_no_leaf(self, store: Store, place: Place) -> None:
        """What was taken out of a bundle is missing there and nowhere else: the root and the other events are as they were."""
        store.append([spooled(number) for number in range(_ROWS)])
        root = store.verify().root_hash
        with place.unguarded() as execute:
            rewrite(execute, lambda seq, value: None if seq == 7 else value, "payloads", place.literal)
        found = store.verify()
        assert (found.root_hash, list(map(str, found.problems))) == (root, ["bundle seq 7: its payload is missing"])
        assert _bodies(store) == [None if number == 7 else event(number) for number in range(_ROWS)]

    @pytest.mark.parametrize("at_once", [1, 7, _ROWS])
    def test_what_is_erased_is_gone_and_the_log_says_so(self, store: Store, place: Place, at_once: int) -> None:
        """Out of bundles and of what is recent; nothing else changes, appends go on, and what is gone is not appended again."""
        for first in range(0, _ROWS, at_once):
            store.append([spooled(number) for number in range(first, min(first + at_once, _ROWS))])
        store.append([foreign(_ROWS)])
        erased = (0, 7, _ROWS - 1, _ROWS)
        packed = _packed(place)
        before = store.checkpoint()
        done = store.erase(*_erasure(store, erased))
        assert (done.appended, done.size) == (1, _ROWS + 2)
        assert store.give_back()
        found = store.verify(against=before.note)
        assert (found.problems, found.size) == ((), _ROWS + 2)
        assert f"with places and leaves as they were: 4 of {_ROWS + 2} entries" in found.notes[-1]
        left = _bodies(store)[:-1]
        assert left == [None if number in erased else event(number) for number in range(_ROWS + 1)]
        now = _packed(place)
        assert (unpack(now[0])[0], packed[0] in now) == (None, False)
        assert place.execute("SELECT 1 FROM foreign_seen") == []
        store = open_store(place.url, home=place.home)
        assert store.append([spooled(7), spooled(_ROWS + 5)]) == Appended(1, 1, 0, _ROWS + 2, _ROWS + 3)
        for number in range(_ROWS + 6, _ROWS + 300):
            store.append([spooled(number)])
        assert _bodies(store)[:8] == [None, *map(event, range(1, 7)), None]
        assert store.verify().ok

    def test_what_was_refused_before_is_erased_from_quarantine_too(self, store: Store, place: Place) -> None:
        """Its entry there stays, without the bytes."""
        store.quarantine(event(3), "not_openlineage", "no producer", "a")
        (entry,) = quarantined(store)
        store.resolve(entry.id, Incoming(entry.body, "a"))
        store.erase(*_erasure(store, [0]))
        (entry,) = quarantined(store, resolved=True)
        assert (entry.body, entry.reason) == (b"", "no producer")
        assert store.verify().ok

    def test_an_erasure_and_its_record_need_each_other(self, store: Store, place: Place) -> None:
        """Bytes that are gone without a record, of which a record says another event, or that are there: each is a problem."""
        store.append([spooled(number) for number in range(_ROWS)])
        _, record = _erasure(store, [4])
        store.append([record])
        problem = f"log seq {_ROWS}: it says that entry 4 was erased, and that one is there"
        assert list(map(str, store.verify().problems)) == [problem]
        with place.unguarded() as execute:
            rewrite(execute, lambda seq, value: None if seq == 5 else value, "payloads", place.literal)
        problems = {str(each) for each in store.verify().problems}
        assert problems == {problem, "bundle seq 5: its payload is missing"}
        with place.unguarded() as execute:
            rewrite(execute, lambda seq, value: None if seq == 4 else value, "payloads", place.literal)
        assert list(map(str, store.verify().problems)) == ["bundle seq 5: its payload is missing"]
        _, other = _erasure(store, [6])
        store.append([replace(other, body=other.body.replace(b'"sequence": 6', b'"sequence": 5'))])
        assert list(map(str, store.verify().problems)) == ["bundle seq 5: its payload is missing"]
        store.append([replace(_erasure(store, [5])[1], source="spool")])
        assert list(map(str, store.verify().problems)) == ["bundle seq 5: its payload is missing"]

    def test_entries_are_the_same_wherever_bundles_end(self, store: Store, place: Place) -> None:
        """Appends of few events and of many, over several tiles, with the store opened anew in between: each event at its place."""
        expected: list[bytes] = []
        for many in (1, 3, 70, 63, 1, 255, 2, 256, 600, 64, 40, 40, 40, 40, 40, 40, 40, 5):
            store.append([spooled(len(expected) + more) for more in range(many)])
            expected += [event(len(expected) + more) for more in range(many)]
            store = open_store(place.url, home=place.home)
        assert _bodies(store) == expected
        for after in (0, 72, 73, 391, 900, len(expected) - 2, len(expected) - 1):
            assert [record.body for record in store.records(after)] == expected[after + 1 :]
        with store.read() as record:
            for seq in (0, 3, 4, 73, 136, 137, 648, 1000, len(expected) - 1):
                assert [entry.body for _, entry in entries_at(reader(record), [seq])] == [expected[seq]]
        assert place.execute("SELECT coalesce(sum(count), 0) FROM recent")[0][0] < WIDTH
        assert store.verify().ok

    @pytest.mark.parametrize("which", ["min", "max"])
    def test_a_bundle_that_is_gone_is_no_gap_that_readers_pass_over(
        self, store: Store, place: Place, which: str
    ) -> None:
        """Whoever reads on behind it is told, and nothing is made of the rest."""
        store.append([spooled(number) for number in range(3 * WIDTH)])
        store.append([spooled(3 * WIDTH)])
        with place.unguarded() as execute:
            execute(f"DELETE FROM bundle WHERE first = (SELECT {which}(first) FROM bundle)")  # noqa: S608
        with pytest.raises(StoreError, match="damaged"):
            _bodies(store)

    def test_large_events_have_bundles_of_their_own(self, store: Store, place: Place) -> None:
        """No more than about a megabyte has to be read for one event, unless it is larger itself."""
        bodies = [event(number, producer=os.urandom(200_000).hex()) for number in range(20)]
        items = [Incoming(body, "spool", nonce(number)) for number, body in enumerate(bodies)]
        store.append(items[:9])
        for item in items[9:]:
            store.append([item])
        assert _bodies(store) == bodies
        assert max(count for (count,) in place.execute("SELECT count FROM bundle")) <= FULL // 400_000 + 1
        assert store.verify().ok

    def test_verification_names_swapped_entries(self, store: Store, place: Place) -> None:
        """Two entries that changed places, with all that belongs to them, are found."""
        store.append([spooled(number) for number in range(5)])
        with place.unguarded() as execute:
            for change in ("1000 WHERE seq = 1", "1 WHERE seq = 3", "3 WHERE seq = 1000"):
                execute(f"UPDATE log SET seq = {change}")  # noqa: S608
        assert not store.verify().ok

    def test_an_earlier_checkpoint_shows_a_log_that_was_cut(self, store: Store) -> None:
        """A checkpoint from outside is contained, or its absence is a problem."""
        store.append([spooled(0)])
        kept = store.checkpoint().note
        head = store.checkpoint()
        store.append([spooled(1)])
        found = store.verify(against=kept)
        assert (found.ok, found.against) == (True, Compared(1, head.root_hash.hex(), consistent=True))
        changed = store.verify(against=kept.replace(b"\n1\n", b"\n9\n"))
        assert (changed.ok, changed.against) == (False, None)

    @pytest.mark.parametrize("other", ["longer", "forked", "shorter"])
    def test_a_log_elsewhere_that_can_be_asked(self, store: Store, place: Place, other: str) -> None:
        """It proves that it began with this one, where it did; whoever signed another history with the same key cannot."""
        store.append([spooled(number) for number in range(5)])
        with store.read() as record:
            leaves = hashes(record, 0, 0, 5)
            signer = load_signer(place.home, parse_public_key(public_key(record)))
        if other == "forked":
            leaves[3] = leaf_hash(b"forked")
        leaves = leaves[:4] if other == "shorter" else [*leaves, leaf_hash(b"new"), leaf_hash(b"newer")]
        frontier = Frontier()
        for leaf in leaves:
            frontier.append(leaf)
        note = signer.sign(Head(signer.verifier.name, frontier.size, frontier.root()))

        def growth(first: int, second: int) -> Consistency:
            return prove_growth(lambda _level, begin, count: leaves[begin : begin + count], first, second)

        found = verify_store(place.url, place.home, against=note, growth=growth)
        assert found.against == Compared(len(leaves), frontier.root().hex(), consistent=other != "forked")
        assert [problem.table for problem in found.problems] == (["against"] if other == "forked" else [])
        if other == "longer":
            assert not verify_store(place.url, place.home, against=note).ok

    def test_a_damaged_log_is_not_extended(self, store: Store, place: Place) -> None:
        """An append onto a log that does not hang together is refused and says to verify."""
        store.append([spooled(number) for number in range(3)])
        with place.unguarded() as execute:
            execute("UPDATE tree SET size = 1")
        with pytest.raises(StoreError, match="damaged"):
            store.append([spooled(3)])
        assert place.execute("SELECT count(*) FROM log") == [(3,)]

    def test_a_lost_key_stops_appending_only(self, store: Store, place: Place) -> None:
        """Without the signing key the log can be read and verified, and an append says what is missing."""
        store.append([spooled(0)])
        next((place.home / "keys").glob("*.key")).unlink()
        again = open_store(place.url, home=place.home)
        with pytest.raises(StoreError, match="signing key"):
            again.append([spooled(1)])
        assert len(_bodies(again)) == 1
        assert again.verify().ok

    def test_a_missing_store_is_named(self, place: Place) -> None:
        """Without `create`, nothing is made."""
        with pytest.raises(StoreError) as caught:
            open_store(place.url, home=place.home)
        assert caught.value.exit_code == 4
        assert not place.home.exists()

    def test_threads_share_a_store(self, store: Store) -> None:
        """Appends from several threads queue up; none is lost and none is doubled."""

        def work(number: int) -> None:
            for step in range(20):
                store.append([spooled(number * 20 + step)])

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(filter(None, _bodies(store))) == sorted(event(number) for number in range(80))
        assert store.verify().ok

    def test_a_fork_goes_on_with_an_open_store(self, store: Store) -> None:
        """Parent and children append with the handle that was open at the fork."""
        store.append([spooled(0)])
        children = [_FORK.Process(target=store.append, args=([spooled(number)],)) for number in (1, 2)]
        _finished(children)
        store.append([spooled(3)])
        assert sorted(filter(None, _bodies(store))) == sorted(event(number) for number in range(4))

    def test_twenty_processes_make_and_fill_one_store(self, place: Place) -> None:
        """Whoever comes first makes it; what all of them append, some of it twice, is there once."""
        gate = _FORK.Barrier(20)
        numbers = [range(n * 5, n * 5 + 10) for n in range(20)]
        _finished([_FORK.Process(target=_append_each, args=(place, own, gate)) for own in numbers])
        store = open_store(place.url, home=place.home)
        assert sorted(filter(None, _bodies(store))) == sorted(event(number) for number in range(105))
        assert store.verify().ok

    def test_nothing_acknowledged_is_lost_by_kill_9(self, store: Store, place: Place, tmp_path: Path) -> None:
        """Twenty writers, each killed in the middle of its work: what was acknowledged is there once, and the log goes on."""
        ledger = os.open(tmp_path / "ledger", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for life in range(5):
            children = [
                _FORK.Process(target=_append_for_ever, args=(place, (life * 4 + n) * 1_000_000, ledger))
                for n in range(4)
            ]
            for child in children:
                child.start()
            while (tmp_path / "ledger").read_bytes().count(b"\n") < (life + 1) * 60:
                children[0].join(0.005)
            for child in children:
                assert child.pid is not None
                os.kill(child.pid, signal.SIGKILL)
                child.join()
        acknowledged = [int(line) for line in (tmp_path / "ledger").read_text().split()]
        assert len(acknowledged) >= 300
        store.append([spooled(999_999_999)])
        found = [record.body for record in store.records()]
        assert len(found) == len(set(found))
        assert {event(number) for number in acknowledged} <= set(found)
        assert store.verify().ok
