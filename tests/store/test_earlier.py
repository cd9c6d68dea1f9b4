"""Logs that earlier versions have kept: today's code reads and verifies each, whatever its schema was."""

from __future__ import annotations

import gzip
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from orchestrail.errors import StoreError
from orchestrail.store import open_store, schema, verify_store
from orchestrail.testing.stores import quarantined, rewrite

KEPT = Path(__file__).parents[1] / "data" / "stores"


def laid_out(revision: str, home: Path) -> str:
    """Make a store of what was kept, in a home that pins its key; give its URL."""
    (home / "keys").mkdir(parents=True)
    (public,) = (KEPT / revision).glob("*.pub")
    shutil.copy(public, home / "keys")
    with closing(sqlite3.connect(home / "audit.db", isolation_level=None)) as connection:
        connection.executescript(gzip.decompress((KEPT / revision / "audit.sql.gz").read_bytes()).decode())
        connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        connection.execute("PRAGMA journal_mode = WAL")
    return f"sqlite:///{home / 'audit.db'}"


def test_a_log_of_each_schema_is_kept():
    """Who raises the schema keeps a log of it: `nox -s keep_store`."""
    assert sorted(path.name for path in KEPT.iterdir()) == sorted(schema.REVISIONS)


@pytest.mark.parametrize("revision", schema.REVISIONS)
def test_an_earlier_log_verifies(tmp_path, revision):
    """Brought to the newest schema, it has the root, the gaps and the quarantine that it had."""
    url = laid_out(revision, tmp_path)
    said = json.loads((KEPT / revision / "said.json").read_text())
    with open_store(url, home=tmp_path) as store:
        found = verify_store(url, tmp_path)
        assert found.problems == ()
        assert all("quarantine" in note for note in found.notes)
        assert (found.size, found.root_hash) == (said["size"], said["root_hash"])
        assert [[list(hole) for hole in gap.missing] for gap in store.gaps()] == said["gaps"]
        assert [(entry.id, entry.event_id is None) for entry in quarantined(store, resolved=True)] == [
            (1, True),
            (2, False),
        ]
        assert len([record for record in store.records() if record.body]) == said["size"]


@pytest.mark.parametrize("revision", schema.REVISIONS[:-1])
def test_the_room_that_an_earlier_log_took_is_given_back_on_request(tmp_path, revision):
    """As the guide says: what is freed stays in the file until SQLite is told to give it back, and the log is the same one then."""
    url = laid_out(revision, tmp_path)
    open_store(url, home=tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "audit.db")) as connection:
        (before,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute("VACUUM")
        (after,) = connection.execute("PRAGMA page_count").fetchone()
    assert after < before
    assert verify_store(url, tmp_path).ok


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("DELETE FROM payload WHERE rowid = 3", None),
        ("DELETE FROM log WHERE seq = 3", "damaged"),
        ("DELETE FROM log WHERE seq = 258", "damaged"),
        ("UPDATE log SET envelope = 'text' WHERE seq = 3", "damaged"),
        ("INSERT INTO payload VALUES (randomblob(32), randomblob(32), x'7b7d')", "damaged"),
    ],
)
@pytest.mark.parametrize("revision", ["0001", "0002"])
def test_an_upgrade_leaves_nothing_behind(tmp_path, revision, damage, told):
    """An event without an entry, or an entry that is none, stops it and stays; an event that is missing is missing afterwards."""
    url = laid_out(revision, tmp_path)
    with closing(sqlite3.connect(tmp_path / "audit.db", isolation_level=None)) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            if name.startswith(("log", "payload")):
                connection.execute(f"DROP TRIGGER {name}")
        connection.execute(damage)
        for name in ("log_insert", "log_update", "log_delete"):
            connection.execute(f"CREATE TRIGGER {name} BEFORE INSERT ON log BEGIN SELECT 1; END")
        before = connection.execute("SELECT * FROM payload ORDER BY event_id").fetchall()
    if told is None:
        open_store(url, home=tmp_path).close()
        assert [problem.what for problem in verify_store(url, tmp_path).problems] == ["its payload is missing"]
        return
    with pytest.raises(StoreError, match=told):
        open_store(url, home=tmp_path)
    with closing(sqlite3.connect(tmp_path / "audit.db")) as connection:
        assert connection.execute("SELECT * FROM payload ORDER BY event_id").fetchall() == before


@pytest.mark.parametrize("revision", schema.REVISIONS)
def test_a_change_in_an_earlier_log_is_found(tmp_path, revision):
    """Its checkpoints are still what it is held against."""
    url = laid_out(revision, tmp_path)
    open_store(url, home=tmp_path)
    with closing(sqlite3.connect(tmp_path / "audit.db")) as connection:
        connection.execute("DROP TRIGGER bundle_update")
        rewrite(connection.execute, lambda seq, payload: payload + b" " if seq == 7 else payload)
        connection.commit()
    problems = verify_store(url, tmp_path).problems
    assert ("bundle", "seq 7") in {(problem.table, problem.place) for problem in problems}
