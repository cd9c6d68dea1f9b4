"""Times of questions: the form in which the tables hold them, and the day of a judgement. No clock is read but for that day."""

from __future__ import annotations

from datetime import UTC, date, datetime

from orchestrail.errors import ConfigurationError


def utc(moment: datetime) -> str:
    """Write a moment as the tables do.

    Raises:
        ConfigurationError: it names no zone, or is out of range in UTC.
    """
    if moment.tzinfo is None:
        raise unusable(moment.isoformat(), "It names no time zone.")
    try:
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")
    except OverflowError:
        raise unusable(moment.isoformat(), "It is out of range.") from None


def unusable(given: str, why: str) -> ConfigurationError:
    """Say that a time cannot be used."""
    return ConfigurationError(
        f"The time {given!r} cannot be used.", why, "Write 2026-03-01T12:00:00Z, 2026-03-01T12:00+01:00, 2h or 7d."
    )


def today() -> date:
    """Give the day of a judgement that names none, in UTC."""
    return datetime.now(UTC).date()
