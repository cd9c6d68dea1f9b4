"""What persons stated, and what has become of it."""

from __future__ import annotations

from datetime import date

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from orchestrail.errors import AmbiguousRun, NotRecorded
from orchestrail.queries.statements import SignatureState, State, digest_of_end, find_statement, statements
from orchestrail.statements.content import content_of
from orchestrail.statements.signatures import public_line, sign

DANA, ROB = (Ed25519PrivateKey.from_private_bytes(bytes([number] * 32)) for number in (1, 2))
DAY = date(2026, 3, 2)


def persons(made, **changes):
    dana = {"name": "dana", "roles": ["data_steward"], "keys": [public_line(DANA)], "until": None} | changes
    rob = {"name": "rob", "roles": ["risk_owner"], "keys": [public_line(ROB)], "until": None}
    return made.record("orchestrail_persons", persons=[dana, rob])


def said(made, *keys, digest="raw", **changes):
    """A statement about /raw, signed with these keys."""
    facet = {
        "kind": "statement",
        "about": ["DATA-02"],
        "subject": {"kind": "data", "name": "file:/raw", "digest": made.digest(digest)},
        "by": "dana",
        "role": "data_steward",
        "madeAt": made.at(10),
        "validUntil": "2027-03-01",
        "statement": "Collected by the branches in 2025.",
    } | changes
    content = content_of(facet)
    signed = [sign(content, key) for key in keys]
    listed = [{"keyid": one.keyid, "value": one.value} for one in signed]
    return made.record("orchestrail_statement", **content.document(), signatures=listed), content.id


def reading(made, content="raw"):
    return made.event("COMPLETE", 1, inputs=[made.dataset("/raw", content)])


def withdrawal(made, of, *keys, **changes):
    return said(
        made, *keys, kind="withdrawal_of_statement", about=[], withdraws=of, reason="The forms were of 2023.", **changes
    )[0]


@pytest.fixture
def stated(recorded):
    """Record events and list the statements, on a day."""

    def ask(*events, day=DAY, **which):
        return statements(recorded(*events), day, **which)

    return ask


def test_an_unsigned_statement_stands_and_says_so(made, stated):
    """For the content that it is bound to."""
    (one,) = stated(reading(made), said(made)[0])
    assert (one.state, one.signature_state, one.signed_by) == (State.VALID, SignatureState.UNSIGNED, None)
    assert one.on_record


def test_a_signature_of_the_person_counts(made, stated):
    """The keys that are on the record decide, also where they came there later."""
    (one,) = stated(reading(made), said(made, DANA)[0], persons(made))
    assert (one.state, one.signature_state, one.signed_by) == (State.VALID, SignatureState.SIGNED, "dana")


def test_a_key_that_nobody_vouches_for_is_as_good_as_none(made, stated):
    """It is told apart from no signature."""
    (one,) = stated(reading(made), said(made, DANA)[0])
    assert (one.state, one.signature_state) == (State.VALID, SignatureState.UNKNOWN_KEY)


@pytest.mark.parametrize(
    ("keys", "changes", "person", "signature"),
    [
        ([ROB], {}, {}, SignatureState.ANOTHER_PERSON),
        ([DANA], {"role": "risk_owner"}, {}, SignatureState.ANOTHER_ROLE),
        ([DANA], {}, {"until": "2025-12-31"}, SignatureState.ENDED),
    ],
)
def test_a_signature_that_does_not_fit_refuses_the_statement(made, stated, keys, changes, person, signature):
    """Somebody else's, one in a role that the person has not, one after the person's last day."""
    (one,) = stated(reading(made), persons(made, **person), said(made, *keys, **changes)[0])
    assert (one.state, one.signature_state) == (State.REFUSED, signature)
    assert one.why


def test_a_signature_over_something_else_refuses_the_statement(made, stated):
    """It names a known key, and is not by it."""
    event, _ = said(made, DANA)
    event["job"]["facets"]["orchestrail_statement"]["statement"] = "Collected by somebody, somewhere, once."
    (one,) = stated(reading(made), persons(made), event)
    assert (one.state, one.signature_state) == (State.REFUSED, SignatureState.INVALID)


def test_the_newest_persons_count(made, stated):
    """Who is left out of them signs no more."""
    without = made.record("orchestrail_persons", persons=[])
    (one,) = stated(reading(made), persons(made), said(made, DANA)[0], without)
    assert one.signature_state is SignatureState.UNKNOWN_KEY


