"""Verification finds every change of what is stored, says where it is, and changes nothing itself."""

from __future__ import annotations

import random
import shutil
import sqlite3
import struct
import zlib
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from orchestrail.errors import StoreError
from orchestrail.store import open_store
from orchestrail.store.base import Refused
from orchestrail.store.bundle import BundleError, pack, unpack
from orchestrail.store.keys import load_signer
from orchestrail.store.merkle import Frontier
from orchestrail.store.note import Head, Signer, parse_head, parse_note, parse_verifier
from orchestrail.store.sqlite import verify_file
from orchestrail.testing.stores import quarantined, rewrite

TABLES = (
    "meta",
    "log",
    "bundle",
    "recent",
    "tile",
    "tree",
    "checkpoint",
    "emitter",
    "foreign_seen",
    "quarantine",
    "alembic_version",
)
BITS = 24
"""Bits of one value that are tried; of a checkpoint, all are."""


@pytest.fixture(scope="module")
def original(tmp_path_factory, made) -> Path:
    """A store with something in every table: a tile, several batches, foreign events, both kinds of quarantine entries."""
    home = tmp_path_factory.mktemp("original")
    with open_store(f"sqlite:///{home / 'audit.db'}", home=home, create=True) as store:
        store.append([made.spooled(number) for number in range(3)])
        store.append([made.spooled(number) for number in range(3, 256)])
        store.append([made.spooled(number) for number in (256, 258)], [_refused(made)])
        store.append([made.foreign(600), made.foreign(601)])
        store.quarantine(made.event(700), "not_openlineage", "Old rules.", "b")
        store.quarantine(made.event(701), "not_openlineage", "Old rules.", "b")
        entry = quarantined(store)[1]
        store.resolve(entry.id, made.foreign(700))
        store.append([made.spooled(0, "f" * 32), made.spooled(900, "e" * 32)])
        assert store.verify().ok
    return home


def _refused(made):
    return Refused(b"{not json", "not_json", "Not JSON.", "a", made.nonce(257), made.EMITTER, 258)


@pytest.fixture
def copy(original, tmp_path) -> Path:
    """A copy of that store that may be changed."""
    home = tmp_path / "copy"
    shutil.copytree(original, home)
    return home / "audit.db"


def checked(path, **more):
    return verify_file(path, path.parent, **more)


def columns(path, table):
    with closing(sqlite3.connect(path)) as connection:
        return [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]


CELLS = [
    (table, column)
    for table, names in {
        "meta": ("key", "value"),
        "log": ("seq", "event_id", "leaf"),
        "bundle": ("first", "count", "envelopes", "payloads"),
        "recent": ("first", "count", "envelopes", "payloads"),
        "tile": ("level", "number", "hashes"),
        "tree": ("id", "size", "frontier"),
        "checkpoint": ("size", "note"),
        "emitter": ("emitter", "counters"),
        "foreign_seen": ("digest", "event_id", "seen_at"),
        "quarantine": (
            "id", "body", "nonce", "reason_code", "reason", "source", "emitter", "counter", "received_at", "digest",
            "event_id",
        ),
        "alembic_version": ("version_num",),
    }.items()
    for column in names
]  # fmt: skip


def test_the_matrix_is_complete(original):
    """Every column of every table is in the matrix of changes."""
    with closing(sqlite3.connect(original / "audit.db")) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    path = original / "audit.db"
    assert set(tables) == set(TABLES)
    assert set(CELLS) == {(table, column) for table in tables for column in columns(path, table)}


def test_an_unchanged_store_verifies(copy):
    """Nothing is reported, the numbers are those of the newest checkpoint, and the progress reaches the end."""
    seen = []
    found = checked(copy, progress=lambda done, total: seen.append((done, total)))
    with open_store(f"sqlite:///{copy}", home=copy.parent) as store:
        head = store.checkpoint()
    assert found.ok
    assert (found.size, found.root_hash) == (head.size, head.root_hash.hex())
    (note,) = found.notes
    assert note.startswith("what was refused is held against digests of its own, which no signature covers: ")
    assert seen[-1] == (head.size, head.size)


