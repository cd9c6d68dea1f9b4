"""Texts that are held packed."""

from __future__ import annotations

import json
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, MetaData, Table, create_engine, insert, select

from orchestrail.projections.fold import fold, stored_event
from orchestrail.projections.packing import USUAL_FACTS, USUAL_RESULTS, Packed
from orchestrail.projections.tables import run_columns


def read_back(*texts, raw=None, usual=USUAL_FACTS):
    """Write texts as any table does, and give what is read, and what lies there."""
    kept = Table("kept", MetaData(), Column("text", Packed(usual)))
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        kept.create(connection)
        for text in texts:
            connection.execute(insert(kept), {"text": text})
        if raw is not None:
            connection.exec_driver_sql("INSERT INTO kept VALUES (?)", (raw,))
        lying = connection.exec_driver_sql("SELECT text FROM kept").scalars().all()
        return connection.execute(select(kept.c.text)).scalars().all(), lying


@given(st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"])), max_size=5))
def test_texts_come_back_as_they_were(texts):
    """Whatever they are."""
    assert read_back(*texts)[0] == texts


def test_what_is_usual_of_a_run_takes_little(made):
    """A fifth of it, as most of it is the same for all runs."""
    step = {"role": "preprocess", "operation": "impute", "version": "1.0.0"}
    facts = run_columns(fold([stored_event(0, made.body(made.event("COMPLETE", 1, orchestrail_step=step)))]))["facts"]
    _, (lying,) = read_back(facts)
    assert len(lying) * 5 < len(facts)


def test_what_is_usual_of_a_unit_takes_little():
    """A quarter of it, likewise."""
    run = "01a217b8-1a60-7345-b04c-7df995a3f0d1"
    witness = {"run_id": run, "sequence": 41, "field": "state", "detail": "RUNNING"}
    said = {
        "subject": run,
        "status": "unknown",
        "reason": "it has not ended yet",
        "why": "not_evaluated",
        "label": "load",
    }
    text = json.dumps([said | {"witnesses": [witness]}], separators=(",", ":"))
    _, (lying,) = read_back(text, usual=USUAL_RESULTS)
    assert len(lying) * 4 < len(text)


@given(st.binary(max_size=40) | st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.integers(0, 9))
def test_what_nobody_packed_is_no_document(raw):
    """Whoever wrote it there by hand: it can be compared, and nothing takes it for facts."""
    (text,), _ = read_back(raw=raw)
    with suppress(ValueError):
        assert not isinstance(json.loads(text), dict)
