"""Appending to and reading from the embedded store."""

from __future__ import annotations

import multiprocessing
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from datetime import datetime
from itertools import pairwise

import pytest

from orchestrail.errors import ConfigurationError, StoreError
from orchestrail.store import open_store, store_file
from orchestrail.store.appending import Batch, prepared
from orchestrail.store.merkle import TILE_WIDTH, Frontier, Tiles, leaf_hash
from orchestrail.store.sqlite import SqliteStore

FORK = multiprocessing.get_context("fork")


def reopened(store):
    return open_store(f"sqlite:///{store.path}", home=store.home)


def bodies(store):
    return [record.body for record in store.records()]


def sql(store, statement, *values):
    with closing(sqlite3.connect(store.path, isolation_level=None)) as connection:
        return connection.execute(statement, values).fetchall()


def test_records_go_on_past_a_page(store, made):
    """Reading in pages leaves no event out and gives none twice."""
    store.append([made.spooled(number) for number in range(1201)])
    assert [record.seq for record in store.records()] == list(range(1201))


def test_foreign_digest_needs_the_key_of_the_store(store, made, tmp_path):
    """Two stores know the same bytes by different digests, so that a digest says nothing to somebody without the key."""
    other = open_store(f"sqlite:///{tmp_path}/other/audit.db", home=tmp_path / "other", create=True)
    for each in (store, other):
        each.append([made.foreign(0)])
    assert sql(store, "SELECT digest FROM foreign_seen") != sql(other, "SELECT digest FROM foreign_seen")


def test_a_batch_that_is_overtaken_gets_a_later_time(store, made):
    """Its time is chosen before its turn has come; where another batch was first, it is chosen anew, and leaves with it."""
    waits = prepared(store._sign(), [made.spooled(number) for number in range(300)])
    store.append([made.spooled(300)])
    with store._writing() as session:
        Batch(session, store._sign(), waits).write()
    times = [record.received_at for record in store.records()]
    assert len(times) == 301
    assert times[0] < times[1] == times[300]
    assert store.verify().ok


def test_two_batches_never_share_a_time(store, made, monkeypatch):
    """The time of a batch tells it from its neighbours where the clock stands still as well."""

    class Still(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime(2026, 3, 1, tzinfo=tz)

    monkeypatch.setattr("orchestrail.store.appending.datetime", Still)
    for number in range(5):
        store.append([made.spooled(number)])
    times = [record.received_at for record in store.records()]
    assert all(one != other for one, other in pairwise(times))
    assert store.verify().ok


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE log SET leaf = event_id",
        "DELETE FROM log",
        "INSERT OR REPLACE INTO log SELECT * FROM log",
        "INSERT OR REPLACE INTO log SELECT seq + 10, event_id, leaf FROM log",
        "UPDATE bundle SET payloads = x''",
        "DELETE FROM bundle",
        "INSERT OR REPLACE INTO bundle SELECT first, count, envelopes, x'00' FROM bundle",
        "UPDATE recent SET payloads = x''",
        "DELETE FROM recent",
        "INSERT OR REPLACE INTO recent SELECT first, count, envelopes, x'00' FROM recent",
        "UPDATE checkpoint SET note = x''",
        "DELETE FROM checkpoint",
        "INSERT OR REPLACE INTO checkpoint VALUES (1, x'')",
        "UPDATE meta SET value = ''",
        "DELETE FROM meta",
        "INSERT OR REPLACE INTO meta VALUES ('public_key', '')",
        "UPDATE tree SET size = 0",
        "DELETE FROM tree",
        "INSERT OR REPLACE INTO tree VALUES (0, 9, x'')",
        "UPDATE tile SET hashes = zeroblob(8192)",
        "DELETE FROM tile",
        "INSERT OR REPLACE INTO tile VALUES (0, 0, zeroblob(8192))",
        "UPDATE quarantine SET reason = ''",
        "DELETE FROM quarantine",
        "INSERT OR REPLACE INTO quarantine SELECT * FROM quarantine",
    ],
)
def test_triggers_stop_accidents(store, made, statement):
    """Neither UPDATE, nor DELETE, nor REPLACE changes what was appended."""
    store.append([made.spooled(number) for number in range(256)])
    store.append([made.spooled(256)])
    store.quarantine(b"x", "not_json", "Not JSON.", "a")
    with pytest.raises(sqlite3.IntegrityError):
        sql(store, statement)
    assert store.verify().ok


