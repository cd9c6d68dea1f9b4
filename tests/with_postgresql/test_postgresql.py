"""What only a server has: passwords, sequencers that die, a server that dies, a schema that somebody changes, rights."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import signal
import threading
import time
from pathlib import Path

import psycopg
import pytest

from orchestrail.errors import ConfigurationError, StoreError
from orchestrail.operations.backup import backup, recover, restore
from orchestrail.operations.verify import verify
from orchestrail.settings import Settings
from orchestrail.store import open_store, postgresql, postgresql_schema, schema, store_name
from orchestrail.store.postgresql import PostgresSession, PostgresStore
from orchestrail.testing.stores import event, foreign, spooled

FORK = multiprocessing.get_context("fork")
SECRET = "hunter2-of-the-owner"
GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "postgresql.md"


@pytest.fixture
def store(place) -> PostgresStore:
    return open_store(place.url, home=place.home, create=True)


def bodies(store):
    return [record.body for record in store.records()]


def ingested_only(store, events):
    """Do the first half of an append, as a process does that dies then."""
    with store._connection() as session, session.transaction():
        now = postgresql.datetime.now(postgresql.UTC)
        found = postgresql.ingest(session, postgresql.candidates(store._sign(), events, now), now)
        postgresql._put_off(session, found.entries)


def waiting(session):
    """Take what is pending, as a process does that has let nothing wait itself."""
    taken = postgresql._waited(postgresql._take(session, postgresql._NOTHING), postgresql._NOTHING)
    return [entry for entries in taken.values() for entry in entries]


def test_a_store_has_the_recorded_schema(place, store):
    """What is in a new store is what the package says, word for word."""
    with place.connect() as connection:
        found = postgresql_schema.objects(PostgresSession(connection))
    assert postgresql_schema.described(found) == postgresql_schema.EXPECTED.read_text()


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ("ALTER TABLE log DISABLE TRIGGER log_refuse", "trigger log.log_refuse"),
        ("DROP TRIGGER payload_refuse ON payload", "trigger payload.payload_refuse"),
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


def test_events_of_a_process_that_died_get_their_place(place, store):
    """What was made durable and not sequenced is named by verification, is in nobody's way, and is taken over.""" ""
    store.append([spooled(0)])
    ingested_only(store, [spooled(1), foreign(2)])
    found = store.verify()
    assert found.ok
    assert "2 events are stored and have no place in the log yet." in found.notes
    again = store.append([spooled(1), foreign(2), spooled(3)])
    assert (again.appended, again.duplicates, again.size) == (1, 2, 4)
    assert bodies(store) == [event(0), event(1), event(2), event(3)]
    assert store.verify().ok
    assert store.verify().notes == ()


def test_whoever_opens_the_store_takes_over(place, store):
    """No new event is needed for it: a command that collects opens the store and sequences what is pending."""
    ingested_only(store, [spooled(1)])
    assert open_store(place.url, home=place.home, create=True).size() == 1


def test_what_waits_in_a_store_of_the_first_schema_gets_its_place(place, monkeypatch):
    """An upgrade finds events that waited, in a row each, and takes them over as they came."""
    with monkeypatch.context() as then:
        then.setattr(schema, "REVISIONS", ("0001",))
        then.setattr(schema, "HEAD", "0001")
        older = open_store(place.url, home=place.home, create=True)
    with older._connection() as session, session.transaction():
        now = postgresql.datetime.now(postgresql.UTC)
        found = postgresql.ingest(session, postgresql.candidates(older._sign(), [spooled(0), foreign(1)], now), now)
        for entry in found.entries:
            session.execute("INSERT INTO pending (envelope, digest) VALUES (?, ?)", (entry.envelope, entry.digest))
    upgraded = open_store(place.url, home=place.home, create=True)
    assert bodies(upgraded) == [event(0), event(1)]
    assert upgraded.verify().ok
    with place.connect() as connection:
        assert postgresql_schema.described(postgresql_schema.objects(PostgresSession(connection))) == (
            postgresql_schema.EXPECTED.read_text()
        )


@pytest.mark.parametrize("places", [(2,), (1, 3), (-1,), (0, 1)])
def test_no_row_gets_another_place_than_the_next(place, store, places):
    """A statement that leaves a hole, goes before the first or writes over an entry is refused, whole."""
    store.append([spooled(0)])
    rows = ", ".join(f"({seq}, sha256('{seq}'), 'x', sha256('{seq}'))" for seq in places)
    with pytest.raises(psycopg.Error), place.connect() as connection:
        connection.execute(f"INSERT INTO log VALUES {rows}")
    assert store.verify().ok
    assert store.append([spooled(1)]).first_seq == 1


