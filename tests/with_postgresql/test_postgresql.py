"""What only a server has: passwords, sequencers that die, a server that dies, a schema that somebody changes, rights."""

from __future__ import annotations

import gzip
import itertools
import json
import multiprocessing
import os
import re
import shutil
import signal
import sqlite3
import threading
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from orchestrail.errors import ConfigurationError, StoreError
from orchestrail.operations.backup import backup, recover, restore
from orchestrail.operations.verify import verify
from orchestrail.settings import Settings
from orchestrail.store import open_store, postgresql, postgresql_schema, schema, store_name
from orchestrail.store.appending import _EDGE, _FORGET, Batch, prepared
from orchestrail.store.base import Incoming, Placed, Refused
from orchestrail.store.envelope import timestamp
from orchestrail.store.note import Head
from orchestrail.store.postgresql import PostgresSession, PostgresStore
from orchestrail.store.session import _PLACES
from orchestrail.testing.stores import event, foreign, nonce, quarantined, spooled

FORK = multiprocessing.get_context("fork")
SECRET = "hunter2-of-the-owner"
KEPT = Path(__file__).parents[1] / "data" / "stores"
GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "postgresql.md"


@pytest.fixture
def store(place) -> PostgresStore:
    return open_store(place.url, home=place.home, create=True)


def bodies(store):
    return [record.body for record in store.records()]


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_that_cannot_hold_every_text_is_refused(place, encoding):
    """In one of SQL_ASCII, as a server has them that was made under no locale, every text would come back as bytes."""
    name = f"{place.database}_{encoding.lower()}"
    with psycopg.connect(place.url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")
    with pytest.raises(StoreError, match=f"encoding of the database is {encoding}") as refused:
        open_store(place.cluster.url(name), home=place.home, create=True)
    assert "ENCODING 'UTF8'" in str(refused.value.do)


def test_the_encoding_of_a_terminal_changes_nothing(place, monkeypatch):
    """The driver would else read and write texts as the environment says."""
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    store = open_store(place.url, home=place.home, create=True)
    store.append(
        [], [Refused(b"{", "not_json", "ein Zeichen: \N{GREEK SMALL LETTER ALPHA}", "\N{GREEK SMALL LETTER BETA}")]
    )
    (one,) = store.quarantine_entries(1)
    assert (one.reason, one.source) == ("ein Zeichen: \N{GREEK SMALL LETTER ALPHA}", "\N{GREEK SMALL LETTER BETA}")


def at_revision(place, monkeypatch, revision):
    """Make a store with the schema of an earlier version."""
    with monkeypatch.context() as then:
        then.setattr(schema, "REVISIONS", schema.REVISIONS[: schema.REVISIONS.index(revision) + 1])
        then.setattr(schema, "HEAD", revision)
        return open_store(place.url, home=place.home, create=True)


def test_a_store_has_the_recorded_schema(place, store):
    """What is in a new store is what the package says, word for word."""
    with place.connect() as connection:
        found = postgresql_schema.objects(PostgresSession(connection))
    assert postgresql_schema.described(found) == postgresql_schema.EXPECTED.read_text()


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ("ALTER TABLE log DISABLE TRIGGER log_refuse", "trigger log.log_refuse"),
        ("DROP TRIGGER bundle_refuse ON bundle", "trigger bundle.bundle_refuse"),
        (
            "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
            "function refuse",
        ),
        ("ALTER TABLE log DROP CONSTRAINT log_event_id_key", "constraint log.log_event_id_key"),
        ("ALTER TABLE log ADD COLUMN more TEXT", "table log"),
        ("CREATE TABLE other (a INTEGER)", "table other"),
        ("CREATE RULE quiet AS ON UPDATE TO log DO INSTEAD NOTHING", "rule log.quiet"),
    ],
)
def test_verification_names_a_changed_schema(place, store, change, where):
    """A trigger that is off, a function that does nothing, a column too many: whatever is not as it was made."""
    place.execute(change)
    assert where in {problem.place for problem in store.verify().problems}