def test_a_tile_of_the_next_level_is_written(store, made, tamper):
    """Entry 65,536 fills a tile of level 0 and with it one of level 1, out of the tiles that are stored."""
    store.append([made.spooled(0)])
    tiles, frontier = Tiles(), Frontier()
    with tamper.unguarded(store.path) as connection:
        connection.execute("DELETE FROM log")
        connection.execute("INSERT INTO bundle SELECT 0, ?, envelopes, payloads FROM recent", (TILE_WIDTH**2 - 1,))
        connection.execute("DELETE FROM recent")
        for seq in range(TILE_WIDTH**2 - 1):
            leaf = leaf_hash(b"%d" % seq)
            frontier.append(leaf)
            connection.execute("INSERT INTO log VALUES (?, ?, ?)", (seq, leaf, leaf))
            for level, number, hashes in tiles.append(leaf):
                connection.execute("INSERT INTO tile VALUES (?, ?, ?)", (level, number, hashes))
        connection.execute("UPDATE tree SET size = ?, frontier = ?", (frontier.size, frontier.to_bytes()))
        connection.execute("INSERT INTO checkpoint SELECT ?, note FROM checkpoint WHERE size = 1", (frontier.size,))
    store.append([made.spooled(1)])
    ((leaf,),) = sql(store, "SELECT leaf FROM log ORDER BY seq DESC LIMIT 1")
    expected = {(level, number): hashes for level, number, hashes in tiles.append(leaf)}
    assert expected.keys() == {(0, TILE_WIDTH - 1), (1, 0)}
    for (level, number), hashes in expected.items():
        assert sql(store, "SELECT hashes FROM tile WHERE level = ? AND number = ?", level, number) == [(hashes,)]
    frontier.append(leaf)
    assert store.checkpoint().root_hash == frontier.root()


def test_only_the_owner_may_read(store):
    """Folder, keys and store are closed to others, whatever the umask of the process."""
    mode = lambda path: stat.S_IMODE(path.stat().st_mode)  # noqa: E731
    assert mode(store.home) == mode(store.home / "keys") == 0o700
    keys = list((store.home / "keys").iterdir())
    assert len(keys) == 2
    assert {mode(key) for key in keys} == {mode(store.path)} == {0o600}


def test_no_file_is_left_over(store, made):
    """Making, filling and closing a store leaves the file, its lock, the keys and the newest checkpoint."""
    store.append([made.spooled(0)])
    store.close()
    assert sorted(path.name for path in store.home.iterdir()) == ["audit.db", "audit.db.lock", "checkpoints", "keys"]


def test_a_reopened_store_goes_on(store, made):
    """Another handle appends to the same log with the same key."""
    store.append([made.spooled(0)])
    store.close()
    with reopened(store) as again:
        assert again.append([made.spooled(1)]).first_seq == 1
        assert again.origin == store.origin
        assert again.verify().ok


def _append_range(store, made, start, stop):
    for number in range(start, stop):
        store.append([made.spooled(number)])


def _append_in_child(store, made, start, stop):
    inherited = store._writer
    _append_range(store, made, start, stop)
    assert store._writer is not inherited


def test_a_fork_opens_a_connection_of_its_own(store, made):
    """Parent and children go on with the handle that was open at the fork."""
    store.append([made.spooled(0)])
    children = [FORK.Process(target=_append_in_child, args=(store, made, 20 * n + 1, 20 * n + 21)) for n in range(2)]
    for child in children:
        child.start()
    _append_range(store, made, 41, 61)
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0, 0]
    assert sorted(bodies(store)) == sorted(made.event(number) for number in range(61))
    assert store.verify().ok


def test_opening_is_light(store):
    """Opening and appending import neither SQLAlchemy nor alembic."""
    script = (
        "import sys; from pathlib import Path; from orchestrail.store import open_store;"
        "from orchestrail.store.base import Incoming;"
        f"store = open_store('sqlite:///{store.path}', home=Path({str(store.home)!r}));"
        "store.append([Incoming(b'{}', 'a')]); print(store.size(), *sorted({'alembic', 'sqlalchemy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1"]


@pytest.mark.parametrize("url", ["mysql://user:secret@host/db", "sqlite:///", "audit.db", "sqlite://x"])
def test_other_urls_are_refused(url, tmp_path):
    """A kind of store that is not supported is refused without repeating a password."""
    with pytest.raises(ConfigurationError) as caught:
        open_store(url, home=tmp_path)
    assert "secret" not in str(caught.value)


def test_urls_are_relative_or_absolute():
    """Three slashes and a name are relative, four are absolute."""
    assert str(store_file("sqlite:///a/b.db")) == "a/b.db"
    assert str(store_file("sqlite:////a/b.db")) == "/a/b.db"