KEYS = {
    "meta": ("key",),
    "log": ("seq",),
    "bundle": ("first",),
    "recent": ("first",),
    "tile": ("level", "number"),
    "tree": ("id",),
    "checkpoint": ("size",),
    "emitter": ("emitter",),
    "foreign_seen": ("digest",),
    "quarantine": ("id",),
    "alembic_version": ("version_num",),
}


def rows_of(connection, table, column):
    """Key and value of the row in the middle, the first and the last that have a value there."""
    key = ", ".join(KEYS[table])
    found = connection.execute(
        f"SELECT {key}, {column} FROM {table} WHERE {column} IS NOT NULL ORDER BY {key}"
    ).fetchall()
    return [(row[:-1], row[-1]) for row in (found[len(found) // 2], found[0], found[-1])]


def changes(value, rng):
    """A sample of its bits flipped, cut, longer, empty; for a number its neighbours and another sign."""
    if isinstance(value, int):
        return [value + 1, value + 1000, -value - 1]
    data = value.encode() if isinstance(value, str) else value
    bits = rng.sample(range(8 * len(data)), min(BITS, 8 * len(data)))
    return [_flip(data, bit) for bit in bits] + [data[:-1], data + b"\x00", b""]


def _flip(data, bit):
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@pytest.mark.parametrize(("table", "column"), CELLS, ids=[".".join(cell) for cell in CELLS])
def test_every_changed_value_is_found(copy, tamper, table, column):
    """A flipped bit, a cut, a longer or an emptied value: in every column of every table it is reported, with its table."""
    rng = random.Random(f"{table}.{column}")
    key = KEYS[table]
    where = " AND ".join(f"{name} = ?" for name in key)
    with closing(sqlite3.connect(copy)) as connection:
        rows = rows_of(connection, table, column)
    missed = []
    for number, (ident, value) in enumerate(rows):
        put = "CAST(? AS TEXT)" if isinstance(value, str) else "?"
        back = " AND ".join(f"{name} = {put if name == column else '?'}" for name in key)
        tried = changes(value, rng)
        for changed in tried if number == 0 else rng.sample(tried, 3):
            try:
                with tamper.unguarded(copy) as connection:
                    connection.execute(f"UPDATE {table} SET {column} = {put} WHERE {where}", (changed, *ident))
            except sqlite3.IntegrityError:
                continue  # there is a row of this key already
            reported = report(copy, table)
            if not reported and not same(changed, value):
                missed.append((ident, value, changed))
            now = [changed if name == column else part for name, part in zip(key, ident, strict=True)]
            with tamper.unguarded(copy) as connection:
                connection.execute(f"UPDATE {table} SET {column} = ? WHERE {back}", (value, *now))
    assert missed == []
    assert checked(copy).ok


def same(changed, value):
    """Whether packed bytes say the same still: some of their bits say nothing."""
    try:
        return isinstance(value, bytes) and unpack(changed) == unpack(value)
    except BundleError:
        return False


def report(path, table):
    """Whether verification names the table; a changed version number may also make it refuse the store."""
    try:
        return names(checked(path), table)
    except StoreError:
        return table == "alembic_version"


def test_every_bit_of_a_checkpoint_counts(tmp_path, made):
    """No bit of the newest note can turn over unnoticed."""
    home = tmp_path / "home"
    path = home / "audit.db"
    with open_store(f"sqlite:///{path}", home=home, create=True) as store:
        store.append([made.spooled(0)])
    note = head_at(path, 1)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript("PRAGMA synchronous = OFF; DROP TRIGGER checkpoint_update")
        for bit in range(8 * len(note)):
            connection.execute("UPDATE checkpoint SET note = ? WHERE size = 1", (_flip(note, bit),))
            assert "checkpoint" in {problem.table for problem in checked(path).problems}, bit


def names(found, table):
    """Whether a report names the table that was changed, or what stands for it."""
    allowed = {
        "meta": {"meta", "key"},
        "log": {"log", "checkpoint"},
        "bundle": {"bundle", "recent", "log"},
        "recent": {"recent", "log"},
        "alembic_version": {"schema"},
    }.get(table, {table})
    return any(problem.table in allowed for problem in found.problems)


@pytest.mark.parametrize("table", [name for name in TABLES if name not in ("foreign_seen", "quarantine")])
@pytest.mark.parametrize("which", [0, 1, 2])
def test_every_deleted_row_is_found(copy, tamper, table, which):
    """A row taken away is reported, at the beginning, in the middle and at the end."""
    key = KEYS[table]
    with closing(sqlite3.connect(copy)) as connection:
        ident, _ = rows_of(connection, table, key[0])[which]
    with tamper.unguarded(copy) as connection:
        connection.execute(f"DELETE FROM {table} WHERE {' AND '.join(f'{name} = ?' for name in key)}", ident)
    found = checked(copy)
    assert not found.ok
    assert names(found, table)


def test_a_deleted_entry_of_quarantine_is_found(copy, tamper):
    """The entries are numbered without holes."""
    with tamper.unguarded(copy) as connection:
        connection.execute("DELETE FROM quarantine WHERE id = 2")
    assert [str(problem) for problem in checked(copy).problems] == [
        "quarantine id 2: it is missing, the next entry is id 3"
    ]


def test_a_deleted_log_row_is_named(copy, tamper):
    """The report says which sequence number is missing."""
    with tamper.unguarded(copy) as connection:
        connection.execute("DELETE FROM log WHERE seq = 200")
    assert "log seq 200: it is missing, the next entry is seq 201" in map(str, checked(copy).problems)


@pytest.mark.parametrize("both", [("log", "leaf, event_id"), ("log", "leaf"), ("log", "event_id")])
def test_swapped_rows_are_found(copy, tamper, both):
    """Two entries that change places are reported, with everything that belongs to them or in part."""
    table, moved = both
    key = KEYS[table][0]
    with tamper.unguarded(copy) as connection:
        (one, *first), (other, *second) = connection.execute(
            f"SELECT {key}, {moved} FROM {table} ORDER BY rowid LIMIT 2 OFFSET 20"
        ).fetchall()
        put = ", ".join(f"{name} = ?" for name in moved.split(", "))
        if "event_id" in moved:
            connection.execute("UPDATE log SET event_id = zeroblob(32) WHERE seq = ?", (other,))
        connection.execute(f"UPDATE {table} SET {put} WHERE {key} = ?", (*second, one))
        connection.execute(f"UPDATE {table} SET {put} WHERE {key} = ?", (*first, other))
    found = checked(copy)
    assert not found.ok
    # The swapped log rows lie in a full tile, which narrows the place down.
    assert {problem.table for problem in found.problems} & {table, "tile"}


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO bundle SELECT max(first + count), count, envelopes, payloads FROM recent",
        "INSERT INTO bundle SELECT max(first + count), 0, envelopes, payloads FROM bundle",
        "INSERT INTO recent SELECT max(first + count), count, envelopes, payloads FROM recent",
        "INSERT INTO recent SELECT 1, count, envelopes, payloads FROM recent LIMIT 1",
        "INSERT INTO log SELECT max(seq) + 1, randomblob(32), leaf FROM log",
        "INSERT INTO tile VALUES (0, 1, zeroblob(8192))",
        "INSERT INTO tile VALUES (1, 0, zeroblob(8192))",
        "INSERT INTO tree VALUES (1, 0, x'')",
        "INSERT INTO checkpoint SELECT 2, note FROM checkpoint WHERE size = 3",
        "INSERT INTO checkpoint SELECT 9999, note FROM checkpoint WHERE size = 3",
        "INSERT INTO meta VALUES ('more', '')",
        "INSERT INTO emitter VALUES ('more', '1')",
        "INSERT INTO foreign_seen VALUES (randomblob(32), randomblob(32), '2026-03-01T12:00:00.000000Z')",
        "INSERT INTO foreign_seen SELECT randomblob(32), event_id, seen_at FROM foreign_seen LIMIT 1",
        "INSERT INTO quarantine SELECT 4, body, nonce, reason_code, reason, source, emitter, counter, received_at,"
        " digest, NULL FROM quarantine WHERE id = 1",
        "INSERT INTO alembic_version VALUES ('9999')",
    ],
)
def test_every_added_row_is_found(copy, tamper, statement):
    """A row that nobody appended is reported in each table."""
    with tamper.unguarded(copy) as connection:
        connection.execute(statement)
    found = checked(copy)
    assert not found.ok
    table = statement.split()[2]
    assert names(found, table)


@pytest.mark.parametrize(
    "statement",
    [
        *(
            f"UPDATE {table} SET {column} = {value}"
            for table in ("bundle", "recent")
            for column, value in (
                ("envelopes", "'text'"),
                ("envelopes", "5"),
                ("envelopes", "CAST(envelopes AS TEXT)"),
                ("payloads", "'text'"),
                ("payloads", "1.5"),
                ("payloads", "zeroblob(100)"),
                ("count", "'many'"),
                ("count", "x'00'"),
                ("count", "-1"),
            )
        ),
        "UPDATE log SET leaf = 'text' WHERE seq = 1",
        "UPDATE log SET event_id = 7 WHERE seq = 1",
        "UPDATE checkpoint SET note = CAST(note AS TEXT) WHERE size = 3",
        "UPDATE checkpoint SET note = 1 WHERE size = 3",
        "UPDATE tree SET frontier = 'x'",
        "UPDATE tree SET size = 'x'",
        "UPDATE meta SET value = 1",
        "UPDATE meta SET value = CAST(x'ff' AS TEXT)",
        "UPDATE emitter SET counters = x'00'",
        "UPDATE emitter SET emitter = x'00' WHERE emitter = (SELECT min(emitter) FROM emitter)",
        "UPDATE tile SET hashes = 'x' WHERE number = 0",
        "UPDATE quarantine SET body = CAST(body AS TEXT)",
        "UPDATE quarantine SET reason = CAST(x'ff' AS TEXT)",
        "UPDATE quarantine SET reason = x'ff'",
        "UPDATE quarantine SET nonce = 'x'",
        "UPDATE quarantine SET counter = 'x' WHERE id = 1",
        "UPDATE foreign_seen SET seen_at = 3",
        "UPDATE foreign_seen SET event_id = zeroblob(32)",
        "UPDATE foreign_seen SET digest = 'x' WHERE digest = (SELECT min(digest) FROM foreign_seen)",
        "UPDATE alembic_version SET version_num = NULL",
    ],
)
def test_values_of_another_type_are_found(copy, tamper, statement):
    """SQLite lets any type into any column; whatever stands there is reported and never a traceback."""
    with tamper.unguarded(copy) as connection:
        try:
            connection.execute(statement)
        except sqlite3.IntegrityError:
            return
    try:
        found = checked(copy)
    except StoreError:
        return
    assert not found.ok
    assert all(str(problem).encode() for problem in found.problems)


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TRIGGER log_update",
        "DROP TRIGGER log_delete; CREATE TRIGGER log_delete BEFORE DELETE ON log BEGIN SELECT 1; END",
        "CREATE TRIGGER mine AFTER INSERT ON log BEGIN DELETE FROM bundle WHERE first = NEW.seq; END",
        "CREATE TRIGGER proj_mine AFTER INSERT ON log BEGIN SELECT 1; END",
        "CREATE TABLE mine (a)",
        "CREATE VIEW mine AS SELECT * FROM log",
        "CREATE INDEX mine ON log (leaf)",
        "CREATE INDEX proj_mine ON log (leaf)",
        "DROP INDEX quarantine_source",
        "ALTER TABLE log ADD COLUMN more",
        "ALTER TABLE log RENAME COLUMN leaf TO leaves",
        "DROP TABLE tile",
        "DROP TABLE bundle",
        "DROP TABLE recent",
        "DROP TABLE log",
        "DROP TABLE checkpoint",
        "DROP TABLE meta",
        "DROP TABLE quarantine",
        "DROP TABLE emitter",
        "DROP TABLE foreign_seen",
        "DROP TABLE tree",
        "PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = replace(sql, 'seq >= 0', 'seq >= 1')"
        " WHERE name = 'log'",
    ],
)
def test_a_changed_schema_is_found(copy, statement):
    """A trigger, table, index or view that is missing, changed or added is reported, under a name of the projections too."""
    with closing(sqlite3.connect(copy)) as connection:
        connection.executescript(statement)
    found = checked(copy)
    assert "schema" in {problem.table for problem in found.problems}