def let_wait(place, older, revision, *items):
    """Put events into a store of an earlier version as its own code did, which left them without a place."""
    now = datetime.now(UTC)
    given = prepared(older._sign(), items).given
    with place.connect() as connection:
        for one in given:
            connection.execute("INSERT INTO payload VALUES (%b, %b, %b)", (one.identity, one.nonce, one.item.body))
            if one.digest is not None:
                seen = (one.digest, one.identity, timestamp(now))
                connection.execute("INSERT INTO foreign_seen VALUES (%b, %b, %s)", seen)
        time = timestamp(now).encode()
        envelopes, digests = [one.envelope.at(time) for one in given], [one.digest for one in given]
        if revision == "0001":
            for row in zip(envelopes, digests, strict=True):
                connection.execute("INSERT INTO pending (envelope, digest) VALUES (%b, %b)", row)
        else:
            connection.execute("INSERT INTO pending (envelopes, digests) VALUES (%b, %b)", (envelopes, digests))


@pytest.mark.parametrize("revision", ["0001", "0002"])
def test_what_waits_in_an_earlier_store_gets_its_place(place, monkeypatch, revision):
    """An upgrade finds events that were stored and had no place yet, and appends them as they came."""
    older = at_revision(place, monkeypatch, revision)
    let_wait(place, older, revision, spooled(0), foreign(1))
    upgraded = open_store(place.url, home=place.home)
    assert bodies(upgraded) == [event(0), event(1)]
    assert upgraded.append([spooled(0), foreign(1), spooled(2)]).appended == 1
    assert upgraded.verify().ok
    with place.connect() as connection:
        assert postgresql_schema.described(postgresql_schema.objects(PostgresSession(connection))) == (
            postgresql_schema.EXPECTED.read_text()
        )


def test_what_waits_in_an_earlier_log_that_fell_back_is_put_aside(place, monkeypatch):
    """Nothing is signed then; once its loss is on the record, what was put aside is tried again."""
    older = at_revision(place, monkeypatch, "0002")
    let_wait(place, older, "0002", spooled(0), foreign(1))
    older.remember(older._sign().sign(Head(older.origin, 7, bytes(32))))
    upgraded = open_store(place.url, home=place.home)
    assert (upgraded.size(), upgraded.behind().known_size) == (0, 7)
    assert [(one.body, one.reason_code) for one in quarantined(upgraded)] == [
        (event(0), "log_behind"),
        (event(1), "log_behind"),
    ]
    with upgraded.give_up():
        for one in quarantined(upgraded):
            upgraded.resolve(one.id, Incoming(one.body, one.source, one.nonce, one.emitter, one.counter))
    assert bodies(upgraded) == [event(0), event(1)]
    assert upgraded.verify().ok


def kept_log(place, monkeypatch, tmp_path, revision):
    """Make the store of an earlier version out of the log that was kept of it in a file."""
    at_revision(place, monkeypatch, revision)
    kept = KEPT / revision
    for key in (place.home / "keys").iterdir():
        key.unlink()
    (public,) = kept.glob("*.pub")
    shutil.copy(public, place.home / "keys")
    shutil.rmtree(place.home / "checkpoints", ignore_errors=True)
    with closing(sqlite3.connect(tmp_path / "kept.db")) as source, place.unguarded() as execute:
        source.executescript(gzip.decompress((kept / "audit.sql.gz").read_bytes()).decode())
        for table in ("meta", "payload", "log", "tile", "tree", "checkpoint", "emitter", "foreign_seen", "quarantine"):
            execute(f"DELETE FROM {table}")
            for row in source.execute(f"SELECT * FROM {table}"):
                execute(f"INSERT INTO {table} VALUES ({', '.join(['%b'] * len(row))})", row)
    return json.loads((kept / "said.json").read_text())


