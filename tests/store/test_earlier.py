"""Logs that earlier versions have kept: today's code reads and verifies each, whatever its schema was."""

from __future__ import annotations

import gzip
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from orchestrail.store import open_store, schema, verify_store

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
        assert (found.problems, found.notes) == ((), ())
        assert (found.size, found.root_hash) == (said["size"], said["root_hash"])
        assert [[list(hole) for hole in gap.missing] for gap in store.gaps()] == said["gaps"]
        assert [(entry.id, entry.event_id is None) for entry in store.quarantined(resolved=True)] == [
            (1, True),
            (2, False),
        ]
        assert len([record for record in store.records() if record.body]) == said["size"]


@pytest.mark.parametrize("revision", schema.REVISIONS)
def test_a_change_in_an_earlier_log_is_found(tmp_path, revision):
    """Its checkpoints are still what it is held against."""
    url = laid_out(revision, tmp_path)
    open_store(url, home=tmp_path)
    with closing(sqlite3.connect(tmp_path / "audit.db")) as connection:
        connection.execute("DROP TRIGGER payload_update")
        connection.execute(
            "UPDATE payload SET body = body || ' ' WHERE event_id = (SELECT event_id FROM log WHERE seq = 7)"
        )
        connection.commit()
    problems = verify_store(url, tmp_path).problems
    assert ("payload", "seq 7") in {(problem.table, problem.place) for problem in problems}