def test_projections_are_no_change(copy):
    """Derived tables may come and go."""
    with closing(sqlite3.connect(copy)) as connection:
        connection.executescript("CREATE TABLE proj_run (a PRIMARY KEY); CREATE INDEX proj_i ON proj_run (a)")
    assert checked(copy).ok


def test_a_log_cut_at_its_end_is_found(copy, tamper):
    """Entries, payloads and tree taken back to an earlier state: the newest checkpoint shows it."""
    with tamper.unguarded(copy) as connection:
        connection.execute("DELETE FROM bundle WHERE first >= 256")
        connection.execute("DELETE FROM recent WHERE first >= 256")
        connection.execute("DELETE FROM log WHERE seq >= 256")
    found = checked(copy)
    assert any(problem.table == "checkpoint" and "it was cut" in problem.what for problem in found.problems)


def test_entries_past_the_last_checkpoint_are_found(copy, tamper):
    """A log that is longer than what was signed is reported."""
    with tamper.unguarded(copy) as connection:
        connection.execute("DELETE FROM checkpoint WHERE size = (SELECT max(size) FROM checkpoint)")
    assert any("past the last checkpoint" in problem.what for problem in checked(copy).problems)


def test_a_missing_checkpoint_is_named(copy, tamper):
    """Each batch ended in a checkpoint, and the log itself says where its batches end."""
    with tamper.unguarded(copy) as connection:
        connection.execute("DELETE FROM checkpoint WHERE size = 256")
    assert [str(problem) for problem in checked(copy).problems] == ["checkpoint size 256: it is missing"]


