"""From the record to the verdicts about a scope: each unit is loaded once, and judged by all requirements of its kind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from datetime import date

from orchestrail.queries.manifests import manifest_in_force
from orchestrail.queries.record import StoreFacts
from orchestrail.queries.scopes import Scope
from orchestrail.queries.snapshot import Progress, Snapshot, is_whole
from orchestrail.queries.statements import statements
from orchestrail.requirements import checks as _registered  # noqa: F401 - importing them registers them
from orchestrail.requirements import limits, own
from orchestrail.requirements.catalogue import Catalogue
from orchestrail.requirements.circumstances import Circumstances
from orchestrail.requirements.engine import EVALUATORS, LOOKED_AT, ON_RECORD, SEEN_HERE, Evaluator, outcome, verdict
from orchestrail.requirements.overlay import without_subjects
from orchestrail.requirements.units import KINDS, UnitKind
from orchestrail.requirements.verdicts import Outcome, Verdict


def circumstances_of(
    record: Snapshot, catalogue: Catalogue, day: date, store: StoreFacts | None = None
) -> Circumstances:
    """Gather what a judgement depends on beside runs.

    Args:
        record: a snapshot of the store.
        catalogue: names the roles in which something may be stated.
        day: the UTC day of the judgement.
        store: what the store knows of itself.
    """
    roles = {one.id: one.roles for one in catalogue.requirements if one.roles}
    return Circumstances(
        day,
        manifest_in_force(record),
        tuple(statements(record, day)),
        roles,
        store,
        catalogue.limits,
        own.evaluators(catalogue),
        limited=not is_whole(record),
    )


def judge(
    record: Snapshot,
    scope: Scope,
    requirements: Sequence[str],
    circumstances: Circumstances,
    progress: Progress | None = None,
) -> Iterator[Verdict]:
    """Give the verdict of each requirement, in their order.

    Args:
        record: a snapshot of the store.
        scope: what is judged.
        requirements: ids in the catalogue; one that nothing evaluates is unknown.
        circumstances: what it depends on beside runs.
        progress: called with the units judged and those to judge.
    """
    found: dict[str, list[Outcome]] = defaultdict(list)
    if circumstances.limited:
        for each in EVALUATORS:
            if each.whole:
                found[each.requirement].append(limits.WHOLE)
    for _, _, judged in judged_units(record, scope, scope, requirements, circumstances, progress):
        for requirement, made in judged:
            found[requirement].append(made)
    where = SEEN_HERE if circumstances.limited else ON_RECORD if scope.kind == "everything" else LOOKED_AT
    for requirement in requirements:
        summed = verdict(requirement, found[requirement], circumstances.own, where)
        yield without_subjects(summed, scope.system, circumstances)


def judged_units(
    record: Snapshot,
    scope: Scope,
    whole: Scope,
    requirements: Sequence[str],
    circumstances: Circumstances,
    progress: Progress | None,
) -> Iterator[tuple[UnitKind, object, Iterator[tuple[str, Outcome]]]]:
    """Yield each unit with its kind and its outcomes.

    Args:
        record: a snapshot of the store.
        scope: of which units are judged whose outcomes can be kept.
        whole: of which the others are, each time.
        requirements: ids in the catalogue.
        circumstances: what outcomes depend on beside runs.
        progress: called with the processes and models judged and those to judge; other units are few.
    """
    total, done = len(scope.processes) + len(scope.models), 0
    for kind in KINDS:
        for unit in units(record, scope if kind.rests_on is not None else whole, kind, requirements, circumstances):
            yield kind, unit, outcomes(kind, unit, requirements, circumstances)
            done += 1
            if progress is not None and (done % 100 == 0 or done == total):
                progress(min(done, total), total)


def units(
    record: Snapshot, scope: Scope, kind: UnitKind, requirements: Collection[str], circumstances: Circumstances
) -> Iterator[object]:
    """Load the units of a kind in a scope; none where no requirement asks for them."""
    if any(evaluators(kind, requirements, circumstances)):
        yield from kind.load(record, scope)


def outcomes(
    kind: UnitKind, unit: object, requirements: Collection[str], circumstances: Circumstances
) -> Iterator[tuple[str, Outcome]]:
    """Judge a unit by all requirements of its kind; those that find no subject in it are left out."""
    for each in evaluators(kind, requirements, circumstances):
        made = outcome(each, unit, circumstances, kind.system(unit))
        if made.counts:
            yield each.requirement, made


def evaluators(kind: UnitKind, requirements: Collection[str], circumstances: Circumstances) -> Iterator[Evaluator]:
    """Go through the evaluators of some requirements in a kind of units."""
    known = (*EVALUATORS, *circumstances.own)
    fitting = (each for each in known if each.of is kind.of and each.requirement in requirements)
    return (each for each in fitting if not (each.whole and circumstances.limited))