def test_what_waits_is_verified_too(place, store):
    """A pending event whose payload was changed or taken away is named."""
    ingested_only(store, [spooled(0), spooled(1)])
    with place.unguarded() as execute:
        execute("UPDATE payload SET body = nonce")
        execute("DELETE FROM payload WHERE ctid = (SELECT min(ctid) FROM payload)")
    assert [problem.table for problem in store.verify().problems] == ["pending", "pending"]


def test_two_sequencers_take_turns(place, store):
    """While one holds the lock another one waits; both leave one log, with the first one's events in front."""
    other = open_store(place.url, home=place.home)
    done = []
    with store._connection() as session, session.sequencing():
        ingested_only(other, [spooled(0)])
        second = threading.Thread(target=lambda: done.append(other.append([spooled(1)])))
        second.start()
        deadline = time.monotonic() + 10
        while not place.execute("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"):
            assert time.monotonic() < deadline
        assert done == []
        batch = postgresql.Batch(session, store._sign())
        batch.add(waiting(session))
        assert batch.finish() == 2
    second.join()
    assert (done[0].appended, done[0].first_seq, done[0].size) == (1, 1, 2)
    assert store.verify().ok


def _sequence_and_stop(place, gate):
    store = open_store(place.url, home=place.home)
    with store._connection() as session, session.sequencing():
        batch = postgresql.Batch(session, store._sign())
        batch.add(waiting(session))
        batch.finish()
        gate.set()
        time.sleep(600)


def test_a_sequencer_that_is_killed_leaves_its_work_to_the_next(place, store):
    """Everything it had moved is pending again, and the lock is free."""
    ingested_only(store, [spooled(number) for number in range(10)])
    gate = FORK.Event()
    child = FORK.Process(target=_sequence_and_stop, args=(place, gate))
    child.start()
    assert gate.wait(30)
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    assert store.append([spooled(10)]).size == 11
    assert bodies(store) == [event(number) for number in range(11)]
    assert store.verify().ok


def stand_still(session, other):
    waiting(session)
    assert other.append([spooled(1)]).size == 2
    session.execute("SELECT 1")


def test_a_sequencer_that_stands_still_does_not_stop_the_log(place, store, monkeypatch):
    """The server ends its transaction, and it learns that it stored nothing."""
    monkeypatch.setattr(postgresql, "IDLE_SECONDS", 1)
    ingested_only(store, [spooled(0)])
    with pytest.raises(StoreError, match="in use"), store._connection() as session, session.sequencing():
        stand_still(session, open_store(place.url, home=place.home))
    assert store.verify().ok


def test_a_server_that_dies_amid_batches_keeps_what_was_acknowledged(place, store, cluster):
    """Writers see an error of ours and try again; in the end each event is there once."""
    cluster.write_down()
    acknowledged, errors, enough = [], [], threading.Event()

    def work(first):
        handle = open_store(place.url, home=place.home)
        for number in range(first, first + 60):
            while True:
                try:
                    handle.append([spooled(number, f"{first:032x}"), foreign(10_000 + number)])
                    break
                except StoreError as error:
                    errors.append(error)
                    time.sleep(0.05)
            acknowledged.append(number)
            if len(acknowledged) == 40:
                enough.set()

    threads = [threading.Thread(target=work, args=(first,)) for first in (0, 100, 200)]
    for thread in threads:
        thread.start()
    assert enough.wait(60)
    cluster.kill()
    cluster.start()
    for thread in threads:
        thread.join()
    assert errors
    assert len(acknowledged) == 180
    expected = {event(number) for number in acknowledged} | {event(10_000 + number) for number in acknowledged}
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
    for statement in (
        "UPDATE orchestrail.log SET leaf = event_id",
        "DELETE FROM orchestrail.payload",
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
    """What waits for its place is not in it; the log that fell back signs nothing until that is on the record."""
    settings = Settings(home=place.home, store=place.url)
    store.append([spooled(0), foreign(1)])
    ingested_only(store, [spooled(2), foreign(3)])
    found = backup(settings, tmp_path / "copy.db")
    assert (found.ok, found.size) == (True, 2)
    store.append([spooled(4)])
    there = Settings(home=place.home, store=cluster.create(f"{place.database}_again"))
    restored = restore(there, tmp_path / "copy.db")
    assert (restored.verification.size, restored.behind.known_size) == (2, 5)
    with open_store(there.store, home=place.home) as again:
        with pytest.raises(StoreError, match="was not continued"):
            again.append([spooled(5)])
        recover(there, "The disk failed, and the copy was of the night before.", "operations")
        assert again.append([spooled(5)]).appended == 0  # it had been stored, and got its place with the recovery
        assert event(5) in bodies(again)
    assert verify(there).ok
