"""DATA-01 to DATA-04, DOC-04, CHG-01: the data sets behind a model, and what persons have to state about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestrail.model import DatasetRef, State
from orchestrail.queries.facts import Check, RunFacts, Use
from orchestrail.queries.impact import Withdrawn
from orchestrail.queries.loading import content_key, dataset_key
from orchestrail.queries.models import Model
from orchestrail.queries.words import counted
from orchestrail.requirements.circumstances import Circumstances
from orchestrail.requirements.engine import judges
from orchestrail.requirements.limits import CONTRADICTED, NEITHER, SUPPLIED
from orchestrail.requirements.overlay import Subject, agreed, attested, word
from orchestrail.requirements.verdicts import Result, Why, Witness, failed, passed, unknown

OVERLAP = "overlap"
"""Kind of a check that compared the keys of rows of two data sets; it holds where they share none."""


def _used(model: Model, role: str) -> list[Use]:
    found: dict[str, Use] = {}
    for uses in model.inputs.values():
        for use in uses:
            if use.dataset.role == role:
                found.setdefault(content_key(use.dataset) or f"{use.dataset.namespace}:{use.dataset.name}", use)
    return list(found.values())


def _read(use: Use) -> Witness:
    return Witness(use.run_id, use.seq, "inputs", f"{use.dataset.name} as {use.dataset.role}")


def _checked(run: RunFacts, check: Check) -> Witness:
    return Witness(run.run_id, run.last_seq, "checks", check.name)


def _of_both(model: Model, train: Sequence[Use], test: Sequence[Use]) -> list[tuple[RunFacts, Check]]:
    """Give the checks of shared rows; of another process, those of a run that read both sides: else it held one against a third."""
    sides = [{use.dataset.digest for use in side if not use.dataset.is_empty} - {None} for side in (train, test)]
    roots = {run.root_run_id for run in model.by_id.values()}
    others = {
        each.check
        for each in model.beside
        if each.check.digest not in sides[0] | sides[1]
        or not (each.run.root_run_id in roots or all(each.read & side for side in sides))
    }
    return [(run, check) for run, check in model.checks_of(OVERLAP) if check not in others]


@judges("DATA-01", of=Model, subject="a model", beyond={CONTRADICTED})
def data_sets_are_named_and_apart(model: Model, circumstances: Circumstances) -> Iterator[Result]:
    """Training and test data are named, and no content is both. Whether rows are shared only a check of their keys can tell."""
    label = model.dataset.name
    train, test = _used(model, "train"), _used(model, "test")
    here = Witness(model.written[0].run_id, model.written[0].seq, "outputs", model.dataset.name)
    tried = (*test, *_used(model, "validation"))
    both = {content_key(use.dataset) for use in train} & {content_key(use.dataset) for use in tried}
    shared = [use for use in (*train, *test) if content_key(use.dataset) in both - {None}]
    checks = _of_both(model, train, tried)
    broken = [(run, check) for run, check in checks if check.success is False]
    if shared:
        yield failed(
            model.key, f"{shared[0].dataset.name} is both trained and tested on", *map(_read, shared), label=label
        )
    elif broken:
        shown = [_checked(run, check) for run, check in broken]
        yield failed(model.key, "training and test data share rows", *shown, label=label)
    elif not train or not test:
        lacking = " and ".join(name for name, uses in (("train", train), ("test", test)) if not uses)
        why = f"no data set behind the model is said to be for: {lacking}"
        yield unknown(model.key, Why.NOT_CAPTURED, why, *map(_read, (*train, *test)), here, label=label)
    elif not any(check.success for _, check in checks):
        why = (
            "different files may share rows: no check of the kind `overlap` compared the keys of training and test data"
        )
        yield unknown(model.key, Why.NOT_CAPTURED, why, *map(_read, (*train, *test)), label=label)
    else:
        yield passed(model.key, label)


@judges("DATA-02", of=Model, subject="a source behind a model", ages=True, beyond={CONTRADICTED})
def sources_have_a_datasheet(model: Model, circumstances: Circumstances) -> Iterator[Result]:
    """A data steward states a datasheet for each source behind a model, bound to its content. Its truth is not judged."""
    for traced in model.sources:
        dataset = traced.dataset
        label = dataset.name
        subject = Subject("data", f"{dataset.namespace}:{dataset.name}", dataset.digest)
        if dataset.digest is None:
            why = "it has no digest that a datasheet could be bound to"
            yield unknown(subject.name, Why.NOT_CAPTURED, why, *_readings(model, dataset), label=label)
        else:
            yield attested(dataset.digest, word("DATA-02", subject, circumstances), label)


def _readings(model: Model, dataset: DatasetRef) -> Iterator[Witness]:
    key = dataset_key(dataset)
    for uses in model.inputs.values():
        for use in uses:
            if dataset_key(use.dataset) == key:
                yield Witness(use.run_id, use.seq, "inputs", f"{dataset.name}: no digest")


def _model(model: Model) -> Subject:
    return Subject("model", f"{model.dataset.namespace}:{model.dataset.name}", model.dataset.digest)


@judges("DATA-03", of=Model, subject="a model", ages=True, beyond={SUPPLIED})
def bias_was_examined(model: Model, circumstances: Circumstances) -> Iterator[Result]:
    """A check of bias ran on what was trained on and at an evaluation, and a person states the conclusion."""
    label = model.dataset.name
    biased = model.checks_of("bias")
    read = [use for run in model.in_role("train") for use in model.inputs.get(run.run_id, ())]
    trained = {use.dataset.digest for use in (*_used(model, "train"), *read) if not use.dataset.is_empty} - {None}
    of_data = [check for _, check in biased if check.digest in trained]
    tested = {run.run_id for run in model.readers if run.role == "evaluate"}
    of_model = [check for run, check in biased if run.run_id in tested]
    if not of_data or not of_model:
        lacking = " and ".join(
            what
            for what, there in (("the training data", of_data), ("an evaluation of the model", of_model))
            if not there
        )
        shown = [_checked(run, check) for run, check in biased]
        yield unknown(model.key, Why.NOT_CAPTURED, f"no check of the kind `bias` on {lacking}", *shown, label=label)
        return
    yield attested(model.key, word("DATA-03", _model(model), circumstances), label)


@judges("CHG-01", of=Model, subject="a model", ages=True, beyond=NEITHER)
def changes_are_classified(model: Model, circumstances: Circumstances) -> Iterator[Result]:
    """A regulatory lead classifies what changed against the model before: the facts list it, and never decide it."""
    found = word("CHG-01", _model(model), circumstances)
    stated = agreed(found, "change_class") if found.statements else found
    yield attested(model.key, stated, model.dataset.name)


@judges("DOC-04", of=Model, subject="an evaluation of a model that is deployed", ages=True, beyond={CONTRADICTED})
def test_reports_are_signed(model: Model, circumstances: Circumstances) -> Iterator[Result]:
    """Each evaluation of a deployed model has a report that its test responsible signed."""
    if not model.deployments:
        return
    contents = {model.key, *model.parts}
    for run in model.readers:
        read = {use.dataset.digest for use in model.inputs.get(run.run_id, ())}
        if run.role == "evaluate" and run.state == State.COMPLETE and read & contents:
            found = word("DOC-04", Subject("run", run.run_id), circumstances, signed=True)
            yield attested(run.run_id, found, run.job.name)


@judges("DATA-04", of=Withdrawn, subject="data that was withdrawn", beyond={CONTRADICTED})
def withdrawn_data_is_not_used(withdrawn: Withdrawn, circumstances: Circumstances) -> Iterator[Result]:
    """No run that began after a withdrawal reads what was withdrawn, and no service in use descends from it."""
    row, found = withdrawn.withdrawal.row, withdrawn.impact
    subject = row.digest or f"{row.namespace}:{row.name}{f'@{row.version}' if row.version else ''}"
    here = Witness(None, row.seq, "withdrawal", f"{row.name} since {row.withdrawn_at}: {row.reason}")
    in_use = [each for each in found.certain.deployments if each.active]
    if found.read_after:
        shown = [Witness(run.run_id, run.first_seq, "started_at", run.started_at or "") for run in found.read_after]
        why = f"{len(found.read_after)} runs began to read it after it was withdrawn"
        yield failed(subject, why, here, *shown, label=row.name)
    elif in_use:
        shown = [Witness(each.run.run_id, each.run.first_seq, "serving", each.name) for each in in_use]
        yield failed(subject, f"{len(in_use)} services in use descend from it", here, *shown, label=row.name)
    elif found.possible.models or found.possible.deployments:
        keys = ", ".join(dataset.name for dataset in found.possible.models.values())
        why = f"models may descend from it by edges that nothing proves: {keys}"
        yield unknown(subject, Why.PARTIAL, why, here, label=row.name)
    elif withdrawn.unidentified:
        runs = withdrawn.unidentified
        shown = [Witness(run.run_id, run.first_seq, "inputs", f"{row.name}: no digest") for run in runs]
        why = f"{counted(len(runs), 'run')} read something of its name of which the content is not known"
        yield unknown(subject, Why.PARTIAL, why, here, *shown, label=row.name)
    else:
        yield passed(subject, row.name)