def test_a_checkpoint_where_no_batch_ended_is_named(copy, tamper):
    """A head that was signed in the middle of a batch was not signed by an append, even if its root is right."""
    frontier = Frontier()
    with tamper.unguarded(copy) as connection:
        verifier = parse_verifier(connection.execute("SELECT value FROM meta").fetchone()[0])
        for (leaf,) in connection.execute("SELECT leaf FROM log WHERE seq < 2 ORDER BY seq"):
            frontier.append(leaf)
        note = load_signer(copy.parent, verifier).sign(Head(verifier.name, 2, frontier.root()))
        connection.execute("INSERT INTO checkpoint VALUES (2, ?)", (note,))
    assert [str(problem) for problem in checked(copy).problems] == ["checkpoint size 2: no batch ended there"]


def test_a_log_that_was_written_anew_is_found(copy, made, tmp_path):
    """Another log, signed with another key, does not pass for the pinned one."""
    other = tmp_path / "other"
    with open_store(f"sqlite:///{other / 'audit.db'}", home=other, create=True) as store:
        store.append([made.spooled(0)])
    copy.unlink()
    shutil.copy(other / "audit.db", copy)
    assert [problem.table for problem in checked(copy).problems] == ["key"]


def test_a_forged_key_under_the_same_name_is_found(copy, tamper):
    """A log that names another key than the pinned one is reported, even where that key signed it all."""
    with tamper.unguarded(copy) as connection:
        (stated,) = connection.execute("SELECT value FROM meta").fetchone()
        forger = Signer(parse_verifier(stated).name, Ed25519PrivateKey.generate())
        connection.execute("UPDATE meta SET value = ?", (forger.verifier.to_text(),))
        for size, note in connection.execute("SELECT size, note FROM checkpoint").fetchall():
            signed = forger.sign(parse_head(parse_note(note).text))
            connection.execute("UPDATE checkpoint SET note = ? WHERE size = ?", (signed, size))
    problems = checked(copy).problems
    assert problems[0].table == "meta"
    assert "pinned" in problems[0].what


