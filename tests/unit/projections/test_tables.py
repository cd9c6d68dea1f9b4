"""The tables and the version of them that a store writes down."""

from __future__ import annotations

import re
from hashlib import sha256

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from orchestrail.projections import tables

KNOWN = ("37", "d1d7f6ee5572b273")


def made_of():
    """Give a digest of what is made in an empty store, on both engines."""
    said = []
    for dialect in (sqlite.dialect(), postgresql.dialect()):
        for table in tables.metadata.sorted_tables:
            said.append(str(CreateTable(table).compile(dialect=dialect)))
            indexes = sorted(table.indexes, key=lambda index: str(index.name))
            said += [str(CreateIndex(index).compile(dialect=dialect)) for index in indexes]
    return sha256(" ".join(" ".join(said).split()).encode()).hexdigest()[:16]


def test_other_tables_are_of_another_version():
    """A store of the version before keeps its tables, and answers wrongly or not at all, unless the version rises with them."""
    now = tables.VERSION, made_of()
    if now[1] != KNOWN[1]:
        assert now[0] != KNOWN[0], "the tables changed: raise orchestrail.projections.tables.VERSION"
    assert now == KNOWN, f"write here what there is now: KNOWN = {now}"


def test_what_postgresql_finds_by_its_beginning_is_asked_for_by_it():
    """Each column of such an index, or the index would never be used."""
    indexes = [CreateIndex(index) for table in tables.metadata.sorted_tables for index in table.indexes]
    statements = "\n".join(str(each.compile(dialect=postgresql.dialect())) for each in indexes)
    texts = re.findall(r" ON (\w+) \(left\((\w+), 250\)\)", statements)
    assert len(texts) > 10
    for name, column in texts:
        table = tables.metadata.tables[name]
        query = select(table).where(table.c[column] == "x")
        assert f"left({name}.{column}, 250) = " in str(query.compile(dialect=postgresql.dialect()))
