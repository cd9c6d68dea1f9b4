"""What a judgement depends on beside runs: the day, what persons stated, the manifest with its limits, the store. Pure values."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from orchestrail.queries.manifests import Manifest, ManifestRow, StatedPolicy
from orchestrail.queries.record import StoreFacts
from orchestrail.queries.statements import Statement

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

    @classmethod
    def of(cls, stated: StatedPolicy) -> Policy:
        """Give the limits that somebody stated, and the defaults for the others."""
        said = {each.name: getattr(stated, each.name) for each in fields(cls)}
        return cls(**{name: value for name, value in said.items() if value is not None})

    def within(self, limits: Mapping[str, int]) -> Policy:
        """Give the policy with limits at least as tight as those that a catalogue names."""
        tighter: dict[str, Any] = {name: min(getattr(self, name), limit) for name, limit in limits.items()}
        return replace(self, **tighter)


@dataclass(frozen=True)
class Circumstances:
    """What all units are judged by.

    Attributes:
        day: the UTC day of the judgement: ages and expiries are judged by its end.
        recorded: the manifest in force; None where none is on the record.
        statements: all that persons stated, each with its state on that day.
        roles: by requirement, in which roles something may be stated about it; one that is not in it takes any.
        store: what the store knows of itself; None where nobody asked it.
        limits: those of the catalogue: the policy is at least as tight.
        own: evaluators of checks that a file of the settings or a plugin adds (`orchestrail.requirements.own`).
        limited: who asks may see some systems alone: see `orchestrail.requirements.limits`.
    """

    day: date
    recorded: ManifestRow | None = None
    statements: tuple[Statement, ...] = ()
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    store: StoreFacts | None = None
    limits: Mapping[str, int] = field(default_factory=dict)
    own: tuple[Evaluator, ...] = ()
    limited: bool = False

    @cached_property
    def manifest(self) -> Manifest:
        """What people state about their systems; nothing where no manifest is on the record."""
        return self.recorded.manifest if self.recorded is not None else Manifest()

    @cached_property
    def policy(self) -> Policy:
        """The limits."""
        return Policy.of(self.manifest.policy).within(self.limits)

    @cached_property
    def about(self) -> Mapping[str, tuple[Statement, ...]]:
        """What was stated by requirement or point of Annex IV, the newest last."""
        found: dict[str, list[Statement]] = defaultdict(list)
        for one in self.statements:
            for name in one.about:
                found[name].append(one)
        return {name: tuple(listed) for name, listed in found.items()}

    @property
    def identity(self) -> str:
        """Names all of this that outcomes may be kept by: which statements are in which state, and the manifest."""
        stated = [(one.id, one.state, one.signature_state) for one in self.statements]
        said = [stated, self.recorded.digest if self.recorded is not None else None]
        return sha256(json.dumps(said).encode()).hexdigest()

    @property
    def end_of_day(self) -> str:
        """The last moment of the day, RFC 3339 in UTC."""
        return f"{self.day.isoformat()}T23:59:59.999999Z"

    def older(self, moment: str | None, limit: timedelta) -> bool:
        """Say whether a time, RFC 3339 in UTC, lies more than a limit before the end of the day; an unknown time does not."""
        if moment is None:
            return False
        begun = datetime.combine(
            self.day, datetime.min.time()
        )  # the last day of the calendar has an end, but no day behind it
        return begun - datetime.fromisoformat(moment.rstrip("Z")) > limit - timedelta(days=1)
