"""Checks that are data, judged: which subjects a process has for them, what is known of each, and results with their witnesses.

A fact that is not there is known to be absent only where the adapter could have seen it (`orchestrail.model.Capability`); else it
is left out. Which fields there are is `orchestrail.requirements.declared`'s matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from orchestrail.model import Capability
from orchestrail.queries.facts import Process, RunFacts, StepFacts, Use
from orchestrail.queries.loading import dataset_key
from orchestrail.requirements.catalogue import Catalogue, Requirement
from orchestrail.requirements.circumstances import Circumstances
from orchestrail.requirements.declared import Decision, DeclaredCheck, holds, shown
from orchestrail.requirements.engine import Evaluator, Judge
from orchestrail.requirements.verdicts import Result, Why, Witness, failed, passed, unknown


@dataclass(frozen=True, slots=True)
class Subject:
    """Something that a check may be about.

    Attributes:
        id: as results name it.
        label: what a reader knows it as.
        run_id: the run.
        seq: place in the log where it was told of first.
        facts: by the names of the vocabulary.
    """

    id: str
    label: str
    run_id: str
    seq: int
    facts: Mapping[str, object]


def evaluators(catalogue: Catalogue) -> tuple[Evaluator, ...]:
    """Make the evaluators of all requirements in a catalogue that are decided by a check of their own."""
    return tuple(
        Evaluator(one.id, Process, _judge(one, one.check), "what its check is about", ages=False)
        for one in catalogue.requirements
        if one.check
    )


def _judge(requirement: Requirement, check: DeclaredCheck) -> Judge[Process]:
    def judge(process: Process, circumstances: Circumstances) -> Iterator[Result]:
        for subject in subjects(process, requirement.scope):
            decision = holds(check, subject.facts)
            if decision is not None:
                yield _result(subject, decision)

    return judge


def _result(subject: Subject, decision: Decision) -> Result:
    if decision.value:
        return passed(subject.id, subject.label)
    condition = decision.condition
    if decision.value is None:
        why = f"whether {condition.words} could not be seen"
        witness = Witness(subject.run_id, subject.seq, condition.field, "not captured")
        return unknown(subject.id, Why.NOT_CAPTURED, why, witness, label=subject.label)
    fact = subject.facts[condition.field]
    said = shown(fact)
    return failed(
        subject.id,
        f"asked is that {condition.words}; it is {said}",
        Witness(subject.run_id, subject.seq, condition.field, said),
        label=subject.label,
    )


def subjects(process: Process, scope: str) -> Iterator[Subject]:
    """Go through what a check of a scope may be about: runs, runs that did something themselves, or uses of data sets."""
    for run in process.steps if scope == "step" else process.runs:
        facts = _of_run(process, run)
        if scope != "dataset":
            yield Subject(run.run_id, run.job.name, run.run_id, run.first_seq, facts)
            continue
        for use in (*process.inputs.get(run.run_id, ()), *process.outputs.get(run.run_id, ())):
            label = f"{run.job.name}, {use.direction}"
            yield Subject(dataset_key(use.dataset), label, run.run_id, use.seq, facts | _of_use(process, run, use))


def _of_run(process: Process, run: RunFacts) -> dict[str, object]:
    step, ours = run.step, run.step.ours
    around = _environment(process, run)
    checks = process.checks.get(run.run_id, ())
    plain = {
        "job": run.job.name,
        "job_namespace": run.job.namespace,
        "job_type": run.job_type,
        "orchestrator": run.orchestrator,
        "adapter": run.adapter,
        "system": run.system,
        "environment": run.environment,
        "role": run.role,
        "state": run.state,
        "trigger": run.trigger,
        "actor": run.actor,
        "operation": step.operation,
        "version": step.version,
        "version_derived": step.derived if step.operation else None,
        "serve_time": step.serve_time,
        "fits_state": step.fits_state,
        "train_only": step.train_only,
        "state_digest": step.state_digest,
    }
    able: Mapping[Capability, Mapping[str, object]] = {
        Capability.ATTEMPTS: {"attempt": run.attempt},
        Capability.CODE_DIGEST: {
            "code_digest": step.code_digest,
            "code_commit": step.code_commit,
            "code_dirty": step.code_dirty,
        },
        Capability.PARAMETERS: {"parameters_digest": step.parameters_digest},
        Capability.ENVIRONMENT: {
            "environment_digest": around.environment_digest,
            "distributions_digest": around.distributions_digest,
            "image_digest": around.image_digest,
            "interpreter": around.interpreter,
        },
    }
    counts = {
        "inputs": len(process.inputs.get(run.run_id, ())),
        "outputs": len(process.outputs.get(run.run_id, ())),
        "checks": sum(not each.metric for each in checks),
        "failed_checks": sum(each.success is False for each in checks),
        "metrics": sum(each.metric for each in checks),
        "seeds": step.seeds,
        "not_captured": step.not_captured,
    }
    found = _seen(plain, ours)
    for capability, facts in able.items():
        found |= _seen(facts, process.can(run, capability))
    # None of something is known only where the recorder missed nothing.
    complete = ours and not step.not_captured
    return found | {name: count for name, count in counts.items() if count or complete}


def _of_use(process: Process, run: RunFacts, use: Use) -> dict[str, object]:
    dataset, ours = use.dataset, run.step.ours
    plain = {
        "direction": use.direction,
        "namespace": dataset.namespace,
        "name": dataset.name,
        "kind": dataset.kind,
        "dataset_role": dataset.role,
        "observed": dataset.observed,
        "weak": dataset.weak,
        "format": dataset.format,
        "framework": dataset.framework,
    }
    # Files have no version, and their content could be read; what lies elsewhere was not fetched.
    local = ours and dataset.namespace == "file"
    version = _seen({"dataset_version": dataset.version}, local or process.can(run, Capability.DATASET_VERSION))
    sizes = _seen({"rows": dataset.rows, "bytes": dataset.bytes}, could_be=False)
    return _seen(plain, ours) | _seen({"digest": dataset.digest}, local) | version | sizes


def _seen(facts: Mapping[str, object], could_be: bool) -> dict[str, object]:
    return {name: fact for name, fact in facts.items() if fact is not None or could_be}


def _environment(process: Process, run: RunFacts) -> StepFacts:
    """Find the environment that a run is in: it is told once, by the run itself or by one above it."""
    here: RunFacts | None = run
    passed_by: set[str] = set()
    while here is not None and here.run_id not in passed_by:
        if here.step.environment_digest is not None:
            return here.step
        passed_by.add(here.run_id)
        here = process.by_id.get(here.parent_run_id or "")
    return run.step