@pytest.mark.parametrize("change", ["flip", "empty", "binary", "longer"])
def test_a_changed_pin_is_found(copy, change):
    """The pinned key has one form as well."""
    pin = next((copy.parent / "keys").glob("*.pub"))
    text = pin.read_bytes()
    pin.write_bytes(
        {"flip": _flip(text, 8 * (len(text) - 5)), "empty": b"", "binary": b"\xff\n", "longer": text + b"x\n"}[change]
    )
    assert [problem.table for problem in checked(copy).problems] == ["key"]


def test_without_a_pin_the_report_says_so(copy):
    """A copy without its home is checked with the key that it names itself, and the reader is told."""
    shutil.rmtree(copy.parent / "keys")
    found = checked(copy)
    assert found.ok
    assert "pinned" in found.notes[0]


def test_a_trusted_pin_comes_first(copy, original, tmp_path, made):
    """What the reader has pinned counts more than what lies beside a store that was handed over."""
    pin = next((copy.parent / "keys").glob("*.pub"))
    other = tmp_path / "other"
    with open_store(f"sqlite:///{other / 'audit.db'}", home=other, create=True) as store:
        forged = store.origin
    pin.write_bytes(next((other / "keys").glob("*.pub")).read_bytes().replace(forged.encode(), b""))
    assert not checked(copy).ok
    assert checked(copy, trusted=[original]).ok


