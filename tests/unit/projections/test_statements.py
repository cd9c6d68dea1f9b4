"""What persons stated, whose signatures count, and what was withdrawn, read again from the log."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from orchestrail.projections import tables
from orchestrail.projections.statements import persons, statement
from orchestrail.projections.withdrawals import withdrawal

DIGEST = "sha256:" + "ab" * 32
STATED = {
    "kind": "statement",
    "about": ["DATA-02"],
    "subject": {"kind": "data", "name": "file:/raw", "digest": DIGEST},
    "by": "dana",
    "role": "data_steward",
    "madeAt": "2026-03-01T12:00:00.000000Z",
    "validUntil": "2027-03-01",
    "statement": "Collected by the branches in 2025.",
    "fields": [{"name": "origin", "value": "loan forms"}],
    "evidence": [],
    "signatures": [{"keyid": "k", "value": "ab" * 64}],
}
PERSONS = {
    "persons": [
        {"name": "dana", "roles": ["data_steward"], "keys": ["ssh-ed25519 AAAA"], "until": "2026-12-31"},
        {"name": "rob", "roles": ["risk_owner"], "keys": ["ssh-ed25519 BBBB"], "until": None},
    ]
}
WITHDRAWN = {
    "namespace": "file",
    "name": "/raw",
    "version": None,
    "digest": DIGEST,
    "withdrawnAt": "2026-03-01T13:00:00+01:00",
    "reason": "consent was taken back",
    "by": "dana",
}
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def changed(facet):
    return st.dictionaries(st.sampled_from(sorted(facet)), anything).map(lambda changes: facet | changes)


def test_what_was_stated_is_read_whole():
    """With its place in the log, the time of its append, and its signatures."""
    row = statement(STATED, 7, "2026-03-01T12:00:01.000000Z")
    assert (row.seq, row.content.by, row.content.valid_until) == (7, "dana", date(2027, 3, 1))
    assert [signed.keyid for signed in row.signatures] == ["k"]
    assert tables.statement_row(tables.statement_columns(row)) == row


def test_persons_are_read_with_their_keys():
    """In the order of their names; a last day where there is one."""
    row = persons(PERSONS, 3, "t")
    assert [(one.name, one.roles, one.until) for one in row.persons] == [
        ("dana", ("data_steward",), date(2026, 12, 31)),
        ("rob", ("risk_owner",), None),
    ]
    assert tables.persons_row(tables.persons_columns(row)) == row
    assert persons({"persons": []}, 3, "t").persons == ()


def test_a_withdrawal_is_read_in_utc():
    """Whatever zone it was told in."""
    row = withdrawal(WITHDRAWN, 5, "t")
    assert (row.digest, row.withdrawn_at, row.by) == (DIGEST, "2026-03-01T12:00:00.000000Z", "dana")
    assert tables.withdrawal_row(asdict(row)) == row


def test_a_withdrawal_of_other_bytes_is_none():
    """A digest that cannot be read does not become a withdrawal of everything of that name."""
    assert withdrawal(WITHDRAWN | {"digest": "sha256:12"}, 5, "t") is None


@given(changed(STATED), changed(PERSONS), changed(WITHDRAWN))
def test_any_facet_can_be_read(stated, known, withdrawn):
    """It is a row that comes out of its table as it went in, or no record."""
    for read, facet, columns, row in (
        (statement, stated, tables.statement_columns, tables.statement_row),
        (persons, known, tables.persons_columns, tables.persons_row),
        (withdrawal, withdrawn, asdict, tables.withdrawal_row),
    ):
        found = read(facet, 1, "t")
        assert found is None or row(columns(found)) == found