@pytest.mark.parametrize("revision", ["0001", "0002"])
def test_an_earlier_log_verifies(place, monkeypatch, tmp_path, revision):
    """Brought to the newest schema it has the root that it had, and all its events."""
    said = kept_log(place, monkeypatch, tmp_path, revision)
    with open_store(place.url, home=place.home) as store:
        found = store.verify()
        assert (found.problems, found.size, found.root_hash) == ((), said["size"], said["root_hash"])
        assert all(record.body for record in store.records())
    with place.connect() as connection:
        assert postgresql_schema.described(postgresql_schema.objects(PostgresSession(connection))) == (
            postgresql_schema.EXPECTED.read_text()
        )


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM payload WHERE event_id = (SELECT event_id FROM log WHERE seq = 3)",
        "DELETE FROM log WHERE seq = 3",
        "DELETE FROM log WHERE seq = 258",
    ],
)
def test_an_earlier_log_that_is_not_whole_stays_as_it_is_or_is_told(place, monkeypatch, tmp_path, damage):
    """Nothing is left behind by an upgrade: an event without its entry stops it, and a missing event is missing afterwards too."""
    kept_log(place, monkeypatch, tmp_path, "0002")
    with place.unguarded() as execute:
        execute(damage)
    if "FROM payload" in damage:
        assert "bundle seq 3: its payload is missing" in map(
            str, open_store(place.url, home=place.home).verify().problems
        )
        return
    before = place.execute("SELECT count(*), sum(length(body)) FROM payload")
    with pytest.raises(StoreError, match="damaged"):
        open_store(place.url, home=place.home)
    assert place.execute("SELECT count(*), sum(length(body)) FROM payload") == before
    assert place.execute("SELECT version_num FROM alembic_version") == [("0002",)]


@pytest.mark.parametrize("places", [(2,), (1, 3), (-1,), (0, 1)])
def test_no_row_gets_another_place_than_the_next(place, store, places):
    """A statement that leaves a hole, goes before the first or writes over an entry is refused, whole."""
    store.append([spooled(0)])
    rows = ", ".join(f"({seq}, sha256('{seq}'), sha256('{seq}'))" for seq in places)
    with pytest.raises(psycopg.Error), place.connect() as connection:
        connection.execute(f"INSERT INTO log VALUES {rows}")
    assert store.verify().ok
    assert store.append([spooled(1)]).first_seq == 1