def test_odd_names_of_folders(tmp_path, made):
    """Blanks, percent signs, question marks and other letters in a path are only letters."""
    home = tmp_path / "a b%20?#é&mode=ro"
    with open_store(f"sqlite:///{home / 'audit.db'}", home=home, create=True) as store:
        store.append([made.spooled(0)])
        with store.read() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM log").scalar() == 1
    assert (home / "audit.db").is_file()


def make_text(path):
    path.write_text("just a text that is longer than a hundred bytes, so that it cannot be taken for an empty file" * 3)


def make_empty(path):
    path.touch()


def make_other(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE log (seq)")
        connection.commit()


@pytest.mark.parametrize("make", [make_text, make_empty, make_other])
def test_a_file_of_others_is_left_alone(tmp_path, make):
    """What is not our store is refused, by verification too, and not one byte of it changes."""
    path = tmp_path / "audit.db"
    make(path)
    before = path.read_bytes()
    for attempt in (
        lambda: open_store(f"sqlite:///{path}", home=tmp_path, create=True),
        lambda: SqliteStore.open(path, home=tmp_path),
    ):
        with pytest.raises(StoreError, match="not an audit store") as caught:
            attempt()
        assert caught.value.why
        assert caught.value.do
    assert path.read_bytes() == before


def test_a_folder_is_no_store(tmp_path):
    """A folder in the place of the file is an error of ours, no traceback."""
    (tmp_path / "audit.db").mkdir()
    with pytest.raises(StoreError):
        open_store(f"sqlite:///{tmp_path / 'audit.db'}", home=tmp_path, create=True)


def test_a_newer_schema_is_refused(store):
    """A store that a later version has migrated is not touched."""
    sql(store, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match="9999") as caught:
        reopened(store)
    assert "Upgrade" in caught.value.do


def test_an_exchanged_key_is_refused(store, made, tmp_path):
    """Another key, or a damaged one, signs nothing."""
    other = open_store(f"sqlite:///{tmp_path}/other/audit.db", home=tmp_path / "other", create=True)
    key = next((store.home / "keys").glob("*.key"))
    for content in (next((other.home / "keys").glob("*.key")).read_bytes(), b"damaged"):
        key.write_bytes(content)
        with reopened(store) as again, pytest.raises(StoreError, match="does not belong"):
            again.append([made.spooled(1)])


def test_a_store_that_went_without_its_wal_is_not_made_anew(store, made):
    """A write-ahead file without its store may hold events: it is not overwritten by a new store."""
    store.append([made.spooled(0)])
    store.path.rename(store.path.with_name("moved"))
    with pytest.raises(StoreError, match="is gone"):
        open_store(f"sqlite:///{store.path}", home=store.home, create=True)


def test_an_empty_wal_does_not_stop_a_new_store(store, made):
    """What a reader leaves beside a store that was then removed holds nothing."""
    store.close()
    assert store.verify().ok
    store.path.unlink()
    assert store.path.with_name("audit.db-wal").stat().st_size == 0
    with open_store(f"sqlite:///{store.path}", home=store.home, create=True) as anew:
        anew.append([made.spooled(0)])
        assert anew.verify().ok


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE tree SET size = 1, frontier = x'00'",
        "UPDATE tree SET frontier = x''",
        "DELETE FROM tree",
        "DELETE FROM log WHERE seq = 2",
        "DELETE FROM checkpoint WHERE size = 3",
        "UPDATE recent SET envelopes = x'00'",
        "UPDATE recent SET count = 2",
        "DELETE FROM recent",
        "UPDATE emitter SET counters = 'x'",
    ],
)
def test_a_damaged_log_is_not_extended(store, made, tamper, statement):
    """An append onto a log that does not hang together is refused and says to verify."""
    store.append([made.spooled(number) for number in range(3)])
    with tamper.unguarded(store.path) as connection:
        connection.execute(statement)
    with pytest.raises(StoreError, match="damaged"):
        store.append([made.spooled(3)])
    with tamper.unguarded(store.path) as connection:
        assert connection.execute("SELECT max(size) FROM checkpoint").fetchone() <= (3,)
        assert connection.execute("SELECT coalesce(max(seq), 0) FROM log").fetchone() <= (2,)


def test_another_writer_is_waited_for(store, made):
    """A lock that another process holds for a moment delays an append and does not fail it."""
    with closing(sqlite3.connect(store.path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        timer = threading.Timer(0.4, other.execute, ["ROLLBACK"])
        timer.start()
        assert store.append([made.spooled(0)]).appended == 1
        timer.join()
