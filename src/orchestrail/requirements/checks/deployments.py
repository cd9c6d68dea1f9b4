"""PREP-04, DEP-01, DEP-02: whether a deployment names its model, prepares data as training did, and is monitored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from orchestrail.model import State
from orchestrail.queries.facts import ServedOperation
from orchestrail.queries.models import DeployedModel, Deployment, Model
from orchestrail.requirements.circumstances import Circumstances
from orchestrail.requirements.engine import judges
from orchestrail.requirements.limits import SUPPLIED
from orchestrail.requirements.overlay import Subject, attested, word
from orchestrail.requirements.verdicts import Result, Why, Witness, failed, passed, unknown


@judges("DEP-01", of=DeployedModel, subject="a model that is deployed", beyond={SUPPLIED})
def names_its_model(deployed: DeployedModel, circumstances: Circumstances) -> Iterator[Result]:
    """A deployment names the exact model, by a digest that a recorded run wrote, and says where and since when it runs."""
    deployment = deployed.deployment
    run, label = deployment.run, _label(deployment)
    here = Witness(run.run_id, run.first_seq, "serving", deployment.digest or "no digest")
    if deployment.digest is None:
        named = deployment.served.name if deployment.served else None
        why = f"it names {named} and no digest" if named else "it names no model"
        yield failed(run.run_id, why, here, label=label)
    elif deployed.model is None:
        yield failed(run.run_id, "no recorded run wrote the model that it serves", here, label=label)
    elif run.environment is None or run.started_at is None:
        missing = "environment" if run.environment is None else "start"
        yield failed(run.run_id, f"its {missing} is not recorded", here, label=label)
    elif run.step.image_digest is None and run.step.distributions_digest is None:
        why = "neither a digest of its image nor of its packages is recorded"
        yield unknown(run.run_id, Why.NOT_CAPTURED, why, here, label=label)
    else:
        yield passed(run.run_id, label)


@judges("DEP-02", of=DeployedModel, subject="a model that is deployed", ages=True, beyond={SUPPLIED})
def operation_is_monitored(deployed: DeployedModel, circumstances: Circumstances) -> Iterator[Result]:
    """A monitoring run completed in each interval of the plan, and a person states the plan. The operation log is not here."""
    deployment, model = deployed.deployment, deployed.model
    run, label = deployment.run, _label(deployment)
    here = Witness(run.run_id, run.first_seq, "started_at", run.started_at or "not told")
    system = run.system or (next((one.system for one in model.closure if one.system), None) if model else None)
    stated = circumstances.manifest.system(system)
    days = stated.monitoring_interval_days if stated is not None else None
    if days is None or system is None:
        why = "no recorded plan says how often it is monitored: `monitoring_interval_days` in the manifest"
        yield unknown(run.run_id, Why.NO_ATTESTATION, why, here, label=label)
        return
    watched = [one for one in (model.readers if model else ()) if one.role == "monitor" and one.state == State.COMPLETE]
    last = deployment.run.ended_at if not deployment.active else None
    moments = [
        run.started_at,
        *sorted(one.ended_at for one in watched if one.ended_at),
        last or circumstances.end_of_day,
    ]
    gaps = [
        (before, after)
        for before, after in pairwise(moment for moment in moments if moment is not None)
        if after > before and _days(before, after) > days
    ]
    if gaps:
        before, after = gaps[0]
        why = f"no monitoring run completed between {before} and {after}, and the plan is every {days} days"
        shown = [Witness(one.run_id, one.ended_seq, "ended_at", one.ended_at or "") for one in watched]
        yield failed(run.run_id, why, here, *shown, label=label)
    else:
        yield attested(run.run_id, word("DEP-02", Subject("system", system), circumstances), label)


def _days(before: str, after: str) -> float:
    return (datetime.fromisoformat(after) - datetime.fromisoformat(before)).total_seconds() / 86_400


@dataclass(frozen=True, slots=True)
class _Operation:
    """An operation as one side does it."""

    version: str | None
    code_digest: str | None
    state_digest: str | None
    witness: Witness


@judges("PREP-04", of=DeployedModel, subject="a model that is deployed")
def prepares_alike(deployed: DeployedModel, circumstances: Circumstances) -> Iterator[Result]:
    """Serving prepares data as training did: the same operations, versions, code and fitted state."""
    deployment, model = deployed.deployment, deployed.model
    subject, label = deployment.run.run_id, _label(deployment)
    here = Witness(subject, deployment.run.first_seq, "serving", "preparation")
    if model is None:
        why = "the model that it serves is not on the record, so its training is not known"
        yield unknown(subject, Why.NOT_CAPTURED, why, here, label=label)
        return
    if not deployment.operations:
        yield unknown(subject, Why.NOT_CAPTURED, "the serving side reports no preparation", here, label=label)
        return
    trained, served = _trained(model), _served(deployment, deployment.operations)
    if not trained:
        why = "no preparation step behind the model says that serving applies it (`serve_time`)"
        yield unknown(subject, Why.NOT_CAPTURED, why, here, label=label)
        return
    unlike = [*_absent(trained, served), *_unequal(trained, served)]
    unsure = _incomparable(trained, served)
    if unlike:
        why, witnesses = unlike[0]
        yield failed(subject, why, *witnesses, *(one for _, more in unlike[1:] for one in more), label=label)
    elif unsure:
        why, witnesses = unsure[0]
        yield unknown(subject, Why.PARTIAL, why, *witnesses, label=label)
    else:
        yield passed(subject, label)


Found = list[tuple[str, tuple[Witness, ...]]]


def _trained(model: Model) -> dict[str, list[_Operation]]:
    found: dict[str, list[_Operation]] = {}
    for run in model.closure:
        step = run.step
        if step.serve_time and step.operation is not None:
            witness = Witness(run.run_id, run.first_seq, "preprocessing", f"{step.operation} {step.version}")
            one = _Operation(step.version, step.code_digest, step.state_digest, witness)
            found.setdefault(step.operation, []).append(one)
    return found


def _served(deployment: Deployment, operations: Sequence[ServedOperation]) -> dict[str, list[_Operation]]:
    found: dict[str, list[_Operation]] = {}
    for each in operations:
        if each.serve_time is not False:
            run = deployment.run
            witness = Witness(run.run_id, run.last_seq, "serving.preparation", f"{each.operation} {each.version}")
            one = _Operation(each.version, each.code_digest, each.state_digest, witness)
            found.setdefault(each.operation, []).append(one)
    return found


def _absent(trained: dict[str, list[_Operation]], served: dict[str, list[_Operation]]) -> Found:
    lacking = [
        (f"serving does not report {name}, which training applied", trained[name])
        for name in trained.keys() - served.keys()
    ]
    more = [
        (f"serving applies {name}, which training did not", served[name]) for name in served.keys() - trained.keys()
    ]
    return [
        (why, tuple(one.witness for one in sides)) for why, sides in sorted((*lacking, *more), key=lambda each: each[0])
    ]


def _unequal(trained: dict[str, list[_Operation]], served: dict[str, list[_Operation]]) -> Found:
    found: Found = []
    for name in sorted(trained.keys() & served.keys()):
        for ours, theirs in _alone(trained[name], served[name]):
            what = _difference(ours, theirs)
            if what is not None:
                why = f"{name} has another {what} in serving than in training"
                found.append((why, (ours.witness, theirs.witness)))
    return found


def _alone(trained: Sequence[_Operation], served: Sequence[_Operation]) -> list[tuple[_Operation, _Operation]]:
    """Pair what only one side does with what it may be on the other, else with all that the other does.

    An operation may be applied in several versions, and with several states.
    """
    theirs = ((ours, one) for one, ours in _without_its_like(served, trained))
    return list(dict.fromkeys((*_without_its_like(trained, served), *theirs)))


def _without_its_like(
    ones: Sequence[_Operation], others: Sequence[_Operation]
) -> Iterator[tuple[_Operation, _Operation]]:
    for one in ones:
        alike = [other for other in others if _difference(one, other) is None]
        if all(_untold(one, other) for other in alike):
            yield from ((one, other) for other in alike or others)


def _difference(ours: _Operation, theirs: _Operation) -> str | None:
    if ours.version != theirs.version:
        return "version"
    if _comparable(ours.code_digest, theirs.code_digest) and ours.code_digest != theirs.code_digest:
        return "code"
    if ours.state_digest and theirs.state_digest and ours.state_digest != theirs.state_digest:
        return "fitted state"
    return None


def _untold(ours: _Operation, theirs: _Operation) -> str | None:
    if not _comparable(ours.code_digest, theirs.code_digest):
        return "code"
    return "fitted state" if (ours.state_digest is None) != (theirs.state_digest is None) else None


def _incomparable(trained: dict[str, list[_Operation]], served: dict[str, list[_Operation]]) -> Found:
    return [
        (f"the {what} of {name} cannot be compared", (ours.witness, theirs.witness))
        for name in sorted(trained.keys() & served.keys())
        for ours, theirs in _alone(trained[name], served[name])
        if (what := _untold(ours, theirs)) is not None
    ]


def _comparable(one: str | None, other: str | None) -> bool:
    """Digests are compared where the same algorithm made them."""
    return one is not None and other is not None and one.partition(":")[0] == other.partition(":")[0]


def _label(deployment: Deployment) -> str:
    return deployment.served.deployment if deployment.served else deployment.run.job.name