def test_appends_take_turns(place, store):
    """While one is under way another one waits; both leave one log, with the first one's events in front."""
    other = open_store(place.url, home=place.home)
    done = []
    with store._writing() as session:
        second = threading.Thread(target=lambda: done.append(other.append([spooled(1)])))
        second.start()
        deadline = time.monotonic() + 120
        while not place.execute("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert done == []
        assert half_of_an_append(session, store, [spooled(0)]).size == 1
    second.join()
    assert (done[0].appended, done[0].first_seq, done[0].size) == (1, 1, 2)
    assert store.verify().ok


def half_of_an_append(session, store, items):
    """Write all that an append writes, and leave it to the caller what becomes of it."""
    return Batch(session, store._sign(), prepared(store._sign(), items)).write()


def _append_and_stop(place, items, gate):
    store = open_store(place.url, home=place.home)
    with store._writing() as session:
        half_of_an_append(session, store, items)
        session.execute("SELECT 1").fetchone()
        gate.set()
        time.sleep(600)


def test_a_process_that_is_killed_amid_an_append_stored_nothing(place, store):
    """What it had written is gone, small bundles that it had put together are there still, and the lock is free."""
    for number in range(0, 240, 10):
        store.append([spooled(number + more) for more in range(10)])
    gate = FORK.Event()
    items = [spooled(number) for number in range(240, 290)]
    child = FORK.Process(target=_append_and_stop, args=(place, items, gate))
    child.start()
    assert gate.wait(120)
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    assert store.append(items[:1]).size == 241
    assert bodies(store) == [event(number) for number in range(241)]
    assert store.append(items).appended == 49
    assert store.verify().ok


def test_a_process_that_stands_still_does_not_stop_the_log(place, store, monkeypatch):
    """The server ends its transaction, and it learns that it stored nothing."""
    monkeypatch.setattr(postgresql, "IDLE_SECONDS", 5)  # more than a busy machine takes from one statement to the next
    other = open_store(place.url, home=place.home)

    def stand_still(session):
        monkeypatch.undo()  # the other one may take its time
        half_of_an_append(session, store, [spooled(0)])
        session.execute("SELECT 1").fetchone()
        assert other.append([spooled(1)]).size == 1
        session.execute("SELECT 1").fetchone()

    with pytest.raises(StoreError, match=r"in use|server closed"), store._writing() as session:
        stand_still(session)
    assert bodies(store) == [event(1)]
    assert store.verify().ok


def test_an_append_reads_no_more_than_it_needs(place, store):
    """An index leads to it even where the server believes that a table is small, since nobody has counted it."""
    store.append([make(number) for make in (spooled, foreign) for number in range(1000)])
    asked = [
        (_PLACES.format(new="unnest(%b::bytea[]) AS new(event_id)"), [nonce(0)]),
        (_EDGE.replace("?", "%b"), 100),
        (_FORGET.replace("?", "%b"), "2026"),
    ]
    with place.connect() as connection:
        connection.execute("SET search_path = orchestrail")
        for statement, value in asked:
            plan = "\n".join(line for (line,) in connection.execute(f"EXPLAIN {statement}", (value,)))
            assert "Index" in plan
            assert not re.search("Seq Scan on (log|foreign_seen)", plan)


def test_an_append_gets_a_connection_that_lives(place, store):
    """Where the server ended one that was kept open, another is opened, and nobody hears of it."""
    store.append([spooled(0)])
    others = "pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
    assert (True,) in place.execute(f"SELECT pg_terminate_backend(pid, 120000) FROM {others}")
    assert store.append([spooled(1)]).size == 2


def test_a_server_that_dies_amid_batches_keeps_what_was_acknowledged(place, store, cluster):
    """Writers see an error of ours and try again; in the end each event is there once."""
    cluster.write_down()
    acknowledged, errors, enough = [], [], threading.Event()

    def work(first):
        handle = open_store(place.url, home=place.home)
        for number in itertools.count(first):
            if number >= first + 60 and errors:  # however slowly the server is killed, it is amid batches
                break
            while True:
                try:
                    handle.append([spooled(number, f"{first:032x}"), foreign(1_000_000 + number)])
                    break
                except StoreError as error:
                    errors.append(error)
                    time.sleep(0.05)
            acknowledged.append(number)
            if len(acknowledged) >= 40:  # two threads may pass it at once
                enough.set()

    threads = [threading.Thread(target=work, args=(first,)) for first in (0, 100_000, 200_000)]
    for thread in threads:
        thread.start()
    assert enough.wait(120)
    cluster.kill()
    cluster.start()
    for thread in threads:
        thread.join()
    assert errors
    assert len(acknowledged) >= 180
    expected = {event(number) for number in acknowledged} | {event(1_000_000 + number) for number in acknowledged}
    assert sorted(bodies(store)) == sorted(expected)
    assert store.verify().ok


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://owner:{SECRET}@127.0.0.1:1/audit",
        f"postgresql://owner:{SECRET}@127.0.0.1:port/audit",
        f"postgresql://owner:{SECRET}%@127.0.0.1/audit",
        f"postgresql://owner:{SECRET}@127.0.0.1/audit?sslmode=none",
        f"postgresql://127.0.0.1:1/audit?user=owner&password={SECRET}",
        f"postgresql+psycopg://owner:{SECRET}@127.0.0.1/audit",
    ],
)
def test_no_error_holds_a_password(url, tmp_path):
    """Whether the URL cannot be read or the server cannot be reached."""
    with pytest.raises((ConfigurationError, StoreError)) as caught:
        open_store(url, home=tmp_path)
    assert SECRET not in f"{caught.value} {caught.value!r} {caught.value.__cause__!r}"


def test_a_store_is_named_without_a_password():
    """For people: host and database."""
    assert store_name(f"postgresql://owner:{SECRET}@db.example:5433/audit") == "postgresql://db.example:5433/audit"


def test_doctor_names_the_store_without_a_password(place, store, monkeypatch, capsys):
    """On the page and in the document."""
    from typer.testing import CliRunner

    from orchestrail.cli.app import app

    monkeypatch.setenv("ORCHESTRAIL_HOME", str(place.home))
    parts = place.parts()
    url = f"postgresql://postgres:{SECRET}@/{place.database}?host={parts['host']}"
    monkeypatch.setenv("ORCHESTRAIL_STORE", url)
    for arguments in (["doctor"], ["doctor", "--json"]):
        shown = CliRunner().invoke(app, arguments)
        assert place.database in shown.output
        assert SECRET not in shown.output


