"""From the record to the verdicts about a scope: each unit is loaded once, and judged by all requirements of its kind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator

from orchestrail.queries.scopes import Scope
from orchestrail.queries.snapshot import Snapshot
from orchestrail.requirements import checks as _registered  # noqa: F401 - importing them registers them
from orchestrail.requirements.circumstances import Circumstances
from orchestrail.requirements.engine import EVALUATORS, outcome, verdict
from orchestrail.requirements.units import UNITS
from orchestrail.requirements.verdicts import Outcome, Verdict


def judge(
    record: Snapshot, scope: Scope, requirements: Collection[str], circumstances: Circumstances
) -> Iterator[Verdict]:
    """Give the verdict of each requirement, in their order.

    Args:
        record: a snapshot of the store.
        scope: what is judged.
        requirements: ids in the catalogue; one that nothing evaluates is unknown.
        circumstances: the day and the limits.
    """
    found: dict[str, list[Outcome]] = defaultdict(list)
    for kind, load in UNITS.items():
        evaluators = [each for each in EVALUATORS if each.of is kind and each.requirement in requirements]
        if not evaluators:
            continue
        for unit in load(record, scope):
            for each in evaluators:
                made = outcome(each, unit, circumstances)
                if made.counts:
                    found[each.requirement].append(made)
    for requirement in requirements:
        yield verdict(requirement, found[requirement])
