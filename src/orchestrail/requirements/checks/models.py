"""MOD-01, MOD-02, MOD-03 and LIN-03: where a model comes from, how it was trained, whether it was tested, where its trace ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestrail.model import Capability, DatasetRef, State
from orchestrail.queries.facts import RunFacts, Use
from orchestrail.queries.loading import content_key
from orchestrail.queries.models import Deployment, Model
from orchestrail.requirements.alike import same_but_for_places, same_code, same_content, same_parameters
from orchestrail.requirements.circumstances import Circumstances
from orchestrail.requirements.engine import judges
from orchestrail.requirements.limits import CONTRADICTED
from orchestrail.requirements.overlay import Subject, agreed, attested, shown, word
from orchestrail.requirements.verdicts import Result, Why, Witness, failed, passed, unknown

TARGET = "accuracy_target"
"""Field of a statement about MOD-03: what the accuracy is to be at least."""
ACCURACY = "accuracy"
"""Name of the metric that is held against it."""
_EDGES = 10
"""Unproven edges that are listed."""


def _wrote(use: Use) -> Witness:
    return Witness(use.run_id, use.seq, "outputs", use.dataset.name)


@judges("MOD-01", of=Model, subject="a model", beyond={CONTRADICTED})
def leads_to_one_run(model: Model, circumstances: Circumstances) -> Iterator[Result]:
    """A model file leads to exactly one run, or to one training that was run again and gave the same content.

    A run that read the same content and gave it back did not make it.
    """
    label, shown = model.dataset.name, tuple(_wrote(use) for use in model.written)
    copied = {use.run_id for use in model.written if _read(model, use)}
    makers = [run for run in model.writers if run.run_id not in copied]
    differing, untold = _compared(model, makers)
    double = {name: digests for name, digests in model.registered.items() if len(digests) > 1}
    if model.dataset.digest is None:
        maker = model.maker
        if maker is not None and model.can(maker, Capability.DATASET_VERSION):
            yield failed(model.key, "the model has no content digest", *shown, label=label)
        else:
            why = "the model has no content digest: its adapter cannot take one"
            yield unknown(model.key, Why.NOT_CAPTURED, why, *shown, label=label)
    elif differing:
        why = f"{len(makers)} runs wrote this content, and differ in {' and '.join(differing)}"
        yield failed(model.key, why, *shown, label=label)
    elif double:
        (namespace, name, version), digests = next(iter(double.items()))
        why = f"{namespace}:{name}@{version} stands for {len(digests)} contents"
        yield failed(model.key, why, *shown, label=label)
    elif weak := next((use for use in model.written if use.dataset.weak), None):
        why = f"its digest may not be what was written: {weak.dataset.weak}"
        yield unknown(model.key, Why.PARTIAL, why, _wrote(weak), label=label)
    elif untold:
        why = f"{len(makers)} runs wrote this content, and whether they agree in {' and '.join(untold)} is not known"
        yield unknown(model.key, Why.PARTIAL, why, *shown, label=label)
    else:
        yield passed(model.key, label)


def _compared(model: Model, makers: Sequence[RunFacts]) -> tuple[list[str], list[str]]:
    """Hold the runs that made a content against the first: in what one of them differs, and what is not known of one.

    The same job with the same code, parameters and data, run again, is no second version.
    """
    found: dict[str, list[bool | None]] = {"job": [], "code": [], "parameters": [], "input": []}
    for run in makers[1:]:
        first = makers[0]
        found["job"].append(run.job == first.job)
        found["code"].append(same_code(run, first))
        found["parameters"].append(_same_parameters(model, run, first))
        found["input"].append(_same_input(model, run, first))
    differing = [what for what, same in found.items() if False in same]
    return differing, [what for what, same in found.items() if None in same]


def _same_parameters(model: Model, one: RunFacts, other: RunFacts) -> bool | None:
    """Compare what the runs were given; that one wrote its result to another place does not make it another training."""
    same = same_parameters(one, other)
    if same is not False:
        return same
    ours, theirs = (model.rewritten.get(run.run_id) for run in (one, other))
    return same_but_for_places(ours, theirs) if ours is not None and theirs is not None else False


def _same_input(model: Model, one: RunFacts, other: RunFacts) -> bool | None:
    """Compare what was read; of a run that tells nothing of it, it is not known."""
    ours, theirs = model.inputs.get(one.run_id, ()), model.inputs.get(other.run_id, ())
    return same_content(ours, theirs) if ours and theirs else None


def _read(model: Model, use: Use) -> bool:
    return any(each.dataset.digest == use.dataset.digest for each in model.inputs.get(use.run_id, ()))


@judges("MOD-02", of=Model, subject="a model")
def training_is_described(model: Model, circumstances: Circumstances) -> Iterator[Result]:
    """Configuration, environment and compute of training are recorded: for each training run behind it, or for who wrote it."""
    trained = [run for run in model.in_role("train") if run.state != State.SKIPPED]
    for run in trained or [maker for maker in (model.maker,) if maker is not None]:
        label = run.job.name
        line = list(model.above(run))
        missing = [
            (field, what, capability)
            for field, what, capability, there in (
                ("parameters", "its parameters", Capability.PARAMETERS, run.step.has_parameters),
                ("environment_facts", "a digest of libraries or image", Capability.ENVIRONMENT, _locked(line)),
                ("environment_facts", "the hardware", Capability.ENVIRONMENT, any(one.step.hardware for one in line)),
                ("started_at", "its start and end", None, bool(run.started_at and run.ended_at)),
            )
            if not there
        ]
        absent = [(field, what) for field, what, able in missing if able is None or model.can(run, able)]
        unseen = [(field, what) for field, what, able in missing if able is not None and not model.can(run, able)]
        if absent:
            why = f"not recorded: {', '.join(what for _, what in absent)}"
            yield failed(run.run_id, why, *_at(run, absent), label=label)
        elif unseen:
            why = f"its adapter cannot see {', '.join(what for _, what in unseen)}"
            yield unknown(run.run_id, Why.NOT_CAPTURED, why, *_at(run, unseen), label=label)
        elif not any(one.step.seeds for one in line) and not _said_not_deterministic(line, circumstances):
            why = "no seed was seen, and nobody says that the training is not deterministic"
            yield unknown(run.run_id, Why.NOT_CAPTURED, why, *_at(run, [("seeds", "none")]), label=label)
        else:
            yield passed(run.run_id, label)


def _said_not_deterministic(line: list[RunFacts], circumstances: Circumstances) -> bool:
    stated = [circumstances.manifest.system(run.system) for run in line]
    return any(one is not None and one.deterministic is False for one in stated)


def _locked(line: list[RunFacts]) -> bool:
    return any(run.step.distributions_digest or run.step.image_digest for run in line)


def _at(run: RunFacts, missing: list[tuple[str, str]]) -> Iterator[Witness]:
    for field, what in missing:
        yield Witness(run.run_id, run.first_seq, field, f"{what}: not there" if what != "none" else what)


@judges("MOD-03", of=Model, subject="a model that is deployed")
def tested_before_use(model: Model, circumstances: Circumstances) -> Iterator[Result]:
    """Each deployed model was evaluated on test data, by its digest and with a metric, before the deployment began."""
    evaluations = [run for run in model.readers if run.role == "evaluate"]
    for deployment in model.deployments:
        label = deployment.served.deployment if deployment.served else deployment.run.job.name
        here = Witness(deployment.run.run_id, deployment.run.first_seq, "started_at", deployment.run.started_at or "")
        whole = [run for run in evaluations if _tests(model, run, {model.key})]
        part = [run for run in evaluations if _tests(model, run, model.parts)]
        begun = [run for run in whole if _before(run, deployment)]
        subject = deployment.run.run_id
        if begun:
            yield _meeting(model, begun, here, circumstances) or passed(subject, label)
        elif any(_before(run, deployment) for run in part):
            run = next(run for run in part if _before(run, deployment))
            why = "what was evaluated is a model that went into it, and not the deployed file itself"
            yield unknown(subject, Why.PARTIAL, why, _evaluated(run), here, label=label)
        elif whole or part:
            why = "it was evaluated only after the deployment had begun"
            yield failed(subject, why, _evaluated((whole or part)[0]), here, label=label)
        else:
            tried = [_evaluated(run) for run in evaluations]
            why = "no completed run evaluated it on test data with a metric"
            yield failed(subject, why, *tried, here, label=label)


def _meeting(model: Model, tests: Sequence[RunFacts], here: Witness, circumstances: Circumstances) -> Result | None:
    """Hold what persons state as the target against what was measured; None where nobody states one, or all of it meets it."""
    subject, label = here.run_id or "", model.dataset.name
    found = word("MOD-03", Subject("model", f"{model.dataset.namespace}:{label}", model.dataset.digest), circumstances)
    if not any(TARGET in one.fields for one in found.statements):
        return None
    stated = agreed(found, TARGET)
    if stated.statement is None:
        return attested(subject, stated, label)
    target = stated.statement.fields[TARGET]
    measured = [
        Witness(run.run_id, run.ended_seq or run.first_seq, ACCURACY, f"{check.value:g}, stated {target}")
        for run in tests
        for check in model.checks.get(run.run_id, ())
        if check.metric and check.name == ACCURACY and check.value is not None and check.value < float(target)
    ]
    told = any(check.metric and check.name == ACCURACY for run in tests for check in model.checks.get(run.run_id, ()))
    if measured:
        why = f"the accuracy that was measured, {measured[0].detail.partition(',')[0]}, is below the stated {target}"
        return failed(subject, why, *measured, shown(stated.statement), here, label=label)
    if not told:
        why = f"an accuracy of {target} is stated, and its tests tell no metric `{ACCURACY}`"
        return unknown(subject, Why.NOT_CAPTURED, why, shown(stated.statement), *map(_evaluated, tests), label=label)
    return None


def _tests(model: Model, run: RunFacts, digests: frozenset[str] | set[str]) -> bool:
    read = model.inputs.get(run.run_id, ())
    return (
        run.state == State.COMPLETE
        and any(use.dataset.digest in digests for use in read)
        and any(use.dataset.role == "test" for use in read)
        and any(check.metric for check in model.checks.get(run.run_id, ()))
    )


def _before(run: RunFacts, deployment: Deployment) -> bool:
    return bool(run.ended_at and deployment.run.started_at and run.ended_at <= deployment.run.started_at)


def _evaluated(run: RunFacts) -> Witness:
    return Witness(run.run_id, run.ended_seq or run.first_seq, "role", f"evaluate, ended {run.ended_at}")


@judges("LIN-03", of=Model, subject="data behind a model")
def no_dead_end(model: Model, circumstances: Circumstances) -> Iterator[Result]:
    """Each data set behind a model was written by a recorded run, or is a source that an ingest step read with its digest."""
    label = model.dataset.name
    lost = [each for each in model.sources if (each.dataset.namespace, each.dataset.name) in model.known_names]
    readers = {content_key(use.dataset) or use.dataset.name: use for uses in model.inputs.values() for use in uses}
    if lost:
        shown = [_reading(readers, each.dataset) for each in lost]
        why = "no recorded run wrote this content, though recorded runs write a data set of that name"
        yield failed(model.key, f"{lost[0].dataset.name}: {why}", *shown, label=label)
        return
    if model.missing:
        shown = [Witness(run_id, None, "run_id", "named by others and not recorded") for run_id in model.missing]
        yield unknown(model.key, Why.NOT_CAPTURED, "a run behind it is not recorded", *shown, label=label)
        return
    blind = [edge for edge in model.edges if not edge.captured]
    vague = [edge for edge in model.edges if edge.proof == "name"]
    if blind or vague:
        edge = (blind or vague)[0]
        why = edge.note or "handed on in memory, not captured" if blind else "known by name only"
        unproven = [*blind, *vague]
        shown = [Witness(each.end, None, each.kind, f"{each.start} -> {each.end}") for each in unproven[:_EDGES]]
        more = f"; {len(unproven) - _EDGES} more are not listed" if len(unproven) > _EDGES else ""
        yield unknown(model.key, Why.PARTIAL, f"an edge behind it is unproven: {why}{more}", *shown, label=label)
        return
    ingested = {
        content
        for run in model.in_role("ingest")
        for use in model.inputs.get(run.run_id, ())
        if (content := content_key(use.dataset))
    }
    bare = [each for each in model.sources if content_key(each.dataset) not in ingested]
    if bare:
        shown = [_reading(readers, each.dataset) for each in bare]
        why = f"{bare[0].dataset.name} comes from outside, and no ingest step says from where"
        yield unknown(model.key, Why.NOT_CAPTURED, why, *shown, label=label)
        return
    yield passed(model.key, label)


def _reading(readers: dict[str, Use], dataset: DatasetRef) -> Witness:
    use = readers.get(content_key(dataset) or dataset.name)
    return Witness(use.run_id if use else None, use.seq if use else None, "inputs", dataset.digest or dataset.name)