def test_a_statement_goes_stale_with_its_subject(made, stated):
    """It names the content that is there now, and goes on standing for its own."""
    (one,) = stated(reading(made), said(made)[0], made.event("COMPLETE", 2, inputs=[made.dataset("/raw", "new")]))
    assert (one.state, one.digest_now) == (State.STALE, made.digest("new"))
    assert one.stands


def test_a_statement_about_a_run_goes_stale_with_its_end(made, stated, recorded):
    """It is bound to the event that ended the run."""
    store = recorded(made.event("START", 1), made.event("COMPLETE", 1))
    subject = {"kind": "run", "name": made.run_id(1), "digest": digest_of_end(store, made.run_id(1))}
    about = said(made, about=["DOC-04"], role="test_responsible", subject=subject)[0]
    (one,) = stated(made.event("START", 1), made.event("COMPLETE", 1), about)
    assert (one.state, one.on_record) == (State.VALID, True)
    later = made.event("FAIL", 1, second=9)
    (one,) = stated(made.event("START", 1), made.event("COMPLETE", 1), about, later)
    assert one.state is State.STALE


def test_a_statement_has_its_days(made, stated):
    """Not before it was made, and not after its last day."""
    states = [
        stated(said(made)[0], day=day)[0].state
        for day in (date(2026, 2, 28), date(2026, 3, 1), date(2027, 3, 1), date(2027, 3, 2))
    ]
    assert states == [State.NOT_YET, State.VALID, State.VALID, State.EXPIRED]


def test_what_is_not_on_the_record_is_marked(made, stated):
    """A digest alone can be stated about."""
    (one,) = stated(said(made, digest="never seen")[0])
    assert (one.state, one.on_record) == (State.VALID, False)


def test_contradicting_statements_are_both_given(made, stated):
    """Nothing here decides which is right."""
    other, _ = said(made, by="rob", statement="Bought from a broker in 2019.")
    assert [one.state for one in stated(reading(made), said(made)[0], other)] == [State.VALID] * 2


def test_a_statement_is_superseded_by_its_own_role(made, stated):
    """A stranger in another role supersedes nothing."""
    first, first_id = said(made)
    strange, _ = said(made, by="rob", role="risk_owner", supersedes=first_id)
    assert [one.state for one in stated(reading(made), first, strange)] == [State.VALID] * 2
    second, second_id = said(made, supersedes=first_id, madeAt=made.at(20))
    states = stated(reading(made), first, second)
    assert [one.state for one in states] == [State.SUPERSEDED, State.VALID]
    assert states[0].by_id == second_id


def test_a_statement_is_withdrawn_with_a_reason(made, stated):
    """From the day on which it was."""
    first, first_id = said(made)
    events = reading(made), first, withdrawal(made, first_id, madeAt=made.at(24 * 3600))
    assert stated(*events, day=date(2026, 3, 1))[0].state is State.VALID
    found = stated(*events)[0]
    assert (found.state, found.why) == (State.WITHDRAWN, "The forms were of 2023.")


def test_an_unsigned_word_displaces_no_signed_one(made, stated):
    """Whoever can write the record cannot take back what a person signed."""
    first, first_id = said(made, DANA)
    events = reading(made), persons(made), first
    assert stated(*events, withdrawal(made, first_id))[0].state is State.VALID
    assert stated(*events, withdrawal(made, first_id, ROB))[0].state is State.VALID
    assert stated(*events, withdrawal(made, first_id, DANA))[0].state is State.WITHDRAWN


def test_a_signature_may_follow(made, stated):
    """The same content again, now signed, is the same statement with a signature."""
    (one,) = stated(reading(made), persons(made), said(made)[0], said(made, DANA)[0], said(made)[0])
    assert (one.seq, one.signature_state) == (2, SignatureState.SIGNED)


def test_statements_are_asked_for_by_requirement_and_content(made, stated):
    """Either, or both."""
    events = [said(made)[0], said(made, digest="other")[0], said(made, about=["DATA-03", "IV(2)(g)"])[0]]
    assert len(stated(*events, about="DATA-02")) == 2
    assert len(stated(*events, digest=made.digest("raw"))) == 2
    assert len(stated(*events, about="IV(2)(g)", digest=made.digest("raw"))) == 1


def test_a_statement_is_found_by_the_beginning_of_its_id(made, recorded):
    """Not by one that fits several, or none."""
    first, first_id = said(made)
    store = recorded(first, said(made, by="rob")[0])
    assert find_statement(store, DAY, first_id[7:15].upper()).id == first_id
    with pytest.raises(AmbiguousRun):
        find_statement(store, DAY, "")
    with pytest.raises(NotRecorded):
        find_statement(store, DAY, "ffffffffffff")
