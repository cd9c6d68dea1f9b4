"""The schema: its versions, and that it is the same however a store came to it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from orchestrail.errors import StoreError
from orchestrail.store import open_store, schema
from orchestrail.store.sqlite import verify_file


def test_revisions_are_those_of_the_migrations():
    """The list that opening goes by is the chain that alembic would run."""
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
    chain = ScriptDirectory.from_config(config).walk_revisions()
    assert tuple(script.revision for script in chain)[::-1] == schema.REVISIONS


def test_migrating_twice_changes_nothing():
    """A database that is up to date stays as it is."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        schema.migrate(connection)
        once = list(connection.iterdump())
        schema.migrate(connection)
        assert list(connection.iterdump()) == once
        assert schema.version(connection) == schema.HEAD


def test_a_failed_migration_leaves_nothing(monkeypatch):
    """A migration is one transaction."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE quarantine (in_the_way)")
        with pytest.raises(Exception, match="already exists"):
            schema.migrate(connection)
        assert [name for _, name in schema.objects(connection)] == ["quarantine"]


def test_verification_names_an_older_schema(store):
    """Verification never migrates: a store of an older schema is left for a writing command."""
    with closing(sqlite3.connect(store.path, isolation_level=None)) as connection:
        connection.execute("DELETE FROM alembic_version")
    before = store.path.read_bytes()
    found = verify_file(store.path, store.home)
    assert [problem.table for problem in found.problems] == ["schema"]
    assert store.path.read_bytes() == before


def test_a_store_of_an_older_schema_is_named(store, monkeypatch):
    """Where the newest schema is a later one, verification says which command brings the store there."""
    monkeypatch.setattr(schema, "REVISIONS", (*schema.REVISIONS, "9999"))
    monkeypatch.setattr(schema, "HEAD", "9999")
    with pytest.raises(StoreError, match="older schema"):
        verify_file(store.path, store.home)


def test_an_older_store_is_migrated_when_it_is_opened(store, monkeypatch):
    """Opening runs alembic only where the revision in the file is not the newest."""
    ran = []
    monkeypatch.setattr(schema, "migrate", ran.append)
    url = f"sqlite:///{store.path}"
    open_store(url, home=store.home)
    assert ran == []
    monkeypatch.setattr(schema, "REVISIONS", (*schema.REVISIONS, "9999"))
    monkeypatch.setattr(schema, "HEAD", "9999")
    open_store(url, home=store.home)
    assert len(ran) == 1