def head_at(path, size):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT note FROM checkpoint WHERE size = ?", (size,)).fetchone()[0]


@pytest.mark.parametrize("size", [0, 3, 256])
def test_a_later_log_contains_an_earlier_checkpoint(copy, tamper, size):
    """A checkpoint that was kept outside is confirmed, even where the store has lost its own copy of it."""
    note = head_at(copy, size)
    assert checked(copy, against=note).ok
    with tamper.unguarded(copy) as connection:
        connection.execute("DELETE FROM checkpoint WHERE size = ?", (size,))
    assert "against" not in {problem.table for problem in checked(copy, against=note).problems}


def test_a_log_that_was_rolled_back_is_found_from_outside(copy, original, made):
    """An old copy of the whole store verifies by itself; a checkpoint kept outside shows that it is old."""
    with open_store(f"sqlite:///{copy}", home=copy.parent) as store:
        store.append([made.spooled(1000)])
        note = store.checkpoint().note
    shutil.copy(original / "audit.db", copy)
    assert checked(copy).ok
    assert [problem.table for problem in checked(copy, against=note).problems] == ["against"]


def test_a_log_that_was_written_differently_is_found_from_outside(copy, original, made):
    """Two histories of one key: each verifies by itself, and neither against the checkpoint of the other."""
    with open_store(f"sqlite:///{copy}", home=copy.parent) as store:
        store.append([made.spooled(1000), made.spooled(1001)])
        note = store.checkpoint().note
    shutil.copy(original / "audit.db", copy)
    shutil.rmtree(copy.parent / "checkpoints")  # who wants a second history does away with what the home knows
    with open_store(f"sqlite:///{copy}", home=copy.parent) as store:
        store.append([made.spooled(1000), made.spooled(1002)])
        store.append([made.spooled(1003)])
    assert checked(copy).ok
    (problem,) = checked(copy, against=note).problems
    assert problem.table == "against"


@pytest.mark.parametrize("note", [b"", b"text", b"\xff"])
def test_a_file_that_is_no_checkpoint_is_named(copy, note):
    """Something else than a checkpoint is reported, not passed over."""
    assert [problem.table for problem in checked(copy, against=note).problems] == ["against"]


def test_every_flipped_bit_of_a_kept_checkpoint_is_found(copy):
    """A checkpoint from outside is as strict as one inside."""
    note = head_at(copy, 256)
    for bit in random.Random(7).sample(range(8 * len(note)), 150):
        assert not checked(copy, against=_flip(note, bit)).ok


def test_a_checkpoint_of_another_log_is_refused(copy, tmp_path):
    """A checkpoint of another store proves nothing here."""
    other = tmp_path / "other"
    with open_store(f"sqlite:///{other / 'audit.db'}", home=other, create=True) as store:
        note = store.checkpoint().note
    (problem,) = checked(copy, against=note).problems
    assert (problem.table, problem.what) == ("against", "it is of another log")


