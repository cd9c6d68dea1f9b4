"""What a judgement depends on beside the facts: the day, and the limits that the recorded manifest sets. Pure values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrail.requirements.engine import Evaluator

MUTABLE = ("latest", "main", "master", "head", "production", "staging", "champion", "current", "stable", "dev")
"""Version names that say nothing about content: branches, aliases, stages."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Limits that the user sets in `[policy]`; the defaults are orchestrail's own.

    Attributes:
        grace_hours: how long a run may name a parent that is not recorded, before it counts as missing.
        max_run_age_days: how long a run may be open.
        mutable_versions: version names that do not pin a data set.
        retention_months: how long events are kept; None where nobody said it.
        max_anchor_age_days: how old the newest fixed point that somebody else holds may be.
        max_export_test_age_days: how old the last test of an export may be.
    """

    grace_hours: int = 24
    max_run_age_days: int = 7
    mutable_versions: tuple[str, ...] = MUTABLE
    retention_months: int | None = None
    max_anchor_age_days: int = 35
    max_export_test_age_days: int = 180

    def within(self, limits: Mapping[str, int]) -> Policy:
        """Give the policy with limits at least as tight as those that a catalogue names."""
        tighter: dict[str, Any] = {name: min(getattr(self, name), limit) for name, limit in limits.items()}
        return replace(self, **tighter)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What all units are judged by.

    Attributes:
        day: the UTC day of the judgement: ages and expiries are judged by its end.
        policy: limits.
        own: evaluators of checks that a file of the settings or a plugin adds (`orchestrail.requirements.own`).
        not_deterministic: systems of which the manifest says that their training is not deterministic.
    """

    day: date
    policy: Policy = field(default_factory=Policy)
    own: tuple[Evaluator, ...] = ()
    not_deterministic: frozenset[str] = frozenset()

    def older(self, moment: str | None, limit: timedelta) -> bool:
        """Say whether a time, RFC 3339 in UTC, lies more than a limit before the end of the day; an unknown time does not."""
        if moment is None:
            return False
        end = datetime.combine(self.day, datetime.min.time()) + timedelta(days=1)
        return end - datetime.fromisoformat(moment.rstrip("Z")) > limit
