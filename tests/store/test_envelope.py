"""An envelope has one byte form, since the tree commits to its bytes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orchestrail.store.envelope import (
    Envelope,
    EnvelopeError,
    Unstamped,
    event_id,
    parse_envelope,
    timestamp,
    unstamped,
)

PLAIN = Envelope(
    kind="event",
    event_id="ab" * 32,
    source="spool",
    emitter="cd" * 16,
    counter=7,
    received_at="2026-03-01T12:00:00.000000Z",
    event_time=None,
    media_type="application/json",
    length=812,
    retention="default",
)
WRITTEN = PLAIN.to_bytes().decode()

spooled = st.tuples(st.text("0123456789abcdef", min_size=32, max_size=32), st.integers(1, 10**18))
moments = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))
envelopes = st.builds(
    lambda digest, source, origin, moment, claimed, length: PLAIN._replace(
        event_id=digest.hex(),
        source=source,
        emitter=origin[0],
        counter=origin[1],
        received_at=timestamp(moment),
        event_time=claimed,
        length=length,
    ),
    st.binary(min_size=32, max_size=32),
    st.text(max_size=60),
    spooled | st.just((None, None)),
    moments,
    st.none() | st.text(max_size=40),
    st.integers(0, 10**9),
)


@given(envelopes)
@example(PLAIN._replace(event_time="half of a pair: \ud800"))
@example(PLAIN._replace(counter=2**63))
def test_envelope_reads_back(envelope):
    """What was written is what is read, and there is no second way to write it."""
    data = envelope.to_bytes()
    assert parse_envelope(data) == envelope
    assert parse_envelope(data).to_bytes() == data


@given(envelopes, moments, st.sampled_from(["", '"received_at":"', ',"received_at":"', "\\"]))
def test_the_time_is_put_in_last(envelope, moment, within):
    """What is written without the time, or taken apart, gives with it the bytes of the envelope, whatever its texts are."""
    odd = envelope._replace(source=envelope.source + within, event_time=within, received_at=timestamp(moment))
    said = (odd.event_id, odd.source, odd.emitter, odd.counter, odd.event_time, odd.length)
    assert unstamped(*said) == Unstamped.of(envelope._replace(source=odd.source, event_time=within).to_bytes())
    assert unstamped(*said).at(odd.received_at.encode()) == odd.to_bytes()


@pytest.mark.parametrize(
    ("emitter", "counter"),
    [("CD" * 16, 7), ("cd" * 15, 7), ("cd" * 16, None), (None, 7), ("cd" * 16, 0), ("cd" * 16, True)],
)
def test_an_emitter_is_an_id_with_a_number(emitter, counter):
    """A sender says both, so both are looked at before anything is written."""
    with pytest.raises(EnvelopeError):
        unstamped("ab" * 32, "http", emitter, counter, None, 812)


def test_written_form_is_stable():
    """Leaves are never rewritten, so the bytes of version 1 must stay what they are."""
    assert WRITTEN == (
        '{"v":1,"kind":"event","event_id":"' + "ab" * 32 + '","source":"spool","emitter":"' + "cd" * 16 + '",'
        '"counter":7,"received_at":"2026-03-01T12:00:00.000000Z","event_time":null,'
        '"media_type":"application/json","length":812,"retention":"default"}'
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"v":1', '"v":2'),
        ('"v":1', '"v":1.0'),
        ('"v":1', '"v":true'),
        ('"v":1,', '"v": 1,'),
        ('"kind":"event"', '"kind":"other"'),
        ('"kind"', '"k\\u0069nd"'),
        ('"spool"', '"\\u0073pool"'),
        ('"spool"', '"sp\\/ool"'),
        ('"counter":7', '"counter":7.0'),
        ('"counter":7', '"counter":0'),
        ('"counter":7', '"counter":null'),
        ('"counter":7', '"counter":true'),
        ('"length":812', '"length":-1'),
        ('"length":812', '"length":"812"'),
        ('"length":812', '"length":8.12e2'),
        ('"retention":"default"', '"retention":"default","more":1'),
        ('"retention":"default"', '"retention":null'),
        ("00.000000Z", "00Z"),
        ("00.000000Z", "00.000000+00:00"),
        ("abab", "ABAB"),
        ('{"v":1,"kind":"event"', '{"kind":"event","v":1'),
        ('{"v":1,', '{"v":1,"v":1,'),
        ('"source":"spool"', '"source":{}'),
        ('"event_time":null', '"event_time":1'),
    ],
)
def test_other_forms_are_refused(old, new):
    """Another order, spelling, type or version of the same content is no envelope."""
    changed = WRITTEN.replace(old, new, 1)
    assert changed != WRITTEN
    with pytest.raises(EnvelopeError):
        parse_envelope(changed.encode())


@pytest.mark.parametrize("data", [b"", b"null", b"[]", b"{}", b"\xff", b"[" * 100_000, WRITTEN.encode() + b"\n"])
def test_other_bytes_are_refused(data):
    """Whatever was put in the place of an envelope is refused in the same way."""
    with pytest.raises(EnvelopeError):
        parse_envelope(data)


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_event_id_depends_on_the_nonce(nonce, body):
    """Without its nonce a guessed body cannot be confirmed."""
    assert event_id(nonce, body) != event_id(nonce + b"x", body)


def test_times_are_written_in_utc():
    """A time of another zone is written as the same moment in UTC."""
    moment = datetime(2026, 3, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    assert timestamp(moment) == "2026-02-28T23:30:00.000000Z"