def test_verification_changes_nothing(copy):
    """Neither the file nor the key folder changes, whatever is found."""

    def contents():
        return {path: path.read_bytes() for path in copy.parent.rglob("*") if path.is_file() and "-" not in path.name}

    before = contents()
    checked(copy)
    assert contents() == before


def test_verification_sees_what_is_not_merged_yet(copy, made):
    """Entries that are still in the write-ahead file count, while the writer goes on."""
    with open_store(f"sqlite:///{copy}", home=copy.parent) as store:
        store.append([made.spooled(1000)])
        assert copy.with_name("audit.db-wal").stat().st_size
        assert checked(copy).size == store.size()


def test_a_long_list_of_problems_is_cut(copy, tamper, monkeypatch):
    """A ruin gives a list that ends."""
    monkeypatch.setattr("orchestrail.store.verify.MAX_PROBLEMS", 100)
    with tamper.unguarded(copy) as connection:
        connection.execute("UPDATE log SET leaf = zeroblob(32)")
        connection.execute("UPDATE recent SET payloads = x''")
        connection.execute("UPDATE checkpoint SET note = x''")
    found = checked(copy)
    assert len(found.problems) == 100
    assert "100" in found.notes[-1]


def logical(path):
    """All that the tables and the schema of a store say, with each text and blob as it is."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        connection.text_factory = bytes
        said = [connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()]
        said += [connection.execute(f"SELECT * FROM {table}").fetchall() for table in TABLES]
        return said


def test_random_damage_to_the_file_is_found_or_harmless(copy):
    """One flipped bit anywhere in the file: found, refused as no store, or without any effect on what is stored."""
    rng = random.Random(11)
    intact = copy.read_bytes()
    expected = logical(copy)
    missed = []
    for _ in range(250):
        bit = rng.randrange(8 * len(intact))
        copy.write_bytes(_flip(intact, bit))
        try:
            found = checked(copy)
        except StoreError:
            continue
        if found.ok and logical(copy) != expected:
            missed.append(bit)
    assert missed == []


def test_a_torn_file_is_found(copy):
    """A file that was cut off anywhere is reported or refused, never a traceback."""
    intact = copy.read_bytes()
    for size in random.Random(3).sample(range(len(intact)), 40):
        copy.write_bytes(intact[:size])
        try:
            assert not checked(copy).ok
        except StoreError:
            continue


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (struct.pack(">2I", 1, 2**32 - 1), "larger than any"),
        (struct.pack(">2I", 1, 100), "cut off"),
        (struct.pack(">I", 2**31), "2147483648 entries"),
        (struct.pack(">2I", 1, 3) + b"ab" + bytes(2**30), "something follows"),
        (struct.pack(">3I", 2, 3, 0) + b"ab", "2 entries and not 1"),
    ],
)
def test_what_a_bundle_claims_is_not_believed(copy, tamper, said, why):
    """Lengths beyond what there is, or more bytes behind it than a machine has: named, and no more is read than has to be."""
    with tamper.unguarded(copy) as connection:
        connection.execute("DELETE FROM recent")
        connection.execute("INSERT INTO recent VALUES (256, 1, ?, ?)", (pack([b"{}"]), zlib.compress(said)))
    (found,) = (problem for problem in checked(copy).problems if problem.place == "first 256")
    assert why in found.what


def test_an_event_under_another_nonce_is_found(copy, tamper, made):
    """A payload that was made to fit by another nonce still has another id than its log entry."""
    other = made.nonce(1) + made.event(5).replace(b"START", b"OTHER")
    with tamper.unguarded(copy) as connection:
        rewrite(connection.execute, lambda seq, payload: other if seq == 5 else payload)
        connection.execute("UPDATE log SET event_id = ? WHERE seq = 5", (sha256(other).digest(),))
    assert list(map(str, checked(copy).problems)) == [
        "log seq 5: the event id is not the one of the envelope",
        "bundle seq 5: nonce and body do not give the event id",
    ]
