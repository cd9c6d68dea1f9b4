"""Records of our own among the entries of the log."""

from __future__ import annotations

import pytest

from orchestrail.projections import tables
from orchestrail.projections.records import KINDS, records_in
from orchestrail.store.base import Record


def entry(made, event, seq=7):
    return Record(seq, "0" * 64, made.at(301), None if event is None else made.body(event))


def test_a_record_is_kept_in_the_table_of_its_kind(made):
    """With the place in the log of the entry that it is."""
    (kept,) = records_in(entry(made, made.reconciliation("airflow")))
    assert kept.table is tables.reconciliation
    assert kept.key == (7,)
    assert kept.columns["orchestrator"] == "airflow"


def test_only_our_own_event_is_a_record(made):
    """Not another producer's, not an erased one, not one about something else or with a facet that is none."""
    broken = made.reconciliation()
    broken["job"]["facets"] = {kind.facet: ["no", "facet"] for kind in KINDS}
    for event in (made.reconciliation(producer=made.AIRFLOW), None, made.event("START", 1), broken, ["no event"]):
        assert list(records_in(entry(made, event))) == []


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.facet)
def test_an_empty_facet_is_no_record(made, kind):
    """What says nothing is not taken for something."""
    assert kind.read({}, 0, made.at(0)) is None
