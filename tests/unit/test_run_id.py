"""Run IDs: equal to OpenLineage's where they must be, the same in every process."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openlineage.client.uuid import generate_static_uuid

from orchestrail.run_id import attempt_run_id, new_run_id, static_run_id

instants = st.datetimes(datetime(1970, 1, 2), datetime(2500, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC))


@given(instants, st.binary(max_size=200))
def test_static_ids_equal_those_of_openlineage(instant: datetime, data: bytes) -> None:
    """The formula written again gives what openlineage-python gives."""
    assert static_run_id(instant, data) == str(generate_static_uuid(instant, data))


@given(instants, st.binary(max_size=20), st.integers(-14, 14))
def test_the_zone_of_the_instant_does_not_matter(instant: datetime, data: bytes, hours: int) -> None:
    """The same moment gives the same id, however it is written."""
    elsewhere = instant.astimezone(timezone(timedelta(hours=hours)))
    assert static_run_id(elsewhere, data) == static_run_id(instant, data)


@given(st.uuids(), st.integers(2, 50), st.integers(2, 50))
def test_attempts_have_ids_of_their_own(native: UUID, one: int, other: int) -> None:
    """The first attempt has the native id; later ones differ from it and from each other, and never change."""
    assert attempt_run_id(str(native), 1) == str(native)
    first, second = attempt_run_id(str(native), one), attempt_run_id(str(native), other)
    assert (first == second) == (one == other)
    assert str(native) not in (first, second)
    assert UUID(first).version == 7


def test_a_later_attempt_keeps_the_time_of_a_native_uuid7() -> None:
    """Attempts of one run stay together when sorted."""
    native = new_run_id()
    assert attempt_run_id(native, 2)[:13] == native[:13]


@pytest.mark.parametrize(("native", "attempt"), [("no-uuid", 1), ("0" * 32, 0)])
def test_nonsense_is_refused(native: str, attempt: int) -> None:
    """A native id that is no UUID, or an attempt below 1, is an error and never an id."""
    with pytest.raises(ValueError):
        attempt_run_id(native, attempt)


def test_new_ids_differ() -> None:
    """A thousand new ids are a thousand ids, of version 7."""
    ids = {new_run_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert {UUID(run_id).version for run_id in ids} == {7}
