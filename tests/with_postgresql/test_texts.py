"""Texts by which rows are found, of any length, on both engines; and what one more row costs."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    create_engine,
    delete,
    insert,
    select,
)

from orchestrail.projections import tables
from orchestrail.projections.texts import SOUGHT
from orchestrail.store import open_store

held = Table("held", MetaData(), Column("number", Integer, primary_key=True), Column("text", SOUGHT))
again = held.alias()

SAME = "s" * 249
TEXTS = st.sampled_from(
    ["", "a", "A", SAME, f"{SAME}é", f"{SAME}s", f"{SAME}st", f"{SAME}sth", f"{SAME}st" + "h" * 9000]
)
"""Texts about as long as an index holds of them, which differ behind that, if at all."""


@pytest.fixture
def engines(place):
    url = place.url.replace("postgresql://", "postgresql+psycopg://")
    made = [create_engine("sqlite://"), create_engine(url)]
    for each in made:
        held.metadata.create_all(each)
    yield made
    for each in made:
        each.dispose()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(TEXTS | st.none(), max_size=8), TEXTS, st.lists(TEXTS, max_size=4))
def test_a_text_is_found_whatever_its_length(engines, texts, one, some):
    """By itself, among others and beside its like, on both engines as in memory; what is none is found by nothing."""
    numbered = dict(enumerate(texts))
    right = {
        "is": {number for number, text in numbered.items() if text == one},
        "is not": {number for number, text in numbered.items() if text is not None and text != one},
        "is one of": {number for number, text in numbered.items() if text in some},
        "either": {number for number, text in numbered.items() if text in (one, "a")},
        "like": {
            (a, b) for a, first in numbered.items() for b, second in numbered.items() if first == second is not None
        },
    }
    asked = {
        "is": select(held.c.number).where(held.c.text == one),
        "is not": select(held.c.number).where(~(held.c.text == one)),
        "is one of": select(held.c.number).where(held.c.text.in_(some)),
        "either": select(held.c.number).where((held.c.text == one) | (held.c.text == "a")),
        "like": select(held.c.number, again.c.number).where(held.c.text == again.c.text),
    }
    for engine in engines:
        with engine.connect() as connection:
            connection.execute(delete(held))
            if numbered:
                connection.execute(
                    insert(held), [{"number": number, "text": text} for number, text in numbered.items()]
                )
            for name, query in asked.items():
                rows = connection.execute(query)
                found = {tuple(row) for row in rows} if name == "like" else set(rows.scalars())
                assert found == right[name], (engine.name, name)
            connection.rollback()


def like_all_others(table, first, last):
    """Give a statement for rows that are alike in all but what tells them apart."""
    values = {
        column.name: "number" if isinstance(column.type, Integer | BigInteger)
        else "true" if isinstance(column.type, Boolean)
        else "0" if isinstance(column.type, Float)
        else "''::bytea" if isinstance(getattr(column.type, "impl", column.type), LargeBinary)
        else "number::text" if column.primary_key
        else "'same'"
        for column in table.columns
    }  # fmt: skip
    return (
        f"INSERT INTO {table.name} ({', '.join(values)}) SELECT {', '.join(values.values())}"
        f" FROM generate_series({first}, {last}) AS number"
    )


def pages(connection, statement):
    """Count the pages that the server looks at for a statement."""
    ((told,),) = connection.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}")
    return sum(told[0]["Plan"][f"Shared {word} Blocks"] for word in ("Hit", "Read", "Dirtied"))


def test_one_more_row_costs_what_the_first_ones_did(place):
    """However many there are that have the same name, kind or system."""
    with open_store(place.url, home=place.home, create=True) as store, store.project() as connection:
        tables.metadata.create_all(connection)
    dearer = {}
    with place.connect() as connection:
        for table in tables.metadata.sorted_tables:
            connection.execute(like_all_others(table, 1, 1000))
            pages(connection, like_all_others(table, 1001, 1001))  # what is looked up once is known then
            before = pages(connection, like_all_others(table, 1002, 1002))
            connection.execute(like_all_others(table, 2000, 22_000))
            after = pages(connection, like_all_others(table, 30_000, 30_000))
            if after > before + 2 * len(table.indexes) + 4:  # a level more of each, and a page that was full
                dearer[table.name] = before, after
    assert dearer == {}
