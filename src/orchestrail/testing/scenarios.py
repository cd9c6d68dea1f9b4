"""What every adapter must hold, as data. How it is tried is `expectations`' matter; what a host cannot do, its adapter declares.

A scenario has a number of the table in the design and one name. Where a number has several sides (cached and skipped), each side
is an entry of its own, so that an adapter can declare a gap in one of them.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from orchestrail.model import Capability, Gap

__all__ = ["SCENARIOS", "Scenario", "gaps_by_scenario"]

_ALIKE = 0.75
"""From here on the name of a gap is taken for a misspelt scenario."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One thing that must hold for every adapter.

    Attributes:
        number: row of the table; several sides of one row share it.
        name: what a gap calls it.
        must_hold: what is checked beside the invariants that hold after every run.
        proves: capabilities that an adapter may state once this holds.
    """

    number: int
    name: str
    must_hold: str
    proves: frozenset[Capability] = frozenset()


_FACTS = frozenset({Capability.CODE_DIGEST, Capability.DATASET_VERSION, Capability.PARAMETERS, Capability.ENVIRONMENT})

SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        1,
        "success",
        "START and COMPLETE; inputs and outputs named exactly, by digest; code, parameters and environment stated",
        _FACTS,
    ),
    Scenario(2, "failure", "FAIL with the error; the host sees its own exception, same type, text and exit status"),
    Scenario(
        3,
        "retry",
        "one run per attempt, numbered, each naming the one before, same job; the last decides",
        frozenset({Capability.ATTEMPTS}),
    ),
    Scenario(4, "mapped", "N runs with N ids, one job name and a common parent"),
    Scenario(5, "nested", "parent and root run are right at depth 3"),
    Scenario(
        6,
        "cached",
        "no invented COMPLETE with fresh lineage: the run says that it is cached, and from which run",
        frozenset({Capability.CACHE_ORIGIN}),
    ),
    Scenario(
        6,
        "skipped",
        "a task that the host does not begin has one event that says so, and no start",
        frozenset({Capability.SKIPS}),
    ),
    Scenario(7, "asynchronous", "coroutines interleaved; what each wrote is its own"),
    Scenario(8, "threads", "tasks at once in threads; what each wrote is its own, no event is lost"),
    Scenario(8, "processes", "tasks at once in processes; what each wrote is its own, no event is lost"),
    Scenario(9, "cancelled", "a run that is stopped from inside or outside ends as ABORT"),
    Scenario(9, "timed_out", "a run that took too long ends as ABORT"),
    Scenario(
        9,
        "changed_by_hand",
        "an end that a person gave a run is on the record, marked as such",
        frozenset({Capability.MANUAL_CHANGES}),
    ),
    Scenario(10, "killed", "START is on disk; a later sweep closes it as ABORT, marked as concluded"),
    Scenario(
        11,
        "sink_down",
        "where the server never answers, the host opens no connection and ends as ever; later every event is there once",
    ),
    Scenario(
        12, "secrets", "planted secrets (arguments, environment, exception text, URLs, file names) in no stored byte"
    ),
    Scenario(13, "requirement_recorded", "in mode record a missing fact is on the record, and the host runs on"),
    Scenario(13, "requirement_enforced", "in mode enforce the run is refused before user code ran"),
    Scenario(14, "full_disk", "a full disk changes nothing for the host; `doctor` tells"),
    Scenario(
        14, "lost_spool", "a spool that is deleted while the run writes changes nothing for the host; `doctor` tells"
    ),
    Scenario(
        14, "raising_hook", "a plugin whose hooks raise changes nothing for the host and no event; `doctor` tells"
    ),
    Scenario(14, "bad_settings", "settings that cannot be used change nothing for the host; `doctor` tells"),
    Scenario(15, "installed_twice", "installed and applied twice, every event is there once"),
    Scenario(15, "uninstalled", "uninstalled, nothing more is recorded and the host is as it was found"),
    Scenario(
        16, "unchanged", "output, return value, names and exit status equal those without the adapter; no line of ours"
    ),
)


def gaps_by_scenario(gaps: Iterable[Gap]) -> dict[str, Gap]:
    """Sort out the gaps that name a scenario; others are about something that the kit does not try.

    Raises:
        ValueError: a gap has nearly the name of a scenario, or two gaps have one name.
    """
    names = {scenario.name for scenario in SCENARIOS}
    found: dict[str, Gap] = {}
    for gap in gaps:
        if gap.name in names:
            if gap.name in found:
                raise ValueError(f"The gap {gap.name} is declared twice.")
            found[gap.name] = gap
        elif meant := difflib.get_close_matches(gap.name, names, n=1, cutoff=_ALIKE):
            raise ValueError(f"The gap {gap.name} names no scenario. {meant[0]} does.")
    return found