def test_a_newer_schema_is_refused(place, store):
    """A store that a later version has migrated is not touched."""
    place.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match="9999") as caught:
        open_store(place.url, home=place.home)
    assert "Upgrade" in caught.value.do


def test_other_schemas_of_the_database_are_left_alone(place):
    """A team's own tables may have the names of ours."""
    with psycopg.connect(place.url) as connection:
        connection.execute("CREATE TABLE log (theirs INTEGER)")
    store = open_store(place.url, home=place.home, create=True)
    store.append([spooled(0)])
    with psycopg.connect(place.url) as connection:
        assert connection.execute("SELECT count(*) FROM log").fetchone() == (0,)


def granted(place):
    """Run the statements of the guide, as its reader does."""
    statements = re.search(r"```sql\n(.*?)```", GUIDE.read_text(), re.DOTALL)[1]
    with psycopg.connect(place.url, autocommit=True) as connection:
        connection.execute(statements)
        for user, role in (("collector", "orchestrail_writer"), ("auditor", "orchestrail_reader")):
            connection.execute(f"DROP ROLE IF EXISTS {user}")
            connection.execute(f"CREATE ROLE {user} LOGIN IN ROLE {role}")
    return {user: place.url.replace("postgres:@", f"{user}:@") for user in ("collector", "auditor")}


def test_a_writer_appends_and_changes_nothing(place, store):
    """With the rights of the guide: append and read; no row of the log changes, goes, or comes by the back door."""
    store.append([spooled(0)])
    url = granted(place)["collector"]
    writer = open_store(url, home=place.home)
    assert writer.append([spooled(1), foreign(2)]).appended == 2
    assert writer.quarantine(event(3), "not_openlineage", "No.", "a")
    assert writer.resolve(1, foreign(3)).appended == 1
    assert writer.verify().ok
    first = next(writer.records())
    with pytest.raises(StoreError, match="refuses this user"):
        writer.erase([Placed(first.seq, first.event_id)], foreign(4))
    assert bodies(writer)[0] == event(0)
    assert writer.size() == 4
    for statement in (
        "UPDATE orchestrail.log SET leaf = event_id",
        "DELETE FROM orchestrail.bundle",
        "UPDATE orchestrail.recent SET count = 1",
        "TRUNCATE orchestrail.log",
        "ALTER TABLE orchestrail.log DISABLE TRIGGER ALL",
        "DROP TABLE orchestrail.log",
        "CREATE TABLE orchestrail.mine (a INTEGER)",
        "SET session_replication_role = replica",
    ):
        with psycopg.connect(url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)


def test_a_reader_reads_and_verifies(place, store):
    """With the rights of the guide: everything can be read and verified, nothing appended."""
    store.append([spooled(0)])
    reader = open_store(granted(place)["auditor"], home=place.home)
    assert bodies(reader) == [event(0)]
    assert reader.verify().ok
    with pytest.raises(StoreError, match="refuses this user"):
        reader.append([spooled(1)])


def test_the_recorded_schema_is_read_without_a_server():
    """A reader's verification compares with a file of the package."""
    kinds = {kind for kind, _, _ in json.loads(postgresql_schema.EXPECTED.read_text())}
    assert kinds == {"table", "constraint", "index", "trigger", "function"}


def test_a_copy_of_a_database_is_a_file_and_goes_back_into_one(place, store, cluster, tmp_path):
    """The log that fell back signs nothing until that is on the record."""
    settings = Settings(home=place.home, store=place.url)
    store.append([spooled(0), foreign(1)])
    found = backup(settings, tmp_path / "copy.db")
    assert (found.ok, found.size) == (True, 2)
    store.append([spooled(4)])
    there = Settings(home=place.home, store=cluster.create(f"{place.database}_again"))
    restored = restore(there, tmp_path / "copy.db")
    assert (restored.verification.size, restored.behind.known_size) == (2, 3)
    with open_store(there.store, home=place.home) as again:
        with pytest.raises(StoreError, match="was not continued"):
            again.append([spooled(5)])
        recover(there, "The disk failed, and the copy was of the night before.", "operations")
        assert again.append([spooled(5)]).appended == 1
    assert verify(there).ok
